"""From the wish to quit to a window that is gone and a process that has ended, against a bare PySide6 window.

Without work, with a picture open; while a video plays with the detector; and after "Quit now" in the export of a
picture of 28 megapixels and in that of a video. Seconds and multiples of the bare window's, which are the median of
`RUNS`. A second until the window is gone and three until the process has ended are allowed on a machine without other
work. What is left in the folder of the export is listed: nothing is to be.
Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_quit.py [CASE …]`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("CVSTUDIO_DATA") or ROOT.parent / "shared" / "data")
RUNS = 3
LIMITS = (1.0, 3.0)
LARGE = (4320, 6480)
"""Height and width of a picture of 28 megapixels."""

BARE = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication(sys.argv)
class Window(QMainWindow):
    def closeEvent(self, event):
        self.hide()
        QGuiApplication.sync()
        print("gone", time.monotonic(), flush=True)
        event.accept()
window = Window()
window.resize(1280, 800)
window.show()
assert QTest.qWaitForWindowExposed(window)
def close():
    print("asked", time.monotonic(), flush=True)
    window.close()
QTimer.singleShot(500, close)
sys.exit(app.exec())
"""

# What is done before the window is closed is named by the second argument.
OURS = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
import ui.app
from ui.window.main_window import MainWindow

case, target = sys.argv[1], Path(sys.argv[2])

def when(condition, act, since=None):
    since = since or time.monotonic()
    assert time.monotonic() - since < 300, "it takes too long"
    act() if condition() else QTimer.singleShot(20, lambda: when(condition, act, since))

def leave(window):
    controller = window.controller
    pipeline = controller.pipeline
    hide = window.hide
    def gone():
        hide()
        from PySide6.QtGui import QGuiApplication
        QGuiApplication.sync()
        print("gone", time.monotonic(), flush=True)
    window.hide = gone

    def shown():
        return controller.current_result() is not None and not pipeline.busy

    def close():
        print("asked", time.monotonic(), flush=True)
        window.close()
        dialog = window.quit_guard.dialog
        if dialog is not None:
            dialog.now_button.click()

    def export():
        from cvstudio.exporters import EXPORTERS
        pipeline.job_event.connect(written)
        window.exporting.export(EXPORTERS[target.suffix[1:]], target)

    begun = []
    def written(event):
        # A video is under way once its first frames are; the encoding of a picture is one call.
        last = event.kind == "progress" and isinstance(event.job.owner, tuple) and event.job.owner[0] == "export"
        if last and not begun and event.value[1] in ("writing", "frame 20"):
            begun.append(True)
            QTimer.singleShot(100, close)

    def play():
        controller.playback.set_muted(True)
        controller.playback.play()
        QTimer.singleShot(2000, close)

    begin = {"idle": lambda: QTimer.singleShot(1000, close), "playing": play, "export": export}[case]
    when(shown, begin)

make = MainWindow.complete
def complete(self):
    if not self._complete:
        make(self)
        leave(self)
MainWindow.complete = complete
ui.app.run_window(sys.argv[3:])
"""


def quit_secs(code: str, home: Path, *arguments: str) -> tuple[float, float]:
    """Seconds from the wish to quit until the window is gone, and until the process has ended."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        words = [line.split() for line in process.stdout]
        process.wait()
        ended = time.monotonic()
    times = {what: float(secs) for what, secs, *_ in words if what in ("asked", "gone")}
    assert process.returncode == 0, process.returncode
    return times["gone"] - times["asked"], ended - times["asked"]


def large_picture(path: Path) -> None:
    from PIL import Image

    height, width = LARGE
    noise = np.random.default_rng(0).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(path, quality=90)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, out = Path(folder, "home"), Path(folder, "out")
        home.mkdir()
        out.mkdir()
        picture, video = Path(folder, "large.jpg"), DATA / "video" / "talk_1080p.mp4"
        large_picture(picture)
        quit_secs(BARE, home)
        bare = [statistics.median(times) for times in zip(*(quit_secs(BARE, home) for _ in range(RUNS)), strict=True)]
        print(f"a bare window: gone after {bare[0]:.3f} s, ended after {bare[1]:.3f} s", flush=True)
        cases = {
            "without work": ("idle", "none", str(picture)),
            "while a video plays": ("playing", "none", str(video)),
            "quit now, picture": ("export", str(out / "large.png"), str(picture)),
            "quit now, video": ("export", str(out / "talk.mp4"), str(video)),
        }
        for what, arguments in cases.items():
            if len(sys.argv) > 1 and what not in sys.argv[1:]:
                continue
            secs = quit_secs(OURS, home, *arguments)
            gone, ended = (
                f"{took:.2f} s ({took / one:.1f}x a bare window, limit {limit:.0f} s)"
                for took, one, limit in zip(secs, bare, LIMITS, strict=True)
            )
            print(f"{what}: gone after {gone}, ended after {ended}", flush=True)
            left = sorted(path.name for path in out.rglob("*"))
            print(f"  left: {', '.join(left) or 'nothing'}", flush=True)
            for path in out.rglob("*"):
                path.unlink()


if __name__ == "__main__":
    main()
