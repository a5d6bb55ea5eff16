"""Point clouds in NumPy files, and what else such arrays may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud
from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

RNG = np.random.default_rng(4)
POINTS = RNG.uniform(-5, 5, (70_000, 3))


def saved(path: Path, values: NDArray[Any]) -> Path:
    np.save(path, values)
    return path


def read(media: Media) -> Any:
    with open_reader(media) as reader:
        return reader.read()


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i4", "<f2"])
def test_rows_of_three_are_points(tmp_path: Path, dtype: str) -> None:
    stored = (POINTS * 100).astype(dtype)
    media = open_media(saved(tmp_path / "a.npy", stored))
    assert (media.kind, media.read_as) == (MediaKind.GEOMETRY, "geometry")
    cloud = read(media)
    assert isinstance(cloud, PointCloud)
    np.testing.assert_array_equal(cloud.points, stored.astype(np.float64))
    told = dict(facts(media))
    assert told["Points"] == "70,000"
    assert "depth" in told["Or as"]


def test_columns_behind_the_coordinates(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (500, 3))
    cloud = read(open_media(saved(tmp_path / "a.npy", np.hstack([POINTS[:500], colours]))))
    np.testing.assert_array_equal(cloud.colours, colours)
    normals = POINTS[:500] / np.linalg.norm(POINTS[:500], axis=1, keepdims=True)
    cloud = read(open_media(saved(tmp_path / "b.npy", np.hstack([POINTS[:500], normals]).astype(np.float32))))
    np.testing.assert_allclose(cloud.normals, normals, atol=1e-6)
    media = open_media(saved(tmp_path / "c.npy", np.hstack([POINTS[:500], RNG.uniform(0, 1, (500, 1))])))
    assert dict(facts(media))["Not read"] == "1 of 4 columns"


def test_points_that_were_not_measured_are_left_out(tmp_path: Path) -> None:
    stored = POINTS[:90].astype(np.float32)
    stored[::3, 1] = np.nan
    media = open_media(saved(tmp_path / "a.npy", stored))
    assert dict(facts(media))["Left out"].startswith("30 points")
    assert len(read(media).points) == 60
    with pytest.raises(MediaError, match="holds no point that was measured"):
        read(open_media(saved(tmp_path / "b.npy", stored * np.nan)))


def test_points_beside_other_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    depth = np.full((40, 60), 2.5, np.float32)
    np.savez(path, pose=np.eye(4), points=POINTS[:100], depth=depth, K=np.eye(3))
    media = open_media(path)
    assert media.read_as == "depth=depth"
    np.testing.assert_array_equal(read(media).values, depth)
    cloud = open_media(path, read_as="geometry")
    assert cloud.read_as == "geometry=points"
    np.testing.assert_array_equal(read(cloud).points, POINTS[:100])
    assert dict(facts(cloud))["Read"] == "array points"
    np.savez(path, pose=np.eye(4), points=POINTS[:100])
    assert open_media(path).read_as == "geometry=points"


def test_what_is_no_cloud(tmp_path: Path) -> None:
    for shape in ((3, 3), (4, 4), (3, 4)):
        media = open_media(saved(tmp_path / "a.npy", np.arange(1.0, 1 + np.prod(shape)).reshape(shape)))
        assert media.kind is MediaKind.DEPTH
        assert not any(reading.kind is MediaKind.GEOMETRY for reading in media.readings)
    assert open_media(saved(tmp_path / "b.npy", np.ones((50, 5)))).kind is MediaKind.DEPTH
    narrow = open_media(saved(tmp_path / "c.npy", np.ones((50, 3))), read_as="depth")
    assert (narrow.kind, narrow.size) == (MediaKind.DEPTH, (3, 50))


def test_a_header_that_claims_too_much(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", POINTS[:10])
    path.write_bytes(path.read_bytes().replace(b"(10, 3)", b"(10000000000, 3)"))
    with pytest.raises(MediaError):
        read(open_media(path))
    path = saved(tmp_path / "b.npy", POINTS[:10])
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(MediaError, match="damaged"):
        read(open_media(path))
