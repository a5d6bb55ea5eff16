"""Numbers of frames by their times, against a decode of the whole video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.foundation.cache import Cache
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.frame_times import read_frame_times

from .conftest import write_media
from .test_video_kinds import EDITS, MAKERS, edited

CASES = Path(__file__).parent / "cases"
UNEVEN = [0, 40, 80, 700, 720, 1900, 1940]
"""Times in ms."""


def check(path: Path) -> tuple[float, ...]:
    media = open_media(path, kind=MediaKind.VIDEO)
    with open_reader(media) as reader:
        decoded = [frame.pts for frame in iter(reader.next, None)]
        assert list(reader.frame_times()) == pytest.approx(decoded, abs=1e-9)
        reader.at(decoded[1])
        reader.frame_times()
        assert reader.next().pts == decoded[2], "the position is kept"
    times = read_frame_times(media, Cache())
    assert [times.number_at(pts) for pts in decoded] == list(range(len(decoded)))
    assert [times.number_at(times.middle(number)) for number in range(len(decoded))] == list(range(len(decoded)))
    return times.starts


@pytest.mark.parametrize("kind", MAKERS)
def test_they_are_those_of_every_kind_of_video(tmp_path: Path, kind: str) -> None:
    check(MAKERS[kind](tmp_path))


@pytest.mark.parametrize("kind", EDITS)
def test_edit_lists_are_followed(tmp_path: Path, kind: str) -> None:
    edits, bf, _ = EDITS[kind]
    check(edited(tmp_path / "v.mp4", *edits, bf=bf))


@pytest.mark.parametrize("name", ["vfr.mp4", "rchange.ts", "live.webm", "edit.mp4"])
def test_they_are_those_of_recordings(name: str) -> None:
    check(CASES / name)


def test_uneven_frames_have_the_number_of_their_place(tmp_path: Path) -> None:
    path = write_media(tmp_path / "uneven.mp4", UNEVEN)
    starts = check(path)
    assert starts == pytest.approx([ms / 1000 for ms in UNEVEN], abs=1e-3)
    times = read_frame_times(open_media(path), Cache())
    assert [times.number_at(secs) for secs in (-1.0, 0.69, 0.71, 1.0, 9.0)] == [0, 2, 3, 4, 6]
    assert times.middle(2) == pytest.approx(0.39, abs=1e-3)
    assert times.middle(99) == times.starts[-1]


def test_animations_state_their_delays(tmp_path: Path) -> None:
    frames = [Pillow.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)) for number in range(4)]
    options: Any = {"save_all": True, "append_images": frames[1:], "duration": [100, 500, 40, 100]}
    for name in ("a.webp", "a.gif"):
        frames[0].save(tmp_path / name, **options)
        assert check(tmp_path / name) == pytest.approx([0, 0.1, 0.6, 0.64])


def test_the_file_is_read_once(numbered_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, media = Cache(), open_media(numbered_clip)
    first = read_frame_times(media, cache)
    numbered_clip.unlink()
    assert read_frame_times(media, cache) is first


def test_frames_that_only_serve_others_have_no_number(tmp_path: Path) -> None:
    """Alternate reference frames of VP8, which libvpx makes for films: opencv/cvat 32, frames more than are shown."""
    import av

    made = write_media(tmp_path / "shown.webm", [40 * i for i in range(30)], codec="libvpx")
    path = tmp_path / "hidden.webm"
    with av.open(str(made)) as container, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(packet for packet in container.demux(video=0) if packet.size):
            content = bytearray(bytes(packet))
            content[0] &= ~0x10 if number % 10 == 4 else 0xFF
            hidden = av.Packet(bytes(content))
            hidden.pts, hidden.dts, hidden.time_base = packet.pts, packet.dts, packet.time_base
            hidden.is_keyframe, hidden.stream = packet.is_keyframe, stream
            output.mux(hidden)
    starts = check(path)
    assert starts == pytest.approx([0.04 * number for number in range(30) if number % 10 != 4])


def test_those_behind_damage_in_an_avi_stay_where_its_index_has_them(tmp_path: Path) -> None:
    """Its packets state no times: counted, all frames behind those that are lost came too early."""
    path = write_media(
        tmp_path / "a.avi",
        [number * 40 for number in range(50)],
        codec="mjpeg",
        options={"q": "2"},
        pixel_format="yuvj420p",
    )
    content = bytearray(path.read_bytes())
    whole = list(read_frame_times(open_media(path), Cache()).starts)
    middle = len(content) // 2
    content[middle : middle + len(content) // 8] = bytes(len(content) // 8)
    path.write_bytes(content)
    media = open_media(path)
    with open_reader(media) as reader:
        decoded = [frame.pts for frame in iter(reader.next, None)]
        times = list(reader.frame_times())
    assert 30 < len(times) <= 50
    assert times[-1] == pytest.approx(whole[-1])
    assert all(min(abs(time - other) for other in whole) < 1e-6 for time in times)
    assert all(min(abs(pts - time) for time in whole) < 1e-6 for pts in decoded)
