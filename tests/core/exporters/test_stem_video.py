"""A video whose sound is a stem."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import ExportItem
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats.audio import AudioReader
from tests.example_results import EXAMPLES

RATE = 16_000


def item(media: Any, **changes: Any) -> ExportItem:
    secs = media.duration_secs
    times = np.arange(round(secs * RATE)) / RATE
    stems = np.stack([0.3 * np.sin(2 * np.pi * 500 * times), 0.3 * np.sin(2 * np.pi * 2000 * times)])
    separation = dataclasses.replace(
        EXAMPLES["separation"], stems=stems.astype(np.float32), rate_hz=RATE, **{"gains": (1.0, 0.0, 0.0), **changes}
    )
    return ExportItem(media, None, separation, {}, {})


def written(path: Path, given: ExportItem) -> Any:
    EXPORTERS["stem-video"].write(path, given, Progress())
    return open_media(path)


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(path) as container:
        return [(float(frame.time), frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def test_the_pictures_stay_and_the_sound_is_the_chosen_stem(tmp_path: Path) -> None:
    media = open_media(sample_path("clip"))
    made = written(tmp_path / "stem.mp4", item(media))
    before, after = frames(media.path), frames(made.path)
    assert len(before) == len(after)
    begin = before[0][0]
    for (time, picture), (new_time, new_picture) in zip(before[::7], after[::7], strict=True):
        assert new_time == pytest.approx(time - begin, abs=1e-3)
        np.testing.assert_array_equal(picture, new_picture)
    reader = AudioReader(made)
    middle = reader.rate_hz
    samples = reader.read(middle, middle + reader.rate_hz // 2).samples[0]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    hertz = np.fft.rfftfreq(len(samples), 1 / reader.rate_hz)
    reader.close()
    assert hertz[spectrum.argmax()] == pytest.approx(500, abs=4)
    assert spectrum[np.abs(hertz - 2000) < 20].max() < spectrum.max() / 100
    assert made.duration_secs == pytest.approx(media.duration_secs, abs=0.1)


def test_a_pan_makes_the_sound_stereo(tmp_path: Path) -> None:
    made = written(tmp_path / "stem.mp4", item(open_media(sample_path("clip")), pans=(-1.0, 0.0)))
    reader = AudioReader(made)
    left, right = reader.read(reader.rate_hz, 2 * reader.rate_hz).samples
    reader.close()
    assert np.abs(left).max() > 0.2
    assert np.abs(right).max() < 0.01


def test_of_a_sound_without_pictures_the_mix_alone_is_written(tmp_path: Path) -> None:
    media = open_media(sample_path("dialogue"))
    made = written(tmp_path / "stem.mp4", item(media))
    assert made.kind is MediaKind.AUDIO
    assert made.duration_secs == pytest.approx(media.duration_secs, abs=0.1)
