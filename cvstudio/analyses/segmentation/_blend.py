"""Class maps of the tiles of a picture, blended to one of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.segmentation._resample import LONGEST_SIDE, resampled
from cvstudio.data.geometry import Size
from cvstudio.data.tiles import Tile
from cvstudio.results.segmentation import ClassMaps

MAX_BYTES = 256 << 20
"""Largest size of a blended map: one of very many classes is coarser."""
LEAST = 1e-9


def blend_maps(found: Sequence[tuple[Tile, ClassMaps]], size: Size) -> ClassMaps:
    """Class maps of a picture of `size` from those of its tiles.

    Where tiles overlap, their probabilities are averaged with weights that fall to nothing at their borders, so that no
    seam is seen; of classes, those of the tile with the largest weight are taken.
    """
    first = found[0][1]
    count = len(first.labels) if first.logits.ndim == 3 else 1
    scale = min(1.0, LONGEST_SIDE / max(size), (MAX_BYTES / (4 * count * size.width * size.height)) ** 0.5)
    width, height = (max(1, round(side * scale)) for side in size)
    weights = np.zeros((height, width), np.float32)
    summed = np.zeros((count, height, width), np.float32)
    for tile, maps in found:
        columns, left, right = _cells(tile.left, tile.right, size.width, width, maps.window[0], maps.window[2])
        rows, top, bottom = _cells(tile.top, tile.bottom, size.height, height, maps.window[1], maps.window[3])
        part = Size(columns.stop - columns.start, rows.stop - rows.start)
        if not part.width or not part.height:
            continue
        weight = _weight(tile, size, rows, columns, (height, width))
        window = (left, top, right, bottom)
        if maps.logits.ndim == 2:
            classes = resampled(maps.logits.astype(np.float32), window, part, smooth=False)
            better = weight > weights[rows, columns]
            summed[0, rows, columns][better] = classes[better]
            np.maximum(weights[rows, columns], weight, out=weights[rows, columns])
        else:
            _add(summed[:, rows, columns], maps, window, part, weight)
            weights[rows, columns] += weight
    whole = (0.0, 0.0, float(width), float(height))
    if first.logits.ndim == 2:
        return ClassMaps(np.rint(summed[0]).astype(np.int64), first.labels, whole, size)
    np.divide(summed, np.maximum(weights, LEAST), out=summed)
    np.maximum(summed, LEAST, out=summed)
    return ClassMaps(np.log(summed, out=summed), first.labels, whole, size)


def _add(
    target: NDArray[np.float32],
    maps: ClassMaps,
    window: tuple[float, float, float, float],
    part: Size,
    weight: NDArray[np.float32],
) -> None:
    from scipy.special import softmax

    for index, probabilities in enumerate(softmax(maps.logits, axis=0)):
        smooth = resampled(np.ascontiguousarray(probabilities, np.float32), window, part, smooth=True)
        target[index] += smooth * weight


def _cells(
    start: int, stop: int, length: int, count: int, window_start: float, window_stop: float
) -> tuple[slice, float, float]:
    """Cells of the blended map whose centres lie in `start`..`stop` of `length` pixels, and where they begin and end in
    the cells of the tile's map."""
    pixels = length / count
    first = int(np.ceil(start / pixels - 0.5))
    last = max(first, int(np.ceil(stop / pixels - 0.5)))
    per_pixel = (window_stop - window_start) / (stop - start)
    return (
        slice(first, last),
        window_start + (first * pixels - start) * per_pixel,
        window_start + (last * pixels - start) * per_pixel,
    )


def _weight(tile: Tile, size: Size, rows: slice, columns: slice, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Weight of each cell: falls linearly to the borders of the tile, but not to those of the picture."""
    down = _ramp(tile.top, tile.bottom, size.height, rows, shape[0])
    across = _ramp(tile.left, tile.right, size.width, columns, shape[1])
    return np.asarray(down[:, None] * across[None], np.float32)


def _ramp(start: int, stop: int, length: int, cells: slice, count: int) -> NDArray[np.float64]:
    centres = (np.arange(cells.start, cells.stop) + 0.5) * length / count
    before = centres - start if start > 0 else np.full(len(centres), np.inf)
    after = stop - centres if stop < length else np.full(len(centres), np.inf)
    return np.minimum(np.minimum(before, after), (stop - start) / 2) / (stop - start)
