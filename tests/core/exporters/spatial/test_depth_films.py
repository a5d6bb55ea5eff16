"""Films of a picture with depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cvstudio.data.depth.parallax import parallax_scene, parallax_view
from cvstudio.data.samples import DepthMap, Image
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import ExportItem
from cvstudio.exporters.spatial.depth_films import FocusPullOptions, eased, focus_pull
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Cancelled, Progress
from cvstudio.results.spatial.depth import Depth

HEIGHT, WIDTH = 60, 80
SQUARE = (slice(20, 40), slice(30, 50))


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red square before a blue wall with stripes, and its nearness."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[..., 2] = np.where(np.arange(WIDTH) % 8 < 4, 90, 200)
    pixels[SQUARE] = (250, 10, 10)
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    nearness[SQUARE] = 1
    return pixels, nearness


def item(**options: Any) -> ExportItem:
    pixels, nearness = scene()
    depth = Depth(DepthMap(nearness + 1, "relative", near_is_large=True))
    return ExportItem(None, Image(pixels), depth, {}, {}, options=options, stem="a")


def test_without_a_move_the_picture_stays() -> None:
    pixels, nearness = scene()
    np.testing.assert_array_equal(parallax_view(parallax_scene(pixels, nearness, 6), (0, 0), 0.0), pixels)


def test_what_is_near_moves_and_the_wall_behind_it_goes_on() -> None:
    pixels, nearness = scene()
    view = parallax_view(parallax_scene(pixels, nearness, 6), (6, 0), 0.0)
    red = view[..., 0] > 125
    expected = np.zeros(red.shape, bool)
    expected[20:40, 36:56] = True
    assert (red != expected).mean() < 0.01
    # What the square has left uncovered is wall.
    uncovered = view[22:38, 31:35]
    assert (uncovered[..., 0] < 20).all()
    assert set(np.unique(uncovered[..., 2])) <= set(range(85, 206))
    np.testing.assert_array_equal(view[:, :28], pixels[:, :28])


def test_the_pivot_stays_and_the_wall_moves() -> None:
    pixels, nearness = scene()
    view = parallax_view(parallax_scene(pixels, nearness, 4), (4, 0), 1.0)
    assert (view[SQUARE][..., 0] > 200).all()
    np.testing.assert_array_equal(view[50:, 10:60], pixels[50:, 14:64])


def test_the_focus_goes_from_one_place_to_the_other() -> None:
    options = FocusPullOptions(from_x=50, from_y=50, to_x=5, to_y=5, aperture=10.0, seconds=0.5, rate=10)
    pixels, nearness = scene()
    frames = list(focus_pull(pixels, nearness, options, Progress()))
    assert len(frames) == 5

    def contrast(frame: np.ndarray) -> float:
        return float(np.ptp(frame[5, 10:70, 2].astype(float)))

    # The stripes of the wall vanish while the square is sharp.
    sharpness = [contrast(frame) for frame in frames]
    assert sharpness[0] < 0.5 * sharpness[-1]
    assert sharpness == sorted(sharpness)
    assert sharpness[-1] == pytest.approx(110, abs=3)


def test_easing_sets_off_and_arrives_slowly() -> None:
    assert [eased(share, "even") for share in (0, 0.25, 1)] == [0, 0.25, 1]
    assert [eased(share, "smooth") for share in (0, 0.5, 1)] == pytest.approx([0, 0.5, 1])
    assert eased(0.1, "smooth") < 0.05


@pytest.mark.parametrize(
    ("key", "options"), [("focus-pull", {"to_x": 50.0, "to_y": 50.0, "aperture": 10.0}), ("parallax", {})]
)
def test_films_are_written_with_all_their_frames(key: str, options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    EXPORTERS[key].write(path, item(seconds=0.5, rate=12, **options), Progress())
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 6
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert any(np.abs(frame.astype(int) - frames[0]).max() > 40 for frame in frames[1:])


@pytest.mark.parametrize("key", ["focus-pull", "parallax"])
def test_a_film_is_cancelled_between_frames(key: str, tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        EXPORTERS[key].write(tmp_path / "film.mp4", item(seconds=0.5, rate=12), progress)


def test_depth_without_its_picture_makes_no_film(tmp_path: Path) -> None:
    alone = ExportItem(None, None, item().result, {}, {}, stem="a")
    with pytest.raises(ExportError, match="picture under the depth"):
        EXPORTERS["parallax"].write(tmp_path / "film.mp4", alone, Progress())
