"""What is lost of damaged videos is told, and what is left keeps its place in time."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.cli.main import main
from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, open_media, open_reader
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.facts import facts
from cvstudio.media.formats.audio import AudioReader

from .conftest import number_of, numbered, tone, write_media

FORMS = {
    "a.mp4": ("libx264", "aac"),
    "a.mkv": ("libx264", "aac"),
    "a.ts": ("libx264", "aac"),
    "a.webm": ("libvpx-vp9", "libopus"),
    "av1.mp4": ("libsvtav1", "aac"),
    "a.avi": ("mjpeg", "mp2"),
    "a.mpg": ("mpeg2video", "mp2"),
}
OPTIONS = {"mjpeg": {"q": "2"}, "libx264": {"g": "12", "bf": "3"}}
COUNT, BEGIN, END = 50, 0.3, 0.6


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    LOSSES.forget()


def noisy(number: int) -> NDArray[np.uint8]:
    """`numbered`, above noise that no codec makes small: a frame's share of the bytes is even."""
    picture = numbered(number).copy()
    picture[60:] = np.random.default_rng(number).integers(0, 255, (36, 160, 3))
    return picture


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    for name, (codec, sound_codec) in FORMS.items():
        write_media(
            folder / name,
            [40 * number for number in range(COUNT)],
            codec=codec,
            options=OPTIONS.get(codec, {"g": "12"}),
            pictures=noisy,
            pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
            sound=tone(2, 48000),
            sound_codec=sound_codec,
        )
    return {name: (folder / name).read_bytes() for name in FORMS}


def zeroed(content: bytes, begin: float = BEGIN, end: float = END) -> bytes:
    start, stop = round(len(content) * begin), round(len(content) * end)
    return content[:start] + bytes(stop - start) + content[stop:]


