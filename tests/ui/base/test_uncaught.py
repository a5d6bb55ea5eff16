"""An error that nobody catches: one notice with its details, a line in the log, and the program goes on."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, QTimer, Signal, qWarning
from PySide6.QtGui import QGuiApplication, QPaintEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.exceptions import capture_exceptions
from pytestqt.qtbot import QtBot

from cvstudio.foundation.lanes import Event, Job, Lane
from cvstudio.foundation.progress import Progress
from ui.base.uncaught import QUIET_SECS, UncaughtErrors
from ui.window.main_window import MainWindow

WAIT_MS = 20_000


class Seen:
    """What stood behind every `except` before: the test's own hooks."""

    def __init__(self) -> None:
        self.slots: list[Any] = []
        self.threads: list[threading.ExceptHookArgs] = []
        self.unraisable: list[Any] = []


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    made = Seen()
    monkeypatch.setattr(threading, "excepthook", made.threads.append)
    monkeypatch.setattr(sys, "unraisablehook", made.unraisable.append)
    with capture_exceptions() as made.slots:
        yield made


@pytest.fixture
def errors(seen: Seen, window: MainWindow) -> Iterator[UncaughtErrors]:
    made = UncaughtErrors()
    made.install()
    window.tell_uncaught(made)
    yield made
    made.uninstall()


def notices(window: MainWindow) -> list[str]:
    return [notice.text for notice in window.notices.shown if "went wrong" in notice.text]


def test_a_slot_that_raises_is_told_once_with_its_details_and_logged(
    window: MainWindow, errors: UncaughtErrors, seen: Seen, caplog: pytest.LogCaptureFixture, qtbot: QtBot
) -> None:
    class Sender(QObject):
        sent = Signal()

    def broken() -> None:
        raise ZeroDivisionError("divided by nothing")

    sender = Sender()
    sender.sent.connect(broken)
    with caplog.at_level(logging.ERROR):
        for _ in range(25):
            sender.sent.emit()
        qtbot.waitUntil(lambda: bool(notices(window)), timeout=WAIT_MS)
    (text,) = notices(window)
    assert "ZeroDivisionError: divided by nothing" in text
    assert [record.levelname for record in caplog.records] == ["CRITICAL", "ERROR"]
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is ZeroDivisionError
    assert "10 times" in caplog.records[1].getMessage()
    # What listened before is told all.
    assert [kind for kind, _, _ in seen.slots] == [ZeroDivisionError] * 25
    button = window.notices.shown[0].action
    assert button is not None
    assert button.text() == "Copy details"
    button.click()
    details = QGuiApplication.clipboard().text()
    assert "in broken\n" in details
    assert "divided by nothing" in details
    assert "Python" in details
    # The window goes on.
    QTest.keyClick(window, Qt.Key.Key_F1)
    assert notices(window) == []


def test_a_thread_a_timer_and_a_paint_event(
    window: MainWindow, errors: UncaughtErrors, seen: Seen, qtbot: QtBot
) -> None:
    def in_thread() -> None:
        raise OSError("of a thread")

    def in_timer() -> None:
        raise LookupError("of a timer")

    class Broken(QWidget):
        def paintEvent(self, event: QPaintEvent) -> None:
            raise RuntimeError("of a paint event")

    thread = threading.Thread(target=in_thread, name="worker 7")
    thread.start()
    thread.join()
    QTimer.singleShot(0, in_timer)
    widget = Broken(window.centre)
    widget.setGeometry(0, 0, 20, 20)
    widget.show()
    qtbot.waitUntil(lambda: len(notices(window)) == 3, timeout=WAIT_MS)
    told = " ".join(notices(window))
    assert all(f"of a {what}" in told for what in ("thread", "timer", "paint event"))
    assert [args.exc_type for args in seen.threads] == [OSError]
    for _ in range(10):
        widget.update()
        qtbot.wait(10)
    assert [kind for kind, _, _ in seen.slots].count(RuntimeError) > 3
    assert len(notices(window)) == 3
    widget.hide()
    widget.deleteLater()


def test_who_listens_to_jobs_and_raises_stops_neither_the_jobs_nor_the_others(
    window: MainWindow, errors: UncaughtErrors, qtbot: QtBot
) -> None:
    pipeline = window.controller.pipeline
    outputs: list[object] = []

    def broken(event: Event) -> None:
        if event.kind == "output":
            raise ValueError("of a listener")

    pipeline.job_event.connect(broken)
    pipeline.job_event.connect(lambda event: event.kind == "output" and outputs.append(event.value))
    for number in range(3):
        pipeline.submit("pool", Job(("test", number), "", lambda _, number=number: iter([f"output {number}"])))
    qtbot.waitUntil(lambda: {f"output {number}" for number in range(3)} <= set(outputs), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: len(notices(window)) == 1, timeout=WAIT_MS)
    pipeline.job_event.disconnect(broken)


def test_a_listener_that_raises_in_the_lane_itself_leaves_the_lane_running(errors: UncaughtErrors, seen: Seen) -> None:
    finished = threading.Event()

    def listener(event: Event) -> None:
        if event.kind == "output" and event.value == "bad":
            raise ValueError("in the lane")
        if event.kind == "finished":
            finished.set()

    lane = Lane("raising", listener)

    def work(value: str) -> Any:
        def run(_: Progress) -> Iterator[str]:
            yield value

        return run

    lane.submit(Job("a", "", work("bad")))
    lane.submit(Job("b", "", work("good")))
    assert finished.wait(20)
    assert lane.close()
    # The job ends at what its listener said: it failed, or the lane tells of it as a thread does.
    assert [args.exc_type for args in seen.threads] in ([ValueError], [])


def test_what_cannot_be_raised_is_told_too(
    window: MainWindow, errors: UncaughtErrors, seen: Seen, qtbot: QtBot
) -> None:
    class Closing:
        def __del__(self) -> None:
            raise ValueError("while it was collected")

    made: Closing | None = Closing()
    del made
    qtbot.waitUntil(lambda: len(notices(window)) == 1, timeout=WAIT_MS)
    assert len(seen.unraisable) == 1


def test_a_callback_of_a_c_library_is_told_too(
    window: MainWindow, errors: UncaughtErrors, seen: Seen, qtbot: QtBot
) -> None:
    # As PortAudio calls back, which plays sound.
    from cffi import FFI

    @FFI().callback("int(int)", error=7)
    def callback(_: int) -> int:
        raise ValueError("of a callback")

    assert callback(1) == 7
    qtbot.waitUntil(lambda: len(notices(window)) == 1, timeout=WAIT_MS)
    assert len(seen.unraisable) == 1


def test_after_a_quiet_while_the_same_error_is_news(
    errors: UncaughtErrors, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    told: list[object] = []
    errors.happened.connect(told.append)
    now = 1000.0
    monkeypatch.setattr("ui.base.uncaught.time.monotonic", lambda: now)

    def broken() -> None:
        raise ValueError("again")

    def happen() -> None:
        try:
            broken()
        except ValueError:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]

    for step, expected in ((0.0, 1), (QUIET_SECS - 1, 1), (QUIET_SECS - 1, 1), (QUIET_SECS + 1, 2)):
        now += step
        happen()
        assert len(told) == expected


def test_what_qt_says_is_in_the_log(errors: UncaughtErrors, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="qt"):
        qWarning("a warning of Qt")
    assert "a warning of Qt" in caplog.messages


def test_the_hooks_of_before_come_back(seen: Seen) -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    errors = UncaughtErrors()
    errors.install()
    assert sys.excepthook is not before[0]
    errors.uninstall()
    errors.uninstall()
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == before
