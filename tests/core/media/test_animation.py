"""A GIF, PNG or WebP that moves is a video; one that stands still is a picture."""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from cvstudio.cli.main import main
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.examples.files import sample_path
from cvstudio.media.facts import slow_facts

from .conftest import number_of, numbered

DELAYS_MS = [100, 200, 50, 40, 300, 100, 100, 60]
STARTS_SECS = [0.0, *accumulate(delay / 1000 for delay in DELAYS_MS[:-1])]


def write(path: Path, count: int = len(DELAYS_MS)) -> Path:
    frames = [PIL.Image.fromarray(numbered(number)) for number in range(count)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": DELAYS_MS[:count], "loop": 0}
    frames[0].save(path, **(moving if count > 1 else {}))
    return path


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
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


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_a_still_one_is_a_picture(tmp_path: Path, suffix: str) -> None:
    media = open_media(write(tmp_path / f"a.{suffix}", 1))
    assert media.kind is MediaKind.IMAGE
    with open_reader(media) as reader:
        assert number_of(reader.read().pixels) == 0


def test_it_is_a_picture_where_the_user_says_so(tmp_path: Path) -> None:
    for suffix in ("gif", "png", "webp"):
        media = open_media(write(tmp_path / f"a.{suffix}"), kind=MediaKind.IMAGE)
        with open_reader(media) as reader:
            assert number_of(reader.read().pixels) == 0


def test_every_picture_of_a_webp_is_that_of_opencv(tmp_path: Path) -> None:
    """Pictures that only change in a part, that are transparent, and that are put upon what was there."""
    rng = np.random.default_rng(0)
    ground = PIL.Image.fromarray(rng.integers(0, 256, (90, 121, 3), np.uint8)).convert("RGBA")
    frames = []
    for number in range(6):
        frame = ground.copy()
        frame.paste((250, 40 * number, 0, 60 * number % 256), (number * 15, 10, number * 15 + 20, 70))
        frames.append(frame)
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=DELAYS_MS[:6], lossless=True, exact=True)
    good, read = cv2.imreadanimation(str(path))
    assert good
    media = open_media(path)
    assert (media.frame_count, media.size, media.duration_secs) == (6, (121, 90), sum(DELAYS_MS[:6]) / 1000)
    assert list(read.durations) == DELAYS_MS[:6]
    with open_reader(media) as reader:
        for frame, wanted in zip(iter(reader.next, None), read.frames, strict=True):
            assert frame.alpha is not None
            seen = wanted[:, :, 3] > 0
            assert np.array_equal(frame.alpha, wanted[:, :, 3])
            assert np.array_equal(frame.pixels[seen], wanted[:, :, 2::-1][seen])
        assert reader.next() is None
        assert reader.step(10.0, 1).pts == reader.at(0.79).pts == sum(DELAYS_MS[:5]) / 1000
        assert reader.step(0.0, -1).pts == 0.0
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="finite"):
                reader.at(bad)


def test_a_webp_without_delays_is_as_slow_as_in_a_browser(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(numbered(number)) for number in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=[0, 10, 20])
    media = open_media(tmp_path / "a.webp")
    assert media.duration_secs == pytest.approx(0.22)
    with open_reader(media) as reader:
        assert [number_of(reader.at(time).pixels) for time in (0.05, 0.15, 0.21)] == [0, 1, 2]


def test_a_webp_that_changes_while_it_is_open_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webp")
    media = open_media(path)
    with open_reader(media) as reader:
        reader.at(0.0)
        write(path, 4)
        with pytest.raises(MediaError, match="changed by another program"):
            reader.at(0.3)


def test_a_moving_webp_is_analysed_and_written_as_a_video(tmp_path: Path) -> None:
    import av

    with PIL.Image.open(sample_path("astronaut")) as portrait:
        face = portrait.convert("RGB").resize((256, 256))
    frames = [PIL.Image.fromarray(np.roll(np.asarray(face), 4 * number, axis=1)) for number in range(4)]
    path, out = tmp_path / "faces.webp", tmp_path / "out.mp4"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[37, 111, 250, 70], quality=95)
    assert main(["run", "detect", str(path), "--model", "haar-face", "-o", str(out), "-q"]) == 0
    with av.open(str(out)) as made:
        times = [float(frame.pts * frame.time_base) for frame in made.decode(video=0)]
    assert times == pytest.approx([0, 0.037, 0.148, 0.398], abs=1e-5)
    assert main(["run", "detect", str(path), "--model", "haar-face", "-o", str(tmp_path / "out.json"), "-q"]) == 0
    told = json.loads((tmp_path / "out.json").read_text())["frames"]
    assert [frame["time_secs"] for frame in told] == pytest.approx([0, 0.037, 0.148, 0.398])
    assert all(frame["detections"] for frame in told)
