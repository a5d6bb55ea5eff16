"""A type of result that the program has never heard of: one dataclass, one painter and an analysis, no other edit."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

import cvstudio
from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.cli.main import main
from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import PAINTERS, Emphasis, Look, paints
from cvstudio.draw.base import grid, grid_origin
from cvstudio.exporters import EXPORTERS, export, exporters_for
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.examples.files import sample_path
from cvstudio.results.agreements.point_agreement import PointAgreement, Points, compare_points
from cvstudio.results.detections import Detections
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance
from ui.panels.comparison import ComparePanel
from ui.panels.results import ResultsPanel
from ui.widgets.rows_table import RowsTable
from ui.window.main_window import MainWindow

WAIT_MS = 60_000
MAGENTA = (255, 0, 255)
NOTE = "Quarters are counted from the top left."
REACH = 6


@dataclass(frozen=True, eq=False)
class Spots(Result):
    """The brightest place of each of the first quarters of a picture: x, y float32 (n, 2), brightness (n,)."""

    places: NDArray[np.float32]
    brightness: NDArray[np.float32]
    size: Size
    source: Source = field(default_factory=Source)

    def headline(self) -> str:
        return f"{len(self.places)} bright spots"

    def table(self) -> Table:
        columns = (
            Column("quarter", "Quarter", kind="text"),
            Column("x", "X", "px"),
            Column("y", "Y", "px"),
            Column("brightness", "Brightness", "%", kind="fraction"),
        )
        rows = [
            (f"quarter {row + 1}", number(x), number(y), number(bright))
            for row, ((x, y), bright) in enumerate(zip(self.places, self.brightness, strict=True))
        ]
        return Table("test-spots", "spots", columns, rows, range(len(rows)), note=NOTE)

    def part_at(self, x: float, y: float) -> int | None:
        near = np.flatnonzero(np.abs(self.places - (x, y)).max(axis=1) <= REACH)
        return int(near[0]) if near.size else None

    def agreement(self, other: Self) -> PointAgreement | None:
        return compare_points(self._points(), other._points())

    def _points(self) -> Points:
        names = tuple(f"quarter {row + 1}" for row in range(len(self.places)))
        return Points(self.places[None], np.ones((1, len(names)), bool), names, np.zeros(1, np.int64))


@dataclass(frozen=True)
class SpotParams:
    count: Annotated[int, Range(1, 4, step=1), Doc("Quarters", "How many quarters are looked at.", "Try 2.")] = 4


def find_spots(inputs: Inputs, params: SpotParams, progress: Progress) -> Iterator[Spots]:
    grey = inputs.samples["picture"].rgb8.mean(axis=2)
    height, width = grey.shape
    places, values = [], []
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1))[: params.count]:
        top, left = row * (height // 2), column * (width // 2)
        part = grey[top : top + height // 2, left : left + width // 2]
        y, x = np.unravel_index(int(part.argmax()), part.shape)
        places.append((left + x + 0.5, top + y + 0.5))
        values.append(part.max() / 255)
    yield Spots(np.array(places, np.float32), np.array(values, np.float32), Size(width, height), inputs.source)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The type's painter and the analysis, for the time of a test."""

    def paint_spots(result: Spots, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
        left, top = grid_origin(view)
        for spot, (x, y) in enumerate(result.places.tolist()):
            column, row = grid(x, view.scale) - left, grid(y, view.scale) - top
            half = REACH if spot in (*emphasis.selected, emphasis.hovered) else REACH // 2
            place = canvas[max(row - half, 0) : row + half, max(column - half, 0) : column + half]
            place[:] = place * (1 - look.opacity) + np.array(MAGENTA) * look.opacity

    assert len(ANALYSES)
    before = {painter.key for painter in PAINTERS}
    paints(Spots)(paint_spots)
    ANALYSES.register(
        Analysis(
            key="spots",
            title="Bright spots",
            summary="Finds the brightest place of each quarter.",
            action="Find bright spots",
            icon="shapes",
            inputs=(Slot("picture", "Picture", frozenset({MediaKind.IMAGE, MediaKind.VIDEO})),),
            stages=(Stage("find", find_spots, SpotParams),),
            result=Spots,
            order=1,
        )
    )
    yield
    ANALYSES.remove("spots")
    (key,) = {painter.key for painter in PAINTERS} - before
    PAINTERS.remove(key)


@pytest.fixture
def expected() -> Spots:
    with Pillow.open(sample_path("cat")) as read:
        pixels = np.asarray(read.convert("RGB"))
    return spots_of(pixels)


def spots_of(pixels: NDArray[np.uint8]) -> Spots:
    """What is expected on uint8 RGB (h, w, 3)."""
    (found,) = find_spots(Inputs({"picture": Image(pixels)}), SpotParams(), Progress())
    return found


def is_painted(pixels: NDArray[np.uint8], spots: Spots, tolerance: int = 0) -> bool:
    """Whether there is magenta at each spot."""
    at = spots.places.astype(int)
    return bool((np.abs(pixels[at[:, 1], at[:, 0]].astype(int) - MAGENTA) <= tolerance).all())


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Callable[[], None]:
    def wait() -> None:
        controller = window.controller

        def ready() -> bool:
            fresh = not any(layer.stale for layer in controller.shown.layers)
            return controller.current_result() is not None and fresh and not controller.pipeline.busy

        qtbot.waitUntil(ready, timeout=WAIT_MS)

    return wait


def screen_point(window: MainWindow, x: float, y: float) -> QPoint:
    """Where a place of the picture is on the canvas."""
    canvas = window.workspace.canvas
    middle = QPointF(canvas.rect().center())
    there = canvas.image_position(middle)
    assert there is not None
    scale = canvas.view().scale / canvas.devicePixelRatioF()
    return (middle + QPointF(x - there[0], y - there[1]) * scale).toPoint()


def shown(window: MainWindow) -> NDArray[np.uint8]:
    drawn = window.workspace.render_view(View.whole(window.controller.shown.sample.size))
    assert drawn is not None
    return drawn.copy()


def test_it_is_on_the_canvas_in_the_panel_under_the_mouse_in_the_stack_and_compared(
    window: MainWindow, settle: Callable[[], None], expected: Spots, qtbot: QtBot
) -> None:
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=WAIT_MS)
    assert controller.session.state.instance.analysis == "spots"
    settle()
    result = controller.current_result()
    assert isinstance(result, Spots)
    np.testing.assert_array_equal(result.places, expected.places)
    # On the canvas.
    assert is_painted(shown(window), expected)
    # In the panel.
    panel = window.docks["results"].widget()
    assert isinstance(panel, ResultsPanel)
    qtbot.waitUntil(lambda: panel.table.row_ids() == (0, 1, 2, 3), timeout=WAIT_MS)
    assert panel._summary.text() == "4 bright spots"
    assert [label.text() for label in panel.findChildren(QLabel) if label.isVisible()][-1] == NOTE
    table = panel.table
    assert isinstance(table, RowsTable)
    assert table.isVisible()
    titles = [table.model().headerData(column, Qt.Orientation.Horizontal) for column in range(4)]
    assert titles == ["Quarter", "X (px)", "Y (px)", "Brightness"]
    assert [line.cells[3].text for line in table.rows.table_rows] == [f"{share:.1%}" for share in expected.brightness]
    # Under the mouse, and back from the rows.
    x, y = expected.places[2].tolist()
    canvas = window.workspace.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=screen_point(window, x, y))
    assert controller.session.state.selection == {2}
    assert {index.row() for index in table.selectionModel().selectedRows()} == {2}
    plain = shown(window)
    table.selectRow(1)
    assert controller.session.state.selection == {1}
    assert not np.array_equal(shown(window), plain)
    # As a layer above another, and faded.
    controller.layers.add("detect")
    settle()
    assert isinstance(controller.current_result(), Detections)
    controller.layers.add("spots")
    settle()
    assert [item.analysis for item in controller.session.state.instances] == ["spots", "detect", "spots"]
    controller.set_visible(controller.session.state.instances[0].id, False)
    assert is_painted(shown(window), expected)
    controller.layers.set_opacity(controller.session.state.current, 0.5)
    assert not is_painted(shown(window), expected)
    assert is_painted(shown(window), expected, tolerance=140)
    controller.layers.set_opacity(controller.session.state.current, 1.0)
    # Against itself with another setting.
    comparison = controller.comparison
    comparison.start_settings()
    controller.set_value("count", 3)
    settle()
    qtbot.waitUntil(lambda: isinstance(comparison.agreement, PointAgreement), timeout=WAIT_MS)
    assert comparison.agreement.mean_px == 0
    panel = window.docks["comparison"].widget()
    assert isinstance(panel, ComparePanel)
    qtbot.waitUntil(lambda: ("Mean distance", "0.0 px", None) in panel.figures(), timeout=WAIT_MS)
    assert ("Points at the same place", "100%", None) in panel.figures()
    qtbot.waitUntil(lambda: len(panel.table.rows.table_rows) == 3, timeout=WAIT_MS)
    comparison.end()


