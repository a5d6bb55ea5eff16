"""A folder of ten thousand pictures in the real window: time to the first thumbnail, gaps of the event loop, memory.

Run it under a display: `.setup/with-display --virtual .venv/bin/python tests/benchmarks/bench_folder.py [COUNT]`.
Everything is put beside what the machine itself needs in the same run: `os.scandir` with a sort for listing, and
`cv2.imread` for showing one file. The detector runs meanwhile as it does for a user.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cvstudio-bench-")

import cv2
import numpy as np
import psutil
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtTest import QTest

from cvstudio.media.examples.files import sample_path
from ui.app import make_application
from ui.panels.media import MediaPanel
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
STEPS = 40
SIZE = (480, 640)


def make_folder(folder: Path) -> None:
    """`COUNT` different pictures of 640 x 480, in sixteen kinds of content."""
    rng = np.random.default_rng(0)
    base = [cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), SIZE[::-1]) for _ in range(16)]
    encoded = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in base]
    for number in range(COUNT):
        # A comment makes each a file of its own.
        data, comment = encoded[number % 16], f"picture {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / f"picture {number}.jpg").write_bytes(data[:2] + segment + data[2:])


class Gaps(QObject):
    """The longest time between two turns of the event loop since `reset`."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._turn)
        self.reset()
        self._timer.start()

    def reset(self) -> None:
        self._last, self.worst_secs = time.perf_counter(), 0.0

    def _turn(self) -> None:
        now = time.perf_counter()
        self.worst_secs = max(self.worst_secs, now - self._last)
        self._last = now

    def stop(self) -> None:
        self._timer.stop()


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.window = MainWindow()
        self.window.resize(1280, 800)
        self.window.show()
        QTest.qWaitForWindowExposed(self.window)
        panel = self.window.docks["media"].widget()
        assert isinstance(panel, MediaPanel)
        self.panel, self.controller = panel, self.window.controller
        self.gaps = Gaps()
        self.process = psutil.Process()

    def until(self, condition: Callable[[], bool], secs: float = 60) -> float:
        """Seconds until `condition` holds."""
        began = time.perf_counter()
        while not condition():
            if time.perf_counter() - began > secs:
                raise SystemExit("it did not come in time")
            pause(1)
        return time.perf_counter() - began

    def still(self) -> bool:
        return not self.controller.pipeline.busy and self.panel.thumbnails.idle

    def warm_up(self) -> None:
        """What the first picture of all costs (importing torch) is no cost of a folder."""
        self.window.open_paths([sample_path("astronaut")])
        self.until(lambda: self.controller.current_result() is not None and self.still(), 180)
        pause(500)

    def idle(self) -> None:
        self.gaps.reset()
        pause(1000)
        print(f"event loop at rest: longest gap {self.gaps.worst_secs * 1000:.0f} ms")

    def open(self) -> None:
        began = time.perf_counter()
        with os.scandir(self.folder) as entries:
            sorted(entry.name for entry in entries if entry.is_file())
        bare = time.perf_counter() - began
        before = self.process.memory_info().rss
        self.gaps.reset()
        self.window.open_paths([self.folder])
        listed = self.until(lambda: len(self.controller.library.rows) == COUNT)
        first = listed + self.until(lambda: self.panel.thumbnails.get(self.panel.entries.path(0)) is not None)
        shown = first + self.until(lambda: self._shows(self.panel.entries.path(0)))
        self.until(self.still)
        grown = (self.process.memory_info().rss - before) / 2**20
        print(
            f"open {COUNT:,} files: listed {listed * 1000:.0f} ms ({listed / bare:.1f}x os.scandir + sort, "
            f"{bare * 1000:.0f} ms), first thumbnail {first * 1000:.0f} ms, first picture {shown * 1000:.0f} ms; "
            f"longest gap {self.gaps.worst_secs * 1000:.0f} ms; memory +{grown:.0f} MB"
        )

    def _shows(self, path: Path) -> bool:
        media = self.controller.session.state.active_media
        return media is not None and media.path == path and self.controller.shown.sample is not None

    def scroll(self, name: str) -> None:
        bar = self.panel.view.verticalScrollBar()
        before = self.process.memory_info().rss
        self.gaps.reset()
        for step in range(300):
            bar.setValue(bar.maximum() * step // 300)
            pause(8)
        self.until(self.still)
        grown = (self.process.memory_info().rss - before) / 2**20
        kept = self.panel.thumbnails.used_bytes / 2**20
        print(
            f"scrolling through the {name}: longest gap {self.gaps.worst_secs * 1000:.0f} ms, memory +{grown:.0f} MB, "
            f"thumbnails {kept:.0f} MB"
        )
        bar.setValue(0)

    def filter(self) -> None:
        self.gaps.reset()
        for length in range(1, 13):
            self.panel.filter_bar.search.setText("picture 1234"[:length])
            pause(30)
        found = len(self.controller.library.rows)
        self.panel.filter_bar.search.clear()
        pause(100)
        print(f"typing a filter ({found} files at its end): longest gap {self.gaps.worst_secs * 1000:.0f} ms")

    def steps(self) -> None:
        began = time.perf_counter()
        for number in range(STEPS):
            cv2.imread(str(self.folder / f"picture {number + 500}.jpg"))
        bare = (time.perf_counter() - began) / STEPS
        self.controller.library.go(0)
        self.until(self.still)
        took = []
        for row in range(1, STEPS + 1):
            began = time.perf_counter()
            QTest.keyClick(self.window, Qt.Key.Key_PageDown)
            path = self.panel.entries.path(row)
            self.until(lambda path=path: self._shows(path))
            took.append(time.perf_counter() - began)
        step = statistics.median(took)
        print(f"one step: {step * 1000:.1f} ms to the picture, {step / bare:.1f}x cv2.imread ({bare * 1000:.1f} ms)")

    def hold(self) -> None:
        """Page down held: thirty keys a second for ten seconds."""
        seen: set[Path] = set()
        self.controller.state_changed.connect(lambda _, new: seen.add(new.active_media.path))
        before = self.process.memory_info().rss
        start, _ = self.controller.library.place
        assert start is not None
        self.gaps.reset()
        for _ in range(300):
            QTest.keyClick(self.window, Qt.Key.Key_PageDown)
            pause(33)
        path = self.panel.entries.path(start + 300)
        late = self.until(lambda: self._shows(path))
        self.until(self.still)
        grown = (self.process.memory_info().rss - before) / 2**20
        media = len(self.controller.session.state.media)
        print(
            f"Page down held for 300 files: {len(seen)} shown, the last {late * 1000:.0f} ms after the key was let go, "
            f"longest gap {self.gaps.worst_secs * 1000:.0f} ms, memory +{grown:.0f} MB, {media} media in the session"
        )

    def close(self) -> None:
        self.gaps.stop()
        self.window.close()


def main() -> None:
    app = make_application()
    with tempfile.TemporaryDirectory(prefix="cvstudio-bench-") as name:
        folder = Path(name)
        make_folder(folder)
        bench = Bench(folder)
        bench.warm_up()
        bench.idle()
        bench.open()
        bench.scroll("lines")
        bench.panel.toggle_grid()
        bench.scroll("grid")
        bench.filter()
        bench.steps()
        bench.hold()
        bench.close()
    app.processEvents()


if __name__ == "__main__":
    main()
