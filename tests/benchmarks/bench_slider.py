"""A real mouse drag of the score and overlap sliders at 1080p, from tick to painted.

The raw output is synthetic, at the candidate cap and clustered, so that NMS has work. p95 is printed for a window
that is idle and for one whose accelerator runs a network flat out, each time against one bare repaint of the same
canvas just before, and against one of what each tick shows, as a slider changes how many boxes are drawn. The event
loop's worst gap under load follows.
Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_slider.py`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest

from cvstudio.analyses.stages import stage_keys
from cvstudio.data.geometry import Size
from cvstudio.foundation.lanes import Job
from cvstudio.foundation.progress import Progress
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from ui.app import make_application
from ui.base.garbage import MainThreadGarbage
from ui.tour.input_events import move_mouse, pause
from ui.window.main_window import MainWindow

SIZE = Size(1920, 1080)
LIMIT = 1.5
"""Bare repaints of the canvas that a tick may take."""
REPAINTS = 100
TICKS = 300


def clustered(labels: tuple[str, ...]) -> Detections:
    """Candidates around 100 objects, as a detector gives them before NMS."""
    rng = np.random.default_rng(7)
    centres = rng.uniform((100, 100), (SIZE.width - 100, SIZE.height - 100), (100, 2))
    sides = rng.uniform(40, 200, (100, 2))
    which = rng.integers(0, 100, MAX_CANDIDATES)
    middle = centres[which] + rng.normal(0, 8, (MAX_CANDIDATES, 2))
    half = sides[which] / 2 * rng.uniform(0.8, 1.2, (MAX_CANDIDATES, 2))
    boxes = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    scores = np.sort(rng.uniform(0, 5, MAX_CANDIDATES)).astype(np.float32)[::-1].copy()
    classes = np.zeros(MAX_CANDIDATES, np.int64)
    return Detections(boxes, scores, classes, labels, np.arange(MAX_CANDIDATES), SIZE, "margin")


forwards: list[float] = []


def busy_work(progress: Progress) -> Iterator[Any]:
    """A network without end."""
    import torch
    import torchvision

    model = torchvision.models.resnet50(weights=None).eval()
    picture = torch.rand(1, 3, 320, 320)
    with torch.no_grad():
        while True:
            model(picture)
            forwards.append(time.perf_counter())
            progress.check()
            yield None


class Bench:
    def __init__(self) -> None:
        self.window = MainWindow()
        self.window.resize(1920, 1200)
        self.window.show()
        QTest.qWaitForWindowExposed(self.window)
        self.painted: list[float] = []
        canvas = self.window.workspace.canvas
        paint = canvas.paintEvent

        def watched(event: Any) -> None:
            paint(event)
            self.painted.append(time.perf_counter())

        canvas.paintEvent = watched

    def open(self, folder: Path) -> None:
        path = folder / "1080p.png"
        rng = np.random.default_rng(0)
        small = rng.integers(0, 255, (SIZE.height // 8, SIZE.width // 8, 3), np.uint8)
        Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(path)
        controller = self.window.controller
        controller.open_paths([path])
        self.until(lambda: controller.current_result() is not None and not controller.pipeline.busy)
        controller.set_model("hog")
        self.until(lambda: not controller.pipeline.busy)
        request = controller.shown.layers[0].layer.request
        assert request is not None
        controller.pipeline.cache.put(stage_keys(request)[0], clustered(("person",)))
        controller.set_value("max_count", 300)
        controller.set_value("iou", 0.5)
        found = controller.detections()
        assert found is not None
        assert 50 <= len(found) <= 300, len(found)

    def until(self, condition: Any) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end
            pause(10)

    def bare_ms(self) -> tuple[float, float]:
        """Median and p95 milliseconds of one repaint of the canvas, in which picture and boxes are drawn."""
        canvas = self.window.workspace.canvas
        took = []
        for _ in range(REPAINTS):
            pause(2)
            began = time.perf_counter()
            canvas.refresh()
            canvas.repaint()
            took.append((time.perf_counter() - began) * 1000)
        median, p95 = np.percentile(took, [50, 95])
        return float(median), float(p95)

    def drag(self, name: str) -> tuple[list[float], list[float]]:
        """Milliseconds from each tick of a drag to the end of its painting, and of a bare repaint of what it shows."""
        slider = self.window.docks["analysis"].widget().form.row(name).slider
        middle, width = slider.height() // 2, slider.width()
        QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(width // 2, middle))
        canvas = self.window.workspace.canvas
        took, again = [], []
        for tick in range(TICKS):
            before = len(self.painted)
            x = 8 + (tick * 3) % (width - 16)
            state = self.window.controller.session.state
            began = time.perf_counter()
            move_mouse(slider, QPoint(x, middle), Qt.MouseButton.LeftButton)
            if self.window.controller.session.state is state:
                continue
            while len(self.painted) == before and time.perf_counter() - began < 1:
                app.processEvents()
            took.append((self.painted[-1] - began) * 1000)
            began = time.perf_counter()
            canvas.refresh()
            canvas.repaint()
            again.append((time.perf_counter() - began) * 1000)
        QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(width // 2, middle))
        self.window.controller.undo()
        return took, again


class Gap:
    """The longest time that the event loop did not turn."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer(interval=1)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.worst = max(self.worst, now - self._last)
        self._last = now

    def stop(self) -> float:
        self._timer.stop()
        return self.worst * 1000


def report(what: str, bench: Bench, name: str) -> None:
    bare, bare_p95 = bench.bare_ms()
    took, again = bench.drag(name)
    p50, p95, worst = np.percentile(took, [50, 95, 100])
    same, same_p95 = np.percentile(again, [50, 95])
    told = f"{what}: {len(took)} ticks, median {p50:.1f} ms, p95 {p95:.1f} ms, worst {worst:.1f} ms"
    print(f"{told}; a bare repaint {bare:.1f} ms (p95 {bare_p95:.1f} ms), p95 {p95 / bare:.2f} of them (limit {LIMIT})")
    print(
        f"  a bare repaint of what each tick shows {same:.1f} ms (p95 {same_p95:.1f} ms): "
        f"p95 {p95 / same:.2f} of them, {p95 / same_p95:.2f} of their p95, median {p50 / same:.2f}"
    )


if __name__ == "__main__":
    garbage = MainThreadGarbage()
    app = make_application(collect=garbage.start)
    bench = Bench()
    with tempfile.TemporaryDirectory() as folder:
        bench.open(Path(folder))
        report("idle, score", bench, "score")
        report("idle, overlap", bench, "iou")
        pipeline = bench.window.controller.pipeline
        pipeline.submit("accelerator", Job("bench", "a network flat out", busy_work, background=True))
        bench.until(lambda: len(forwards) > 5)  # importing torch is over
        report("network running, score", bench, "score")
        report("network running, overlap", bench, "iou")
        gap = Gap()
        pause(5000)
        print(f"event loop's worst gap under load: {gap.stop():.1f} ms (limit 50)")
    bench.window.close()
    sys.exit(0)
