"""Sound: exact by sample index, however it is cut into pieces, and on the clock of its video."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.formats.audio import AudioReader

from .conftest import tone, write_media

RATE = 48_000
FILES = ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus", "a.aiff", "float.wav"]
FRAMES = [40 * i for i in range(100)]
# AAC can replace noise by a description of it; its decoder then draws other noise after a jump.
NO_NOISE = {"aac_pns": "0"}


def _write(path: Path, sound: NDArray[np.float32], rate_hz: int = RATE) -> Path:
    import soundfile

    options = {"a.opus": {"format": "OGG", "subtype": "OPUS"}, "float.wav": {"subtype": "FLOAT"}}
    soundfile.write(path, sound.T, rate_hz, **options.get(path.name, {}))
    return path


def _in_pieces(reader: AudioReader, seed: int) -> NDArray[np.float32]:
    draw = random.Random(seed)
    pieces, start = [], 0
    while start < reader.n_samples:
        stop = start + draw.randrange(1, 9000)
        pieces.append(reader.read(start, stop).samples)
        start = stop
    return np.concatenate(pieces, axis=1)


@pytest.mark.parametrize("name", FILES)
def test_equals_soundfile_however_it_is_read(tmp_path: Path, name: str) -> None:
    import soundfile

    path = _write(tmp_path / name, tone(4.0, RATE))
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    media = open_media(path)
    assert (media.kind, media.rate_hz, media.channels) == (MediaKind.AUDIO, RATE, 2)
    assert media.duration_secs == expected.shape[1] / RATE
    with open_reader(media) as reader:
        assert (reader.rate_hz, reader.channels, reader.n_samples) == (RATE, 2, expected.shape[1])
        np.testing.assert_array_equal(reader.read(0, reader.n_samples).samples, expected)
        np.testing.assert_array_equal(_in_pieces(reader, 1), expected)
        draw = random.Random(2)
        for _ in range(20):
            start = draw.randrange(reader.n_samples)
            piece = reader.read(start, start + 3000)
            assert piece.start == start
            np.testing.assert_array_equal(piece.samples, expected[:, start : start + 3000])


def test_limits_are_cut_to_the_sound(tmp_path: Path) -> None:
    with AudioReader(open_media(_write(tmp_path / "a.wav", tone(0.5, RATE, 1)))) as reader:
        assert reader.read(-100, 50).samples.shape == (1, 50)
        assert reader.read(-100, 50).start == 0
        assert reader.read(reader.n_samples - 10, 10**9).samples.shape == (1, 10)
        assert reader.read(300, 200).samples.shape == (1, 0)
        assert reader.read(10**9, 2 * 10**9).samples.shape == (1, 0)


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("v.mp4", "aac", 48000),
        ("v.mkv", "aac", 44100),
        ("v.mkv", "flac", 44100),
        ("v.mkv", "libopus", 48000),
        ("v.mov", "pcm_s16le", 44100),
        ("v.mkv", "pcm_s24le", 44100),
        ("v.ts", "aac", 44100),
        ("v.avi", "libmp3lame", 44100),
        ("v.mpg", "mp2", 44100),
    ],
)
def test_sound_of_a_video_in_pieces_and_after_jumps(tmp_path: Path, name: str, codec: str, rate_hz: int) -> None:
    original = tone(4.0, rate_hz)
    video = (
        {"codec": "mpeg4", "options": {"g": "12"}}
        if name == "v.avi"
        else {"codec": "mpeg2video"}
        if name == "v.mpg"
        else {}
    )
    path = write_media(
        tmp_path / name, FRAMES, sound=original, sound_codec=codec, rate_hz=rate_hz, sound_options=NO_NOISE, **video
    )
    media = open_media(path)
    assert (media.kind, media.rate_hz, media.channels) == (MediaKind.VIDEO, rate_hz, 2)
    with AudioReader(media) as reader:
        whole = reader.read(0, reader.n_samples).samples
        assert abs(reader.n_samples - original.shape[1]) < 0.12 * rate_hz
    with AudioReader(media) as reader:
        np.testing.assert_array_equal(_in_pieces(reader, 3), whole)
        draw = random.Random(4)
        for _ in range(25):
            start = draw.randrange(reader.n_samples - 2000)
            np.testing.assert_allclose(
                reader.read(start, start + 2000).samples, whole[:, start : start + 2000], atol=2e-3
            )
        np.testing.assert_array_equal(reader.read(0, 5000).samples, whole[:, :5000])
    if codec in ("flac", "pcm_s24le", "pcm_s16le"):
        found, lag = _best_lag(whole[0], original[0])
        assert lag == 0
        assert found > 0.9999


def _best_lag(sound: NDArray[np.float32], original: NDArray[np.float32]) -> tuple[float, int]:
    """Correlation and delay (samples) of `sound` against `original`, from the middle of both."""
    piece = original[RATE : RATE + 8192].astype(np.float64)
    window = sound[RATE - 4096 : RATE + 8192 + 4096].astype(np.float64)
    scores = np.correlate(window, piece, "valid")
    energy = np.sqrt(np.convolve(window**2, np.ones(8192), "valid") * (piece @ piece))
    best = int(np.argmax(scores / energy))
    return float(scores[best] / energy[best]), best - 4096


@pytest.mark.parametrize(("video_ms", "sound_ms"), [(0, 0), (0, 500), (300, 0), (700, 1000)])
def test_clock_of_sound_is_that_of_the_first_frame(tmp_path: Path, video_ms: int, sound_ms: int) -> None:
    """A track that starts later is padded with silence, one that starts earlier is cut."""
    original = tone(3.0, RATE)
    path = write_media(
        tmp_path / "v.mkv",
        [video_ms + time for time in FRAMES[:60]],
        sound=original,
        sound_codec="pcm_s16le",
        sound_start_ms=sound_ms,
    )
    offset = (sound_ms - video_ms) * RATE // 1000
    expected = np.zeros((2, RATE), np.float32)
    shown = original[:, max(0, -offset) :][:, : RATE - max(0, offset)]
    expected[:, max(0, offset) : max(0, offset) + shown.shape[1]] = shown
    with AudioReader(open_media(path)) as reader:
        for start in (0, 20000, 0):
            np.testing.assert_allclose(reader.read(start, RATE).samples, expected[:, start:], atol=4e-5)


def test_sound_and_picture_share_a_clock(tmp_path: Path) -> None:
    """A click is heard when the white frame is shown, in a container that cannot begin at 0."""
    click = np.zeros((1, RATE * 2), np.float32)
    click[:, RATE : RATE + 48] = 0.9
    flash = [np.full((96, 160, 3), 255 if i == 25 else 10, np.uint8) for i in range(50)]
    path = write_media(tmp_path / "v.ts", FRAMES[:50], pictures=lambda i: flash[i], sound=click, sound_codec="mp2")
    media = open_media(path)
    with open_reader(media) as video, AudioReader(media) as sound:
        shown = next(frame.pts for frame in iter(video.next, None) if frame.pixels.mean() > 128)
        heard = int(np.argmax(np.abs(sound.read(0, sound.n_samples).samples[0]) > 0.4)) / RATE
    # 481 samples: the delay of the MPEG layer II filter bank, which the container does not declare.
    assert heard == pytest.approx(shown, abs=0.012)


@pytest.mark.parametrize("name", ["a.m4a", "a.aac"])
def test_aac_files(tmp_path: Path, name: str) -> None:
    original = tone(4.0, 44100)
    media = open_media(write_media(tmp_path / name, None, sound=original, rate_hz=44100, sound_options=NO_NOISE))
    assert (media.kind, media.rate_hz, media.channels) == (MediaKind.AUDIO, 44100, 2)
    with open_reader(media) as reader:
        assert abs(reader.n_samples - original.shape[1]) <= 2048
        whole = reader.read(0, reader.n_samples).samples
        np.testing.assert_allclose(reader.read(100_000, 101_000).samples, whole[:, 100_000:101_000], atol=2e-3)
    score, lag = _best_lag(whole[0], original[0])
    assert score > 0.98
    # A raw AAC stream cannot say that its first 1024 samples are the encoder's delay.
    assert lag == (0 if name == "a.m4a" else 1024)


def test_a_video_can_be_opened_as_its_sound(tmp_path: Path) -> None:
    path = write_media(tmp_path / "v.mp4", FRAMES[:50], sound=tone(2.0, RATE))
    media = open_media(path, kind=MediaKind.AUDIO)
    assert (media.kind, media.size, media.rate_hz) == (MediaKind.AUDIO, None, RATE)
    with open_reader(media) as reader:
        assert reader.read(0, 1000).samples.shape == (2, 1000)
    with pytest.raises(MediaError, match="no sound"):
        open_media(write_media(tmp_path / "mute.mp4", FRAMES[:5]), kind=MediaKind.AUDIO)


def test_samples_are_full_scale_at_one(tmp_path: Path) -> None:
    """Integer tracks come back as the floats that were written."""
    steps = np.array([[-1.0, -0.5, 0.0, 0.25, 0.5] * 2000], np.float32)
    for codec, tolerance in (("pcm_u8", 1 / 128), ("pcm_s16le", 2**-15), ("pcm_s32le", 2**-24), ("pcm_f32le", 0.0)):
        path = write_media(tmp_path / f"{codec}.mkv", None, sound=steps, sound_codec=codec)
        with open_reader(open_media(path)) as reader:
            np.testing.assert_allclose(reader.read(0, 10000).samples, steps, atol=tolerance)


def test_real_sounds_equal_soundfile(data: Callable[..., Path]) -> None:
    import soundfile

    for path in sorted(data("esc10").glob("*.ogg")):
        expected = soundfile.read(path, dtype="float32", always_2d=True)[0].T
        with open_reader(open_media(path)) as reader:
            middle = expected.shape[1] // 2
            np.testing.assert_array_equal(reader.read(middle, middle + 999).samples, expected[:, middle : middle + 999])
            np.testing.assert_array_equal(reader.read(0, reader.n_samples).samples, expected)


@pytest.mark.parametrize("name", ["faces_1080p.mp4", "talk_1080p.mp4"])
def test_sound_of_real_clips(data: Callable[..., Path], name: str) -> None:
    """Equal to all blocks of a plain decode, each put where its time stamp says."""
    import av

    path = data("video", name)
    with av.open(str(path)) as container:
        blocks: list[tuple[int, Any]] = [(f.pts, f.to_ndarray()) for f in container.decode(audio=0)]
    with AudioReader(open_media(path)) as reader:
        expected = np.zeros((2, blocks[-1][0] + 1024), np.float32)
        for start, block in blocks:
            expected[:, start : start + block.shape[1]] = block
        whole = reader.read(0, reader.n_samples).samples
        np.testing.assert_array_equal(whole, expected[:, : reader.n_samples])
        for start in (150_001, 3, 77_777, 120_000):
            piece = reader.read(start, start + 4000).samples
            np.testing.assert_allclose(piece, whole[:, start : start + 4000], atol=2e-3)


@pytest.mark.parametrize("sizes", [(0, 0), (36, 0), (0xFFFFFFFF, 0), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_recording_that_was_stopped_is_read_to_its_end(tmp_path: Path, sizes: tuple[int, int]) -> None:
    path = _write(tmp_path / "a.wav", tone(1.0, RATE))
    with open_reader(open_media(path)) as reader:
        expected = reader.read(0, reader.n_samples).samples
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = (size.to_bytes(4, "little") for size in sizes)
    path.write_bytes(content)
    media = open_media(path)
    assert media.details["length"] == "not written by the recorder; read to the end of the file"
    with open_reader(media) as reader:
        np.testing.assert_array_equal(reader.read(0, reader.n_samples).samples, expected)
    path.write_bytes(content[:44])
    with pytest.raises(MediaError, match=r"length is 0|damaged"):
        open_media(path)


@pytest.mark.parametrize(
    ("suffix", "codec", "exact"), [("wv", "wavpack", True), ("tta", "tta", True), ("ac3", "ac3", False)]
)
def test_sounds_that_only_ffmpeg_reads(tmp_path: Path, suffix: str, codec: str, exact: bool) -> None:
    import av

    path = tmp_path / f"a.{suffix}"
    write_media(path, sound=tone(1.0, RATE, 1), sound_codec=codec, rate_hz=RATE)
    media = open_media(path)
    assert (media.kind, media.rate_hz, media.details["codec"]) == (MediaKind.AUDIO, RATE, codec)
    with av.open(str(path)) as container:
        decoded = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    with open_reader(media) as reader:
        samples = reader.read(0, reader.n_samples).samples
    assert samples.shape == (1, decoded.shape[1])
    if exact:
        # PyAV writes both with the first sample format of the encoder, of 8 bits.
        np.testing.assert_allclose(samples[0], tone(1.0, RATE, 1)[0], atol=1 / 127)
    else:
        np.testing.assert_allclose(samples, decoded, atol=1e-6)


def test_two_bytes_of_ac3_make_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x0b\x77" + bytes(500))
    with pytest.raises(MediaError, match="no known format"):
        open_media(path)
