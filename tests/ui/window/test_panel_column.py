"""The panels on the right are sections of one column, which scrolls as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QApplication,
    QDockWidget,
    QLabel,
    QScrollArea,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from ui.panels import PANELS
from ui.panels.analysis import AnalysisPanel
from ui.panels.medium import MediumPanel
from ui.tour.input_events import move_mouse, pause
from ui.window import main_window
from ui.window.main_window import MainWindow
from ui.window.panel_section import SectionTitle

RIGHT = [
    panel.key
    for panel in sorted(PANELS, key=lambda panel: panel.order)
    if panel.area == Qt.DockWidgetArea.RightDockWidgetArea
]


@pytest.fixture
def low(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window that is too low for all of its panels on the right, with a result."""
    window.resize(1100, 620)
    window.open_paths([sample_path("cat")])
    controller = window.controller
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=60_000)
    pause(100)
    return window


def title(window: MainWindow, key: str) -> SectionTitle:
    bar = window.docks[key].titleBarWidget()
    assert isinstance(bar, SectionTitle)
    return bar


def bar_of(window: MainWindow) -> QScrollArea:
    area = window.dock_layout.column.dock.widget()
    assert isinstance(area, QScrollArea)
    return area


def button(parent: QWidget, name: str) -> QAbstractButton:
    found = parent.findChild(QAbstractButton, name)
    assert isinstance(found, QAbstractButton)
    return found


def seen(window: MainWindow, key: str) -> bool:
    return not window.docks[key].visibleRegion().isEmpty()


def test_every_panel_on_the_right_is_a_section_from_the_top_down(window: MainWindow) -> None:
    expected = ["analysis", "results", "labels", "comparison", "medium", "spatial", "look", "adjust", "performance"]
    assert expected == RIGHT
    shown = [key for key in RIGHT if window.docks[key].isVisible()]
    assert shown == ["analysis", "results", "medium"]
    tops = [window.docks[key].mapTo(window, QPoint()).y() for key in shown]
    assert tops == sorted(tops)
    assert {window.docks[key].mapTo(window, QPoint()).x() for key in shown} == {window.dock_layout.column.dock.x()}
    # File info is folded to its title; its content is not made for the first picture.
    assert window.dock_layout.column.folded("medium")
    assert window.docks["medium"].height() == title(window, "medium").height() < 40


def test_a_section_has_its_natural_height_and_the_column_scrolls_as_a_whole(low: MainWindow, qtbot: QtBot) -> None:
    area, panel = bar_of(low), low.docks["analysis"].widget()
    bar = area.verticalScrollBar()
    assert bar.maximum() > 0
    # Nothing within the controls scrolls: all of their height is given to them.
    assert isinstance(panel, AnalysisPanel)
    assert panel.verticalScrollBar().maximum() == 0
    assert panel.form.visibleRegion().boundingRect().height() > 60
    before, column = low.docks["analysis"].height(), low.dock_layout.column.dock.geometry()
    panel.form.set_unfolded(True)
    qtbot.waitUntil(lambda: low.docks["analysis"].height() > before)
    assert panel.verticalScrollBar().maximum() == 0
    assert low.dock_layout.column.dock.geometry() == column
    results = low.docks["results"]
    top = results.mapTo(low, QPoint()).y()
    bar.setValue(bar.value() + 40)
    assert results.mapTo(low, QPoint()).y() == top - 40


class Squashed(QObject):
    """Remembers what was painted lower than it can be."""

    def __init__(self, within: QWidget) -> None:
        super().__init__()
        self._within = within
        self.seen: list[tuple[str, int, int]] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget) and self._within.isAncestorOf(watched):
            least = min(watched.minimumSizeHint().height(), watched.maximumHeight())
            if watched.height() < least - 2:
                self.seen.append((f"{type(watched).__name__} {watched.objectName()}", watched.height(), least))
        return False


