"""The length of a sound is that of what is decoded, not what a header states or guesses."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media import open_media, open_reader
from cvstudio.media.facts import quick_facts

from .conftest import tone

CASES = Path(__file__).parent / "cases"
RATE = 48_000


def read_all(path: Path) -> NDArray[np.float32]:
    """All samples, read at once; equal in pieces and after jumps."""
    with open_reader(open_media(path)) as reader:
        whole: NDArray[np.float32] = reader.read(0, reader.n_samples).samples
        for start in (reader.n_samples // 2, 0, reader.n_samples - 2000):
            np.testing.assert_array_equal(reader.read(start, start + 2000).samples, whole[:, start : start + 2000])
        return whole


def decoded(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def encoded(sound: NDArray[np.float32], format_: str, rate_hz: int = RATE, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, sound.T, rate_hz, format=format_, subtype=subtype)
    return buffer.getvalue()


def test_mp3_of_variable_rate_without_an_index() -> None:
    path = CASES / "vbr.mp3"
    sound = read_all(path)
    assert sound.shape == (1, 13_824)
    np.testing.assert_array_equal(sound, decoded(path))
    assert open_media(path).duration_secs == pytest.approx(0.288)


@pytest.mark.parametrize("quiet_first", [True, False])
@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038)])
def test_other_mp3_without_an_index(tmp_path: Path, quiet_first: bool, tag: bytes) -> None:
    """Quiet and loud halves take other bit rates: a guess from the first frame is far too long or too short."""
    halves = [np.zeros((2, RATE * 2), np.float32), tone(2.0, RATE)]
    buffer = io.BytesIO()
    sound = np.concatenate(halves if quiet_first else halves[::-1], axis=1)
    soundfile.write(buffer, sound.T, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    content = buffer.getvalue()
    for name in (b"Xing", b"Info"):
        content = content.replace(name, bytes(4))
    path = tmp_path / "a.mp3"
    path.write_bytes(tag + content)
    assert read_all(path).shape[1] == decoded(path).shape[1] >= sound.shape[1]


def test_chained_ogg() -> None:
    """Two links of 12,000 samples each, so 24,000, although FFmpeg gives other numbers.

    The Vorbis I specification says in 4.3.8 that the first block returns nothing ("it must be used to prime the decode
    engine. The encoder accounts for this priming when calculating PCM offsets; after the first frame, the proper PCM
    output offset is 0"), and in A.2 that the granule position of a page counts the samples up to the end of the last
    packet that ends in it, and that on the last page it cuts what that packet gives beyond. Both links have one page
    with 12,000. The blocks of 256 and 2048 overlap to 12,160 samples, of which 160 are beyond: libvorbis, which is the
    reference, and libsndfile over it give 12,000. FFmpeg counts half of the first short block, 128 samples, as time in
    front of the first sample, cuts as many more at the end, and so gives 11,872 of one link; of the chain it does not
    see the ends at all and gives 24,320. 23,872, once taken for right, was 11,872 and 12,000.
    """
    path = CASES / "chained.ogg"
    sound = read_all(path)
    content = path.read_bytes()
    links = [content[:4192], content[4192:]]
    granules = [struct.unpack_from("<q", link, link.rindex(b"OggS") + 6)[0] for link in links]
    assert granules == [12_000, 12_000]
    assert sound.shape == (1, sum(granules))
    expected = [soundfile.read(io.BytesIO(link), dtype="float32")[0] for link in links]
    np.testing.assert_array_equal(sound[0], np.concatenate(expected))
    # Without the ends every decoder gives the same samples: those of FFmpeg's first link are ours, up to its wrong end.
    with av.open(io.BytesIO(links[0])) as container:
        other = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(other) == 12_000 - 128
    np.testing.assert_allclose(sound[0, : len(other)], other, atol=1e-4)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chain_of_three(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.ogg"
    links = [encoded(tone(seconds, RATE), "OGG", subtype=subtype) for seconds in (0.5, 1.0, 0.7)]
    path.write_bytes(b"".join(links))
    sound = read_all(path)
    assert sound.shape == (2, round(2.2 * RATE))
    expected = [soundfile.read(io.BytesIO(link), dtype="float32")[0].T for link in links]
    np.testing.assert_array_equal(sound, np.concatenate(expected, axis=1))


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (RATE, 1)])
def test_chain_whose_links_differ_is_refused(tmp_path: Path, rate_hz: int, channels: int) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(encoded(tone(0.5, RATE), "OGG") + encoded(tone(0.5, rate_hz, channels), "OGG", rate_hz))
    with pytest.raises(MediaError, match="changes its sample rate or channels midway; convert it"):
        open_media(path)


@pytest.mark.parametrize("format_", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64"])
def test_no_samples_is_not_damage(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoded(np.zeros((1, 0), np.float32), format_))
    with pytest.raises(MediaError, match="holds no sound: its length is 0"):
        open_media(path)


def wav(sound: NDArray[np.float32], whole: int | None = None, samples: int | None = None) -> bytes:
    """A WAV of 16 bits whose header states other sizes of the file and of its samples."""
    content = bytearray(encoded(sound, "WAV"))
    for position, size in ((4, whole), (40, samples)):
        content[position : position + 4] = content[position : position + 4] if size is None else struct.pack("<I", size)
    return bytes(content)


@pytest.mark.parametrize(
    ("whole", "samples", "told"),
    [
        (2 * RATE + 36, 4 * RATE, "2.00 s stated, but the file ends before; read to its end"),
        (4 * RATE + 36, 4 * RATE, "2.00 s stated, but the file ends before; read to its end"),
        (0xFFFFFFFF, 0xFFFFFFFF, "not written by the recorder; read to the end of the file"),
        (0x7FFFFFFF, 0x7FFFFFFF - 36, "not written by the recorder; read to the end of the file"),
        (0, None, ""),
        (1000, None, ""),
    ],
)
def test_a_wav_that_states_more_than_it_holds(tmp_path: Path, whole: int, samples: int | None, told: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(1.0, RATE, 1), whole, samples))
    sound = read_all(path)
    np.testing.assert_allclose(sound, tone(1.0, RATE, 1), atol=1 / 32_000)
    assert dict(quick_facts(open_media(path))).get("Length", "") == told


def test_a_wav_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(1.0, RATE))[:100_001])
    assert read_all(path).shape == (2, (100_001 - 44) // 4)
    assert "but the file ends before" in dict(quick_facts(open_media(path)))["Length"]
    path.write_bytes(wav(tone(1.0, RATE))[:44])
    with pytest.raises(MediaError, match="holds no sound"):
        open_media(path)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("frames", [0, 10, 4000])
def test_a_wrong_number_of_frames_in_an_mp3(tmp_path: Path, mode: str, frames: int) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2.0, RATE).T, RATE, format="MP3", bitrate_mode=mode, compression_level=0.5)
    content = bytearray(buffer.getvalue())
    expected = soundfile.read(io.BytesIO(content), dtype="float32")[0].T
    position = max(content.find(b"Xing"), content.find(b"Info")) + 8
    counted = struct.unpack_from(">I", content, position)[0]
    struct.pack_into(">I", content, position, frames)
    for tag in (b"", b"ID3\x04\0\0\0\0\x0f\x76" + bytes(2038)):
        path = tmp_path / "a.mp3"
        path.write_bytes(tag + content)
        np.testing.assert_array_equal(read_all(path), expected)
        assert dict(quick_facts(open_media(path)))["Length"] == f"{frames:,} frames stated, {counted} found and read"


def test_a_right_number_of_frames_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(encoded(tone(1.0, RATE), "MP3"))
    assert "Length" not in dict(quick_facts(open_media(path)))


def test_a_streamed_flac_states_no_length(tmp_path: Path) -> None:
    """As ``ffmpeg -f flac -`` writes it: the number of samples in STREAMINFO is 0, unknown (RFC 9639, 8.2)."""
    path = tmp_path / "a.flac"
    content = bytearray(encoded(tone(1.0, RATE), "FLAC"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    np.testing.assert_allclose(read_all(path), tone(1.0, RATE), atol=1 / 32_000)


def test_a_codec_in_which_libsndfile_cannot_seek(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(tone(1.0, 8000, 1), "WAV", 8000, "GSM610"))
    with av.open(str(path)) as container:
        expected = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    with open_reader(open_media(path)) as reader:
        sound = reader.read(0, reader.n_samples).samples
    np.testing.assert_allclose(sound, expected / 32768, atol=1e-6)


def test_an_mp3_that_begins_with_zeros(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    content = encoded(tone(1.0, RATE), "MP3")
    for blank in (300, 3000, 9000):
        path.write_bytes(bytes(blank) + content)
        assert open_media(path).duration_secs == pytest.approx(1.0, abs=0.08)
    path.write_bytes(bytes(9000))
    with pytest.raises(MediaError, match="of no known format"):
        open_media(path)
    path.rename(tmp_path / "a.bin")
    with pytest.raises(MediaError, match="of no known format"):
        open_media(tmp_path / "a.bin")


def id3(length: int) -> bytes:
    """A tag with a picture of `length` bytes (ID3v2.3)."""
    size = bytes(length >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + b"APIC" + struct.pack(">I", length - 10) + b"\0\0" + bytes(length - 10)


@pytest.mark.parametrize("front", [b"", id3(3000), id3(1_700_000)])
@pytest.mark.parametrize(
    "behind",
    [b"", id3(4000) + b"TAG" + bytes(125), bytes(40) + b"APETAGEX" + struct.pack("<IIII8x", 2000, 40, 0, 1 << 31)],
)
def test_tags_in_front_of_and_behind_an_mp3(tmp_path: Path, front: bytes, behind: bytes) -> None:
    content = encoded(tone(1.0, RATE), "MP3")
    expected = soundfile.read(io.BytesIO(content), dtype="float32")[0].T
    path = tmp_path / "a.mp3"
    path.write_bytes(front + content + behind)
    np.testing.assert_array_equal(read_all(path), expected)


@pytest.mark.parametrize("frames", [43, 5000, 5])
def test_the_index_of_another_encoder_in_an_mp3(tmp_path: Path, frames: int) -> None:
    """VBRI stands 36 bytes behind the begin of the first frame, and libsndfile takes no notice of it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(2.0, RATE).T, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    content = bytearray(buffer.getvalue())
    content[4:200] = bytes(196)
    content[36:62] = b"VBRI" + struct.pack(">HHHIIHHHH", 1, 1105, 75, len(content), frames, 0, 1, 2, 1)
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    np.testing.assert_array_equal(read_all(path), decoded(path))


def test_noise_amid_an_mp3_is_a_moment_of_silence(tmp_path: Path) -> None:
    content = encoded(tone(2.0, RATE), "MP3")
    middle = len(content) // 2
    path = tmp_path / "a.mp3"
    path.write_bytes(content[:middle] + b"\x55" * 3000 + content[middle:])
    with open_reader(open_media(path)) as reader:
        sound = reader.read(0, reader.n_samples).samples
    assert sound.shape[1] == pytest.approx(2 * RATE, abs=4000)
    assert np.abs(sound[:, -20_000:-4000]).max() > 0.3
