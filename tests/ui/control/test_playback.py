"""Playing in the window: clock, loop, speed, end, and going on without a sound card."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.media import camera, open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.playback.sound_card import PlaybackError
from ui.control import playback as module
from ui.control.playback import Playback


class SilentPlayer:
    """A sound card that works but whose clock the test turns."""

    made: list[SilentPlayer]

    def __init__(self, open_reader: object, backend: object = None) -> None:
        self.position = 0.0
        self.playing = False
        self.closed = False
        self.error = None
        SilentPlayer.made.append(self)

    def play(self, secs: float) -> None:
        self.position, self.playing = secs, True

    def pause(self) -> None:
        self.playing = False

    def seek(self, secs: float) -> None:
        self.position = secs

    def clock(self) -> float | None:
        return self.position if self.playing else None

    def set_volume(self, volume: float) -> None:
        self.volume = volume

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def set_speed(self, speed: float) -> None:
        self.speed = speed

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        self.loop = loop

    def take_peaks(self) -> tuple[float, ...]:
        return (0.5,) if self.playing else ()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def playback(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playback]:
    SilentPlayer.made = []
    monkeypatch.setattr(module, "Player", SilentPlayer)
    made = Playback()
    made.told = []
    made.failed.connect(made.told.append)
    made.set_media(open_media(sample_path("clip")))
    yield made
    made.close()
    made.deleteLater()


def without_sound(playback: Playback) -> None:
    """Take the sound from the medium, so that the clock of the system leads."""
    playback.set_media(dataclasses.replace(playback.media, channels=0, rate_hz=0))
    assert not playback.media.has_sound


def test_the_sound_card_leads_while_it_plays(playback):
    playback.play()
    player = SilentPlayer.made[0]
    player.position = 1.5
    assert playback.position_secs == pytest.approx(1.5, abs=0.05)
    playback.seek(3.0)
    assert player.position == 3.0
    playback.pause()
    assert not player.playing
    assert playback.position_secs == pytest.approx(3.0, abs=0.05)


def test_without_a_sound_card_it_says_so_once_and_goes_on(playback, qtbot, monkeypatch):
    def fail(self, secs):
        raise PlaybackError("Playing expects a sound device, found none; connect one.")

    monkeypatch.setattr(SilentPlayer, "play", fail)
    playback.play()
    qtbot.waitUntil(lambda: playback.position_secs > 0.1)
    playback.pause()
    playback.play()
    playback.pause()
    assert len(playback.told) == 1
    assert SilentPlayer.made[0].closed


def test_a_card_that_fails_while_playing_is_told_and_the_clock_goes_on(playback, qtbot):
    playback.play()
    player = SilentPlayer.made[0]
    player.playing, player.error = False, PlaybackError("The sound device went away; connect it.")
    qtbot.waitUntil(lambda: bool(playback.told))
    position = playback.position_secs
    qtbot.waitUntil(lambda: playback.position_secs > position + 0.05)


def test_sound_plays_at_another_speed_and_is_silent_where_every_frame_is_shown(playback, qtbot):
    playback.play()
    player = SilentPlayer.made[0]
    assert player.speed == 1.0
    playback.set_speed(2.0)
    assert player.playing
    assert player.speed == 2.0
    player.position = 1.25
    assert playback.position_secs == pytest.approx(1.25, abs=0.2)
    playback.set_speed(0.0)
    assert not player.playing
    playback.set_speed(1.0)
    assert player.playing
    assert player.speed == 1.0


def test_the_sound_repeats_the_loop_itself(playback):
    playback.set_loop(1.0, 2.0)
    playback.play()
    player = SilentPlayer.made[0]
    assert player.loop == (1.0, 2.0)
    playback.set_loop(None, None)
    assert player.loop is None


def test_that_there_is_no_sound_card_is_said_once_for_all_files(playback, monkeypatch):
    def fail(self, secs):
        raise PlaybackError("Playing expects a sound device, found none; connect one.")

    monkeypatch.setattr(SilentPlayer, "play", fail)
    for _ in range(3):
        playback.play()
        playback.pause()
        playback.set_media(open_media(sample_path("dialogue")))
    assert len(playback.told) == 1


def test_the_loop_leads_back_to_its_in_point(playback, qtbot):
    without_sound(playback)
    playback.set_speed(2.0)
    playback.set_loop(1.0, 1.2)
    playback.seek(1.1)
    playback.play()
    for _ in range(20):
        qtbot.wait(20)
        assert 1.0 <= playback.position_secs <= 1.2
    assert playback.playing


def test_it_stops_at_the_end_and_begins_again(playback, qtbot):
    states = []
    without_sound(playback)
    playback.playing_changed.connect(states.append)
    playback.seek(playback.duration_secs - 0.05)
    playback.set_speed(2.0)
    playback.play()
    qtbot.waitUntil(lambda: states == [True, False])
    playback.play()
    assert playback.position_secs < 1.0
    playback.pause()


def test_a_step_goes_to_the_middle_of_the_next_frame(playback):
    wanted = []
    playback.moved.connect(wanted.append)
    playback.shown(0.0)
    playback.step(1)
    assert 1 / 30 < wanted[-1] < 2 / 30
    playback.shown(1 / 30)
    playback.step(-1)
    assert 0 <= wanted[-1] < 1 / 30


def test_volume_and_mute_reach_a_player_that_is_made_later(playback):
    playback.set_volume(0.25)
    playback.set_muted(True)
    playback.play()
    player = SilentPlayer.made[0]
    assert (player.volume, player.muted) == (0.25, True)


def test_another_medium_closes_the_player(playback):
    playback.play()
    playback.set_media(None)
    assert SilentPlayer.made[0].closed
    assert not playback.playing
    assert playback.duration_secs == 0


def test_of_a_camera_it_counts_what_it_made_and_was_not_shown(playback, monkeypatch):
    count = camera.FrameCount()
    media = camera.camera("/dev/none")
    monkeypatch.setitem(camera._counts, media.id, count)
    for number in range(5):
        count.add(number / 10, 0)
    playback.set_media(media)
    playback.play()
    assert (playback.frames_shown, playback.frames_dropped) == (0, 0)
    playback.shown(0.2)
    # What came before the first one that is shown is not lost, and what waits for its result is not yet.
    assert (playback.frames_shown, playback.frames_dropped) == (1, 0)
    playback.shown(0.4)
    playback.shown(0.4)
    assert (playback.frames_shown, playback.frames_dropped) == (2, 1)
    count.add(0.9, 4)  # four were not taken from the camera in time
    playback.shown(0.9)
    assert (playback.frames_shown, playback.frames_dropped) == (3, 5)
    playback.pause()
    playback.play()
    assert (playback.frames_shown, playback.frames_dropped) == (0, 0)


def test_exact_means_one_thing(window):
    """In the README and the tooltip: what is on screen has its own results, and the rest is left out."""
    readme = " ".join((Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").split())
    window.workspace.timeline.set_smooth(False)
    tooltip = window.workspace.timeline.smooth.toolTip()
    meaning = "each frame on screen has its own results; what is not ready in time is left out"
    assert meaning in readme
    assert tooltip == f"Exact: {meaning}"
