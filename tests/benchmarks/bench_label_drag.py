"""A real mouse drag of one of 1,000 labels at 1080p, from tick to painted, and what an edit costs.

A third of the labels are boxes, a third outlines of 60 corners, a third masks. Printed are a tick of moving a box, of
reshaping an outline and of resizing a mask as ratios to a bare repaint of the canvas, and the time from the release of
the mouse to the picture with the edited label.
Run it under a display: `.setup/with-display .venv/bin/python tests/benchmarks/bench_label_drag.py`.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import polygons_box
from cvstudio.data.label_masks import box_of, cut
from cvstudio.data.labels import Annotation, PictureLabels
from ui.app import make_application
from ui.tour.input_events import move_mouse, pause
from ui.window.main_window import MainWindow

SIZE = Size(1920, 1080)
COUNT, CORNERS, TICKS, EDITS = 1000, 60, 200, 10
MOST_TICK = 3.0
"""Bare repaints that a tick may take."""


def labels() -> PictureLabels:
    """Boxes, outlines and masks in turn, of 40 to 160 pixels."""
    rng = np.random.default_rng(5)
    made = []
    for number in range(COUNT):
        side = float(rng.uniform(40, 160))
        left, top = float(rng.uniform(0, SIZE.width - side)), float(rng.uniform(0, SIZE.height - side))
        if number % 3 == 0:
            made.append(Annotation(number % 7, (left, top, left + side, top + side)))
            continue
        if number % 3 == 1:
            angles = np.linspace(0, 2 * math.pi, CORNERS, endpoint=False)
            reach = rng.uniform(0.35, 0.5, CORNERS) * side
            x, y = left + side / 2 + reach * np.cos(angles), top + side / 2 + reach * np.sin(angles)
            polygon = tuple(zip(x.tolist(), y.tolist(), strict=True))
            made.append(Annotation(number % 7, polygons_box([polygon]) or (0, 0, 1, 1), (polygon,)))
            continue
        mask = cut(rng.random((int(side), int(side))) > 0.2, int(left), int(top))
        assert mask is not None
        made.append(Annotation(number % 7, box_of(mask), mask=mask))
    return PictureLabels(SIZE, tuple(made))


class Bench:
    def __init__(self) -> None:
        self.window = MainWindow()
        self.window.resize(1920, 1200)
        self.window.show()
        QTest.qWaitForWindowExposed(self.window)
        self.canvas = self.window.workspace.canvas
        self.controller = self.window.controller

    def until(self, condition: Any) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end
            pause(10)

    def open(self, folder: Path) -> None:
        path = folder / "1080p.png"
        small = np.random.default_rng(0).integers(0, 255, (SIZE.height // 8, SIZE.width // 8, 3), np.uint8)
        Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC).save(path)
        self.controller.open_paths([path])
        self.until(lambda: self.controller.shown.sample is not None)
        self.window.show_panel("labels")
        self.controller.labelling.begin([f"class {number}" for number in range(7)])
        self.until(lambda: self.controller.labelling.ready)
        self.controller.labelling.edit("Labels", labels())
        self.until(self.settled)

    def settled(self) -> bool:
        found = self.controller.detections()
        count = len(self.controller.labelling.labels.annotations)
        return found is not None and len(found) == count and not self.controller.pipeline.busy

    def bare(self) -> list[float]:
        """Milliseconds of repaints of the canvas without a tool."""
        took = []
        for _ in range(TICKS):
            began = time.perf_counter()
            self.canvas.repaint()
            took.append((time.perf_counter() - began) * 1e3)
        return took

    def drag(self, number: int, start: QPoint) -> tuple[list[float], float]:
        """Milliseconds of each tick of a drag from `start` to its painting, and from the release to the result."""
        editor = self.window.workspace.labels.editor
        assert editor is not None
        self.controller.labelling.select(number)
        pause(30)
        QTest.mousePress(editor, Qt.MouseButton.LeftButton, pos=start)
        took = []
        for tick in range(TICKS):
            place = start + QPoint(4 + tick % 60, 4 + tick % 40)
            began = time.perf_counter()
            move_mouse(editor, place, Qt.MouseButton.LeftButton)
            editor.repaint()
            took.append((time.perf_counter() - began) * 1e3)
        before = self.controller.detections()
        began = time.perf_counter()
        QTest.mouseRelease(editor, Qt.MouseButton.LeftButton, pos=start + QPoint(30, 20))
        self.until(lambda: self.controller.detections() is not before and self.settled())
        self.canvas.repaint()
        return took, (time.perf_counter() - began) * 1e3

    def at(self, x: float, y: float) -> QPoint:
        return self.canvas.widget_position(x, y).toPoint()


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> int:
    app = make_application()
    bench = Bench()
    with tempfile.TemporaryDirectory() as folder:
        bench.open(Path(folder))
        bench.controller.labelling.set_active(False)
        pause(100)
        bare = bench.bare()
        bench.controller.labelling.set_active(True)
        pause(100)
        annotations = bench.controller.labelling.labels.annotations
        ratios, edits = [], []
        starts = {"resize a box": (0, annotations[0].box[2:]), "move a corner": (1, annotations[1].polygons[0][0])}
        for title, (number, place) in {**starts, "resize a mask": (2, annotations[2].box[2:])}.items():
            ticks, edit = bench.drag(number, bench.at(*place))
            ratios.append(p95(ticks) / p95(bare))
            edits.append(edit)
            print(f"{title}: a tick p95 {p95(ticks):.2f} ms, {ratios[-1]:.2f}x a bare repaint; edit {edit:.0f} ms")
        print(f"bare repaint p95 {p95(bare):.2f} ms; {COUNT} labels; at most {max(ratios):.2f}x (limit {MOST_TICK}x)")
        bench.window.project.path = None
        bench.window.quit_guard.quits_now = True
        bench.window.close()
        app.processEvents()
    return int(max(ratios) > MOST_TICK)


if __name__ == "__main__":
    sys.exit(main())
