"""Videos as users have them: what they show is compared with OpenCV's own player and with a plain decode."""

from __future__ import annotations

import random
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.cli.main import main
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

from .conftest import number_of, tone, write_media

CASES = Path(__file__).parent / "cases"


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def played(path: Path) -> list[NDArray[np.uint8]]:
    """Every frame that OpenCV's player shows, RGB."""
    player = cv2.VideoCapture(str(path))
    frames = []
    while (shown := player.read())[0]:
        frames.append(cv2.cvtColor(shown[1], cv2.COLOR_BGR2RGB))
    player.release()
    return frames


def decoded_times(path: Path) -> list[float]:
    """Times of all frames of a plain decode, in seconds from the first."""
    with av.open(str(path)) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


def check_random_access(path: Path) -> int:
    """Every frame found by its time in a random order is the one of the player; returns their number."""
    expected, times = played(path), decoded_times(path)
    assert len(expected) == len(times)
    order = list(range(len(times)))
    random.Random(2).shuffle(order)
    with open_reader(open_media(path)) as reader:
        assert len(list(iter(reader.next, None))) == len(times)
        for number in order:
            frame = reader.at(times[number] + 0.002)
            assert frame.pts == pytest.approx(times[number], abs=1e-6)
            assert np.abs(frame.pixels.astype(int) - expected[number]).mean() < 2
    return len(times)


def test_a_live_recording_states_no_length() -> None:
    media = open_media(CASES / "live.webm")
    assert (media.duration_secs, media.frame_count) == (2.0, 50)
    assert check_random_access(CASES / "live.webm") == 50


def test_frames_that_an_edit_list_leaves_out_are_not_counted() -> None:
    media = open_media(CASES / "edit.mp4")
    assert media.frame_count == len(played(CASES / "edit.mp4")) == 36
    assert media.duration_secs == pytest.approx(1.47)
    assert told(CASES / "edit.mp4")["Not read"] == "14 frames that the edit list leaves out"
    assert check_random_access(CASES / "edit.mp4") == 36
    assert "Not read" not in told(CASES / "vfr.mp4")


def test_the_last_frame_may_end_behind_the_stated_length() -> None:
    """The track states 2.16 s; its last frame begins at 2.28 s and lasts 0.12 s."""
    media = open_media(CASES / "vfr.mp4")
    assert media.duration_secs == pytest.approx(2.4)
    with open_reader(media) as reader:
        last = reader.at(media.duration_secs or 0.0)
    assert last.pts == pytest.approx(2.28)
    assert np.abs(last.pixels.astype(int) - played(CASES / "vfr.mp4")[-1]).mean() < 2
    assert check_random_access(CASES / "vfr.mp4") == 23


def test_a_cover_picture_without_its_flag_is_no_video(capsys: pytest.CaptureFixture[str]) -> None:
    media = open_media(CASES / "covnoflag.mp4")
    with av.open(str(CASES / "covnoflag.mp4")) as container:
        n_samples = sum(frame.samples for frame in container.decode(audio=0))
    assert media.kind is MediaKind.AUDIO
    assert media.duration_secs == pytest.approx(9.25, abs=1e-6)
    with open_reader(media) as reader:
        assert reader.n_samples == 444_000 <= n_samples < 444_000 + 2 * 1024
    assert main(["info", str(CASES / "covnoflag.mp4")]) == 0
    assert "9.250 s" in capsys.readouterr().out


def _with_picture(path: Path, picture_codec: str, count: int, sound_secs: float, pixel_format: str) -> Path:
    """Sound and `count` pictures at 25 per second, as tools write covers that they do not flag."""
    sound = tone(sound_secs, 48_000)
    return write_media(
        path, [40 * number for number in range(count)], codec=picture_codec, options={"strict": "-1"},
        pixel_format=pixel_format, sound=sound, sound_codec="aac",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "mjpeg", "yuvj420p"),
        ("a.mkv", "mjpeg", "yuvj420p"),
        ("a.mov", "mjpeg", "yuvj420p"),
        ("a.mp4", "png", "rgb24"),
        ("a.mov", "png", "rgb24"),
    ],
)
def test_covers_of_other_containers(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    media = open_media(_with_picture(tmp_path / name, codec, 1, 3.0, pixel_format))
    assert media.kind is MediaKind.AUDIO
    assert media.duration_secs == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi"])
def test_motion_jpeg_with_sound_is_a_video(tmp_path: Path, name: str) -> None:
    media = open_media(_with_picture(tmp_path / name, "mjpeg", 20, 3.0, "yuvj420p"))
    assert (media.kind, media.has_sound) == (MediaKind.VIDEO, True)
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == list(range(20))
