"""Samples: all are there, made the same on every run, and exact where they promise to be."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import Cancelled, MediaError, UnknownKeyError
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples import clip, still_life
from cvstudio.media.examples import files as samples
from cvstudio.media.examples.files import SAMPLES, sample, sample_path
from cvstudio.media.examples.geometry import Box, Plane, Sphere
from cvstudio.media.examples.still_life import CAMERA, SURFACES, SceneCamera

KEYS = (
    "astronaut",
    "cat",
    "coffee",
    "street",
    "texture",
    "scene",
    "scene-depth",
    "scene-right",
    "clip",
    "dialogue",
    "voice-a",
    "voice-b",
    "photo-labels",
    "object",
    "rgbd",
    "views-first",
    "views",
)


@pytest.fixture(scope="module")
def depth_mm() -> NDArray[np.uint16]:
    from PIL import Image

    with Image.open(sample_path("scene-depth")) as opened:
        assert opened.mode == "I;16"
        return np.array(opened)


def test_the_samples_are_the_promised_ones() -> None:
    assert tuple(item.key for item in SAMPLES) == KEYS
    for item in SAMPLES:
        assert item.title
        assert item.licence
        assert item.source
    with pytest.raises(UnknownKeyError, match="There is no sample 'dog'; there are: astronaut, cat"):
        sample_path("dog")


@pytest.mark.parametrize(("key", "size"), [("astronaut", (512, 512)), ("cat", (451, 300)), ("coffee", (600, 400))])
def test_photographs_lie_in_the_installed_package(key: str, size: tuple[int, int]) -> None:
    from PIL import Image

    path = sample_path(key)
    assert path.parent.parent.name == "skimage"
    with Image.open(path) as opened:
        assert opened.size == size
        assert opened.mode == "RGB"


def test_finding_a_photograph_imports_no_downloader() -> None:
    code = (
        "import sys; from cvstudio.media.examples.files import sample_path; sample_path('astronaut');"
        "assert not {'skimage', 'pooch', 'torch', 'cv2', 'av'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_photograph_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MediaError, match="install scikit-image again"):
        sample_path("cat")


def test_every_sample_opens_as_its_kind() -> None:
    from cvstudio.media import open_media

    for item in SAMPLES:
        if item.kind == "folder":
            kinds = {open_media(path).kind for path in sample_path(item.key).glob("*.png")}
            assert kinds == ({"image", "depth"} if item.key == "rgbd" else {"image"})
        elif item.kind != "labels":
            assert open_media(sample_path(item.key)).kind == item.kind, item.key


def test_the_labelled_photographs_are_whole() -> None:
    from cvstudio.media.annotations import annotation_format

    path = sample_path("photo-labels")
    labelled = annotation_format(path).read(path)
    assert labelled.check() == ()
    assert {name: file.read_bytes() for name, file in labelled.pictures.items()} == {
        sample(key).file: sample_path(key).read_bytes() for key in ("astronaut", "cat", "coffee")
    }


def test_what_is_made_is_kept_and_nothing_is_left_beside_it(depth_mm: NDArray[np.uint16]) -> None:
    path = sample_path("scene")
    before = path.stat().st_mtime_ns
    assert sample_path("scene") == path
    assert path.stat().st_mtime_ns == before
    made = {item.file.split("/")[0] for item in SAMPLES if item.origin == "generated"}
    # The pictures of the labelled ones lie beside their labels.
    made |= {sample(key).file for key in ("astronaut", "cat", "coffee")}
    assert {item.name for item in path.parent.iterdir()} <= made
    assert path.stat().st_size < 2_500_000
    assert sample_path("scene-depth").stat().st_size < 1_000_000


@pytest.mark.parametrize("key", ["scene", "clip"])
def test_cancelling_leaves_nothing(key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(samples, "user_cache_dir", lambda: tmp_path)
    calls: list[float | None] = []

    def report(fraction: float | None, message: str) -> None:
        calls.append(fraction)
        if len(calls) == 3:
            progress.cancel()

    progress = Progress(report)
    with pytest.raises(Cancelled):
        sample_path(key, progress)
    assert len(calls) == 3
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(samples, "user_cache_dir", lambda: tmp_path / "file")
    monkeypatch.setattr(still_life, "render_picture", lambda progress: np.zeros((11, 16, 3), np.uint8))
    monkeypatch.setattr(still_life, "render_depth", lambda: np.ones((11, 16)))
    with pytest.raises(MediaError, match=r"cannot be written to .*make room there or allow writing"):
        sample_path("scene")


# The still life ----------------------------------------------------------------------------------------------------


def _ray(column: int, row: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Pinhole and direction through the centre of a pixel, by plain trigonometry; length 1 along the optical axis."""
    right = (column + 0.5 - 800) / 1480
    up = (533.5 - (row + 0.5)) / 1480
    pitch = math.radians(7.5)
    return (0.0, 0.40, 0.0), (
        right,
        up * math.cos(pitch) - math.sin(pitch),
        up * math.sin(pitch) + math.cos(pitch),
    )


