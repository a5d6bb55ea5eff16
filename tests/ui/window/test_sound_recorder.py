"""Recording sound: the live spectrogram, the file that opens, and what may go wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.media import MediaKind
from cvstudio.media.playback.sound_card import PlaybackError
from ui.window.main_window import MainWindow
from ui.window.tools import sound_recorder
from ui.window.tools.sound_recorder import SoundRecorder, ask_recording

RATE, HERTZ, BLOCK = 16_000, 1000.0, 400


class Sine:
    """A microphone that hears a sine of half the full scale, in real time."""

    rate_hz, channels = RATE, 1
    failure = ""
    unplugged = threading.Event()

    def __init__(self, name: str = "") -> None:
        self._stopped = threading.Event()

    def open(self, take: Callable[[np.ndarray, bool], None]) -> Sine:
        if Sine.failure:
            raise PlaybackError(Sine.failure)
        self._thread = threading.Thread(target=self._run, args=(take,), daemon=True)
        return self

    def start(self) -> None:
        self._thread.start()

    def _run(self, take: Callable[[np.ndarray, bool], None]) -> None:
        place = 0
        while not self._stopped.is_set() and not Sine.unplugged.is_set():
            wave = 0.5 * np.sin(2 * np.pi * HERTZ * (place + np.arange(BLOCK)) / RATE)
            take(wave[:, None].astype(np.float32), False)
            place += BLOCK
            time.sleep(BLOCK / RATE)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()


@pytest.fixture
def dialog(window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoundRecorder:
    monkeypatch.setattr(Sine, "failure", "")
    monkeypatch.setattr(Sine, "unplugged", threading.Event())
    monkeypatch.setattr(sound_recorder, "device_names", lambda *, inputs: ("Studio microphone",))
    made = ask_recording(window)
    made.folder, made._backend = tmp_path / "Music", Sine
    return made


def test_it_shows_what_it_hears_and_opens_what_it_kept(
    window: MainWindow, dialog: SoundRecorder, qtbot: QtBot, tmp_path: Path
) -> None:
    assert [dialog.device.itemText(row) for row in range(2)] == ["System default", "Studio microphone"]
    QTest.mouseClick(dialog.button, Qt.MouseButton.LeftButton)
    assert dialog.button.text() == "Stop"
    qtbot.waitUntil(lambda: dialog.view.rolling is not None and dialog.view.rolling.levels[:, -1].any())
    rolling = dialog.view.rolling
    assert rolling is not None
    row = int(rolling.levels[:, -1].argmax())
    assert rolling.limits_hz[row + 1] - 35 <= HERTZ <= rolling.limits_hz[row] + 35
    assert dialog.meter.levels_db[0] == pytest.approx(-6, abs=4)
    with qtbot.waitSignal(dialog.recorded) as told:
        QTest.mouseClick(dialog.button, Qt.MouseButton.LeftButton)
    recorded, remark = told.args
    assert remark == ""
    samples, rate_hz = soundfile.read(recorded.path)
    assert rate_hz == RATE
    assert recorded.path.parent == tmp_path / "Music"
    expected = 0.5 * np.sin(2 * np.pi * HERTZ * np.arange(len(samples)) / RATE)
    np.testing.assert_allclose(samples, expected, atol=2**-22)
    qtbot.waitUntil(lambda: window.controller.session.state.active_media is not None)
    media = window.controller.session.state.active_media
    assert media is not None
    assert media.kind is MediaKind.AUDIO
    assert media.path == recorded.path


def test_closing_keeps_what_was_recorded(dialog: SoundRecorder, qtbot: QtBot, tmp_path: Path) -> None:
    dialog.start()
    qtbot.waitUntil(lambda: dialog.view.rolling is not None and dialog.view.rolling.levels[:, -1].any())
    with qtbot.waitSignal(dialog.finished):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    (path,) = (tmp_path / "Music").iterdir()
    assert soundfile.info(path).frames >= BLOCK


def test_a_microphone_that_is_taken_out_ends_the_recording_and_is_told(
    window: MainWindow, dialog: SoundRecorder, qtbot: QtBot
) -> None:
    dialog.start()
    qtbot.waitUntil(lambda: dialog.view.rolling is not None and dialog.view.rolling.levels[:, -1].any())
    with qtbot.waitSignal(dialog.recorded) as told:
        Sine.unplugged.set()
    assert told.args[0].ended == "device"
    assert told.args[1] == "The recording ended as the microphone was disconnected."


def test_a_device_that_does_not_open_is_told_and_can_be_tried_again(
    dialog: SoundRecorder, qtbot: QtBot, tmp_path: Path
) -> None:
    Sine.failure = "Recording expects a microphone, found none that works (busy); connect one."
    dialog.start()
    qtbot.waitUntil(lambda: not dialog.recording)
    assert "expects a microphone" in dialog.message.text()
    assert dialog.button.isEnabled()
    assert not (tmp_path / "Music").exists()


def test_without_a_microphone_it_says_what_to_do(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_recorder, "device_names", lambda *, inputs: ())
    dialog = ask_recording(window)
    assert not dialog.button.isEnabled()
    assert dialog.message.text() == "No microphone is connected. Connect one and open this again."
    dialog.close()