def test_the_controls_of_an_analysis_are_never_seen_squashed(window: MainWindow, qtbot: QtBot) -> None:
    controller, panel = window.controller, window.docks["analysis"].widget()
    assert isinstance(panel, AnalysisPanel)
    app, squashed = QApplication.instance(), Squashed(panel)
    assert app is not None
    app.installEventFilter(squashed)
    for key in ("classify", "hog", "classify", "spectrogram", "detect", "hog"):
        controller.open_sample(key)
        qtbot.waitUntil(
            lambda key=key: (
                controller.session.state.instance is not None
                and controller.session.state.instance.analysis == key
                and controller.current_result() is not None
                and not controller.pipeline.busy
            ),
            timeout=120_000,
        )
        pause(100)
        assert squashed.seen == []
        # Nor can the wheel move what has all of its height.
        assert panel.verticalScrollBar().maximum() == 0, key
    app.removeEventFilter(squashed)


def test_text_of_any_length_has_no_scroll_bar_of_its_own(window: MainWindow, qtbot: QtBot) -> None:
    """A bar beside it would break its lines anew, which changed the height and with it the bar, without an end."""
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: window.controller.session.state.active_media is not None)
    window.dock_layout.column.fold("medium", False)
    panel = window.docks["medium"].widget()
    assert isinstance(panel, MediumPanel)
    area = panel.currentWidget()
    assert isinstance(area, QScrollArea)
    assert area.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    for words in range(1, 60):
        panel.name.setText("photograph " * words)
        pause(1)
        assert area.widget().width() == area.viewport().width() == panel.width()
    # Also where it is lower than the panel's other page, which says that nothing is open.
    for part in (panel.form, panel.name, panel._facts):
        part.hide()
    pause(50)
    own = QDockWidget.widget(window.docks["medium"])
    assert isinstance(own, QScrollArea)
    assert own.verticalScrollBar().maximum() == 0
    window.docks["medium"].setFloating(True)
    assert area.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded


def test_the_list_of_results_takes_the_height_that_is_left(window: MainWindow) -> None:
    area, results = bar_of(window), window.docks["results"]
    assert area.verticalScrollBar().maximum() == 0
    column = window.dock_layout.column
    assert results.height() > results.minimumHeight()
    bottom = window.docks["medium"].geometry().bottom()
    assert abs(bottom - area.viewport().rect().bottom()) <= 1
    column.fold("analysis", True)
    higher = results.height()
    pause(50)
    assert results.height() > higher


@pytest.mark.parametrize("key", ["analysis", "results"])
def test_a_click_on_the_title_or_its_arrow_folds_a_section(window: MainWindow, key: str) -> None:
    dock, content = window.docks[key], window.docks[key].widget()
    before = dock.height()
    QTest.mouseClick(title(window, key), Qt.MouseButton.LeftButton, pos=QPoint(120, 12))
    pause(50)
    assert dock.height() == title(window, key).height() < 40
    assert content.visibleRegion().isEmpty()
    QTest.mouseClick(title(window, key).fold, Qt.MouseButton.LeftButton)
    pause(50)
    assert dock.height() == before


def test_a_panel_that_is_asked_for_is_unfolded_and_in_view(low: MainWindow, qtbot: QtBot) -> None:
    bar_of(low).verticalScrollBar().setValue(0)
    for key in ("performance", "medium", "analysis"):
        low.show_panel(key)
        pause(50)
        assert seen(low, key)
        assert not low.dock_layout.column.folded(key)
    # What is seen is hidden by the same command, and brought back.
    low.toggle_panel("analysis")
    assert low.docks["analysis"].isHidden()
    low.toggle_panel("analysis")
    qtbot.waitUntil(lambda: seen(low, "analysis"))


