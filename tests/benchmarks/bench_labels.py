"""Ten thousand labelled pictures in the real window: time to the first, gaps of the event loop, memory, and all labels.

Run it under a display: `.setup/with-display --virtual .venv/bin/python tests/benchmarks/bench_labels.py [COUNT]`.
A COCO file with seven outlines for each picture. Beside it stands in the same run what any program needs for the file:
`json.loads`, and `pycocotools.COCO`, which indexes it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cvstudio-bench-")

import cv2
import numpy as np
import psutil
from PySide6.QtCore import QObject, QTimer
from PySide6.QtTest import QTest

from cvstudio.media.annotations import ANNOTATION_FORMATS
from cvstudio.media.examples.files import sample_path
from ui.app import make_application
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
EACH = 7
SIZE = (480, 640)


def make_set(folder: Path) -> Path:
    """`COUNT` pictures of 640 x 480 and their labels; the path of these."""
    rng = np.random.default_rng(0)
    data = cv2.imencode(".jpg", cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), SIZE[::-1]))[1].tobytes()
    (folder / "images").mkdir()
    images, annotations = [], []
    turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    for number in range(COUNT):
        # A comment makes each a file of its own.
        comment = f"picture {number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        (folder / "images" / f"{number}.jpg").write_bytes(data[:2] + segment + data[2:])
        images.append({"id": number, "file_name": f"{number}.jpg", "width": SIZE[1], "height": SIZE[0]})
        for _ in range(EACH):
            x, y, radius = rng.uniform((70, 70, 10), (570, 410, 60))
            outline = np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1).round(2)
            (left, top), (right, bottom) = outline.min(0), outline.max(0)
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": int(rng.integers(1, 81)),
                    "bbox": [float(left), float(top), float(right - left), float(bottom - top)],
                    "area": float(np.pi * radius**2),
                    "iscrowd": 0,
                    "segmentation": [outline.ravel().tolist()],
                }
            )
    categories = [{"id": number, "name": f"class {number}"} for number in range(1, 81)]
    path = folder / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


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


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        work()
    return time.perf_counter() - began


def others(path: Path) -> tuple[float, float]:
    """Seconds of `json.loads` and of `pycocotools.COCO` for the file."""
    from pycocotools.coco import COCO

    return timed(lambda: json.loads(path.read_bytes())), timed(lambda: COCO(str(path)))


def bench_window(path: Path, bare: tuple[float, float]) -> None:
    window = MainWindow()
    window.resize(1280, 800)
    window.show()
    QTest.qWaitForWindowExposed(window)
    controller, process = window.controller, psutil.Process()

    def until(condition: Callable[[], bool], secs: float = 120) -> float:
        began = time.perf_counter()
        while not condition():
            if time.perf_counter() - began > secs:
                raise SystemExit("it did not come in time")
            pause(1)
        return time.perf_counter() - began

    # What the first picture of all costs (importing torch) is no cost of a set.
    window.open_paths([sample_path("astronaut")])
    until(lambda: controller.current_result() is not None and not controller.pipeline.busy, 180)
    pause(500)
    gaps = Gaps()
    before, spent = process.memory_info().rss, time.process_time()
    window.open_paths([path])
    first = until(lambda: len(controller.library.rows) == COUNT and _shows(window))
    print(
        f"open {COUNT:,} labelled pictures, {path.stat().st_size / 1e6:.0f} MB: first with its labels {first:.2f} s "
        f"({first / bare[0]:.2f}x json.loads, {bare[0]:.2f} s; {first / bare[1]:.2f}x pycocotools, {bare[1]:.2f} s); "
        f"{time.process_time() - spent:.2f} s of processor; longest gap {gaps.worst_secs * 1000:.0f} ms; "
        f"memory +{(process.memory_info().rss - before) / 2**20:.0f} MB"
    )
    gaps.reset()
    checked = until(lambda: not controller.pipeline.busy)
    print(f"all labels checked after {checked:.2f} s more; longest gap {gaps.worst_secs * 1000:.0f} ms")
    gaps.stop()
    window.close()


def _shows(window: MainWindow) -> bool:
    found = window.controller.detections()
    return found is not None and len(found) == EACH and window.controller.shown.sample is not None


def bench_core(path: Path) -> None:
    labelled = ANNOTATION_FORMATS["coco"].read(path)
    before = psutil.Process().memory_info().rss
    secs = timed(lambda: [labelled.labels(name) for name in labelled.names])
    grown = (psutil.Process().memory_info().rss - before) / 2**20
    print(f"all labels read picture by picture: {secs:.2f} s; memory +{grown:.0f} MB")


def main() -> None:
    application = make_application([])
    with tempfile.TemporaryDirectory(prefix="cvstudio-labels-") as name:
        path = make_set(Path(name))
        bare = others(path)
        bench_window(path, bare)
        bench_core(path)
    application.quit()


if __name__ == "__main__":
    main()
