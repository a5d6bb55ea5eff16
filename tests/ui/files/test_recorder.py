"""Recording the camera on screen: with the button, the key and the palette's command, and all the ways to its end."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, camera
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats import camera as camera_format
from ui.window.main_window import MainWindow


class Source:
    """A small camera of 25 pictures a second, which the test can unplug."""

    lost = ""

    def read(self) -> Any:
        time.sleep(0.04)
        if Source.lost:
            raise MediaError(Source.lost)
        return np.full((48, 64, 3), 120, np.uint8)

    def close(self) -> None:
        pass


@pytest.fixture
def there(window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    """The window looking through a camera; recordings go to the test's folder."""
    monkeypatch.setattr(camera_format, "DeviceSource", lambda media: Source())
    monkeypatch.setattr(Source, "lost", "")
    window.recorder.folder = tmp_path / "Videos"
    window.controller.open_camera(camera.camera("/dev/video5"))
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=20_000)
    return window


def recorded(window: MainWindow, qtbot: QtBot) -> Media:
    """The video that came into the list of media."""
    media = window.controller.session.state.media
    qtbot.waitUntil(lambda: not window.recorder.recording, timeout=20_000)
    (video,) = (item for item in window.controller.session.state.media if item.kind is MediaKind.VIDEO)
    assert len(window.controller.session.state.media) >= len(media)
    return video


def ran(window: MainWindow, qtbot: QtBot, secs: float = 0.6) -> None:
    """Let it record for a while."""
    begin = window.controller.shown.pts
    qtbot.waitUntil(lambda: window.controller.shown.pts > begin + secs, timeout=20_000)


def test_the_button_records_tells_for_how_long_and_ends(there, qtbot, tmp_path):
    button = there.workspace.timeline.record
    assert button.isVisible()
    assert button.text() == "Record"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert there.recorder.recording
    assert button.text() == "0:00"
    qtbot.waitUntil(lambda: button.text() == "0:01", timeout=20_000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    video = recorded(there, qtbot)
    assert button.text() == "Record"
    assert video.path.parent == tmp_path / "Videos"
    assert video.name.startswith("video5 20")
    with av.open(str(video.path)) as made:
        times = [float(frame.pts * frame.time_base) for frame in made.decode(video=0)]
    assert 0.9 < times[-1] < 30
    # As they came, which is about every 40 ms, and not as a file of a fixed rate would have them.
    assert 0.035 < np.median(np.diff(times)) < 0.2
    assert len(set(np.round(np.diff(times), 5))) > 1
    assert any(notice.text.startswith("Recorded video5 20") for notice in there.notices.shown)
    # It goes on, and what was recorded can be opened like any other video.
    assert there.controller.playback.playing
    there.controller.activate(video)
    qtbot.waitUntil(lambda: there.controller.shown.sample is not None, timeout=20_000)
    assert not button.isVisible()


def test_the_key_begins_and_ends_it_and_a_camera_that_is_off_is_switched_on(there, qtbot):
    there.controller.playback.pause()
    QTest.keyClick(there, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert there.recorder.recording
    assert there.controller.playback.playing
    ran(there, qtbot)
    QTest.keyClick(there, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    assert recorded(there, qtbot).frame_count > 3


def test_discarding_leaves_nothing(there, qtbot, tmp_path):
    there.recorder.start()
    ran(there, qtbot)
    next(command for command in there.commands if command.key == "record-discard").run()
    qtbot.waitUntil(lambda: not there.recorder.recording, timeout=20_000)
    assert list((tmp_path / "Videos").iterdir()) == []
    assert [item.kind for item in there.controller.session.state.media] == [MediaKind.CAMERA]
    assert any("discarded" in notice.text for notice in there.notices.shown)


def test_a_camera_that_is_unplugged_is_told_and_what_it_sent_is_kept(there, qtbot, monkeypatch):
    there.recorder.start()
    ran(there, qtbot)
    monkeypatch.setattr(Source, "lost", "The camera /dev/video5 was unplugged; plug it in again and press play.")
    video = recorded(there, qtbot)
    assert video.frame_count > 3
    qtbot.waitUntil(lambda: not there.controller.playback.playing, timeout=20_000)
    texts = [notice.text for notice in there.notices.shown]
    assert any("recorded until then" in text for text in texts)
    assert sum("was unplugged" in text for text in texts) == 1
    # Plugged in again, it goes on.
    monkeypatch.setattr(Source, "lost", "")
    shown = there.controller.shown.pts
    there.controller.playback.play()
    qtbot.waitUntil(lambda: there.controller.shown.pts > shown, timeout=20_000)


@pytest.mark.parametrize("how", ["pause", "other medium"])
def test_a_camera_that_is_left_ends_the_recording_and_keeps_it(how, there, qtbot):
    there.recorder.start()
    ran(there, qtbot)
    if how == "pause":
        there.controller.playback.pause()
    else:
        there.controller.open_paths([sample_path("cat")])
    assert recorded(there, qtbot).frame_count > 3


@pytest.mark.parametrize("button", ["wait_button", "now_button"])
def test_closing_the_window_asks_and_keeps_the_recording(button, there, qtbot, tmp_path):
    there.recorder.start()
    ran(there, qtbot)
    there.close()
    assert there.isVisible()
    QTest.mouseClick(getattr(there.quit_guard.dialog, button), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not there.isVisible(), timeout=20_000)
    (path,) = (tmp_path / "Videos").iterdir()
    with av.open(str(path)) as made:
        assert sum(1 for _ in made.decode(video=0)) > 3
    assert "cvstudio-camera" not in [thread.name for thread in threading.enumerate()]


def test_without_a_camera_it_says_so(window):
    window.recorder.toggle()
    assert not window.recorder.recording
    assert any("no camera to record" in notice.text for notice in window.notices.shown)
    assert not window.workspace.timeline.record.isVisible()


def test_a_folder_that_cannot_be_written_is_told(there, qtbot, tmp_path):
    (tmp_path / "file").touch()
    there.recorder.folder = tmp_path / "file" / "Videos"
    there.recorder.start()
    qtbot.waitUntil(lambda: not there.recorder.recording, timeout=20_000)
    assert any("cannot be written" in notice.text for notice in there.notices.shown)
