"""A GIF or PNG that moves is a video; one that stands still is a picture."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import slow_facts

from .conftest import number_of, numbered

DELAYS_MS = [100, 200, 50, 40, 300, 100, 100, 60]
STARTS_SECS = [0.0, *accumulate(delay / 1000 for delay in DELAYS_MS[:-1])]


def write(path: Path, count: int = len(DELAYS_MS)) -> Path:
    frames = [PIL.Image.fromarray(numbered(number)) for number in range(count)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": DELAYS_MS[:count], "loop": 0}
    frames[0].save(path, **(moving if count > 1 else {}))
    return path


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_it_plays_at_its_own_times(tmp_path: Path, suffix: str) -> None:
    media = open_media(write(tmp_path / f"a.{suffix}"))
    assert media.kind is MediaKind.VIDEO
    assert media.size == (160, 96)
    assert media.duration_secs == pytest.approx(sum(DELAYS_MS) / 1000, abs=0.011)
    with open_reader(media) as reader:
        for number in (0, 5, 2, 7, 1, 6, 3, 4):  # back and forth
            frame = reader.at(STARTS_SECS[number] + 0.02)
            assert number_of(frame.pixels) == number
            assert frame.pts == pytest.approx(STARTS_SECS[number], abs=0.011)
        assert number_of(reader.step(0.0, 1).pixels) == 1
        reader.at(0.0)
        following = iter(reader.next, None)
        assert [number_of(frame.pixels) for frame in following] == list(range(1, len(DELAYS_MS)))
    assert dict(slow_facts(media))["Frame rate"].startswith("variable")


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_a_still_one_is_a_picture(tmp_path: Path, suffix: str) -> None:
    media = open_media(write(tmp_path / f"a.{suffix}", 1))
    assert media.kind is MediaKind.IMAGE
    with open_reader(media) as reader:
        assert number_of(reader.read().pixels) == 0


def test_it_is_a_picture_where_the_user_says_so(tmp_path: Path) -> None:
    for suffix in ("gif", "png"):
        media = open_media(write(tmp_path / f"a.{suffix}"), kind=MediaKind.IMAGE)
        with open_reader(media) as reader:
            assert number_of(reader.read().pixels) == 0


def test_a_moving_webp_shows_its_first_picture(tmp_path: Path) -> None:
    media = open_media(write(tmp_path / "a.webp"))
    assert media.kind is MediaKind.IMAGE
    with open_reader(media) as reader:
        assert np.abs(reader.read().pixels.astype(int) - numbered(0)).mean() < 3
