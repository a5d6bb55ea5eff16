"""Where panels stand at the first start."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.training.runs import Curve, CurveGroup
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow


def heights(window: MainWindow, *keys: str) -> list[int]:
    return [window.docks[key].height() for key in keys]


@pytest.mark.parametrize("key", ["counts", "training"])
def test_the_left_column_has_its_heights_again_when_a_panel_under_the_picture_goes(
    window: MainWindow, key: str
) -> None:
    column = ("media", "layers", "jobs")
    window.show_panel("jobs")
    pause(100)
    before = heights(window, *column)
    window.show_panel(key)
    pause(100)
    assert heights(window, "media")[0] < before[0]
    # What comes into the column meanwhile takes more of it.
    window.resizeDocks([window.docks[key] for key in column], [100, 300, 60], Qt.Orientation.Vertical)
    pause(100)
    window.toggle_panel(key)
    pause(200)
    assert all(abs(now - then) <= 4 for now, then in zip(heights(window, *column), before, strict=True))


@pytest.mark.parametrize("key", ["counts", "batch", "training", "look"])
def test_no_panel_takes_the_room_of_controls_and_results(window: MainWindow, key: str) -> None:
    before = heights(window, "analysis")
    window.show_panel(key)
    pause(100)
    assert not window.docks[key].visibleRegion().isEmpty()
    assert heights(window, "analysis") == before


@pytest.mark.parametrize(("width", "beside"), [(580, True), (320, False)])
def test_the_curves_of_a_run_stand_beside_each_other_under_the_picture(qtbot: QtBot, width: int, beside: bool) -> None:
    from ui.training.curves_plot import CurvesPlots

    # 580 pixels are what the window of the first start leaves them.
    plots = CurvesPlots()
    qtbot.addWidget(plots)
    curve = Curve("train", "held out loss", (), ((1.0, 2.0), (2.0, 1.0)))
    plots.show_groups([CurveGroup(key, key, (curve,)) for key in ("loss", "figures", "rate")], [], 2)
    plots.resize(width, 300)
    plots.show()
    qtbot.waitExposed(plots)
    pause(50)
    places = [plot.pos() for plot in plots.plots.values()]
    assert (len({place.y() for place in places}) == 1) is beside
    assert (len({place.x() for place in places}) == 1) is not beside
    # A name stays with its dot and its number.
    assert "held&nbsp;out&nbsp;loss&nbsp;1" in plots.plots["loss"].legend.text()


def test_panels_under_the_picture_share_one_place(window: MainWindow) -> None:
    window.show_panel("counts")
    pause(100)
    place = window.docks["counts"].geometry()
    window.show_panel("batch")
    pause(100)
    assert window.docks["batch"].x() == place.x()
    assert window.docks["counts"].visibleRegion().isEmpty()


def test_the_comparison_goes_with_what_was_compared(window: MainWindow, qtbot: QtBot) -> None:
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=60_000)
    controller.comparison.start_settings()
    window.show_panel("comparison")
    pause(100)
    assert window.docks["comparison"].isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    pause(100)
    assert window.docks["comparison"].isHidden()
    assert not window.docks["results"].visibleRegion().isEmpty()


def test_what_is_typed_after_the_catalogue_has_opened_is_searched_there(window: MainWindow, qtbot: QtBot) -> None:
    labels = window.docks["labels"].isVisible()
    for _ in range(2):
        window.toggle_panel("catalogue")
        panel = window.docks["catalogue"].widget()
        qtbot.waitUntil(
            lambda panel=panel: panel.content is not None and panel.content.search.hasFocus(), timeout=30_000
        )
        QTest.keyClicks(panel.content.search, "yolox")
        assert panel.content.search.text() == "yolox"
        panel.content.search.clear()
        window.toggle_panel("catalogue")
    assert window.docks["labels"].isVisible() == labels


def test_the_buttons_of_a_dock_are_as_large_as_those_of_a_section(window: MainWindow) -> None:
    for key in ("media", "layers"):
        dock = window.docks[key]
        for name in ("qt_dockwidget_closebutton", "qt_dockwidget_floatbutton"):
            button = dock.findChild(QAbstractButton, name)
            assert min(button.width(), button.height()) >= 20
            # The button is drawn on the title, which cuts what is higher.
            assert button.geometry().bottom() <= dock.widget().mapTo(dock, QPoint()).y()
