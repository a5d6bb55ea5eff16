"""Quitting: how soon the window is gone, and how soon the process, after the window is told to close.

At rest, while a 1080p talk plays with the detector, and during an export that is left with "Quit now". The network is
loaded each time. Crash markers and unfinished files that are left behind are listed.
Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_quit.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CVSTUDIO_DATA") or ROOT.parent / "shared" / "data")
GONE_SECS, ENDED_SECS = 1.0, 3.0
HOW = ("rest", "playing", "export")

PROGRAM = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
import ui.app
from cvstudio.exporters import EXPORTERS
from ui.window.main_window import MainWindow

how, video, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])

def leave(window):
    began = time.monotonic()
    hide = window.hide
    def gone():
        hide()
        print(time.monotonic() - began, flush=True)
    window.hide = gone
    print(began, flush=True)
    window.close()
    if window.quit_guard.dialog is not None:
        window.quit_guard.dialog.now_button.click()

def look(window, timer, since):
    controller, now = window.controller, time.monotonic()
    if not since:
        if controller.current_result() is not None and not controller.pipeline.busy:
            since.append(now)
            if how == "playing":
                controller.playback.set_muted(True)
                controller.playback.play()
            elif how == "export":
                window.exporting.export(EXPORTERS["mp4"], folder / "talk.mp4", whole=True, options={})
    elif now - since[0] > 2 and (how != "export" or any(work.fraction for work in controller.long_work.work)):
        timer.stop()
        leave(window)

complete = MainWindow.complete
def completed(self):
    first = not self._complete
    complete(self)
    if first:
        self.controller.open_paths([video])
        timer = QTimer(self, interval=50)
        since = []
        timer.timeout.connect(lambda: look(self, timer, since))
        timer.start()
MainWindow.complete = completed
ui.app.run_window([])
"""


def main() -> None:
    for how in HOW:
        with tempfile.TemporaryDirectory() as home:
            folders = {f"XDG_{name}_HOME": home for name in ("CONFIG", "STATE", "CACHE", "DATA")}
            video = DATA / "video" / "talk_1080p.mp4"
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, how, str(video), home],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, **folders, "TMPDIR": home},
            )
            ended = time.monotonic()
            began, gone = (float(line) for line in done.stdout.split()[:2])
            left = [
                path.name for path in Path(home).rglob("*") if path.name.startswith("running-") or "talk" in path.name
            ]
        told = f"{how}: window gone after {gone:.2f} s (limit {GONE_SECS:.0f})"
        print(f"{told}, process ended after {ended - began:.2f} s (limit {ENDED_SECS:.0f}), left behind: {left}")


if __name__ == "__main__":
    main()
