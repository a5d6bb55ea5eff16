"""Quitting while work is going on: wait and quit, quit now, or stay."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.lanes import Job
from cvstudio.foundation.progress import Progress
from ui.control.accepting import JOB as ACCEPTING
from ui.window.main_window import MainWindow
from ui.window.quitting import QuitDialog, QuitKey
from ui.window.settings_page import SettingsPage

ROOT = Path(__file__).parents[3]
UNHURRIED_SECS = 30
"""What takes a second on a machine of its own takes less than this on one that many share."""


class LongExport:
    """An export that goes on until the test ends it."""

    def __init__(self, window: MainWindow, owner: tuple[str, ...] = ("export", "a.mp4")) -> None:
        self.done = threading.Event()
        self.error: Exception | None = None
        self.cancelled = threading.Event()
        window.controller.pipeline.submit("export", Job(owner, "Exporting a.mp4", self._work))

    def _work(self, progress: Progress) -> Iterator[Any]:
        try:
            while not self.done.wait(0.02):
                progress(0.25, "frame 5")
                progress.check()
            if self.error is not None:
                raise self.error
        except BaseException:
            self.cancelled.set()
            raise
        yield None


def asked(window: MainWindow) -> QuitDialog:
    window.close()
    dialog = window.quit_guard.dialog
    assert dialog is not None
    assert dialog.isVisible()
    assert window.isVisible()
    return dialog


@pytest.fixture
def export(window: MainWindow, qtbot: QtBot) -> LongExport:
    made = LongExport(window)
    qtbot.waitUntil(lambda: bool(window.controller.long_work.work), timeout=20_000)
    return made


def test_a_second_close_while_the_question_is_open_asks_nothing_more(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.project.path = tmp_path / "work.cvstudio"
    window.controller.set_look("show_masks", False)
    assert window.controller.session.modified
    asked: list[str] = []

    def question(parent: object, title: str, reason: str, choices: object) -> QMessageBox.StandardButton:
        asked.append(reason)
        if len(asked) < 3:
            window.close()  # the window manager asks again
        return QMessageBox.StandardButton.Cancel

    monkeypatch.setattr(QMessageBox, "question", question)
    window.close()
    assert len(asked) == 1
    assert window.isVisible()
    # Later it asks again.
    window.close()
    assert len(asked) == 2


def test_without_work_nothing_is_asked(window):
    window.close()
    assert not window.isVisible()
    assert window.quit_guard.dialog is None


def test_staying_leaves_everything_as_it_is(window, export):
    dialog = asked(window)
    QTest.mouseClick(dialog.stay_button, Qt.MouseButton.LeftButton)
    assert window.isVisible()
    assert not export.cancelled.is_set()
    second = asked(window)
    QTest.keyClick(second, Qt.Key.Key_Escape)
    assert window.isVisible()
    assert len(window.controller.long_work.work) == 1
    export.done.set()


def test_waiting_shows_the_progress_and_quits_at_the_end(window, export, qtbot):
    dialog = asked(window)
    QTest.mouseClick(dialog.wait_button, Qt.MouseButton.LeftButton)
    label, bar = dialog._rows[0]
    qtbot.waitUntil(lambda: bar.value() == 250, timeout=20_000)
    assert label.text() == "Exporting a.mp4 · frame 5"
    assert not dialog.wait_button.isVisible()
    assert window.isVisible()
    export.done.set()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert not export.cancelled.is_set()


@pytest.mark.parametrize("meanwhile", [False, True])
def test_what_would_be_lost_is_asked_about_before_the_wait(window, export, qtbot, tmp_path, monkeypatch, meanwhile):
    window.project.path = tmp_path / "work.cvstudio"
    window.controller.set_look("show_masks", False)
    assert window.controller.session.modified
    questions: list[str] = []
    answers = iter([QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Discard])

    def question(parent: object, title: str, reason: str, choices: object) -> QMessageBox.StandardButton:
        questions.append(reason)
        if meanwhile and len(questions) == 2:
            export.done.set()
            qtbot.waitUntil(lambda: not window.controller.long_work.work, timeout=20_000)
        return next(answers)

    monkeypatch.setattr(QMessageBox, "question", question)
    dialog = asked(window)
    QTest.mouseClick(dialog.wait_button, Qt.MouseButton.LeftButton)
    assert len(questions) == 1
    assert dialog.isVisible()
    assert dialog.wait_button.isVisible(), "cancelled: it can still be chosen"
    QTest.mouseClick(dialog.wait_button, Qt.MouseButton.LeftButton)
    assert len(questions) == 2
    export.done.set()
    # At the end nobody may be there to answer.
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert len(questions) == 2


def test_waiting_ends_with_an_error_that_the_user_sees(window, export, qtbot):
    dialog = asked(window)
    QTest.mouseClick(dialog.wait_button, Qt.MouseButton.LeftButton)
    export.error = ExportError("The disk is full.")
    export.done.set()
    qtbot.waitUntil(lambda: window.quit_guard.dialog is None, timeout=20_000)
    qtbot.waitUntil(lambda: any("disk is full" in notice.text for notice in window.notices.shown), timeout=20_000)
    assert window.isVisible()


def test_quitting_now_ends_the_work(window, export):
    dialog = asked(window)
    began = time.monotonic()
    QTest.mouseClick(dialog.now_button, Qt.MouseButton.LeftButton)
    assert not window.isVisible()
    assert time.monotonic() - began < UNHURRIED_SECS
    assert export.cancelled.is_set()


def test_work_that_ends_while_the_question_is_open_needs_no_answer(window, export, qtbot):
    asked(window)
    export.done.set()
    qtbot.waitUntil(lambda: window.quit_guard.dialog is None, timeout=20_000)
    assert window.isVisible()


@pytest.mark.parametrize(
    "owner", [("batch",), ("record",), ("export", "a"), ("export labels", "a"), ("copy", "a"), ACCEPTING]
)
def test_every_kind_of_work_is_asked_about(owner, window, qtbot):
    work = LongExport(window, owner)
    qtbot.waitUntil(lambda: bool(window.controller.long_work.work), timeout=20_000)
    asked(window).reject()
    work.done.set()
    qtbot.waitUntil(lambda: not window.controller.long_work.work, timeout=20_000)


def test_the_quit_key_closes_an_open_dialog_first(window, qtbot):
    window.actions_by_key["settings"].trigger()
    page = window.findChild(SettingsPage)
    with qtbot.waitActive(page):
        pass
    # The list of devices imports torch.
    qtbot.waitUntil(lambda: page.focusWidget() is not None and window.controller.pipeline.lanes.idle, timeout=60_000)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert window.findChild(SettingsPage) is None


def test_the_quit_key_ends_a_dialog_that_is_waited_for_and_a_box_above_it(window, qtbot):
    outer = QDialog(window)
    QLineEdit(outer)
    answers = []

    def ask() -> None:
        box = QMessageBox(QMessageBox.Icon.Question, "", "Replace?", parent=outer)
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel)
        QTimer.singleShot(0, lambda: press(box))
        answers.append(box.exec())

    def press(box: QMessageBox) -> None:
        qtbot.waitUntil(lambda: box.findChild(QShortcut, QuitKey.NAME) is not None, timeout=20_000)
        QTest.keyClick(box, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)

    outer.setModal(True)
    outer.show()
    with qtbot.waitActive(outer):
        pass
    ask()
    assert answers == [QMessageBox.StandardButton.Cancel]
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert not outer.isVisible()


def test_a_dialog_that_stays_open_keeps_the_window(window, qtbot):
    class Stays(QDialog):
        def reject(self) -> None:
            pass

    dialog = Stays(window)
    field = QLineEdit(dialog)
    dialog.show()
    with qtbot.waitActive(dialog):
        field.setFocus()
    qtbot.waitUntil(lambda: dialog.findChild(QShortcut, QuitKey.NAME) is not None, timeout=20_000)
    QTest.keyClick(field, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    QTest.qWait(50)
    assert window.isVisible()
    assert field.text() == ""


SCRIPT = """
import os, sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
import ui.app
from ui.window.main_window import MainWindow
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.lanes import Job
from cvstudio.models.inspection.tuning_process import measured_beside
import psutil

