"""Logits of a picture parts of which are covered, window by window (Zeiler and Fergus, ECCV 2014, section 4.2)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import Explainable

if TYPE_CHECKING:
    from torch import Tensor

BATCH = 16
ROUGH_FROM = 48
"""Number of windows from which a rough pass comes first."""

YIELD_SECS = 0.25


@dataclass(frozen=True, eq=False)
class Occlusions:
    """Logits behind each window that was covered.

    Parameters
    ----------
    windows : int64 (m, 4), x, y, x2 and y2 in pixels of the network's input
    logits : float32 (m, classes)
    """

    windows: NDArray[np.int64]
    logits: NDArray[np.float32]

    def drops(self, scores: NDArray[np.float32], score: float, size: tuple[int, int]) -> NDArray[np.float32]:
        """Mean drop of a score over the windows that cover a pixel: float32 (height, width), NaN under none.

        `scores` (m,) are those behind the windows, `score` is that of the whole picture.
        """
        sums, counts = np.zeros(size), np.zeros(size)
        for (x, y, x2, y2), drop in zip(self.windows.tolist(), (score - scores).tolist(), strict=True):
            sums[y:y2, x:x2] += drop
            counts[y:y2, x:x2] += 1
        means: NDArray[np.float32] = np.full(size, np.nan, np.float32)
        return np.divide(sums, counts, out=means, where=counts > 0, casting="same_kind")


def sliding_windows(size: tuple[int, int], side: int, stride: int) -> NDArray[np.int64]:
    """Windows int64 (m, 4) of `side` pixels, `stride` apart, that cover an input of `size` (height, width); the last
    ones of a row and column are cut off at the edge."""

    def starts(extent: int) -> range:
        count = math.ceil(max(extent - side, 0) / stride) + 1
        return range(0, count * stride, stride)

    height, width = size
    windows = [(x, y, min(x + side, width), min(y + side, height)) for y in starts(height) for x in starts(width)]
    return np.array(windows, np.int64)


def occlude(
    network: Explainable, pixels: Tensor, fill: Tensor, side: int, stride: int, progress: Progress
) -> Iterator[tuple[Occlusions, Occlusions]]:
    """Cover window after window of the network's input and yield what came so far: (rough, fine).

    Many windows are preceded by a rough pass with windows and strides twice as large, a quarter of the work; the fine
    ones are complete with the last yield.
    """
    size = int(pixels.shape[2]), int(pixels.shape[3])
    fine = sliding_windows(size, side, stride)
    rough = sliding_windows(size, 2 * side, 2 * stride) if len(fine) >= ROUGH_FROM else fine[:0]
    total, done, last_yield = len(rough) + len(fine), 0, time.monotonic()
    finished = Occlusions(rough[:0], np.zeros((0, 0), np.float32))
    for windows in (rough, fine):
        logits: list[NDArray[np.float32]] = []
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            logits.append(_covered(network, pixels, fill, part))
            done += len(part)
            progress(done / total, f"{done} of {total} windows")
            ready = Occlusions(windows[: start + len(part)], readonly(np.concatenate(logits)))
            if time.monotonic() - last_yield >= YIELD_SECS and done < total:
                last_yield = time.monotonic()
                yield (ready, finished) if windows is rough else (finished, ready)
        if windows is rough and len(rough):
            finished = ready
    yield finished, ready


def _covered(network: Explainable, pixels: Tensor, fill: Tensor, windows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits float32 (m, classes) with each of `windows` covered by `fill`."""
    with network.computing():
        batch = pixels.repeat(len(windows), 1, 1, 1)
        for row, (x, y, x2, y2) in enumerate(windows.tolist()):
            batch[row, :, y:y2, x:x2] = fill[0, :, y:y2, x:x2]
        logits: NDArray[np.float32] = network.forward(batch).float().cpu().numpy()
    return logits
