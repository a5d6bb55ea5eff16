"""How a file is read is the user's choice: depth scales and sound tracks, in files that are saved and on every road."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

import cvstudio
from cvstudio.cli.main import main
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.reading import settings_fields, with_settings
from cvstudio.results.detections import Detections
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State, add_media
from cvstudio.session.transitions import with_active, with_reading

from .conftest import numbered

LEVELS = np.array([[0, 256, 1000], [5000, 12800, 65535]], np.uint16)
TRACKS = (("eng", "Mix", 440, "stereo"), ("kor", "해설", 880, "mono"), ("", "", 1320, "stereo"))


@pytest.fixture
def depth(tmp_path: Path) -> Path:
    path = tmp_path / "depth.png"
    path.write_bytes(cv2.imencode(".png", np.kron(LEVELS, np.ones((8, 8), np.uint16)))[1].tobytes())
    return path


def write_tracks(path: Path, codec: str = "aac", *, video: bool = True) -> Path:
    """One second with a tone of its own in each of three sound tracks."""
    with av.open(str(path), "w") as container:
        picture: Any = None
        if video:
            picture = container.add_stream("libx264", rate=25)
            picture.width, picture.height, picture.pix_fmt = 160, 96, "yuv420p"
        streams: list[Any] = []
        for language, title, _, layout in TRACKS:
            stream: Any = container.add_stream(codec, rate=48000, layout=layout)
            stream.metadata.update({"language": language, "title": title} if language else {})
            streams.append(stream)
        for number in range(25 if video else 0):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(picture.encode(frame))
        if video:
            container.mux(picture.encode(None))
        time = np.arange(48000) / 48000
        for stream, (_, _, hz, layout) in zip(streams, TRACKS, strict=True):
            wave = np.tile(np.float32(0.4) * np.sin(2 * np.pi * hz * time), (1 if layout == "mono" else 2, 1))
            for start in range(0, 48000, 1024):
                block = np.ascontiguousarray(wave[:, start : start + 1024], np.float32)
                sound = av.AudioFrame.from_ndarray(block, "fltp", layout)
                sound.sample_rate, sound.time_base, sound.pts = 48000, Fraction(1, 48000), start
                container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
    return path


def pitch(media: Media) -> int:
    """The loudest frequency of a sound in Hz."""
    with AudioReader(media) as reader:
        samples = reader.read(4800, 4800 + 24000).samples
    spectrum = np.abs(np.fft.rfft(samples.mean(axis=0) * np.hanning(24000)))
    return round(float(np.fft.rfftfreq(24000, 1 / 48000)[spectrum.argmax()]))


@pytest.mark.parametrize(
    ("settings", "unit", "divisor", "near_is_large"),
    [
        ({}, "m", 1000, False),
        ({"depth_scale": "mm"}, "m", 1000, False),
        ({"depth_scale": "m"}, "m", 1, False),
        ({"depth_scale": "tum"}, "m", 5000, False),
        ({"depth_scale": "kitti"}, "m", 256, False),
        ({"depth_scale": "kitti-px"}, "px", 256, True),
        ({"depth_scale": "px"}, "px", 1, True),
        ({"depth_scale": "relative"}, "relative", 1, True),
        ({"depth_scale": "other-m", "depth_levels": 10_000}, "m", 10_000, False),
        ({"depth_scale": "other-px", "depth_levels": 16}, "px", 16, True),
    ],
)
def test_depth_scales(depth: Path, settings: dict[str, Any], unit: str, divisor: float, near_is_large: bool) -> None:
    media = open_media(depth, settings=settings)
    with open_reader(media) as reader:
        found = reader.read()
    assert (found.unit, found.near_is_large, media.details["unit"]) == (unit, near_is_large, unit)
    np.testing.assert_array_equal(found.values[::8, ::8], (LEVELS / divisor).astype(np.float32))
    np.testing.assert_array_equal(found.invalid[::8, ::8], LEVELS == 0)
    assert media.details["scale"] == (unit if divisor == 1 else f"1/{divisor} {unit}")


def test_floats_and_disparities_have_scales_too(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.full((8, 8), 1500, np.float32))
    for scale, value in (("auto", 1500), ("mm", 1.5), ("kitti-px", 1500 / 256)):
        with open_reader(open_media(tmp_path / "a.npy", settings={"depth_scale": scale})) as reader:
            assert reader.read().values[0, 0] == np.float32(value)


def test_the_id_says_how_it_is_read(depth: Path) -> None:
    plain, tum = open_media(depth), open_media(depth, settings={"depth_scale": "tum"})
    assert plain.id != tum.id
    assert plain.file_id == tum.file_id == plain.id
    assert with_settings(tum, {}) == plain
    assert with_settings(plain, {"depth_scale": "tum"}) == tum
    assert open_media(depth, settings={"depth_scale": "auto"}) == plain


def test_what_is_no_setting(depth: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"no setting 'sound_track'; there are: depth_scale"):
        open_media(depth, settings={"sound_track": "2"})
    with pytest.raises(ParamsError, match="Depth scale expects one of auto"):
        open_media(depth, settings={"depth_scale": "miles"})
    media = open_media(write_tracks(tmp_path / "a.mkv"))
    with pytest.raises(ParamsError, match="Sound track expects one of 1, 2, 3, found '4'"):
        with_settings(media, {"sound_track": "4"})


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "aac"), ("a.mp4", "aac"), ("a.mkv", "flac")])
def test_every_track_is_listed_and_can_be_chosen(tmp_path: Path, name: str, codec: str) -> None:
    media = open_media(write_tracks(tmp_path / name, codec))
    assert [(track.number, track.codec, track.channels) for track in media.sound_tracks] == [
        (1, codec, 2),
        (2, codec, 1),
        (3, codec, 2),
    ]
    assert [track.language for track in media.sound_tracks] == ["eng", "kor", ""]
    if name.endswith("mkv"):
        assert [track.title for track in media.sound_tracks] == ["Mix", "해설", ""]
        assert media.sound_tracks[1].label == f"2 · kor · 해설 · {codec}, mono"
    (field,) = settings_fields(media)
    assert field.choices is not None
    assert field.choices.options == ("1", "2", "3")
    assert field.choices.titles[0].startswith("1 · eng")
    for track, (_, _, hz, layout) in enumerate(TRACKS, 1):
        chosen = with_settings(media, {"sound_track": str(track)})
        assert pitch(chosen) == hz
        assert chosen.channels == (1 if layout == "mono" else 2)


def test_one_track_is_no_choice(tmp_path: Path) -> None:
    from .conftest import tone, write_media

    media = open_media(write_media(tmp_path / "a.mp4", [0, 40], sound=tone(0.2, 48000, 1)))
    assert len(media.sound_tracks) == 1
    assert settings_fields(media) == ()


def write_stereo(path: Path, codec: str = "flac") -> Path:
    """A video with 440 Hz on the left and 880 Hz on the right."""
    from .conftest import write_media

    time = np.arange(48000) / 48000
    sound = np.stack([0.4 * np.sin(2 * np.pi * hz * time) for hz in (440, 880)]).astype(np.float32)
    return write_media(path, range(0, 1000, 200), sound=sound, sound_codec=codec)


def test_one_channel_of_the_sound_of_a_video(tmp_path: Path) -> None:
    media = open_media(write_stereo(tmp_path / "a.mp4", "aac"))
    (field,) = settings_fields(media)
    assert field.choices is not None
    assert field.choices.options == ("all", "left", "right", "mix", "difference")
    with AudioReader(media) as reader:
        both = reader.read(0, 48000).samples
    expected = {"left": both[:1], "right": both[1:], "mix": both.mean(0)[None], "difference": (both[:1] - both[1:]) / 2}
    for name, samples in expected.items():
        chosen = with_settings(media, {"sound_channels": name})
        assert (chosen.channels, chosen.kind, chosen.size) == (1, MediaKind.VIDEO, media.size)
        assert chosen.id != media.id
        with AudioReader(chosen) as reader:
            assert reader.channels == 1
            np.testing.assert_allclose(reader.read(0, 48000).samples, samples, atol=1e-6)
        assert with_settings(chosen, {}) == media
        assert open_media(media.path, settings={"sound_channels": name}) == chosen
    with pytest.raises(ParamsError, match="Sound channels expects one of all, left"):
        with_settings(media, {"sound_channels": "3"})


@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_the_chosen_channel_is_exported_and_looked_at(tmp_path: Path, codec: str) -> None:
    path = write_stereo(tmp_path / "a.mkv", codec)
    out = tmp_path / "out.mp4"
    options = ["--sound-channels", "right", "--format", "mp4", "-o", str(out), "-q"]
    assert main(["run", "hog", str(path), *options]) == 0
    made = open_media(out)
    assert (pitch(made), made.channels) == (880, 1)
    instance = make_instance("spectrogram", {"sound": path}, values={"sound_channels": "left"})
    with Runner() as runner:
        result = runner.result(instance)
    powers = result.levels[:, : result.columns_done].astype(int).sum(axis=1)
    row = round(880 * result.window / result.rate_hz)
    assert abs(powers.argmax() * result.rate_hz / result.window - 440) <= result.rate_hz / result.window
    assert powers[row] < powers.max() / 2


def test_a_sound_file_of_several_tracks(tmp_path: Path) -> None:
    media = open_media(write_tracks(tmp_path / "a.mka", video=False))
    assert media.kind is MediaKind.AUDIO
    assert [pitch(with_settings(media, {"sound_track": str(number)})) for number in (1, 2, 3)] == [440, 880, 1320]


@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_the_chosen_track_is_exported_and_looked_at(tmp_path: Path, codec: str) -> None:
    media = open_media(write_tracks(tmp_path / "a.mkv", codec), settings={"sound_track": "2"})
    with open_reader(media) as reader:
        frames = [reader.at(number / 25) for number in range(25)]
    none = np.zeros(0, np.int64)
    nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), none, (), none, frames[0].size)
    item = ExportItem(media, None, None, {}, {}, frames=[(frame, nothing) for frame in frames])
    export(EXPORTERS["mp4"], tmp_path / "out.mp4", item, Progress())
    made = open_media(tmp_path / "out.mp4")
    assert len(made.sound_tracks) == 1
    assert pitch(made) == 880
    instance = make_instance("spectrogram", {"sound": tmp_path / "a.mkv"}, values={"sound_track": "2"})
    with Runner() as runner:
        result = runner.result(instance)
    loudest = result.levels[:, : result.columns_done].astype(int).sum(axis=1).argmax()
    assert abs(loudest * result.rate_hz / result.window - 880) <= result.rate_hz / result.window


def test_it_is_saved_with_project_and_recipe(tmp_path: Path, depth: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(cv2.imencode(".png", np.zeros((16, 24, 3), np.uint8))[1].tobytes())
    options = ["--depth", str(depth), "--depth-scale", "other-m", "--depth-levels", "2000", "-o", str(tmp_path / "o")]
    assert main(["run", "refocus", str(picture), *options, "-q"]) == 0
    (recipe,) = (tmp_path / "o").glob("*.recipe.json")
    instance, _, _ = load_recipe(recipe)
    assert instance.bindings["depth"].settings == {"depth_scale": "other-m", "depth_levels": 2000.0}
    assert "settings" not in json.loads(recipe.read_text())["inputs"]["picture"]

    media = open_media(depth, settings={"depth_scale": "tum"})
    state = State((media,), media.id)
    save_project(tmp_path / "a.cvstudio", state)
    assert load_project(tmp_path / "a.cvstudio")[0].media == (media,)


def test_python_takes_it_like_any_parameter(depth: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(cv2.imencode(".png", np.full((16, 24, 3), 9, np.uint8))[1].tobytes())
    # 12,800 levels are 50 of KITTI's metres and 12.8 of the usual ones.
    for scale, sharp in (("kitti", 64), ("auto", 0)):
        result = cvstudio.run("refocus", picture, depth, depth_scale=scale, focus=(49.0, 51.0))
        assert result.mask.sum() == sharp
    with pytest.raises(ParamsError, match=r"no setting of picture\.png"):
        cvstudio.run("detect", picture, model="hog", depth_scale="tum")


def test_a_change_reaches_every_place_of_the_session(depth: Path) -> None:
    media = open_media(depth)
    numbers = iter(range(1, 9))
    state = with_active(add_media(State(), media), media, lambda: next(numbers))
    state = with_reading(state, media, "depth_scale", "tum")
    (changed,) = state.media
    assert changed.settings == {"depth_scale": "tum"}
    assert state.active == changed.id
    assert [bound for item in state.instances for bound in item.bindings.values()] == [changed]
    # Opening the file again leaves it as it is read.
    again = with_active(add_media(state, media), media, lambda: next(numbers))
    assert again.media == (changed,)
    assert again.active == changed.id
    assert with_reading(state, changed, "depth_scale", "auto").media == (media,)
