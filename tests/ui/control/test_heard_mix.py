"""What is heard of separated stems, without a sound card."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.stem_mix import StemTracks
from cvstudio.results.separation import Separation
from cvstudio.results.source import Source
from tests.example_results import EXAMPLES
from ui.control import playback as module
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.playback import Playback
from ui.control.sound.heard_mix import HeardMix


class OpenPlayer:
    """A player that opens its sound at once and plays nothing."""

    made: list[OpenPlayer]

    def __init__(self, open_reader: Any, backend: Any = None) -> None:
        self.sound = open_reader()
        self.seeks: list[float] = []
        self.matrix = getattr(self.sound, "matrix", np.ones((1, 1), np.float32))
        self.error = None
        OpenPlayer.made.append(self)

    def play(self, secs: float) -> None:
        self.position = secs

    def seek(self, secs: float) -> None:
        self.seeks.append(secs)

    def clock(self) -> float | None:
        return 1.0  # so that the sound does not end while a busy machine opens it

    def pause(self) -> None: ...

    def set_volume(self, volume: float) -> None: ...

    def mute(self, muted: bool) -> None: ...

    def set_loop(self, loop: tuple[float, float] | None) -> None: ...

    def set_speed(self, speed: float) -> None: ...

    def take_peaks(self) -> tuple[float, ...]:
        return ()

    def set_mix(self, matrix: Any) -> None:
        self.matrix = matrix

    def close(self) -> None:
        self.sound.close()


@pytest.fixture
def playback(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playback]:
    OpenPlayer.made = []
    monkeypatch.setattr(module, "Player", OpenPlayer)
    made = Playback()
    made.set_media(open_media(sample_path("dialogue")))
    yield made
    made.close()
    made.deleteLater()


def stems(playback: Playback, **changes: Any) -> Separation:
    assert playback.media is not None
    rate = 16_000
    samples = np.ones((2, playback.media.rate_hz and round(playback.duration_secs * rate)), np.float32)
    source = Source(playback.media.id)
    example: Separation = EXAMPLES["separation"]
    return dataclasses.replace(example, stems=samples, rate_hz=rate, **{"source": source, **changes})


def on_screen(*results: Any, visible: bool = True) -> FrameOnScreen:
    layer: Any = SimpleNamespace(instance=SimpleNamespace(visible=visible))
    return FrameOnScreen(None, None, tuple(LayerOnScreen(layer, result, False, "") for result in results))


def heard(samples: int = 100) -> Any:
    player = OpenPlayer.made[-1]
    return player.matrix.T @ player.sound.read(2000, 2000 + samples).samples


def test_a_separation_is_heard_with_its_gains_and_a_new_gain_at_once(playback: Playback) -> None:
    mix = HeardMix(playback)
    playback.play()
    assert isinstance(OpenPlayer.made[-1].sound, AudioReader)
    found = stems(playback, gains=(0.5, 0.25, 0.0))
    mix.follow(on_screen(found))
    assert isinstance(OpenPlayer.made[-1].sound, StemTracks)
    assert heard() == pytest.approx(0.75, abs=1e-3)
    mix.follow(on_screen(dataclasses.replace(found, gains=(0.0, 0.25, 0.0))))
    assert len(OpenPlayer.made) == 2
    assert OpenPlayer.made[-1].seeks == []  # without a gap
    assert heard() == pytest.approx(0.25, abs=1e-3)
    mix.follow(on_screen(dataclasses.replace(found, gains=(0.5, 0.25, 0.0), pans=(-1.0, 0.5))))
    left, right = heard()
    assert left == pytest.approx(0.5 + 0.125, abs=1e-3)
    assert right == pytest.approx(0.25, abs=1e-3)
    # With the residual and both stems it is the sound itself.
    mix.follow(on_screen(dataclasses.replace(found, gains=(1.0, 1.0, 1.0))))
    media = playback.media
    assert media is not None
    reader = AudioReader(media)
    assert np.abs(heard() - reader.read(2000, 2100).samples).max() < 1e-5
    reader.close()


def test_a_player_that_opens_late_opens_what_it_was_made_for(
    playback: Playback, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(OpenPlayer):
        def __init__(self, open_reader: Any, backend: Any = None) -> None:
            self.open_reader, self.error = open_reader, None
            OpenPlayer.made.append(self)

        def close(self) -> None: ...

    monkeypatch.setattr(module, "Player", Late)
    mix = HeardMix(playback)
    mix.follow(on_screen(stems(playback)))
    playback.play()
    late: Any = OpenPlayer.made[-1]
    mix.follow(on_screen())
    sound = late.open_reader()
    assert isinstance(sound, StemTracks)
    sound.close()


@pytest.mark.parametrize("shown", ["hidden", "gone", "of another sound"])
def test_without_a_visible_separation_the_sound_itself_is_heard(playback: Playback, shown: str) -> None:
    mix = HeardMix(playback)
    playback.play()
    mix.follow(on_screen(stems(playback)))
    frames = {
        "hidden": on_screen(stems(playback), visible=False),
        "gone": on_screen(EXAMPLES["spectrogram"]),
        "of another sound": on_screen(stems(playback, source=Source("another"))),
    }
    mix.follow(frames[shown])
    assert isinstance(OpenPlayer.made[-1].sound, AudioReader)


def test_another_medium_is_heard_as_it_is_and_the_mix_comes_back_with_its_own(playback: Playback) -> None:
    mix = HeardMix(playback)
    mix.follow(on_screen(stems(playback)))
    assert playback.has_sound_of_its_own
    playback.set_media(open_media(sample_path("clip")))
    assert not playback.has_sound_of_its_own
    playback.set_media(open_media(sample_path("dialogue")))
    mix.follow(on_screen(stems(playback)))
    playback.play()
    assert isinstance(OpenPlayer.made[-1].sound, StemTracks)
