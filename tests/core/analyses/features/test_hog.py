"""The HOG descriptor against scikit-image and OpenCV, and its picture."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.feature

import cvstudio
from cvstudio.analyses.features._hog_descriptor import (
    block_histograms,
    cell_means,
    gradients,
    normalised,
    people_template,
    votes,
)
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Emphasis, Look, render
from cvstudio.draw.hog_cells import CHOSEN, MANY, _draw_strokes, _repeat_strokes, template_rect
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.media.examples.files import sample_path
from cvstudio.results.hog_cells import HogCells

PHOTO = np.ascontiguousarray(skimage.data.astronaut()[0:256, 100:356])
CLASSIC = {"orientations": 9, "pixels_per_cell": (8, 8), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
GREY = np.repeat(cv2.cvtColor(PHOTO, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def blocks_of(
    pixels: np.ndarray,
    *,
    cell: int = 8,
    block: int = 2,
    bins: int = 9,
    signed: bool = False,
    smooth: bool = True,
    clip: float = 0.2,
    gamma: bool = False,
) -> np.ndarray:
    magnitude, angle = gradients(pixels, gamma=gamma)
    counted = votes(magnitude, angle, bins, signed=signed, smooth=smooth)
    return normalised(block_histograms(counted, cell, block, smooth=smooth), clip)


@pytest.mark.parametrize(("cell", "block", "bins"), [(8, 2, 9), (16, 3, 9), (7, 1, 12), (10, 2, 4)])
def test_plain_counting_is_scikit_images(cell: int, block: int, bins: int) -> None:
    expected = skimage.feature.hog(
        PHOTO.astype(np.float64), bins, (cell, cell), (block, block), "L2-Hys", channel_axis=-1, feature_vector=False
    )
    found = blocks_of(PHOTO, cell=cell, block=block, bins=bins, smooth=False)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_square_roots_are_scikit_images() -> None:
    expected = skimage.feature.hog(
        PHOTO.astype(np.float64),
        9,
        (8, 8),
        (2, 2),
        "L2-Hys",
        transform_sqrt=True,
        channel_axis=-1,
        feature_vector=False,
    )
    apart = np.abs(blocks_of(PHOTO, smooth=False, gamma=True) - expected)
    # Roots of whole numbers often give exactly 60 degrees, the edge of two bins, where the last digit decides.
    assert np.quantile(apart, 0.9) < 1e-5
    assert apart.mean() < 1e-3


OPENCV = """
import sys, cv2, numpy as np
pixels = np.load(sys.argv[1])
signed, clip, gamma, bins = eval(sys.argv[2])
height, width = pixels.shape[:2]
hog = cv2.HOGDescriptor((width, height), (16, 16), (8, 8), (8, 8), bins, 1, -1, 0, clip, gamma, 64, signed)
np.save(sys.argv[1], np.asarray(hog.compute(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))))
"""
"""In a process of its own: OpenCV 4.14 takes another threshold once a cascade or HOG has searched a picture."""


def opencvs(pixels: np.ndarray, folder: Path, *, signed: bool, clip: float, gamma: bool, bins: int = 9) -> np.ndarray:
    height, width = pixels.shape[:2]
    np.save(folder / "opencv.npy", pixels)
    options = repr((signed, clip, gamma, bins))
    subprocess.run([sys.executable, "-c", OPENCV, str(folder / "opencv.npy"), options], check=True)
    found = np.load(folder / "opencv.npy")
    # Column by column there, blocks and the cells in them.
    return found.reshape(width // 8 - 1, height // 8 - 1, 2, 2, bins).transpose(1, 0, 3, 2, 4)


@pytest.mark.parametrize("gamma", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_shared_votes_are_opencvs(signed: bool, gamma: bool, tmp_path: Path) -> None:
    # Without clipping: OpenCV 4.14 leaves values above its threshold. scikit-image, above, does clip.
    expected = opencvs(GREY, tmp_path, signed=signed, clip=1.0, gamma=gamma)
    found = blocks_of(GREY, signed=signed, clip=1.0, gamma=gamma)
    np.testing.assert_allclose(found, expected, atol=0.02 if gamma else 0.005)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9999


def test_a_ramp_by_hand() -> None:
    """Brighter by 3 a pixel to the right: gradients of 6 at 0 degrees, shared by the bins on both sides of it."""
    pixels = np.repeat(np.tile(np.arange(32, dtype=np.uint8) * 3, (32, 1))[..., None], 3, axis=2)
    magnitude, angle = gradients(pixels, gamma=False)
    assert (magnitude[:, 1:-1] == 6).all()
    assert (magnitude[:, [0, -1]] == 0).all()
    assert (angle == 0).all()
    found = votes(magnitude, angle, 9, signed=False, smooth=True)
    assert found[0, 5, 5] == found[8, 5, 5] == 3
    plain = votes(magnitude, angle, 9, signed=False, smooth=False)
    assert plain[0, 5, 5] == 6
    counted = block_histograms(plain, 8, 2, smooth=False)
    assert counted[1, 1, 0, 0, 0] == 6 * 64
    # One direction, four equal cells: each is half of the block, whatever the clip (clipped alike, then renormalised).
    np.testing.assert_allclose(normalised(counted, 0.2)[1, 1, :, :, 0], 0.5, rtol=1e-5)


def test_signed_directions() -> None:
    up = np.repeat(np.tile(np.arange(16, dtype=np.uint8)[::-1, None] * 5, (1, 16))[..., None], 3, axis=2)
    magnitude, angle = gradients(up, gamma=False)
    found = votes(magnitude, angle, 18, signed=True, smooth=False)
    assert found[:, 8, 8].argmax() == 13  # 270 degrees, as y points down and it is brighter above


def test_cells_are_means_over_their_blocks() -> None:
    blocks = np.random.default_rng(2).random((3, 4, 2, 2, 5)).astype(np.float32)
    found = cell_means(blocks)
    assert found.shape == (4, 5, 5)
    np.testing.assert_allclose(found[0, 0], blocks[0, 0, 0, 0])
    np.testing.assert_allclose(
        found[1, 1], (blocks[0, 0, 1, 1] + blocks[0, 1, 1, 0] + blocks[1, 0, 0, 1] + blocks[1, 1, 0, 0]) / 4, rtol=1e-6
    )


def test_the_people_template_is_the_detectors() -> None:
    """The template times a window's cells is what the detector's plane says without its offset."""
    weights = np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32)
    assert people_template().shape == (16, 8, 9)
    assert people_template().sum() == pytest.approx(weights[:-1].sum(), rel=1e-4)
    cells = np.random.default_rng(5).random((16, 8, 9)).astype(np.float32)
    hog = cv2.HOGDescriptor()
    # A descriptor whose blocks all say the same of a cell, in OpenCV's order.
    blocks = np.stack([[cells[y : y + 2, x : x + 2] for x in range(7)] for y in range(15)])
    vector = blocks.transpose(1, 0, 3, 2, 4).ravel()
    assert len(vector) == hog.getDescriptorSize()
    assert float((people_template() * cells).sum()) == pytest.approx(float(vector @ weights[:-1]), rel=1e-4)


class TestAnalysis:
    def test_shape_and_length(self) -> None:
        found = cvstudio.run("hog", sample_path("astronaut"))
        assert found.blocks.shape == (63, 63, 2, 2, 9)
        assert found.cells.shape == (64, 64, 9)
        assert found.descriptor.size == 63 * 63 * 36
        assert not found.blocks.flags.writeable
        assert found.degrees.tolist() == [10, 30, 50, 70, 90, 110, 130, 150, 170]
        np.testing.assert_allclose(np.linalg.norm(found.blocks.reshape(63 * 63, -1), axis=1).max(), 1, rtol=1e-5)

    @pytest.mark.parametrize("values", [{"cell": 13}, {"block": 3}, {"bins": 5}, {"signed": True}, {"clip": 0.1}])
    def test_every_parameter_acts(self, values: dict[str, object]) -> None:
        plain, other = cvstudio.run("hog", sample_path("cat")), cvstudio.run("hog", sample_path("cat"), **values)
        same = plain.blocks.shape == other.blocks.shape and np.allclose(plain.blocks, other.blocks)
        assert not same

    def test_a_picture_without_a_block(self, tmp_path: Path) -> None:
        path = tmp_path / "small.png"
        cv2.imwrite(str(path), np.zeros((12, 40, 3), np.uint8))
        with pytest.raises(MediaError, match="a block of 16 x 16 pixels, found 40 x 12"):
            cvstudio.run("hog", path)
        assert cvstudio.run("hog", path, cell=4).cells.shape == (3, 10, 9)

    def test_a_wrong_choice(self) -> None:
        with pytest.raises(ParamsError, match="cars"):
            cvstudio.run("hog", sample_path("cat"), show="cars")

    def test_which_cell_is_where(self) -> None:
        found = cvstudio.run("hog", sample_path("cat"), cell=10)  # 451 x 300
        assert found.cells.shape[:2] == (30, 45)
        assert found.cell_at(0, 0) == 0
        assert found.cell_at(19.9, 10) == 46
        assert found.cell_at(450.5, 5) is None  # of the last column only a pixel is there
        assert found.cell_at(-1, 5) is None
        np.testing.assert_array_equal(found.histogram(46), found.cells[1, 1])
        assert found.histogram(30 * 45) is None


def drawn_of(
    cells: np.ndarray, *, scale: float = 1.0, signed: bool = False, emphasis: Emphasis | None = None
) -> np.ndarray:
    rows, columns, bins = cells.shape
    size = Size(columns * 16, rows * 16)
    found = HogCells(np.zeros((1, 1, 1, 1, bins), np.float32), cells.astype(np.float32), 16, signed, size)
    base = Image(np.full((size.height, size.width, 3), 80, np.uint8))
    return render(base, [(found, Look())], View(View.whole(size).rect, scale), emphasis=emphasis)


class TestDrawing:
    def test_a_stroke_runs_along_the_edge(self) -> None:
        """A gradient to the right, at 0 degrees, comes from an upright edge."""
        cells = np.zeros((1, 1, 2))
        cells[0, 0, 0] = 1
        # The first of two bins is at 45 degrees, down to the right; its edge rises to the right.
        light = drawn_of(cells, scale=4.0)[..., 0].astype(int)
        assert light[16:20, 44:48].max() > 200  # above right
        assert light[44:48, 16:20].max() > 200  # below left
        assert light[16:20, 16:20].max() < 40
        half = drawn_of(np.roll(np.repeat(cells, 2, axis=2) * [1, 0, 0, 0], 0), scale=4.0, signed=True)[..., 0].astype(
            int
        )
        # 45 degrees of 360: half a stroke, from the middle a right angle further, down to the left.
        assert half[44:48, 16:20].max() > 200
        assert half[16:20, 44:48].max() < 40

    def test_stronger_is_brighter_and_the_picture_is_dimmed(self) -> None:
        cells = np.zeros((1, 2, 1))
        cells[0, :, 0] = 1.0, 0.5
        light = drawn_of(cells, scale=4.0)[..., 0].astype(int)
        assert light[:, :64].max() == pytest.approx(255, abs=3)
        assert light[:, 64:].max() == pytest.approx(20 + 128, abs=4)
        assert light[0, 0] == 20

    def test_many_look_as_few(self) -> None:
        levels = np.random.default_rng(0).integers(0, 256, (12, 15, 9), np.uint8)
        angles = np.deg2rad((np.arange(9) + 0.5) * 20 + 90)
        few, many = (
            paint(levels, angles, True, (3.4, 7.0), (14.0, 14.0), 1, (190, 230)).astype(float)
            for paint in (_draw_strokes, _repeat_strokes)
        )
        assert np.corrcoef(few.ravel(), many.ravel())[0, 1] > 0.95

    def test_a_large_picture_is_drawn_from_its_halves(self) -> None:
        side = int(np.sqrt(MANY)) + 10
        cells = np.random.default_rng(0).random((side, side, 9))
        for scale in (0.05, 0.2, 1.0):
            assert drawn_of(cells, scale=scale).shape[0] == round(side * 16 * scale)

    def test_the_chosen_cell_is_framed(self) -> None:
        cells = np.random.default_rng(0).random((4, 4, 9))
        plain, framed = drawn_of(cells), drawn_of(cells, emphasis=Emphasis(frozenset({5}), 99))
        rows, columns = np.nonzero((plain != framed).any(axis=2))
        assert (rows.min(), columns.min()) >= (13, 13)
        assert (rows.max(), columns.max()) <= (34, 34)
        assert (framed == CHOSEN).all(axis=2).any()

    def test_the_template_stands_in_the_middle(self) -> None:
        found = cvstudio.run("hog", sample_path("cat"), show="people: looks for")
        rect = template_rect(found)
        assert rect == Rect((451 - 150) / 2, 0, 150, 300)
        base = Image(np.zeros((300, 451, 3), np.uint8))
        light = render(base, [(found, Look())], View.whole(base.size)).max(axis=2)
        assert light[:, :150].max() == light[:, 301:].max() == 0
        assert light[:, 151:300].max() > 200
        avoids = cvstudio.run("hog", sample_path("cat"), show="people: avoids")
        assert found.template.min() == avoids.template.max() == 0
        np.testing.assert_allclose(found.template + avoids.template, people_template())

    def test_without_opacity_nothing_is_drawn(self) -> None:
        found = cvstudio.run("hog", sample_path("cat"))
        base = Image(np.full((300, 451, 3), 90, np.uint8))
        assert (render(base, [(found, Look(opacity=0.0))], View.whole(base.size)) == 90).all()
