"""Start to a visible window, against a bare PySide6 window: median of 10 each, taken in turns.

Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_start.py`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
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

OURS = """
import time; began = time.perf_counter()
import sys
from ui.app import make_application
app = make_application()
from ui.main_window import MainWindow
window = MainWindow()
window.show()
from PySide6.QtTest import QTest
assert QTest.qWaitForWindowExposed(window)
app.processEvents()
print(time.perf_counter() - began)
window.close()
"""


def seconds(code: str) -> float:
    # As for a user, from compiled modules, whatever this shell says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=environment
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    bare, ours = [], []
    for code in (BARE, OURS):
        seconds(code)  # the disk's cache is warm for both
    for _ in range(RUNS):
        bare.append(seconds(BARE))
        ours.append(seconds(OURS))
    one, other = statistics.median(bare), statistics.median(ours)
    print(f"bare PySide6 {one * 1000:.0f} ms, cvstudio {other * 1000:.0f} ms, ratio {other / one:.2f} (limit 3)")


if __name__ == "__main__":
    main()