def check_files(folder: Path, expected: Spots) -> None:
    """PNG, JSON and CSV in `folder` hold the spots of the cat."""
    (picture,) = folder.glob("*.png")
    with Pillow.open(picture) as read:
        assert is_painted(np.asarray(read), expected)
    (path,) = [path for path in folder.glob("*.json") if "recipe" not in path.name]
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["format"] == "test-spots"
    (frame,) = told["frames"]
    assert frame["note"] == NOTE
    assert [[row["x"], row["y"]] for row in frame["spots"]] == expected.places.tolist()
    (path,) = folder.glob("*.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["quarter"] for row in rows] == [f"quarter {row + 1}" for row in range(4)]
    np.testing.assert_array_equal(np.array([row["brightness"] for row in rows], np.float32), expected.brightness)


def check_video(path: Path) -> None:
    """Every frame of the film has its first spot painted, H.264's losses aside."""
    with av.open(str(sample_path("clip"))) as source, av.open(str(path)) as made:
        plain = [frame.to_ndarray(format="rgb24") for frame, _ in zip(source.decode(video=0), range(4), strict=False)]
        drawn = [frame.to_ndarray(format="rgb24") for frame in made.decode(video=0)]
    assert len(drawn) >= 3
    for before, after in zip(plain, drawn, strict=False):
        x, y = spots_of(before).places[0].astype(int)
        red, green, blue = after[y, x].astype(int)
        assert min(red, blue) - green > 100


def test_the_window_exports_it(
    window: MainWindow, settle: Callable[[], None], expected: Spots, qtbot: QtBot, tmp_path: Path
) -> None:
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=WAIT_MS)
    settle()
    for key in ("png", "json", "csv"):
        path = tmp_path / f"spots.{key}"
        window.exporting.export(EXPORTERS[key], path)
        qtbot.waitUntil(lambda path=path: path.with_name(f"{path.name}.recipe.json").exists(), timeout=WAIT_MS)
    check_files(tmp_path, expected)
    window.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: window.controller.session.state.active_media.kind is MediaKind.VIDEO, timeout=WAIT_MS)
    settle()
    path = tmp_path / "spots.mp4"
    window.exporting.export(EXPORTERS["mp4"], path, whole=True, stop_secs=0.15)
    qtbot.waitUntil(lambda: path.with_name("spots.mp4.recipe.json").exists(), timeout=WAIT_MS)
    check_video(path)


