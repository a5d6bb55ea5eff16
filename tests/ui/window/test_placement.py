"""Where the window and its floating panels stand on screens of several sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from ui.tour.input_events import pause
from ui.window.main_window import MainWindow
from ui.window.placement import FRAME, first_place, rescued

ROOT = Path(__file__).resolve().parents[3]
SIZES = [QSize(1024, 700), QSize(1280, 800), QSize(1920, 1200), QSize(3840, 2160), QSize(960, 600), QSize(640, 400)]


@pytest.mark.parametrize("size", SIZES)
def test_the_first_window_takes_most_of_its_screen_and_lies_on_it(size: QSize) -> None:
    available = QRect(QPoint(1920, 30), size)
    place = first_place(available)
    assert available.contains(place.marginsAdded(FRAME))
    assert place.width() / size.width() == pytest.approx(0.85, abs=0.01)
    assert place.height() / size.height() == pytest.approx(0.85, abs=0.01)


@pytest.mark.parametrize("place", [QRect(0, 0, 1280, 800), QRect(300, 200, 1632, 1020), QRect(-40, 20, 700, 500)])
def test_a_window_from_a_larger_screen_fits_the_small_one(place: QRect) -> None:
    screen = QRect(0, 0, 1024, 700)
    assert screen.contains(rescued(place, [screen]))


def test_a_window_on_two_screens_stays_there() -> None:
    screens = [QRect(0, 0, 1920, 1080), QRect(1920, 0, 1280, 1024)]
    assert rescued(QRect(1500, 100, 1500, 700), screens) == QRect(1500, 100, 1500, 700)


def test_a_stored_window_that_is_too_large_is_on_the_screen_when_it_comes_back(qtbot: QtBot) -> None:
    screen = QGuiApplication.primaryScreen().availableGeometry()
    first = MainWindow()
    first.show()
    first.setGeometry(QRect(400, 300, screen.width() + 300, screen.height() + 300))
    pause(100)
    first.close()
    second = MainWindow()
    second.show()
    qtbot.waitUntil(lambda: screen.contains(second.frameGeometry()))
    second.setGeometry(QRect(screen.right() - 200, 300, 800, 600))
    second.showMinimized()
    pause(50)
    second.showNormal()
    qtbot.waitUntil(lambda: screen.contains(second.frameGeometry()))
    second.close()
    for window in (first, second):
        window.deleteLater()


def test_the_layout_is_stored_as_it_was_seen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    first = MainWindow()
    first.resize(1200, 900)
    first.show()
    qtbot.waitUntil(lambda: first.height() == 900)
    docks = [first.docks[key] for key in ("media", "layers")]
    first.resizeDocks(docks, [500, 250], Qt.Orientation.Vertical)
    pause(50)
    heights = [dock.height() for dock in docks]

    def as_window_managers_do() -> None:
        """With a maximised window that goes."""
        first.resize(1000, 600)
        layout = first.layout()
        assert layout is not None
        layout.activate()

    monkeypatch.setattr(QGuiApplication, "sync", as_window_managers_do)
    first.close()
    second = MainWindow()
    second.show()
    qtbot.waitUntil(lambda: second.height() == 900)
    assert [second.docks[key].height() for key in ("media", "layers")] == heights
    second.close()
    for window in (first, second):
        window.deleteLater()


class WideContent(QWidget):
    """In place of the table of all models, which would be read in the background for longer than a test lasts."""

    def __init__(self, *_: object) -> None:
        super().__init__()
        self.setMinimumSize(967, 283)
        self.search = QLineEdit(self)

    def reload(self) -> None: ...

    def show_task(self, task: str) -> None: ...


@pytest.fixture
def wide_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.models.catalogue.content.CatalogueContent", WideContent)


def over(window: MainWindow, key: str) -> bool:
    """Whether a floating panel is a usable window over the middle of `window`."""
    dock = window.docks[key]
    frame = dock.frameGeometry()
    return (
        dock.isVisible()
        and QGuiApplication.primaryScreen().availableGeometry().contains(frame)
        and dock.width() >= 600
        and dock.height() >= 400
        and frame.contains(window.frameGeometry().center())
    )


@pytest.mark.usefixtures("wide_content")
def test_the_catalogue_opens_over_the_window_in_every_session(qtbot: QtBot) -> None:
    windows = []
    # In the second session its dock was stored without ever having been shown.
    for _ in range(3):
        window = MainWindow()
        windows.append(window)
        window.show()
        pause(100)
        if len(windows) > 1:
            window.show_catalogue()
            qtbot.waitUntil(lambda window=window: over(window, "catalogue"))
        window.close()
    for window in windows:
        window.deleteLater()


@pytest.mark.usefixtures("wide_content")
def test_a_floating_panel_that_was_moved_comes_back_where_it_was(qtbot: QtBot) -> None:
    first = MainWindow()
    first.show()
    first.show_catalogue()
    pause(100)
    first.docks["catalogue"].setGeometry(QRect(120, 140, 900, 560))
    pause(100)
    first.close()
    second = MainWindow()
    second.show()
    pause(100)
    second.show_catalogue()
    pause(100)
    place = second.docks["catalogue"].geometry()
    assert (place.topLeft() - QPoint(120, 140)).manhattanLength() < 40
    assert place.size() == QSize(900, 560)
    second.close()
    for window in (first, second):
        window.deleteLater()


@pytest.mark.usefixtures("wide_content")
def test_resetting_the_panels_brings_a_strip_back_over_the_window(window: MainWindow, qtbot: QtBot) -> None:
    dock = window.docks["catalogue"]
    dock.setProperty("placed", True)
    dock.setGeometry(QRect(0, 0, 100, 30))
    window.reset_layout()
    window.show_catalogue()
    qtbot.waitUntil(lambda: over(window, "catalogue"))


@pytest.mark.parametrize("scale", ["1", "2"])
def test_the_first_window_of_a_screen_of_its_own(scale: str, tmp_path: Path) -> None:
    places = tmp_path / "places"
    code = (
        "import sys; from ui.app import make_application; app = make_application();"
        "from PySide6.QtTest import QTest; from ui.window.main_window import MainWindow;"
        "w = MainWindow(); w.show(); QTest.qWait(400); s = w.screen().availableGeometry();"
        "print(*[int(x) for x in (s.contains(w.frameGeometry()), w.isMaximized(), s.width())],"
        " file=open(sys.argv[1], 'w')); w.close()"
    )
    homes = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "CACHE", "DATA", "STATE")}
    subprocess.run(
        [sys.executable, "-c", code, str(places)],
        cwd=ROOT,
        env={**os.environ, **homes, "HOME": str(tmp_path), "QT_SCALE_FACTOR": scale},
        check=True,
        timeout=120,
    )
    inside, maximised, width = map(int, places.read_text().split())
    assert maximised == (width < 1400)
    assert inside or maximised
