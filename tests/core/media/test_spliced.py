"""Recordings that were put one behind the other in one file, as by cat: they are shown and heard as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader, spliced
from cvstudio.media.facts import facts, quick_facts

from .conftest import number_of, numbered, tone, write_media

KINDS: dict[str, dict[str, Any]] = {
    "ts": {},
    "mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2", "b": "2000000"}},
    "mkv": {},
    "webm": {"codec": "libvpx", "options": {"g": "12"}},
    "flv": {"options": {"g": "12", "bf": "0"}},
    "avi": {"codec": "mpeg4", "options": {"g": "12"}},
}
FIRST, SECOND = 45, 30
NUMBERS = [*range(FIRST), *range(100, 100 + SECOND)]


def put_behind(path: Path, *others: Path) -> Path:
    path.write_bytes(b"".join(other.read_bytes() for other in others))
    return path


def two(folder: Path, suffix: str, seconds: tuple[float, float] | None = None, **options: Any) -> tuple[Path, Path]:
    """Two recordings of frames 0, 1, … and 100, 101, …"""
    sounds: list[NDArray[np.float32] | None] = [None, None]
    if seconds:
        sounds = [tone(seconds[0], 48_000), np.ascontiguousarray(tone(seconds[1], 48_000)[:, ::-1])]
    options = {**KINDS[suffix], **options}
    first = write_media(folder / f"1.{suffix}", [40 * i for i in range(FIRST)], sound=sounds[0], **options)
    times = [40 * i for i in range(SECOND)]
    second = write_media(
        folder / f"2.{suffix}", times, sound=sounds[1], pictures=lambda i: numbered(i + 100), **options
    )
    return first, second


@pytest.mark.parametrize("suffix", list(KINDS))
def test_both_parts_are_shown(tmp_path: Path, suffix: str) -> None:
    path = put_behind(tmp_path / f"both.{suffix}", *two(tmp_path, suffix))
    media = open_media(path)
    assert media.duration_secs == pytest.approx(3.0, abs=0.002)
    assert media.frame_rate == pytest.approx(25)
    assert media.frame_count in (None, 75)
    with open_reader(media) as reader:
        frames = list(iter(reader.next, None))
        assert [number_of(frame.pixels) for frame in frames] == NUMBERS
        np.testing.assert_allclose([frame.pts for frame in frames], np.arange(75) / 25, atol=0.002)
        for secs, number in ((2.0, 105), (0.41, 10), (1.81, 100), (1.79, 44), (9.0, 129), (0.0, 0)):
            assert number_of(reader.at(secs).pixels) == number
        assert number_of(reader.step(1.761, 1).pixels) == 100
        assert number_of(reader.step(1.801, -1).pixels) == 44
    told = dict(facts(media))
    assert told["Frame rate"] == "25 fps"
    assert "Not read" not in told
    if suffix != "avi":  # FFmpeg reads on by itself
        assert told["Parts"] == "2 recordings one behind the other, shown as one"
    single = dict(quick_facts(open_media(tmp_path / f"1.{suffix}")))
    assert "Parts" not in single


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_the_sound_goes_on(tmp_path: Path, suffix: str) -> None:
    first, second = two(tmp_path, suffix, (1.8, 1.2), sound_codec="mp2")  # AAC draws noise at random
    path = put_behind(tmp_path / f"both.{suffix}", first, second)
    pieces = []
    for part in (first, second):
        with open_reader(open_media(part, kind=MediaKind.AUDIO)) as reader:
            pieces.append(reader.read(0, reader.n_samples).samples[:, 4000:-4000])
    with open_reader(open_media(path, kind=MediaKind.AUDIO)) as reader:
        whole = reader.read(0, reader.n_samples).samples
        place = 48_000 * 2
        piece = reader.read(place, place + 9000).samples
    np.testing.assert_allclose(piece, whole[:, place : place + 9000], atol=1e-4)  # the decoder dithers
    assert whole.shape[1] / 48_000 == pytest.approx(3.0, abs=0.12)
    for piece, secs in zip(pieces, (0.0, 1.8), strict=True):
        begin = round(secs * 48_000) + 4000
        lag = max(
            range(-2000, 6000), key=lambda lag: float(piece[0, :4000] @ whole[0, begin + lag : begin + lag + 4000])
        )
        assert abs(lag) < 0.06 * 48_000
        heard = whole[:, begin + lag : begin + lag + piece.shape[1]]
        np.testing.assert_allclose(heard[:, :20_000], piece[:, :20_000], atol=2e-2)


def test_three_parts_of_which_one_was_cut(tmp_path: Path) -> None:
    """A recorder that lost its power ends within a packet; the next recording follows at once."""
    first, second = two(tmp_path, "ts")
    cut = tmp_path / "cut.ts"
    cut.write_bytes(first.read_bytes()[: first.stat().st_size // 2 + 77])
    path = put_behind(tmp_path / "all.ts", cut, second, first)
    with open_reader(open_media(path)) as reader:
        numbers = [number_of(frame.pixels) for frame in iter(reader.next, None)]
    assert numbers[-75:] == [*range(100, 130), *range(45)]
    with open_reader(open_media(cut)) as reader:
        assert numbers[:-75] == [number_of(frame.pixels) for frame in iter(reader.next, None)]
    assert dict(quick_facts(open_media(path)))["Parts"].startswith("3 recordings")


def test_parts_that_differ_are_told(tmp_path: Path) -> None:
    """Their streams do not go on in one another."""
    first = write_media(tmp_path / "1.ts", [40 * i for i in range(30)])
    second = write_media(tmp_path / "2.ts", [40 * i for i in range(30)], codec="mpeg2video", options={"b": "2000000"})
    path = put_behind(tmp_path / "both.ts", first, second)
    media = open_media(path)
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == list(range(30))
    told = dict(quick_facts(media))
    assert told["Not read"] == "another recording behind it, of other streams"
    assert "Parts" not in told


def test_a_clock_with_a_wrong_time_is_one_recording(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.ts", [40 * i for i in range(45)])
    content = bytearray(path.read_bytes())
    timed = [
        start
        for start in range(0, len(content), 188)
        if content[start + 3] & 0x20 and content[start + 4] and content[start + 5] & 0x10
    ]
    content[timed[len(timed) // 2] + 7] ^= 0x40
    path.write_bytes(content)
    media = open_media(path)
    assert "Parts" not in dict(quick_facts(media))
    with open_reader(media) as reader:
        assert len(list(iter(reader.next, None))) == 45


@pytest.mark.parametrize("name", ["it's.ts", "a b,c:%d.ts", "영상.ts"])
def test_names_that_mean_something_to_ffmpeg(tmp_path: Path, name: str) -> None:
    path = put_behind(tmp_path / name, *two(tmp_path, "ts"))
    assert open_media(path).duration_secs == pytest.approx(3.0, abs=0.002)


@pytest.mark.parametrize(("suffix", "format_"), [("wav", "WAV"), ("flac", "FLAC"), ("ogg", "OGG")])
def test_sound_files_one_behind_the_other(tmp_path: Path, suffix: str, format_: str) -> None:
    sounds = [tone(1.5, 44_100).T, tone(0.7, 44_100).T[::-1]]
    parts = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for part, sound in zip(parts, sounds, strict=True):
        soundfile.write(part, sound, 44_100, format=format_)
    path = put_behind(tmp_path / f"both.{suffix}", *parts)
    expected = np.concatenate([soundfile.read(part, dtype="float32")[0] for part in parts])
    with open_reader(open_media(path)) as reader:
        assert reader.n_samples == len(expected)
        np.testing.assert_array_equal(reader.read(0, reader.n_samples).samples.T, expected)
        np.testing.assert_array_equal(reader.read(60_000, 70_000).samples.T, expected[60_000:70_000])
    assert "2 links in a chain" in dict(quick_facts(open_media(path)))["Format"]


@pytest.mark.parametrize(("suffix", "format_"), [("wav", "WAV"), ("flac", "FLAC")])
def test_a_sound_behind_another_that_differs_or_is_damaged(tmp_path: Path, suffix: str, format_: str) -> None:
    first, second = tmp_path / f"1.{suffix}", tmp_path / f"2.{suffix}"
    soundfile.write(first, tone(0.5, 44_100).T, 44_100, format=format_)
    for rate, channels in ((16_000, 2), (44_100, 1)):
        soundfile.write(second, tone(0.5, rate, channels).T, rate, format=format_)
        path = put_behind(tmp_path / f"both.{suffix}", first, second)
        with open_reader(open_media(path)) as reader:
            expected = soundfile.read(first, dtype="float32")[0]
            np.testing.assert_array_equal(reader.read(0, reader.n_samples).samples.T, expected)
        assert dict(quick_facts(open_media(path)))["Not read"].startswith("another sound behind it")
    path.write_bytes(first.read_bytes() + second.read_bytes()[:20])
    with open_reader(open_media(path)) as reader:
        assert reader.n_samples == 22_050


@pytest.mark.parametrize(("suffix", "codec"), [("mp3", "libmp3lame"), ("aac", "aac"), ("ac3", "ac3")])
def test_frames_of_sound_one_behind_the_other(
    tmp_path: Path, suffix: str, codec: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such files are frames only, which go on by themselves: all of both is heard."""
    parts = [
        write_media(tmp_path / f"{number}.{suffix}", None, sound=tone(secs, 48_000), sound_codec=codec)
        for number, secs in enumerate((1.5, 0.7))
    ]
    path = put_behind(tmp_path / f"both.{suffix}", *parts)
    count = 0
    for part in parts:
        with av.open(str(part)) as container:
            count += sum(frame.samples for frame in container.decode(audio=0))
    capfd.readouterr()
    with open_reader(open_media(path)) as reader:
        assert abs(reader.n_samples - count) <= 4 * 1152  # the delay and filling of each encoder, which are heard amid
        assert reader.read(reader.n_samples - 24_000, reader.n_samples).samples.std() > 0.05
    assert "Warning" not in capfd.readouterr().err


