"""Depth: metres or pixels of disparity, with what was not measured marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader

MILLIMETRES = np.random.default_rng(0).integers(1, 9000, (24, 32)).astype(np.uint16)
MILLIMETRES[3, 4:9] = 0
METRES = np.random.default_rng(1).uniform(0.3, 9, (24, 32)).astype(np.float32)
METRES[0, :4] = [np.nan, np.inf, 0, -1]


def load(path: Path, **options: Any) -> DepthMap:
    media = open_media(path, **options)
    assert media.kind is MediaKind.DEPTH
    with open_reader(media) as reader:
        depth = reader.read()
    assert isinstance(depth, DepthMap)
    assert media.size == depth.size
    assert media.details["unit"] == depth.unit
    return depth


def write(path: Path, values: NDArray[Any]) -> Path:
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, intrinsics=np.eye(3, dtype=np.float32)[0], depth=values)
    else:
        path.write_bytes(cv2.imencode(path.suffix, values)[1].tobytes())
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.pgm", "a.npy", "a.npz"])
def test_integers_are_millimetres(tmp_path: Path, name: str) -> None:
    depth = load(write(tmp_path / name, MILLIMETRES))
    assert (depth.unit, depth.near_is_large) == ("m", False)
    np.testing.assert_array_equal(depth.invalid, MILLIMETRES == 0)
    np.testing.assert_array_equal(depth.values, (MILLIMETRES / 1000).astype(np.float32))


@pytest.mark.parametrize("header", [b"P5\n2 1\n100\n\x64\x32", b"P2\n2 1\n100\n100 50\n"])
def test_a_disparity_of_fewer_levels_is_not_stretched(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(header)
    with open_reader(open_media(path, kind=MediaKind.DEPTH)) as reader:
        assert reader.read().values.tolist() == [[100, 50]]


def test_pgm_with_a_lower_maximum_is_not_stretched(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n# 12 bits\n3 1\n4095\n" + np.array([0, 1000, 4095], ">u2").tobytes())
    np.testing.assert_allclose(load(path).values, [[0, 1.0, 4.095]])


@pytest.mark.parametrize("name", ["a.tiff", "a.npy", "a.npz", "half.npy", "double.npy", "big.npy"])
def test_floats_are_metres(tmp_path: Path, name: str) -> None:
    kind = {"half": np.float16, "double": np.float64, "big": ">f4"}.get(name.split(".")[0], np.float32)
    depth = load(write(tmp_path / name, METRES.astype(kind)))
    assert (depth.unit, depth.near_is_large) == ("m", False)
    np.testing.assert_array_equal(depth.invalid, ~(np.isfinite(METRES) & (METRES > 0)))
    expected = METRES.astype(kind).astype(np.float32)
    np.testing.assert_array_equal(depth.values[~depth.invalid], expected[~depth.invalid])


def test_pfm_is_disparity(tmp_path: Path) -> None:
    values = METRES.copy()
    little, big = tmp_path / "a.pfm", tmp_path / "b.pfm"
    little.write_bytes(cv2.imencode(".pfm", values)[1].tobytes())
    big.write_bytes(b"Pf\n32 24\n1.0\n" + values[::-1].astype(">f4").tobytes())
    for path in (little, big):
        depth = load(path)
        assert (depth.unit, depth.near_is_large) == ("px", True)
        assert depth.invalid[0, :4].all()
        np.testing.assert_array_equal(depth.values[1:], values[1:])


def test_eight_bits_are_a_picture_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    disparity = np.random.default_rng(3).integers(0, 60, (24, 32), np.uint8)
    for values in (disparity, np.dstack([disparity] * 3)):
        path = write(tmp_path / "a.png", values)
        assert open_media(path).kind is MediaKind.IMAGE
        depth = load(path, kind=MediaKind.DEPTH)
        assert (depth.unit, depth.near_is_large) == ("px", True)
        np.testing.assert_array_equal(depth.invalid, disparity == 0)
        np.testing.assert_array_equal(depth.values, disparity)


@pytest.mark.parametrize("name", ["a.png", "a.tiff", "a.npy", "a.npz", "a.pfm"])
def test_nothing_valid_is_refused_when_it_is_opened(tmp_path: Path, name: str) -> None:
    values: NDArray[Any] = np.zeros((24, 32), np.uint16) if name == "a.png" else np.full((24, 32), np.nan, np.float32)
    with pytest.raises(MediaError, match="no valid depth"):
        open_media(write(tmp_path / name, values))


def test_what_is_no_depth(tmp_path: Path) -> None:
    colour = np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8)
    with pytest.raises(MediaError, match="colour picture"):
        open_media(write(tmp_path / "a.png", colour), kind=MediaKind.DEPTH)
    for values, words in (
        (np.zeros((4, 5, 6), np.float32), "no two-dimensional array"),
        (np.ones(7, np.float32), "no two-dimensional array"),
        (np.ones((4, 5), np.complex64), "values of complex64"),
        (np.ones((0, 5), np.float32), "damaged"),
    ):
        with pytest.raises(MediaError, match=words):
            open_media(write(tmp_path / "a.npy", values))


def test_pickles_are_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    np.save(tmp_path / "a.npy", np.array([[Bomb()]], dtype=object))
    with pytest.raises(MediaError):
        open_media(tmp_path / "a.npy")
    assert not (tmp_path / "exploded").exists()


def test_other_archives_are_not_depth(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("word/document.xml", "<xml/>")
    with pytest.raises(MediaError, match="no known format"):
        open_media(tmp_path / "a.docx")


def test_real_disparity(data: Callable[..., Path]) -> None:
    path = data("stereo", "cones_gt.png")
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    depth = load(path, kind=MediaKind.DEPTH)
    assert (depth.unit, depth.near_is_large, depth.size) == ("px", True, (450, 375))
    np.testing.assert_array_equal(depth.values, raw)
    np.testing.assert_array_equal(depth.invalid, raw == 0)


def test_real_depth_camera(data: Callable[..., Path]) -> None:
    paths = sorted(data("rgbd").rglob("*depth*.png"))
    assert paths
    for path in paths[::10]:
        raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        depth = load(path)
        assert (depth.unit, depth.size) == ("m", (640, 480))
        np.testing.assert_allclose(depth.values, raw / 1000, rtol=1e-6)
        low, high = depth.extent
        assert 0.1 < low < high < 70