SPHERES = [solid for solid, _ in SURFACES if isinstance(solid, Sphere)]


@pytest.mark.parametrize("ball", SPHERES, ids=lambda ball: f"{ball.center}")
def test_depth_in_the_middle_of_a_sphere_is_the_closed_form(depth_mm: NDArray[np.uint16], ball: Sphere) -> None:
    column, row, depth = CAMERA.project(ball.center)
    origin, way = _ray(int(column), int(row))
    back = [o - c for o, c in zip(origin, ball.center, strict=True)]
    a = sum(d * d for d in way)
    b = 2 * sum(o * d for o, d in zip(back, way, strict=True))
    c = sum(o * o for o in back) - ball.radius**2
    expected = (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert depth - ball.radius * 1.2 < expected < depth - ball.radius * 0.9
    assert abs(int(depth_mm[int(row), int(column)]) - expected * 1000) <= 0.5 + 1e-6


def test_depth_is_planar(depth_mm: NDArray[np.uint16]) -> None:
    # On the floor and on the wall, depth depends on the row alone: along a ray it would grow towards the sides.
    floor_row, wall_row = 1060, 20
    for row, expected in (
        (floor_row, -0.40 / _ray(800, floor_row)[1][1]),
        (wall_row, 6.1 / _ray(800, wall_row)[1][2]),
    ):
        found = depth_mm[row, [3, 30, 700, 1590]]
        assert np.abs(found - expected * 1000).max() <= 0.5 + 1e-6
    assert depth_mm.shape == (1067, 1600)
    assert 600 < depth_mm.min() < 900
    assert 6000 <= depth_mm.max() <= 6150


def test_depth_equals_an_independent_ray_tracer(depth_mm: NDArray[np.uint16]) -> None:
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    for solid, _ in SURFACES:
        if isinstance(solid, Plane):
            corners = np.array([[-30, 0, -1], [30, 0, -1], [30, 0, 30], [-30, 0, 30]], np.float32)
            if solid.axis == 2:
                corners = np.array([[-30, -5, 0], [30, -5, 0], [30, 30, 0], [-30, 30, 0]], np.float32)
                corners[:, 2] = solid.at
            scene.add_triangles(corners, np.array([[0, 1, 2], [0, 2, 3]], np.uint32))
            continue
        if isinstance(solid, Box):
            mesh = o3d.geometry.TriangleMesh.create_box(*(2 * half for half in solid.half))
            mesh.translate([-half for half in solid.half])
            mesh.rotate(o3d.geometry.get_rotation_matrix_from_xyz([0, solid.yaw, 0]), [0, 0, 0])
        else:
            assert isinstance(solid, Sphere)
            mesh = o3d.geometry.TriangleMesh.create_sphere(solid.radius, 100)
        mesh.translate(solid.center)
        scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(mesh))
    rows, columns = range(5, 1067, 9), range(5, 1600, 9)
    rays = [(*origin, *way) for row in rows for column in columns for origin, way in [_ray(column, row)]]
    expected = scene.cast_rays(o3d.core.Tensor(np.array(rays, np.float32)))["t_hit"].numpy() * 1000
    off = np.abs(expected - depth_mm[5::9, 5::9].astype(np.float32).ravel())
    # Only rays that graze a ball's facets may differ.
    assert np.quantile(off, 0.99) < 1.5


def test_the_picture_fits_the_depth_and_is_well_exposed(depth_mm: NDArray[np.uint16]) -> None:
    from PIL import Image

    with Image.open(sample_path("scene")) as opened:
        pixels = np.array(opened)
    assert pixels.shape == (1067, 1600, 3)
    assert (pixels.min(axis=2) > 250).mean() < 0.01
    assert (pixels.max(axis=2) < 8).mean() < 0.01
    assert 90 < pixels.mean() < 180
    # The plain yellow ball before the wall: its colour begins where its depth does.
    column, row, depth = CAMERA.project(SPHERES[-1].center)
    near = depth_mm[int(row)] < depth * 1000
    edge = int(np.flatnonzero(~near[: int(column)])[-1]) + 1
    inside, outside = pixels[int(row), edge + 4].astype(int), pixels[int(row), edge - 4].astype(int)
    assert inside[0] - inside[2] > 60
    assert outside[0] - outside[2] < 40


