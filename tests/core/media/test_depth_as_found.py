"""Depth maps as people have them: beside other arrays, among layers, with a value for what was not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

METRES = np.linspace(0.5, 5, 48 * 64, dtype=np.float32).reshape(48, 64)
HOLE = np.zeros((48, 64), bool)
HOLE[:8] = True


def read(path: Path, **options: Any) -> DepthMap:
    media = open_media(path, **options)
    assert media.kind is MediaKind.DEPTH
    with open_reader(media) as reader:
        depth = reader.read()
    assert isinstance(depth, DepthMap)
    return depth


def told(path: Path, **options: Any) -> dict[str, str]:
    return dict(facts(open_media(path, **options)))


def png(path: Path, values: NDArray[Any]) -> Path:
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return path


def exr(path: Path, *parts: dict[str, NDArray[Any]], names: tuple[str, ...] = ()) -> Path:
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    made = [
        OpenEXR.Part({**header}, {name: OpenEXR.Channel(name, values) for name, values in part.items()}, label)
        for part, label in zip(parts, names or [""] * len(parts), strict=True)
    ]
    OpenEXR.File(made).write(str(path))
    return path


@pytest.mark.parametrize(
    "arrays",
    [
        {"intrinsics": np.eye(3) * 500, "depth": METRES},
        {"rgb_mean": np.ones((100, 100)), "depth": METRES},
        {"pose": np.eye(4), "K": np.eye(3), "arr": METRES},
        {"mask": METRES > 1, "left_depth": METRES},
        {"image": np.ones((48, 64, 3), np.uint8), "depth": METRES[None]},
        {"depth": METRES[..., None], "depth_scale": np.float32(1), "confidence": METRES * 0},
        {"depth_confidence": METRES * 0 + 1, "depth": METRES},
    ],
)
def test_the_array_that_is_a_depth_map_is_chosen(tmp_path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **arrays)
    np.testing.assert_array_equal(read(path).values, METRES)
    chosen = next(name for name, values in arrays.items() if values.size == METRES.size and values.flat[-1] == 5)
    text = told(path)
    assert text["Read"] == f"array {chosen}"
    for name, values in arrays.items():
        assert (f"{name} {values.shape}" in text["Not read"]) == (name != chosen)


def test_an_archive_without_a_map_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", depth=np.ones(7), image=np.ones((4, 5, 3)))
    with pytest.raises(MediaError, match="no two-dimensional array"):
        open_media(tmp_path / "a.npz")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" "])
def test_the_header_of_a_pfm_may_end_as_it_likes(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "a.pfm"
    path.write_bytes(end.join((b"Pf", b"64 48", b"-1.0", b"")) + METRES[::-1].astype("<f4").tobytes())
    np.testing.assert_array_equal(read(path).values, METRES)
    path.write_bytes(b"Pf\n# made by hand\n64 48\n# x\n-1.0\n" + METRES[::-1].astype("<f4").tobytes())
    np.testing.assert_array_equal(read(path).values, METRES)


@pytest.mark.parametrize("level", [1e10, 1e20, np.finfo(np.float32).max, 65504, 10_000, np.inf, np.nan, -1, 0])
def test_what_a_ray_did_not_hit_is_not_measured(tmp_path: Path, level: float) -> None:
    path = exr(tmp_path / "a.exr", {"Z": np.where(HOLE, level, METRES).astype(np.float32)})
    depth = read(path)
    np.testing.assert_array_equal(depth.invalid, HOLE)
    np.testing.assert_array_equal(depth.values[~HOLE], METRES[~HOLE])
    assert ("Missing" in told(path)) == (level > 0)
    assert told(path)["Measured"] == "83%"


@pytest.mark.parametrize(
    ("holes", "text"),
    [
        (0, "100%"),
        (1, "more than 99.9%"),
        (300, "99.7%"),
        (20_000, "80%"),
        (99_700, "0.3%"),
        (99_999, "less than 0.1%"),
    ],
)
def test_nearly_all_is_not_all(tmp_path: Path, holes: int, text: str) -> None:
    values = np.full(100_000, 1500, np.uint16)
    values[:holes] = 0
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", values.reshape(250, 400))[1].tobytes())
    assert told(path)["Measured"] == text


@pytest.mark.parametrize("level", [400, 60])
def test_what_is_only_far_is_measured(tmp_path: Path, level: float) -> None:
    path = exr(tmp_path / "a.exr", {"Z": np.where(HOLE, level, METRES).astype(np.float32)})
    assert not read(path).invalid.any()


def test_depth_among_layers_and_parts(tmp_path: Path) -> None:
    colour = {f"ViewLayer.Combined.{name}": METRES * 0 for name in "RGBA"}
    normal = {f"ViewLayer.Normal.{name}": METRES * 0 + 9 for name in "XYZ"}
    layered = [
        {**colour, **normal, "ViewLayer.Depth.Z": METRES},
        {**colour, **normal, "depth.V": METRES},
        {"R": METRES * 0, "G": METRES * 0, "B": METRES * 0, **normal, "Z": METRES},
        {**normal, "ViewLayer.Depth.Z": METRES},
    ]
    for channels in layered:
        path = exr(tmp_path / "a.exr", channels)
        np.testing.assert_array_equal(read(path, kind=MediaKind.DEPTH).values, METRES)
        name = next(name for name, values in channels.items() if values is METRES)
        assert told(path, kind=MediaKind.DEPTH)["Read"] == f"channel {name}"
        assert "Normal.X" in told(path, kind=MediaKind.DEPTH)["Not read"]
    media = open_media(exr(tmp_path / "a.exr", layered[0]))
    assert media.kind is MediaKind.IMAGE
    assert "ViewLayer.Depth.Z" in dict(facts(media))["Not read"]
    path = exr(
        tmp_path / "b.exr", {"R": METRES * 0, "G": METRES * 0, "B": METRES * 0}, {"Y": METRES}, names=("rgb", "depth")
    )
    np.testing.assert_array_equal(read(path, kind=MediaKind.DEPTH).values, METRES)


def test_a_full_level_far_above_the_rest_is_missing(tmp_path: Path) -> None:
    levels = np.rint(METRES * 1000).astype(np.uint16)
    path = png(tmp_path / "a.png", np.where(HOLE, 65535, levels).astype(np.uint16))
    depth = read(path)
    np.testing.assert_array_equal(depth.invalid, HOLE)
    np.testing.assert_array_equal(depth.values[~HOLE], (levels / 1000).astype(np.float32)[~HOLE])
    assert told(path)["Missing"] == "values of 65,535, 16.7%"
    # The setting overrides the guess.
    every = read(path, settings={"depth_missing": "none"})
    assert (every.invalid.any(), float(every.values.max())) == (False, pytest.approx(65.535))
    assert "Missing" not in told(path, settings={"depth_missing": "none"})
    # A map that fills its range keeps its end, unless the user says that it is missing.
    wide = (levels.astype(np.uint32) * 13).clip(0, 65535).astype(np.uint16)
    path = png(tmp_path / "b.png", wide)
    assert not read(path).invalid.any()
    assert read(path, settings={"depth_missing": "largest"}).invalid.sum() == (wide == wide.max()).sum()


@pytest.mark.parametrize(("no_data", "dtype"), [("32767", np.uint16), ("9999", np.float32), ("1e+20", np.float32)])
def test_what_a_geotiff_states_is_missing(tmp_path: Path, no_data: str, dtype: type) -> None:
    """The tag GDAL_NODATA: openlayers/openlayers 13669. No level stands apart, so it cannot be guessed."""
    path = tmp_path / "height.tif"
    levels = (METRES * 2000).astype(dtype)
    levels[HOLE] = float(no_data)
    tifffile.imwrite(path, levels, extratags=[(42113, "s", 0, no_data, True)])
    depth = read(path, read_as="depth")
    np.testing.assert_array_equal(depth.invalid, HOLE)
    assert "16.7%" in told(path, read_as="depth")["Missing"]
    assert told(path, read_as="depth")["Measured"] == "83%"
    assert not read(path, read_as="depth", settings={"depth_missing": "none"}).invalid.any()


@pytest.mark.parametrize("no_data", ["nan", "-9999", "70000", "unknown", ""])
def test_a_stated_value_that_no_depth_has_leaves_nothing_out(tmp_path: Path, no_data: str) -> None:
    path = tmp_path / "height.tif"
    tifffile.imwrite(path, (METRES * 2000).astype(np.uint16), extratags=[(42113, "s", 0, no_data or " ", True)])
    assert not read(path, read_as="depth").invalid.any()
    assert "Missing" not in told(path, read_as="depth")
