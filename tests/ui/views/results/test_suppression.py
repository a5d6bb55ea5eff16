"""Going through a suppression in the real window."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.results.suppression import Suppression
from ui.panels.results import ResultsPanel
from ui.views.results.suppression import SuppressionView
from ui.window.main_window import MainWindow


@pytest.fixture
def settle(qtbot: QtBot, window: MainWindow) -> Callable[[], Suppression]:
    def wait() -> Suppression:
        controller = window.controller

        def ready() -> bool:
            shown = controller.shown.layers
            there = isinstance(controller.current_result(), Suppression)
            return there and not controller.pipeline.busy and not any(layer.stale for layer in shown)

        qtbot.waitUntil(ready, timeout=60_000)
        result = controller.current_result()
        assert isinstance(result, Suppression)
        return result

    return wait


@pytest.fixture
def view(qtbot: QtBot, window: MainWindow, settle: Callable[[], Suppression]) -> SuppressionView:
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.instance is not None, timeout=30_000)
    window.controller.use_analysis("suppression")
    # Of the network for which the steps below are counted.
    window.controller.set_model("pyramid-5")
    window.controller.set_value("score", 0.2)
    settle()
    panel = window.docks["results"].widget()
    assert isinstance(panel, ResultsPanel)
    window.show_panel("results")
    qtbot.waitUntil(lambda: window.findChild(SuppressionView) is not None)
    found = window.findChild(SuppressionView)
    assert isinstance(found, SuppressionView)
    return found


def test_keys_and_buttons_go_forward_and_back_and_stop_at_the_ends(
    qtbot: QtBot, window: MainWindow, view: SuppressionView, settle: Callable[[], Suppression]
) -> None:
    QTest.keyClick(window, Qt.Key.Key_Comma)
    assert settle().step == 0
    QTest.keyClick(window, Qt.Key.Key_Period)
    assert settle().step == 1
    qtbot.mouseClick(view.on, Qt.MouseButton.LeftButton)
    result = settle()
    assert result.step == 2
    qtbot.mouseClick(view.last, Qt.MouseButton.LeftButton)
    result = settle()
    assert result.ended
    QTest.keyClick(window, Qt.Key.Key_Period)
    assert settle().step == result.last_step
    assert window.controller.session.state.instance.value("step") == result.last_step
    qtbot.waitUntil(lambda: not view.on.isEnabled())
    # Fewer candidates have fewer steps, and one step back from the end is one back from the new one.
    window.controller.set_value("score", 0.3)
    shorter = settle()
    assert shorter.step == shorter.last_step < result.last_step
    QTest.keyClick(window, Qt.Key.Key_Comma)
    assert settle().step == shorter.last_step - 1
    slider = window.docks["analysis"].widget().form.row("step").slider
    assert slider.number == shorter.last_step - 1


def test_the_table_tells_every_pair_and_is_linked_to_the_canvas(
    qtbot: QtBot, window: MainWindow, view: SuppressionView, settle: Callable[[], Suppression]
) -> None:
    window.controller.set_value("step", 2)
    result = settle()
    pairs = result.pairs()
    assert pairs is not None
    qtbot.waitUntil(lambda: len(view.table.rows.table_rows) == len(pairs.rows))
    told = [line.cells[2].text for line in view.table.rows.table_rows]
    assert told == [f"{share:.2f}" for share in pairs.iou]
    fates = [line.cells[3].text for line in view.table.rows.table_rows]
    assert fates == ["suppressed" if gone else "kept" for gone in pairs.suppressed]
    assert f"{int(pairs.suppressed.sum())} go" in view.sentence.text()
    view.table.selectRow(0)
    assert window.controller.session.state.selection == {int(result.candidates.ids[pairs.rows[0]])}


def test_where_nothing_goes_in_the_steps_do_nothing(
    window: MainWindow, view: SuppressionView, settle: Callable[[], Suppression], qtbot: QtBot
) -> None:
    window.controller.set_value("score", 1.0)
    assert settle().last_step == 0
    QTest.keyClick(window, Qt.Key.Key_Period)
    assert settle().step == 0
    window.controller.use_analysis("detect")
    QTest.keyClick(window, Qt.Key.Key_Period)
    assert "step" not in window.controller.session.state.instance.values
