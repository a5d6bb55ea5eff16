"""The tiles of a layer in the results panel: chosen by mouse and keys, and drawn over the picture."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.results.activation_maps import ActivationMaps
from tests.ui.views.results.test_features import use
from ui.panels.results import ResultsPanel
from ui.views.results.activation_maps import ActivationsView
from ui.window.main_window import MainWindow


def test_a_unit_is_chosen_by_its_tile(qtbot: QtBot, window: MainWindow) -> None:
    use(qtbot, window, "activations", ActivationMaps)
    controller = window.controller
    results = window.findChild(ResultsPanel)
    qtbot.waitUntil(lambda: results.findChild(ActivationsView) is not None)
    view = results.findChild(ActivationsView)
    qtbot.waitUntil(lambda: view.tiles._count() == 1280)
    qtbot.waitUntil(lambda: view.tiles.height() > 1000)
    assert "1,280 units, 7 × 7" in view.about.text()
    place = 9
    QTest.mouseClick(view.tiles, Qt.MouseButton.LeftButton, pos=view.tiles.place_rect(place).center())
    qtbot.waitUntil(lambda: getattr(controller.current_result(), "unit", 0) == 9)
    QTest.keyClick(view.tiles, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: getattr(controller.current_result(), "unit", 0) == 10)
    # In another order the tile to the right is another unit; a press is one step to undo.
    controller.set_value("order", "maximum")
    qtbot.waitUntil(lambda: controller.current_result().order[0] != 0)
    result = controller.current_result()
    qtbot.waitUntil(lambda: view.tiles._shown is result)
    where = result.order.tolist().index(10)
    step = Qt.Key.Key_Down if where + view.tiles._grid.columns < 1280 else Qt.Key.Key_Up
    wanted = where + view.tiles._grid.columns * (1 if step == Qt.Key.Key_Down else -1)
    QTest.keyClick(view.tiles, step)
    assert controller.session.state.instance.value("unit") == result.order[wanted]
    controller.undo()
    assert controller.session.state.instance.value("unit") == 10
