"""The training panel with a real process: it starts, is watched, stops, goes on, and ends with the window."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from cvstudio.training.loop import CURVES
from cvstudio.training.runs import RunStart, claimed, read_run, run_folder
from ui.base import theme
from ui.base.settings import Settings
from ui.tour.input_events import pause
from ui.training.content import DATA_SETTING, TrainingContent
from ui.window.main_window import MainWindow

WAIT_MS = 60_000


@pytest.fixture
def window(digits: Path, window: MainWindow) -> MainWindow:
    """The window, where the recipe of the digits was there first."""
    return window


@pytest.fixture
def open_panel(window: MainWindow, fake, digits: Path) -> Callable[..., TrainingContent]:
    """`open_panel(data=True)`: the panel, with the digits as its recipe and, unless told otherwise, its data."""

    def make(*, data: bool = True) -> TrainingContent:
        if data:
            Settings().set(DATA_SETTING, str(digits))
        window.toggle_panel("training")
        content = window.docks["training"].widget().content
        assert content is not None
        content.process.program = (sys.executable, fake.__file__)
        content.recipe.setCurrentIndex(content.recipe.findData("digits"))
        content.recipe.activated.emit(content.recipe.currentIndex())
        return content

    return make


def click(button) -> None:
    # A panel that was just opened is not laid out yet: the button still moves.
    deadline, place = time.monotonic() + WAIT_MS / 1000, None
    while place != (place := button.mapTo(button.window(), button.rect().center())):
        assert time.monotonic() < deadline
        QTest.qWait(50)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def held_out(folder: Path) -> list[float]:
    path = folder / CURVES
    points = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return [point["epoch"] for point in points if point["split"] == "held out"]


def shown(content: TrainingContent) -> dict[str, str]:
    """The legends of the plots that are on screen, by plot."""
    plots = content.view.curves.plots
    return {} if plots is None else {key: plot.legend.text() for key, plot in plots.plots.items() if plot.isVisible()}


def test_the_panel_waits_hidden_and_begins_with_one_button(window, open_panel, digits, monkeypatch):
    assert window.docks["training"].isHidden()
    content = open_panel(data=False)
    assert content.empty.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(digits))
    content.empty.triggered.emit()
    assert not content.empty.isVisible()
    assert content.start_button.isEnabled()
    assert Settings().text(DATA_SETTING, "") == str(digits)


def test_a_recipe_shows_its_licence_and_what_it_needs(open_panel):
    content = open_panel()
    assert content.licence.text.text() == "CC BY 4.0"
    assert content.licence.badge.isHidden()
    content.recipe.setCurrentIndex(content.recipe.findData("detector"))
    content.recipe.activated.emit(content.recipe.currentIndex())
    assert content.licence.badge.isVisible()
    assert "non-commercial" in content.licence.text.text()
    assert "voc5/images is not there" in content.message
    assert not content.start_button.isEnabled()
    popup = content.show_card()
    told = "\n".join(popup.view.texts())
    popup.close()
    assert "weights/yolox_nano_coco.onnx" in told
    assert "GrabCut" in told


def test_a_training_is_watched_stopped_resumed_and_finished(window, open_panel, digits, qtbot, monkeypatch):
    monkeypatch.setenv("FAKE_STEP_SECS", "0.2")
    content = open_panel()
    folder = run_folder("digits")
    assert content.start_button.text() == "Start"
    click(content.start_button)
    assert not content.seed.isEnabled()
    qtbot.waitUntil(lambda: "held out" in shown(content), timeout=WAIT_MS)
    assert "loss" in shown(content)["loss"]
    assert "top-1" in shown(content)["held out"]
    qtbot.waitUntil(lambda: "left" in content.message, timeout=WAIT_MS)
    assert content.message.startswith("Epoch ")
    click(content.stop_button)
    qtbot.waitUntil(lambda: not content.process.running, timeout=WAIT_MS)
    assert "the last complete epoch is kept" in content.message
    before = held_out(folder)
    assert 1 <= len(before) < 4
    assert content.start_button.text() == "Resume"
    assert content.seed.isEnabled()

    monkeypatch.setenv("FAKE_STEP_SECS", "0")
    click(content.start_button)
    qtbot.waitUntil(lambda: not content.process.running, timeout=WAIT_MS)
    assert held_out(folder) == [1, 2, 3, 4]
    assert "finished" in content.message
    assert not content.start_button.isEnabled()
    assert any("is trained" in notice.text for notice in window.notices.shown)
    assert content.view.run.currentText() == "Linear digits · seed 0 · finished"
    click(content.view.card_button)
    popup = content.view.card_button.findChild(type(content.show_card()))
    assert "CC BY 4.0" in popup.view.texts()
    for opened in content.findChildren(type(popup)):
        opened.close()
    content.seed.setValue(1)
    assert content.start_button.isEnabled()
    assert content.start_button.text() == "Start"


def test_closing_the_window_ends_the_training_and_the_next_one_resumes(open_panel, window, qtbot, monkeypatch):
    monkeypatch.setenv("FAKE_STEP_SECS", "0.2")
    content = open_panel()
    click(content.start_button)
    folder = run_folder("digits")
    qtbot.waitUntil(lambda: len(held_out(folder)) >= 1, timeout=WAIT_MS)
    (child,) = [item for item in psutil.Process().children() if "fake_training" in " ".join(item.cmdline())]
    began = time.monotonic()
    window.close()
    assert window.isVisible()  # asks first
    click(window.quit_guard.dialog.now_button)
    assert not window.isVisible()
    assert time.monotonic() - began < 3
    # Ended, whether or not it is reaped already.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    run = read_run(folder)
    assert run is not None
    assert not run.finished
    again = MainWindow()
    again.show()
    dock = again.docks["training"]
    assert not dock.isHidden()
    found = dock.widget().content
    found.recipe.setCurrentIndex(found.recipe.findData("digits"))
    found.recipe.activated.emit(found.recipe.currentIndex())
    assert found.start_button.text() == "Resume"
    verb = "is" if run.epochs_done == 1 else "are"
    assert found.message == f"{run.epochs_done} of 4 epochs {verb} done; training continues from there."
    again.close()
    again.deleteLater()


def test_what_the_user_has_to_change_is_one_sentence(open_panel, window, qtbot):
    content = open_panel()
    content.device.addItem("another", "cuda:77")
    content.device.setCurrentIndex(content.device.count() - 1)
    click(content.start_button)
    qtbot.waitUntil(lambda: not content.process.running, timeout=WAIT_MS)
    assert "'cuda:77' cannot be used" in content.message
    assert "\n" not in content.message
    assert any(notice.level == "error" for notice in window.notices.shown)
    assert content.start_button.isEnabled()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (("no-such-program-at-all",), "cannot be started"),
        ((sys.executable, "-c", "raise ZeroDivisionError('torn')"), "ZeroDivisionError: torn"),
    ],
)
def test_a_training_that_breaks_says_so(program, words, open_panel, qtbot):
    content = open_panel()
    content.process.program = program
    click(content.start_button)
    qtbot.waitUntil(lambda: not content.process.running, timeout=WAIT_MS)
    assert words in content.message
    assert content.start_button.isEnabled()


def write_run(name: str, seed: int, *values: float, recipe: str = "digits") -> Path:
    folder = run_folder(name, seed=seed)
    with claimed(folder, RunStart(recipe, seed, 4)):
        pass
    append(folder, *values)
    return folder


def append(folder: Path, *values: float) -> None:
    done = len(held_out(folder))
    with (folder / CURVES).open("a") as file:
        for number, value in enumerate(values):
            point = {"epoch": done + number + 1, "split": "held out", "at": 0.0, "top-1": value}
            file.write(json.dumps(point) + "\n")


def test_earlier_runs_are_listed_and_two_are_compared(open_panel):
    first, second = write_run("digits", 0, 0.2, 0.4), write_run("digits", 1, 0.3, 0.5, 0.6)
    write_run("other", 0, 0.9, recipe="gone")
    content = open_panel()
    view = content.view
    assert {view.run.itemText(row) for row in range(view.run.count())} == {
        "Linear digits · seed 0 · 2 of 4 epochs",
        "Linear digits · seed 1 · 3 of 4 epochs",
        "gone · seed 0 · 1 of 4 epochs",
    }
    view.show_run(first)
    assert "top-1&nbsp;0.4" in shown(content)["held out"]
    assert "(0.6)" not in shown(content)["held out"]
    # A run of another recipe is nothing to compare with.
    assert {view.other.itemData(row) for row in range(view.other.count())} == {"", str(second)}
    view.other.setCurrentIndex(view.other.findData(str(second)))
    view.other.activated.emit(view.other.currentIndex())
    assert "(0.6)" in shown(content)["held out"]
    plot = view.curves.plots.plots["held out"].plot
    styles = {item.opts["pen"].style(): item for item in plot.listDataItems()}
    assert set(styles) == {Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine}
    assert styles[Qt.PenStyle.SolidLine].getData()[1].tolist() == [0.2, 0.4]
    assert styles[Qt.PenStyle.DashLine].getData()[1].tolist() == [0.3, 0.5, 0.6]
    (x0, x1), (y0, y1) = plot.viewRange()
    assert (x0, x1) == (0, 4)
    assert y0 < 0.2 < 0.6 < y1


def test_a_run_that_another_program_writes_is_followed(open_panel, qtbot):
    folder = write_run("digits", 0, 0.2)
    content = open_panel()
    assert "0.2" in shown(content)["held out"]
    append(folder, 0.45)
    qtbot.waitUntil(lambda: "0.45" in shown(content)["held out"], timeout=WAIT_MS)


def test_curves_follow_the_theme_and_stand_out_from_its_ground(open_panel, window):
    from ui.training.curves_plot import LEAST_CONTRAST, series_colours

    write_run("digits", 0, 0.2, 0.3)
    content = open_panel()
    plot = content.view.curves.plots.plots["held out"].plot
    try:
        for palette in (theme.DARK, theme.LIGHT):
            window.set_theme(palette.name)
            pause(20)
            (line,) = plot.listDataItems()
            assert line.opts["pen"].color().name() == series_colours()[0].name()
            assert plot.backgroundBrush().color().name() == palette.panel
            assert len(series_colours()) >= 6
            for colour in series_colours():
                assert theme.contrast(colour.name(), palette.window) >= LEAST_CONTRAST
    finally:
        window.set_theme("dark")


def test_plots_stand_under_each_other_where_the_panel_is_narrow(open_panel, window, qtbot):
    folder = write_run("digits", 0, 0.2)
    with (folder / CURVES).open("a") as file:
        file.write(json.dumps({"epoch": 1, "split": "train", "loss": 2.0}) + "\n")
    content = open_panel()
    plots = content.view.curves.plots
    dock = window.docks["training"]
    dock.setFloating(True)
    for width, beside in ((1300, True), (420, False)):
        dock.resize(width, 700)

        def stand_so(beside=beside):
            first, second = (plots.plots[key].geometry() for key in ("loss", "held out"))
            return (first.top() == second.top()) is beside

        qtbot.waitUntil(stand_so)
        assert content.start_button.isVisible()
