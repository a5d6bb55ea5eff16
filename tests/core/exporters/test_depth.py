from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PilImage

from cvstudio.data.samples import DepthMap
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.base import MediaKind
from cvstudio.media.open import open_reader
from cvstudio.results.spatial.depth import Depth


@pytest.fixture
def metres() -> DepthMap:
    values = np.random.default_rng(3).uniform(0.5, 9, (31, 47)).astype(np.float32)
    invalid = np.zeros(values.shape, bool)
    invalid[5:9, 10:20] = True
    return DepthMap(values, "m", invalid)


@pytest.fixture
def disparity(metres) -> DepthMap:
    return DepthMap(metres.values * 7, "px", metres.invalid, near_is_large=True)


def write(depth: DepthMap, key: str, folder, **options):
    path = folder / f"it{EXPORTERS[key].suffix}"
    item = ExportItem(None, None, Depth(depth), {}, {}, options=options)
    export(EXPORTERS[key], path, item, Progress())
    return path


def read(path, **settings) -> DepthMap:
    media = open_media(path, kind=MediaKind.DEPTH)
    with open_reader(media) as reader:
        return reader.read()


@pytest.mark.parametrize(("key", "error"), [("depth-png", 0.00051), ("depth-npy", 0), ("depth-exr", 0)])
def test_metres_open_again_as_they_were(metres, tmp_path, key, error):
    again = read(write(metres, key, tmp_path))
    assert (again.unit, again.near_is_large) == ("m", False)
    np.testing.assert_array_equal(again.invalid, metres.invalid)
    assert np.abs(again.values - metres.values).max() <= error


def test_disparities_open_again_as_they_were(disparity, tmp_path):
    again = read(write(disparity, "depth-pfm", tmp_path))
    assert (again.unit, again.near_is_large) == ("px", True)
    np.testing.assert_array_equal(again.invalid, disparity.invalid)
    np.testing.assert_array_equal(again.values, disparity.values)


def test_a_png_says_its_scale_and_holds_it(disparity, tmp_path):
    with PilImage.open(write(disparity, "depth-png", tmp_path)) as file:
        assert file.info["Depth"] == "1 px is 256 levels; 0 is not known; near is large"
        levels = np.array(file).astype(float)
    known = ~disparity.invalid
    assert np.abs(levels / 256 - disparity.values)[known].max() <= 0.5 / 256 + 1e-6
    assert (levels[~known] == 0).all()


def test_relative_depth_uses_all_levels(metres, tmp_path):
    path = write(DepthMap(metres.values, "relative", metres.invalid, near_is_large=True), "depth-png", tmp_path)
    with PilImage.open(path) as file:
        assert np.array(file).max() == 65_535


def test_what_does_not_fit_is_said(metres, tmp_path):
    with pytest.raises(ExportError, match="16-bit PNG holds 0 to 65535 levels, found depths of up to 8"):
        write(metres, "depth-png", tmp_path, levels_per_unit=100_000.0)
    assert list(tmp_path.iterdir()) == []