def test_a_section_is_pulled_out_and_comes_back_when_it_is_docked(window: MainWindow, qtbot: QtBot) -> None:
    pause(50)
    results, column = window.docks["results"], window.dock_layout.column
    width = results.width()
    bar = title(window, "results")
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(100, 12))
    move_mouse(bar, QPoint(40, 100), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(results.isFloating)
    assert not results.in_column
    assert results.width() == width
    assert results.titleBarWidget() is None
    # Controls and file info stay, and the column with them.
    assert [key for key in RIGHT if window.docks[key].in_column] == [key for key in RIGHT if key != "results"]
    assert column.dock.isVisible()
    results.setFloating(False)
    qtbot.waitUntil(lambda: results.in_column)
    analysis = window.docks["analysis"]
    assert results.mapTo(window, QPoint()).y() == analysis.mapTo(window, QPoint(0, analysis.height())).y()


def test_a_section_that_was_pulled_out_once_stays_in_the_column(sessions: list[MainWindow], qtbot: QtBot) -> None:
    first = start(sessions)
    for key in ("results", "analysis"):
        dock = first.docks[key]
        dock.setFloating(True)
        dock.setFloating(False)
        qtbot.waitUntil(lambda dock=dock: dock.in_column)
    body = first.docks["medium"].parent()
    first.toggle_all_panels()
    first.toggle_all_panels()
    pause(50)
    assert all(first.docks[key].parent() is body for key in RIGHT)
    first.close()
    second = start(sessions)
    body = second.docks["medium"].parent()
    assert body is not second
    assert all(second.docks[key].parent() is body for key in RIGHT)


@pytest.mark.parametrize("key", ["results", "media", "layers"])
def test_a_panel_that_floats_lies_beside_its_place_over_the_picture(window: MainWindow, key: str) -> None:
    pause(50)
    dock = window.docks[key]
    before = QRect(dock.mapToGlobal(QPoint()), dock.size())
    if key == "results":
        QTest.mouseClick(button(title(window, key), "section-copy"), Qt.MouseButton.LeftButton)
    else:
        QTest.mouseClick(button(dock, "qt_dockwidget_floatbutton"), Qt.MouseButton.LeftButton)
    pause(150)
    assert dock.isFloating()
    assert not dock.geometry().intersects(before)
    assert window.geometry().contains(dock.geometry())


def test_a_panel_is_moved_to_another_side(window: MainWindow, qtbot: QtBot) -> None:
    results = window.docks["results"]
    results.setFloating(True)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, results)
    results.setFloating(False)
    pause(100)
    assert not results.in_column
    assert results.x() < window.centre.x()
    window.reset_layout()
    qtbot.waitUntil(lambda: results.in_column and results.isVisible())


def test_the_column_goes_with_its_last_section_and_comes_with_the_next(window: MainWindow) -> None:
    column, centre = window.dock_layout.column.dock, window.centre.width()
    for key in ("analysis", "medium"):
        window.docks[key].close()
    assert column.isVisible()
    QTest.mouseClick(button(title(window, "results"), "section-x"), Qt.MouseButton.LeftButton)
    pause(100)
    assert not column.isVisible()
    assert window.centre.width() > centre + 250
    window.show_panel("look")
    pause(100)
    assert column.isVisible()
    assert not window.docks["analysis"].isVisible()


@pytest.fixture
def sessions(qtbot: QtBot) -> Iterator[list[MainWindow]]:
    """Windows that are closed and deleted at the end."""
    windows: list[MainWindow] = []
    yield windows
    for window in windows:
        window.close()
        window.deleteLater()


def start(sessions: list[MainWindow]) -> MainWindow:
    window = MainWindow()
    sessions.append(window)
    window.show()
    pause(150)
    return window


def test_sections_are_in_the_next_session_as_they_were(sessions: list[MainWindow]) -> None:
    first = start(sessions)
    first.dock_layout.column.fold("analysis", True)
    first.show_panel("look")
    first.docks["medium"].close()
    first.docks["results"].setFloating(True)
    pause(100)
    first.close()
    second = start(sessions)
    column = second.dock_layout.column
    assert column.folded("analysis")
    assert second.docks["look"].isVisible()
    assert not column.folded("look")
    assert second.docks["medium"].isHidden()
    assert second.docks["medium"].in_column
    assert second.docks["results"].isFloating()
    second.reset_layout()
    pause(100)
    assert all(second.docks[key].in_column for key in RIGHT)
    assert [key for key in RIGHT if second.docks[key].isVisible()] == ["analysis", "results", "medium"]
    assert not column.folded("analysis")