def stuck(progress):
    time.sleep(600)
    yield None

def leave(window):
    target = Path(os.environ["TARGET"])
    def write(progress):
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            time.sleep(600)
        yield None
    if "writing" in sys.argv:
        window.controller.pipeline.submit("export", Job(("export", str(target)), "Exporting a.png", write))
    if "stuck" in sys.argv:
        window.controller.pipeline.submit("pool", Job("stuck", "", stuck))
    if "copied" in sys.argv:
        window.copy_view()
    if "tuning" in sys.argv:
        measure = lambda progress: measured_beside("pyramid-lite0", None, "cpu", progress)
        window.controller.pipeline.submit("measuring", Job("measuring", "Tuning speed in the background", measure))
    def close():
        if "tuning" in sys.argv and not psutil.Process().children():
            QTimer.singleShot(50, close)
            return
        if "writing" in sys.argv and not list(target.parent.iterdir()):
            QTimer.singleShot(50, close)
            return
        began = time.monotonic()
        original = window.hide
        def gone():
            original()
            print("gone", time.monotonic() - began, *(child.pid for child in psutil.Process().children()), flush=True)
        window.hide = gone
        window.close()
        if window.quit_guard.dialog is not None:
            window.quit_guard.dialog.now_button.click()
        print("closed", flush=True)
    # Wherever the start is just then.
    QTimer.singleShot(int(sys.argv[1]), close)

make = MainWindow.complete
def complete(self):
    if not self._complete:
        make(self)
        leave(self)
MainWindow.complete = complete
sys.exit(ui.app.run_window(sys.argv[3:]))
"""


@pytest.mark.parametrize(
    ("after_ms", "how"),
    [(0, "early"), (3000, "idle"), (1500, "stuck"), (1500, "tuning"), (3000, "copied"), (1500, "writing")],
)
def test_the_window_is_gone_at_once_and_the_process_soon_after(after_ms, how, tmp_path):
    from cvstudio.media.examples.files import sample_path

    temporary, exports = tmp_path / "temporary", tmp_path / "exports"
    temporary.mkdir()
    exports.mkdir()
    environment = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    environment["TARGET"] = str(exports / "a.png")
    arguments = [sys.executable, "-c", SCRIPT, str(after_ms), how, str(sample_path("astronaut"))]
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        word, secs, *children = process.stdout.readline().split()
        began = time.monotonic()
        process.wait(60)
        assert (word, process.returncode) == ("gone", 0)
        # Well before the thread that is stuck ends.
        assert float(secs) < UNHURRIED_SECS
        assert time.monotonic() - began < UNHURRIED_SECS
    assert list(temporary.rglob("*")) == []
    assert list(exports.iterdir()) == []
    # The program itself tunes a network once it has had nothing to do for a while.
    assert children or how != "tuning"
    assert not any(psutil.pid_exists(int(number)) for number in children)
