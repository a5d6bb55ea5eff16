"""The film of a turning scene: its frames, their number, size and time, and that it turns once."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from cvstudio.data.samples import PointCloud
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.draw.spatial.scene_view import SceneView
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import Object3D, Scene3D


@pytest.fixture
def scene() -> Scene3D:
    """A red point in front, at +z, in a frame of grey ones."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    points = np.vstack([corners, [[0, 0, 1.0]]])
    colours = np.full((9, 3), 40, np.uint8)
    colours[8] = (255, 0, 0)
    return Scene3D((Object3D("points", PointCloud(points, colours)),))


def red_columns(path: Path) -> list[float]:
    columns = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24").astype(int)
            _, column = np.nonzero(pixels[..., 0] - pixels[..., 1] > 50)
            columns.append(float(column.mean()))
    return columns


def test_a_film_turns_the_front_to_the_right_once(scene: Scene3D, tmp_path: Path) -> None:
    path = tmp_path / "turn.mp4"
    front = OrbitCamera().fitted(np.zeros(3), 1.8).looking("front")
    view = SceneView(scene, SpatialLook(grid=False, point_size=8, depth_shading=False), front)
    options = {"seconds": 2.0, "rate": 8, "width": 160, "height": 120, "smooth": False}
    item = ExportItem(None, None, scene, {}, {}, options=options, composition=view)
    export(EXPORTERS["turntable"], path, item, Progress())
    columns = red_columns(path)
    assert len(columns) == 16
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (160, 120)
        assert float(container.duration or 0) / 1e6 == pytest.approx(2.0, abs=0.2)
    # The front goes to the right, behind, and comes back from the left: a sine.
    expected = 80 + 30 * np.sin(2 * np.pi * np.arange(16) / 16)
    np.testing.assert_allclose(columns, expected, atol=9)
    left = dict(options, direction="left")
    item = ExportItem(None, None, scene, {}, {}, options=left, composition=view)
    export(EXPORTERS["turntable"], path, item, Progress())
    np.testing.assert_allclose(red_columns(path), 160 - expected, atol=9)


def test_without_a_view_it_begins_where_a_scene_is_first_seen(scene: Scene3D, tmp_path: Path) -> None:
    path = tmp_path / "turn.mp4"
    options = {"seconds": 1.0, "rate": 5, "width": 65 + 1, "height": 64, "smooth": False}
    export(EXPORTERS["turntable"], path, ExportItem(None, None, scene, {}, {}, options=options), Progress())
    assert path.stat().st_size > 0
