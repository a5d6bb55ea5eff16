"""Histograms of oriented gradients (Dalal and Triggs 2005), step by step."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.results.hog_cells import EPSILON


def gradients(pixels: NDArray[np.uint8], *, gamma: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Magnitude and direction of the gradient at each pixel.

    Centred differences [-1, 0, 1], the best mask in the paper, of the channel with the largest gradient; 0 across the
    edge of the picture.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    gamma : whether to take the square root of each value first

    Returns
    -------
    magnitudes float32 (h, w), in 0..255 a pixel (0..sqrt(255) with gamma), and angles float32 (h, w), 0..360 degrees,
    from the x axis towards y, which points down
    """
    values = np.sqrt(pixels.astype(np.float32)) if gamma else pixels.astype(np.float32)
    across, down = np.zeros_like(values), np.zeros_like(values)
    across[:, 1:-1] = values[:, 2:] - values[:, :-2]
    down[1:-1] = values[2:] - values[:-2]
    strongest = (across**2 + down**2).argmax(axis=2)[..., None]
    dx = np.take_along_axis(across, strongest, axis=2)[..., 0]
    dy = np.take_along_axis(down, strongest, axis=2)[..., 0]
    # Degrees by way of float64: 45 of them are the edge of a bin as often as not, and have to be 45 exactly.
    degrees = np.degrees(np.arctan2(dy.astype(np.float64), dx)) % 360
    return np.hypot(dx, dy), degrees.astype(np.float32)


def votes(
    magnitude: NDArray[np.float32], angle: NDArray[np.float32], bins: int, *, signed: bool, smooth: bool
) -> NDArray[np.float32]:
    """Votes of each pixel for each orientation bin: float32 (bins, h, w).

    With `smooth` a vote is interpolated linearly between the two nearest bins; without, it goes to its own bin.
    """
    position = angle * np.float32(bins) / np.float32(360 if signed else 180)
    votes_by_bin = np.zeros((bins, *magnitude.shape), np.float32)
    rows, columns = np.ogrid[: magnitude.shape[0], : magnitude.shape[1]]
    if not smooth:
        votes_by_bin[np.floor(position).astype(np.int64) % bins, rows, columns] = magnitude
        return votes_by_bin
    position -= np.float32(0.5)
    first = np.floor(position)
    fraction = position - first
    bin_index = first.astype(np.int64)
    votes_by_bin[bin_index % bins, rows, columns] = magnitude * (1 - fraction)
    votes_by_bin[(bin_index + 1) % bins, rows, columns] += magnitude * fraction
    return votes_by_bin


@functools.lru_cache(maxsize=64)
def vote_weights(cell: int, block: int, *, smooth: bool, sigma: float) -> NDArray[np.float64]:
    """Weights of the pixels of a block in each of its cells, along one axis: float64 (block, block * cell).

    With `smooth` a pixel is interpolated linearly between the two nearest cells and weighted by a Gaussian of `sigma`
    pixels around the centre of the block; without, it counts in its own cell only. The Gaussian is evaluated at the
    corner of a pixel, as in OpenCV, whose people detector was trained so.
    """
    positions = np.arange(block * cell) + 0.5
    centres = (np.arange(block)[:, None] + 0.5) * cell
    if not smooth:
        return (np.abs(positions - centres) < cell / 2).astype(np.float64)
    linear = np.maximum(0, 1 - np.abs(positions - centres) / cell)
    weights: NDArray[np.float64] = linear * np.exp(-((positions - 0.5 - block * cell / 2) ** 2) / (2 * sigma**2))
    return weights


def block_histograms(pixel_votes: NDArray[np.float32], cell: int, block: int, *, smooth: bool) -> NDArray[np.float32]:
    """Histograms of the cells of each block, not normalised, from votes (bins, h, w).

    Returns
    -------
    float32 (rows, columns, block, block, bins): a block begins at every cell; pixels right of and below the last whole
    cell are left out
    """
    bins, height, width = pixel_votes.shape
    rows, columns = height // cell, width // cell
    # A quarter of the block's width is OpenCV's choice; the paper's section 6.4 takes half of it.
    weights = vote_weights(cell, block, smooth=smooth, sigma=block * cell / 4).reshape(block, block, cell)
    cell_votes = pixel_votes[:, : rows * cell, : columns * cell].reshape(bins, rows, cell, columns, cell)
    # Contribution of a cell at position k of a block to cell c of the block: first vertical, then horizontal.
    down = np.tensordot(cell_votes, weights.astype(np.float32), axes=(2, 2))  # bins, rows, columns, cell, c, k
    both = np.tensordot(down, weights.astype(np.float32), axes=(3, 2))  # bins, rows, columns, cy, ky, cx, kx
    block_rows, block_columns = rows - block + 1, columns - block + 1
    total = np.zeros((bins, block_rows, block_columns, block, block), np.float32)
    for ky in range(block):
        for kx in range(block):
            total += both[:, ky : ky + block_rows, kx : kx + block_columns, :, ky, :, kx]
    return np.ascontiguousarray(np.moveaxis(total, 0, -1))


def normalised(blocks: NDArray[np.float32], clip: float) -> NDArray[np.float32]:
    """L2-Hys: normalise each block to length 1, clip at `clip` and normalise again (section 6.4, after Lowe 2004)."""
    flat = blocks.reshape(*blocks.shape[:2], -1)

    def to_unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
        length = np.sqrt((values.astype(np.float64) ** 2).sum(axis=-1, keepdims=True) + EPSILON**2)
        return np.asarray(values / length, np.float32)

    return np.asarray(to_unit(np.minimum(to_unit(flat), np.float32(clip))).reshape(blocks.shape), np.float32)


def cell_means(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean histogram of each cell over the blocks that contain it: float32 (rows, columns, bins)."""
    block_rows, block_columns, block, _, bins = blocks.shape
    rows, columns = block_rows + block - 1, block_columns + block - 1
    total, count = np.zeros((rows, columns, bins), np.float32), np.zeros((rows, columns, 1), np.float32)
    for y in range(block):
        for x in range(block):
            total[y : y + block_rows, x : x + block_columns] += blocks[:, :, y, x]
            count[y : y + block_rows, x : x + block_columns] += 1
    means: NDArray[np.float32] = (total / count).astype(np.float32)
    return means


@functools.cache
def people_template() -> NDArray[np.float32]:
    """SVM weights of OpenCV's people detector for each cell of its window of 64 x 128 pixels: float32 (16, 8, 9).

    Summed over the blocks that contain a cell; positive where an edge in that direction is evidence for a person.
    """
    import cv2

    weights = np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32)[:-1]
    # OpenCV orders blocks and their cells by column.
    blocks = weights.reshape(7, 15, 2, 2, 9).transpose(1, 0, 3, 2, 4)
    total = np.zeros((16, 8, 9), np.float32)
    for y in range(2):
        for x in range(2):
            total[y : y + 15, x : x + 7] += blocks[:, :, y, x]
    return readonly(total)