def read_all(media: Media) -> dict[float, int]:
    """The number that each frame shows, by its time."""
    with open_reader(media) as reader:
        return {frame.pts: number_of(frame.pixels) for frame in iter(reader.next, None)}


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_lost_of_a_whole_file(tmp_path: Path, whole: dict[str, bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(whole[name])
    assert "Damage" not in dict(facts(open_media(path)))
    assert LOSSES.sentences() == []


@pytest.mark.parametrize("name", FORMS)
def test_a_zeroed_middle_is_told_and_the_rest_keeps_its_time(
    tmp_path: Path, whole: dict[str, bytes], name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(whole[name])
    there = read_all(open_media(path))
    path.write_bytes(zeroed(whole[name]))
    media = open_media(path)
    left = read_all(media)
    lost = len(there) - len(left)
    assert 5 <= lost <= 30
    # Between the damage and the next key frame pictures refer to what is lost.
    kept = {time: number for time, number in there.items() if time < 0.5 or time >= 1.92}
    assert {time: left.get(time) for time in kept} == kept
    told = dict(facts(media))["Damage"]
    assert told.startswith(f"{lost} of {len(there)} frames could not be decoded, and 0.")
    assert told.endswith(" s of the sound could not be decoded and are silent")


def test_seeks_and_steps_in_a_hole(tmp_path: Path, whole: dict[str, bytes]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(zeroed(whole["a.mp4"]))
    media = open_media(path)
    times = sorted(read_all(media))
    before, after = max(pairwise(times), key=lambda pair: pair[1] - pair[0])
    assert after - before > 0.2
    with open_reader(media) as reader:
        for pts in (1.9, before + 0.1, 0.0, after, after - 0.01, before):
            assert reader.at(pts).pts == max(time for time in times if time <= pts + 1e-9)
        assert reader.step(before + 0.1, 1).pts == after
        assert reader.step(after, -1).pts == before


def test_sound_behind_damage_stays_in_step(tmp_path: Path, whole: dict[str, bytes]) -> None:
    for name in ("a.mp4", "a.avi"):
        path = tmp_path / name
        path.write_bytes(whole[name])
        with AudioReader(open_media(path)) as sound:
            expected = sound.read(70_000, 80_000).samples
        path.write_bytes(zeroed(whole[name]))
        with AudioReader(open_media(path)) as sound:
            sound.read(0, 70_000)
            found = sound.read(70_000, 80_000).samples
        # AAC fills bands with noise of its own.
        assert np.corrcoef(found[0], expected[0])[0, 1] > 0.95


def test_one_is_told_as_soon_as_a_frame_is_lost(tmp_path: Path, whole: dict[str, bytes]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(zeroed(whole["a.mp4"]))
    sentences: list[str] = []
    end = LOSSES.listen(sentences.append)
    try:
        read_all(open_media(path))
    finally:
        end()
    assert sentences == ["'a.mp4' is damaged: frames of it cannot be decoded, and the one before is shown instead."]


def test_lost_sound_is_told_too_whichever_comes_first(tmp_path: Path, whole: dict[str, bytes]) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(zeroed(whole["a.mp4"]))
    media = open_media(path)
    of_frames = "'a.mp4' is damaged: frames of it cannot be decoded, and the one before is shown instead."
    of_sound = "'a.mp4' is damaged: parts of its sound cannot be decoded and are silent."
    sentences: list[str] = []
    end = LOSSES.listen(sentences.append)
    try:
        with AudioReader(media) as sound:
            sound.read(0, sound.n_samples)
        assert sentences == [of_sound]
        read_all(media)
        assert sentences == [of_sound, of_frames]
        LOSSES.forget()
        facts(media)
    finally:
        end()
    assert sorted(sentences[2:]) == [of_frames, of_sound]


def test_an_export_says_what_is_lost_and_keeps_the_times(
    tmp_path: Path, whole: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    path.write_bytes(zeroed(whole["a.mp4"]))
    assert main(["run", "hog", str(path), "-o", str(out)]) == 0
    assert "'a.mp4' is damaged: 15 of 50 frames could not be decoded, and 0.6" in capfd.readouterr().err
    times = sorted(read_all(open_media(path)))
    assert sorted(read_all(open_media(out))) == pytest.approx(times, abs=1e-6)


def test_an_export_lasts_as_long_where_the_last_frames_are_lost(tmp_path: Path, whole: dict[str, bytes]) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    path.write_bytes(zeroed(whole["a.mp4"], 0.6, 0.97))
    media = open_media(path)
    assert max(read_all(media)) < 1.5
    assert main(["run", "hog", str(path), "-o", str(out), "--quiet"]) == 0
    assert open_media(out).duration_secs == pytest.approx(media.duration_secs, abs=0.03)


def test_a_damaged_last_frame_is_counted(tmp_path: Path, whole: dict[str, bytes]) -> None:
    import av

    path = tmp_path / "a.mp4"
    path.write_bytes(whole["a.mp4"])
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        last = max(packets, key=lambda packet: packet.pts or 0)
        begin, size = last.pos or 0, last.size
    content = whole["a.mp4"]
    path.write_bytes(content[:begin] + bytes(size) + content[begin + size :])
    media = open_media(path)
    lost = COUNT - len(read_all(media))
    assert lost >= 1
    assert dict(facts(media))["Damage"].startswith(f"{lost} of 50 frame")


def test_frames_that_only_the_index_of_an_avi_knows_are_counted(tmp_path: Path) -> None:
    times = [40 * number for number in range(COUNT)]
    options = {"g": "12"}
    path = write_media(
        tmp_path / "a.avi", times, codec="mpeg4", options=options, pictures=noisy, sound=tone(2, 44100), rate_hz=44100
    )
    there = read_all(open_media(path))
    path.write_bytes(zeroed(path.read_bytes(), 0.4, 0.95))
    media = open_media(path)
    lost = len(there) - len(read_all(media))
    assert lost > 20
    assert int(dict(facts(media))["Damage"].split()[0]) == pytest.approx(lost, abs=1)


def test_a_long_video_is_not_decoded_for_its_facts(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvstudio.media.damage.video_losses._MOST_PIXELS", 1000)
    path = tmp_path / "a.mp4"
    path.write_bytes(zeroed(whole["a.mp4"]))
    media = open_media(path)
    assert "frames" not in dict(facts(media)).get("Damage", "")
    read_all(media)
    assert "15 of 50 frames" in dict(facts(media))["Damage"]


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_frames_of_dolby_that_are_cut_or_overwritten_are_told(tmp_path: Path, codec: str) -> None:
    """Its decoder passes over them: the sound was as long as what was left of it, and nobody was told."""
    path = write_media(tmp_path / f"a.{codec}", sound=tone(2, 44100), sound_codec=codec, rate_hz=44100)
    content = path.read_bytes()
    assert "Damage" not in dict(facts(open_media(path)))
    for length in (len(content) // 2 + 5, len(content) - 100, len(content) - 3):
        path.write_bytes(content[:length])
        assert dict(facts(open_media(path)))["Damage"].startswith("its last frame was cut off")
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(300) + content[middle + 300 :])
    media = open_media(path)
    assert dict(facts(media))["Damage"].startswith("other bytes are amid its frames, in 1 place")
    assert media.duration_secs == pytest.approx(2, abs=0.1)
    # A tag behind the frames is none of them, and no loss.
    path.write_bytes(content + b"TAG" + bytes(125))
    assert "Damage" not in dict(facts(open_media(path)))


@pytest.mark.parametrize("stated", [0.5, 1.5, 3.9, 4.1, 9.0])
def test_a_true_audio_whose_header_lies_about_its_length_is_told(tmp_path: Path, stated: float) -> None:
    path = write_media(tmp_path / "a.tta", sound=tone(4, 44100), sound_codec="tta", rate_hz=44100)
    content = bytearray(path.read_bytes())
    assert "Damage" not in dict(facts(open_media(path)))
    content[14:18] = struct.pack("<I", round(stated * 44100))
    content[18:22] = struct.pack("<I", zlib.crc32(content[:18]))
    path.write_bytes(content)
    try:
        text = dict(facts(open_media(path)))["Damage"]
    except MediaError as error:
        text = str(error)
    assert "damaged or was cut short" in text or "header states" in text or "could not be decoded" in text
