"""Start to a visible window, against a bare PySide6 window: median of 10 each, taken in turns.

Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_start.py`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 10

BARE = """
import time; began = time.perf_counter()
import sys
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication(sys.argv)
window = QMainWindow()
window.resize(1280, 800)
window.show()
assert QTest.qWaitForWindowExposed(window)
app.processEvents()
print(time.perf_counter() - began)
"""

# What the first picture does without follows it.
OURS = """
import time; began = time.perf_counter()
import os, ui.launch

def look():
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication
    from ui.window.main_window import MainWindow
    app = QApplication.instance()
    window = next(item for item in app.topLevelWidgets() if isinstance(item, MainWindow))
    complete = []
    window.completed.connect(lambda: complete.append(time.perf_counter() - began))
    assert QTest.qWaitForWindowExposed(window)
    app.processEvents()
    visible = time.perf_counter() - began
    while not complete:
        app.processEvents()
    print(visible, *complete, flush=True)
    os._exit(0)

import ui.app
ui.app.QApplication.exec = staticmethod(look)
ui.launch.main([])
"""


def seconds(code: str, home: str) -> list[float]:
    # As for a user, from compiled modules, whatever this shell says; each window at its first size.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {f"XDG_{name}_HOME": home for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=environment
    )
    return [float(text) for text in done.stdout.splitlines()[-1].split()]


def main() -> None:
    bare, ours, complete = [], [], []
    with tempfile.TemporaryDirectory() as home:
        for code in (BARE, OURS):
            seconds(code, home)  # the disk's cache is warm for both
        for _ in range(RUNS):
            bare += seconds(BARE, home)
            visible, whole = seconds(OURS, home)
            ours.append(visible)
            complete.append(whole)
    one, other = statistics.median(bare), statistics.median(ours)
    print(
        f"bare PySide6 {one * 1000:.0f} ms, cvstudio {other * 1000:.0f} ms, ratio {other / one:.2f} (limit 3); "
        f"complete after {statistics.median(complete) * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