def test_links_of_ogg_that_differ_are_refused(tmp_path: Path) -> None:
    parts = [tmp_path / "1.ogg", tmp_path / "2.ogg"]
    for part, rate in zip(parts, (44_100, 16_000), strict=True):
        soundfile.write(part, tone(0.5, rate).T, rate, format="OGG")
    with pytest.raises(MediaError, match="changes its sample rate"):
        open_media(put_behind(tmp_path / "both.ogg", *parts))


def test_a_long_transport_stream_is_searched_where_its_clock_is_odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = two(tmp_path, "ts")
    path = put_behind(tmp_path / "both.ts", first, second)
    with path.open("rb") as file:
        whole = spliced._ts_boundaries(file, 0, path.stat().st_size)
    assert whole == [pytest.approx(first.stat().st_size, abs=188)]
    monkeypatch.setattr(spliced, "_SEARCHED_BYTES", 1000)
    monkeypatch.setattr(spliced, "_SAMPLES", 8)
    monkeypatch.setattr(spliced, "_SAMPLE_BYTES", 188 * 40)
    read: list[tuple[int, int]] = []
    search = spliced._ts_boundaries
    monkeypatch.setattr(spliced, "_ts_boundaries", lambda file, *span: read.append(span) or search(file, *span))
    assert spliced._boundaries(path, "mpegts", path.stat().st_size) == whole
    assert sum(stop - start for start, stop in read) < path.stat().st_size / 2
    read.clear()
    assert spliced._boundaries(first, "mpegts", first.stat().st_size) == []
    assert read == []


def test_links_of_a_chain_are_read_as_they_are_needed(tmp_path: Path) -> None:
    """A recording of a radio has thousands of links: neither their bytes nor open files are kept."""
    links = []
    for number in range(40):
        soundfile.write(tmp_path / "link.ogg", np.full(3000, number / 50, np.float32), 8000)
        links.append((tmp_path / "link.ogg").read_bytes())
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join(links))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with open_reader(open_media(path)) as reader:
        assert reader.n_samples == 120_000
        for number in (39, 0, 20, 21, 5):
            middle = number * 3000 + 1500
            assert reader.read(middle, middle + 10).samples.mean() == pytest.approx(number / 50, abs=0.02)
        assert len(list(Path("/proc/self/fd").iterdir())) - before < 10
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