def test_rendering_is_the_same_on_every_run() -> None:
    camera = SceneCamera(Size(200, 133), 185.0)
    first, second = still_life.render_picture(camera=camera), still_life.render_picture(camera=camera)
    assert (first == second).all()
    assert (still_life.render_depth(camera) == still_life.render_depth(camera)).all()


# The clip ----------------------------------------------------------------------------------------------------------


def _frames(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    import av

    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def _sound(path: Path) -> tuple[NDArray[np.float32], int]:
    """Decoded sound (n,), placed by its presentation times, and its rate."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        rate = int(stream.rate)
        result = np.zeros(rate * (clip.DURATION_SECS + 1), np.float32)
        for frame in container.decode(stream):
            assert frame.time is not None
            samples_of_frame = frame.to_ndarray()[0]
            start = round(frame.time * rate)
            if start >= 0:
                result[start : start + samples_of_frame.size] = samples_of_frame
    return result, rate


def test_the_clip_has_a_click_on_every_full_second() -> None:
    sound, rate = _sound(sample_path("clip"))
    assert rate == 48_000
    # Where the sound gets loud at once: the chord never does.
    burst = clip.click()
    likeness = np.correlate(sound, burst, "valid") / (burst @ burst)
    found = []
    rest = likeness.copy()
    while rest.max() > 0.5:
        at = int(rest.argmax())
        found.append(at / rate)
        rest[max(0, at - rate // 20) : at + rate // 20] = 0
    assert len(found) == 6
    assert np.abs(np.array(sorted(found)) - np.arange(6)).max() <= 0.001


def test_the_clip_shows_its_time_and_a_face() -> None:
    import cv2

    path = sample_path("clip")
    assert path.stat().st_size < 2_000_000
    frames = _frames(path)
    assert len(frames) == 180
    assert np.abs(np.array([pts for pts, _ in frames]) - np.arange(180) / 30).max() < 1e-6
    faces = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    for pts, pixels in frames[5::19]:
        assert pixels.shape == (720, 1280, 3)
        # Blue by far more than red: the accent, which begins at the left end of the bar.
        row = pixels[655, 64:1216].astype(int)
        filled = np.flatnonzero(row[:, 2] - row[:, 0] > 90)
        assert abs(filled.max() - 1152 * pts / 6) < 9
        found = faces.detectMultiScale(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 1.1, 5)
        assert max(width for _, _, width, _ in found) > 200


def test_the_clip_is_the_same_on_every_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clip, "DURATION_SECS", 1)
    for name in ("a.mp4", "b.mp4"):
        clip.write_clip(tmp_path / name, sample_path("astronaut"), Progress())
    (_, *first), (_, *second) = _frames(tmp_path / "a.mp4"), _frames(tmp_path / "b.mp4")
    assert all((a[1] == b[1]).all() for a, b in zip(first, second, strict=True))
    assert (_sound(tmp_path / "a.mp4")[0] == _sound(tmp_path / "b.mp4")[0]).all()


# The voices --------------------------------------------------------------------------------------------------------


def _speech(key: str) -> NDArray[np.int16]:
    import soundfile

    path = sample_path(key)
    assert path.stat().st_size < 300_000
    found, rate = soundfile.read(path, dtype="int16")
    assert rate == 16_000
    assert found.ndim == 1
    return np.asarray(found)


def test_the_dialogue_is_exactly_the_sum_of_its_voices() -> None:
    both, first, second = _speech("dialogue"), _speech("voice-a"), _speech("voice-b")
    assert (both == first.astype(np.int32) + second.astype(np.int32)).all()
    assert np.abs(both.astype(np.int32)).max() < 32_767


def test_the_voices_take_turns_and_overlap_for_a_second() -> None:
    def speaking(voice: NDArray[np.int16]) -> NDArray[np.bool_]:
        level = np.sqrt(np.convolve((voice / 32768.0) ** 2, np.ones(4000) / 4000, "same"))
        return np.asarray(level > 0.01)

    first, second = speaking(_speech("voice-a")), speaking(_speech("voice-b"))
    assert 0.7 < (first & second).sum() / 16_000 < 1.6
    assert (first & ~second).sum() / 16_000 > 3
    assert (second & ~first).sum() / 16_000 > 3


def test_the_shipped_samples_are_small_and_say_what_they_are() -> None:
    files = [path for path in resource("samples").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert "CC0" in resource("samples", "speech", "README.md").read_text("utf-8")
    assert sample("dialogue").licence == "CC0-1.0"