def test_the_command_line_writes_it(expected: Spots, tmp_path: Path) -> None:
    for ending in ("png", "json", "csv"):
        assert main(["run", "spots", str(sample_path("cat")), "-q", "-o", str(tmp_path / f"spots.{ending}")]) == 0
    check_files(tmp_path, expected)
    path = tmp_path / "spots.mp4"
    assert main(["run", "spots", str(sample_path("clip")), "-q", "--to", "0.15", "-o", str(path)]) == 0
    check_video(path)


def test_python_returns_and_writes_it(expected: Spots, tmp_path: Path) -> None:
    result = cvstudio.run("spots", sample_path("cat"))
    assert isinstance(result, Spots)
    np.testing.assert_array_equal(result.places, expected.places)
    assert {"png", "jpeg", "json", "csv"} <= {exporter.key for exporter in exporters_for(Spots)}
    assert {"mp4", "json", "csv"} <= {exporter.key for exporter in exporters_for(Spots, video=True)}
    of_other_types = {"coco", "labelme", "mot", "npz", "npz-boxes", "npz-heat"}
    for video in (False, True):
        assert not of_other_types & {exporter.key for exporter in exporters_for(Spots, video=video)}
    instance = make_instance("spots", {"picture": sample_path("cat")})
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
    for ending in ("png", "json", "csv"):
        export(EXPORTERS[ending], tmp_path / f"spots.{ending}", item, Progress())
    check_files(tmp_path, expected)
