"""Two layers against each other in the real window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cvstudio.cli.main import main
from cvstudio.data.adjustments import Adjustments
from cvstudio.draw.pair import GAP
from cvstudio.exporters import EXPORTERS
from cvstudio.media.examples.files import sample_path
from cvstudio.results.agreements.agreement import BoxAgreement, compare_boxes
from cvstudio.results.detections import Detections
from ui.panels.comparison import ComparePanel
from ui.tour.input_events import move_mouse
from ui.views.canvas import Canvas
from ui.window.command_groups.compare_commands import choose, compare_entries
from ui.window.main_window import MainWindow


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Callable[[], None]:
    def wait() -> None:
        controller = window.controller

        def ready() -> bool:
            shown = controller.shown.layers
            fresh = controller.current_result() is not None and not any(layer.stale for layer in shown)
            return fresh and not controller.pipeline.busy

        qtbot.waitUntil(ready, timeout=60_000)

    return wait


@pytest.fixture
def cat(qtbot: QtBot, window: MainWindow, settle: Callable[[], None]) -> MainWindow:
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=30_000)
    window.controller.set_value("score", 0.2)
    settle()
    return window


def results(window: MainWindow) -> tuple[Detections, Detections]:
    left, right = (side.result for side in window.controller.comparison.shown if side is not None)
    assert isinstance(left, Detections)
    assert isinstance(right, Detections)
    return left, right


def second(window: MainWindow) -> Canvas:
    found = window.workspace.area.second
    assert found is not None
    return found


def test_two_settings_are_compared_measured_and_ended_with_escape(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    controller, comparison = cat.controller, cat.controller.comparison
    before = controller.session.state.instance
    assert before is not None
    next(entry for entry in compare_entries(cat) if entry.key == "compare:settings").run()
    controller.set_value("score", 0.02)
    settle()
    assert comparison.composition is not None
    assert comparison.composition.titles == ("Minimum confidence 0.2", "Minimum confidence 0.02")
    left, right = results(cat)
    assert len(right) > len(left)
    qtbot.waitUntil(lambda: isinstance(comparison.agreement, BoxAgreement))
    expected = compare_boxes(left, right)
    found = comparison.agreement
    assert isinstance(found, BoxAgreement)
    # What one threshold shows, the lower one shows, too.
    assert found.pairs.tolist() == expected.pairs.tolist() == [[row, row] for row in range(len(left))]
    assert len(found.only_right) == len(right) - len(left)
    panel = cat.docks["comparison"].widget()
    assert isinstance(panel, ComparePanel)
    assert panel.isVisible()
    qtbot.waitUntil(lambda: ("Found", str(len(left)), str(len(right))) in panel.figures())
    qtbot.waitUntil(lambda: len(panel.table.rows.table_rows) == len(right))
    assert ("Mean IoU", "1.00", None) in panel.figures()
    assert second(cat).isVisible()
    cat.workspace.area.bar.line.setFocus()
    QTest.keyClick(cat, Qt.Key.Key_Escape)
    assert comparison.composition is None
    assert not second(cat).isVisible()
    assert QApplication.focusWidget() is cat.workspace.canvas
    state = controller.session.state
    # The side that was worked on stays; the one before is there, and hidden.
    assert state.instance is not None
    assert state.instance.values["score"] == 0.02
    assert [item.visible for item in state.instances if item.id == before.id] == [False]


def test_a_side_that_came_for_the_comparison_goes_with_it(cat: MainWindow, settle: Callable[[], None]) -> None:
    controller, comparison = cat.controller, cat.controller.comparison
    before = controller.session.state.instances
    comparison.start_model("haar-cat-face")
    settle()
    assert comparison.current_side == 1
    cat.workspace.area.titles[0].click()
    assert comparison.current_side == 0
    QTest.keyClick(cat, Qt.Key.Key_Escape)
    assert controller.session.state.instances == before
    assert controller.session.state.instance == before[0]
    controller.undo()
    assert len(controller.session.state.instances) == 2
    # What came back is a layer as any other, and can be compared again.
    assert comparison.composition is None
    keys = [entry.key for entry in compare_entries(cat)]
    assert f"compare:layer/{controller.session.state.instances[1].id}" in keys


def test_both_pictures_move_together(cat: MainWindow, settle: Callable[[], None], qtbot: QtBot) -> None:
    cat.controller.comparison.start_settings()
    settle()
    first, other = cat.workspace.canvas, second(cat)
    qtbot.waitUntil(lambda: other.isVisible() and abs(other.width() - first.width()) <= 1)
    assert other.view().scale == pytest.approx(first.view().scale, rel=0.01)
    place = QPointF(first.width() / 4, first.height() / 2)
    wheel = QWheelEvent(
        place,
        QPointF(first.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 480),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(first, wheel)
    assert other.view().scale == first.view().scale
    assert other.view().rect == pytest.approx(first.view().rect, abs=1.5)
    other.zoom_to(3.0)
    assert first.view().scale == 3.0
    assert first.view().rect == pytest.approx(other.view().rect, abs=1.5)
    other.fit()
    assert first.view().rect == pytest.approx(other.view().rect, abs=1.5)


def test_nothing_that_floats_covers_another_in_a_narrow_window(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    area, comparison = cat.workspace.area, cat.controller.comparison
    comparison.start_settings()
    settle()
    for beside in (True, False):
        comparison.show_beside(beside)
        cat.resize(900, 560)
        qtbot.waitUntil(lambda: cat.width() <= 900)
        bar = second(cat).bar if beside else cat.workspace.canvas.bar
        qtbot.waitUntil(bar.isVisible)
        there = QRect(bar.mapTo(area, QPoint(0, 0)), bar.size())
        assert not area.bar.geometry().intersects(there)
        assert not area.titles[0].geometry().intersects(area.titles[1].geometry())


def drag(widget: Canvas | object, start: QPoint, stop: QPoint) -> None:
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, pos=start)
    move_mouse(widget, stop, Qt.MouseButton.LeftButton)
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=stop)


def test_the_line_parts_the_picture_where_it_is_dragged_to(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    comparison, area = cat.controller.comparison, cat.workspace.area
    comparison.start_settings()
    cat.controller.set_value("score", 1.0)
    comparison.show_beside(False)
    settle()
    canvas = cat.workspace.canvas
    qtbot.waitUntil(lambda: area.line.isVisible() and canvas.width() == area.width())
    view = canvas.view()
    plain = cat.workspace._render([], view, cat.workspace._second)
    left = cat.workspace._render_side(0, view)
    shown = cat.workspace.render_view(view)
    assert plain is not None
    assert left is not None
    assert shown is not None
    column = area.line.middle - canvas.picture_left
    assert np.array_equal(shown[:, :column], left[:, :column])
    # Nothing scores 1: right of the line there is no box.
    assert np.array_equal(shown[:, column:], plain[:, column:])
    assert not np.array_equal(left, plain)
    x = area.line.width() // 2
    drag(area.line, QPoint(x, 50), QPoint(x + 120, 50))
    assert area.line.middle == pytest.approx(column + canvas.picture_left + 120, abs=1)
    moved = cat.workspace.render_view(view)
    assert moved is not None
    assert np.array_equal(moved[:, : column + 119], left[:, : column + 119])
    place = area.line.share
    area.line.setFocus()
    QTest.keyClick(area.line, Qt.Key.Key_Left)
    assert area.line.share == pytest.approx(place - 0.01)
    press = QMouseEvent(
        QEvent.Type.MouseButtonDblClick,
        QPointF(x, 50),
        QPointF(area.line.mapToGlobal(QPoint(x, 50))),
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(area.line, press)
    assert area.line.share == 0.5


def test_what_is_pointed_at_is_marked_on_the_other_side(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    comparison = cat.controller.comparison
    comparison.start_settings()
    cat.controller.set_value("score", 0.02)
    settle()
    qtbot.waitUntil(lambda: comparison.agreement is not None)
    left, right = results(cat)
    number = int(right.ids[0])
    assert comparison.partner(number, of_left=False) == int(left.ids[0])
    view = cat.workspace.canvas.view()
    plain = cat.workspace._render_side(0, view)
    cat.controller.hover(number)
    marked = cat.workspace._render_side(0, view)
    assert plain is not None
    assert not np.array_equal(plain, marked)
    cat.controller.hover(int(right.ids[-1]))
    assert np.array_equal(plain, cat.workspace._render_side(0, view))


def test_a_comparison_ends_by_itself_where_a_side_is_gone_or_hidden(
    cat: MainWindow, settle: Callable[[], None]
) -> None:
    comparison, controller = cat.controller.comparison, cat.controller
    comparison.start_settings()
    controller.undo()
    assert comparison.composition is None
    comparison.start_settings()
    controller.set_visible(controller.session.state.instances[0].id, False)
    assert comparison.composition is None
    assert not cat.workspace.area.active


def test_there_is_nothing_to_compare_without_a_picture(window: MainWindow) -> None:
    assert compare_entries(window) == []
    assert choose(window) is None
    window.controller.comparison.start_settings()
    assert window.controller.comparison.composition is None


@pytest.mark.parametrize("beside", [True, False])
def test_a_comparison_is_one_picture_in_a_file(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot, tmp_path: Path, beside: bool
) -> None:
    controller, comparison = cat.controller, cat.controller.comparison
    alone = tmp_path / "alone.png"
    cat.exporting.export(EXPORTERS["png"], alone)
    qtbot.waitUntil(alone.exists, timeout=60_000)
    comparison.start_settings()
    controller.set_value("score", 1.0)
    comparison.show_beside(beside)
    settle()
    comparison.set_split(0.25)
    both = tmp_path / "both.png"
    cat.exporting.export(EXPORTERS["png"], both)
    qtbot.waitUntil(lambda: (tmp_path / "both.png.recipe.json").exists(), timeout=60_000)
    found, single = np.asarray(Pillow.open(both)), np.asarray(Pillow.open(alone))
    plain = np.asarray(Pillow.open(sample_path("cat")).convert("RGB"))
    height, width = plain.shape[:2]
    recipe = json.loads((tmp_path / "both.png.recipe.json").read_text(encoding="utf-8"))
    assert len(recipe["stack"]) == 2
    again = tmp_path / "again"
    assert main(["run", "--recipe", str(tmp_path / "both.png.recipe.json"), "-q", "-o", str(again / "both.png")]) == 0
    assert np.array_equal(np.asarray(Pillow.open(again / "both.png")), found)
    below = slice(40, None)  # the titles
    if beside:
        assert found.shape == (height, 2 * width + GAP, 3)
        assert np.array_equal(found[below, :width], single[below])
        assert np.array_equal(found[below, width + GAP :], plain[below])
        assert recipe["comparison"] == {"split": None}
    else:
        assert found.shape == plain.shape
        line = width // 4
        assert np.array_equal(found[below, : line - 8], single[below, : line - 8])
        assert np.array_equal(found[below, line + 8 :], plain[below, line + 8 :])
        assert recipe["comparison"] == {"split": 0.25}


def test_a_video_is_compared_while_it_plays_and_in_a_file(
    window: MainWindow, settle: Callable[[], None], qtbot: QtBot, tmp_path: Path
) -> None:
    window.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=30_000)
    window.controller.set_value("score", 0.1)
    settle()
    comparison, playback = window.controller.comparison, window.controller.playback
    comparison.start_settings()
    window.controller.set_value("score", 0.3)
    settle()
    first = window.controller.shown.pts
    playback.play()
    qtbot.waitUntil(lambda: (window.controller.shown.pts or 0) > (first or 0) + 0.3, timeout=60_000)
    left, right = results(window)
    assert left.source.pts == right.source.pts == window.controller.shown.pts
    playback.pause()
    settle()
    qtbot.waitUntil(lambda: comparison.agreement is not None, timeout=10_000)
    path = tmp_path / "both.mp4"
    window.exporting.export(EXPORTERS["mp4"], path, whole=True, stop_secs=0.3)
    qtbot.waitUntil(lambda: (tmp_path / "both.mp4.recipe.json").exists(), timeout=120_000)
    media = window.controller.session.state.active_media
    assert media is not None
    assert media.size is not None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        width = 2 * media.size.width + GAP
        assert (stream.width, stream.height) == (width + width % 2, media.size.height + media.size.height % 2)
        assert sum(1 for _ in container.decode(video=0)) >= 5


def test_a_click_beside_every_object_leaves_the_current_side(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    comparison = cat.controller.comparison
    comparison.start_settings()
    settle()
    assert comparison.current_side == 1
    left, _ = results(cat)
    clicked = cat.workspace.canvas.clicked
    width, height = left.size
    corners = [(x, y) for x in (1.0, width - 1.0) for y in (1.0, height - 1.0)]
    clicked.emit(*next(place for place in corners if left.part_at(*place) is None), Qt.KeyboardModifier.NoModifier)
    assert comparison.current_side == 1
    x1, y1, x2, y2 = left.boxes[0].tolist()
    clicked.emit((x1 + x2) / 2, (y1 + y2) / 2, Qt.KeyboardModifier.NoModifier)
    assert comparison.current_side == 0
    assert cat.controller.session.state.selection == {int(left.ids[0])}


def test_a_comparison_shows_a_turned_picture_as_its_file_has_it_and_then_turned_again(
    cat: MainWindow, settle: Callable[[], None], qtbot: QtBot
) -> None:
    controller, comparison, canvas = cat.controller, cat.controller.comparison, cat.workspace.canvas
    controller.set_adjustments(Adjustments(rotate=90))
    settle()
    qtbot.waitUntil(lambda: canvas._turn is not None, timeout=30_000)
    comparison.start_settings()
    settle()
    qtbot.waitUntil(lambda: canvas._turn is None, timeout=30_000)
    size = canvas.content_size
    assert size is not None
    assert second(cat).content_size == size
    # A click on a box is one on that box, on either side.
    left, right = results(cat)
    for side, (shown, found) in enumerate(((canvas, left), (second(cat), right))):
        x1, y1, x2, y2 = found.boxes[0].tolist()
        place = shown.widget_position((x1 + x2) / 2, (y1 + y2) / 2).toPoint()
        QTest.mouseClick(shown, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        qtbot.waitUntil(lambda side=side: comparison.current_side == side, timeout=10_000)
        assert controller.session.state.selection == {int(found.ids[0])}
    comparison.end()
    settle()
    qtbot.waitUntil(lambda: canvas._turn is not None, timeout=30_000)