def as_before(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give `window` the layout of a version that had no column: all docks are those of the window."""
    layout = window.dock_layout
    monkeypatch.setattr(layout.column, "_take_back", lambda key: None)
    layout.column.restore("")
    docks = layout.docks
    for key in ("comparison", "medium", "look", "performance"):
        window.tabifyDockWidget(docks["results"], docks[key])
    layout.column.dock.hide()
    window.removeDockWidget(layout.column.dock)
    pause(100)


def test_a_layout_of_a_version_without_the_column_opens_with_it(
    sessions: list[MainWindow], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start(sessions)
    as_before(first, monkeypatch)
    first.docks["layers"].hide()
    first.docks["look"].show()
    first.docks["performance"].setFloating(True)
    first.docks["performance"].show()
    first.resizeDocks([first.docks["analysis"]], [390], Qt.Orientation.Horizontal)
    pause(100)
    with monkeypatch.context() as before:
        before.setattr(main_window, "SECTIONS", "unknown/then")
        first.close()
    second = start(sessions)
    docks, column = second.docks, second.dock_layout.column
    assert [key for key in RIGHT if docks[key].in_column] == [key for key in RIGHT if key != "performance"]
    assert docks["performance"].isFloating()
    assert docks["layers"].isHidden()
    assert [key for key in RIGHT if docks[key].isVisible()] == ["analysis", "results", "medium", "look", "performance"]
    assert abs(column.dock.width() - 390) <= 4
    assert second.dock_layout.content(type(docks["medium"].widget())) is docks["medium"].widget()


@pytest.mark.parametrize("text", ["x", "column", "column;gone:shown:open", "column;analysis", ";;", "column;medium:a"])
def test_a_damaged_setting_of_the_column_spoils_nothing(window: MainWindow, text: str) -> None:
    window.dock_layout.column.restore(text)
    pause(50)
    window.reset_layout()
    pause(100)
    assert all(window.docks[key].in_column for key in RIGHT)
    assert window.docks["analysis"].isVisible()


def test_titles_say_what_they_do(window: MainWindow) -> None:
    bar = title(window, "analysis")
    assert [label.text() for label in bar.findChildren(QLabel)] == ["Analysis"]
    buttons = bar.findChildren(QToolButton)
    assert len(buttons) == 3
    assert all(button.toolTip() and button.accessibleName() == button.toolTip() for button in buttons)
    bar.fold.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(bar.fold, Qt.Key.Key_Space)
    assert window.dock_layout.column.folded("analysis")
    assert QApplication.focusWidget() is bar.fold


def test_a_section_that_grows_after_it_was_asked_for_stays_in_view(low: MainWindow, qtbot: QtBot) -> None:
    column, viewport = bar_of(low), bar_of(low).viewport()
    column.verticalScrollBar().setValue(0)
    low.show_panel("look")
    pause(50)
    section = low.docks["look"]
    inner = section.widget()
    assert isinstance(inner, QScrollArea)
    body = inner.widget()
    assert body is not None
    layout = body.layout()
    assert layout is not None
    for height in (60, 30):
        row = QWidget()
        row.setFixedHeight(height)
        layout.addWidget(row)
        qtbot.waitUntil(lambda row=row: section.height() >= inner.y() + row.geometry().bottom())
        pause(50)
        bottom = section.mapTo(viewport, QPoint(0, section.height())).y()
        if height == 60:
            assert bottom <= viewport.height()
            # Once the user scrolls, it stays where they look.
            column.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderToMinimum)
            assert column.verticalScrollBar().value() == 0
    assert column.verticalScrollBar().value() == 0


def test_resetting_the_panels_scrolls_to_the_first_of_them(low: MainWindow) -> None:
    bar = bar_of(low).verticalScrollBar()
    bar.setValue(bar.maximum())
    assert bar.value() > 0
    low.reset_layout()
    pause(50)
    assert bar.value() == 0
