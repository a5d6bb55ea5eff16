"""Depth of field of a thin lens, from a sharp picture and the circle of confusion of each pixel.

The picture is taken apart into layers of nearly equal blur, each layer is blurred by the shape of the iris, and the
layers are put together from the nearest to the farthest, each weighted by what the nearer ones leave free. The result
is divided by the sum of weights, so that nothing sharp bleeds into a blurred background; behind each edge in depth the
background goes on under what is in front (`hidden.py`), so that a blurred foreground is transparent at its edge.
Layers that differ little in blur belong to one surface and do not hide one another.

After the layered methods surveyed by Barsky and Kosloff, "Algorithms for Rendering Depth of Field Effects in Computer
Graphics", 2008; the division is that of Kraus and Strengert, "Depth-of-Field Rendering by Pyramidal Image Processing",
Eurographics 2007.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.depth.hidden import hidden_background
from cvstudio.data.depth.iris import Iris, iris_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_SURFACE = 1
"""Layers up to this many steps behind another one are not hidden by it."""
APART = 2.0
"""Neighbours that are more steps apart lie on two surfaces."""
BLOCK = 256
"""Side of the parts that are put together one after the other: each has few layers, and fits into a fast cache."""
_NONE = -32_000
_SHARP_PX = 0.5
"""Circles of a smaller radius fall into one pixel."""
_DIRECT_PX = 5.0
"""Circles of a larger radius are computed on a smaller picture, in which they have half of this radius or more."""


@dataclass(frozen=True)
class Fineness:
    """How finely radii are told apart: steps of `step_px`, and of `ratio` of the radius where that is more."""

    step_px: float = 1.0
    ratio: float = 0.12

    def steps(self, radius: NDArray[np.float32]) -> NDArray[np.float32]:
        """Place of each signed radius in the order of layers; whole numbers are their middles, 0 is in focus."""
        bend = self.step_px / self.ratio
        size = np.abs(radius)
        steps = np.where(
            size <= bend,
            size / self.step_px,
            1 / self.ratio + np.log(np.maximum(size, bend) / bend) / np.log1p(self.ratio),
        )
        return np.asarray(np.copysign(steps, radius), np.float32)

    def radius(self, number: int) -> float:
        """Signed radius in the middle of a layer."""
        steps, bend = abs(number), self.step_px / self.ratio
        size = steps * self.step_px if steps <= 1 / self.ratio else bend * (1 + self.ratio) ** (steps - 1 / self.ratio)
        return float(np.copysign(size, number))


FINE = Fineness()


def lens_blur(
    light: NDArray[np.float32],
    radius: NDArray[np.float32],
    iris: Iris | None = None,
    *,
    fineness: Fineness = FINE,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """The picture that a lens takes of a scene.

    Parameters
    ----------
    light : float32 (H, W, 3), linear light, finite
    radius : float32 (H, W)
        Signed radius of the circle of confusion in pixels: negative before the focal plane, 0 in it, positive behind.
    iris : its shape; None is a circular disc
    fineness : of the layers
    check : called between blocks; raises to end the work

    Returns
    -------
    float32 (H, W, 3)
    """
    steps = fineness.steps(radius)
    hidden = hidden_background(light, radius, steps, APART)
    behind = np.where(hidden.present, np.rint(hidden.steps), _NONE).astype(np.int16)
    numbers = np.rint(steps).astype(np.int16)
    layers = _Layers(_covered(light), numbers, _covered(hidden.light), behind, iris or Iris(), fineness)
    height, width = radius.shape
    result = np.empty((height, width, 3), np.float32)
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            check()
            block = (slice(top, min(top + BLOCK, height)), slice(left, min(left + BLOCK, width)))
            result[block] = layers.composed(block)
    return result


Block = tuple[slice, slice]


def _covered(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light with a full coverage as the fourth channel."""
    import cv2

    return np.asarray(cv2.cvtColor(light, cv2.COLOR_RGB2RGBA))


@dataclass(frozen=True, eq=False)
class _Layers:
    """A picture taken apart.

    Parameters
    ----------
    light, below : float32 (H, W, 4), linear light of what is seen, and of what is hidden behind it, with a 1 beside it
    numbers, behind : int16 (H, W), their layers; `_NONE` where nothing is hidden
    """

    light: NDArray[np.float32]
    numbers: NDArray[np.int16]
    below: NDArray[np.float32]
    behind: NDArray[np.int16]
    iris: Iris
    fineness: Fineness

    def composed(self, block: Block) -> NDArray[np.float32]:
        """Linear light of a block of the result, float32 (h, w, 3)."""
        import cv2

        height, width = (part.stop - part.start for part in block)
        # Four channels for all: broadcasting over so few is many times slower.
        total = np.zeros((height, width, 4), np.float32)
        free = np.ones((height, width, 4), np.float32)
        # What layers let through that are too near in depth to hide the next one.
        waiting: deque[tuple[int, NDArray[np.float32]]] = deque()
        for number in self._present(block):
            layer = self._blurred(number, block)
            if layer is None:
                continue
            while waiting and waiting[0][0] < number - SAME_SURFACE:
                free *= waiting.popleft()[1]
            total += layer * free
            through = np.clip(1 - layer[..., 3], 0, 1)
            waiting.append((number, np.asarray(cv2.merge([through] * 4))))
        weight = np.maximum(total[..., 3], 1e-6)
        return np.asarray(cv2.cvtColor(total / np.asarray(cv2.merge([weight] * 4)), cv2.COLOR_RGBA2RGB))

    def _present(self, block: Block) -> list[int]:
        """Layers, the nearest first, that may blur into a block."""
        around = self._around(block, self._reach(self._largest), 1)
        numbers = np.concatenate([self.numbers[around].ravel(), self.behind[around].ravel()])
        counts = np.bincount(numbers.astype(np.int64) - _NONE)
        return [number for number in (np.flatnonzero(counts) + _NONE).tolist() if number != _NONE]

    @cached_property
    def _largest(self) -> float:
        ends = int(self.numbers.min()), int(self.numbers.max())
        return max(abs(self.fineness.radius(number)) for number in ends)

    def _reach(self, radius: float) -> int:
        return math.ceil(abs(radius) * self.iris.corner) + 2

    def _around(self, block: Block, margin: int, factor: int) -> Block:
        """A block with a margin inside of the picture, beginning at a multiple of `factor`."""
        height, width = self.numbers.shape
        rows, columns = (max(part.start - margin, 0) // factor * factor for part in block)
        return slice(rows, min(block[0].stop + margin, height)), slice(columns, min(block[1].stop + margin, width))

    def _blurred(self, number: int, block: Block) -> NDArray[np.float32] | None:
        """Light times coverage, and coverage, of one blurred layer in a block, (h, w, 4); None where it is empty."""
        import cv2

        radius = self.fineness.radius(number)
        halvings = max(0, math.ceil(math.log2(abs(radius) / _DIRECT_PX))) if radius else 0
        factor = 2**halvings
        around = self._around(block, self._reach(radius) + 2 * factor, factor)
        seen, behind = self.numbers[around] == number, self.behind[around] == number
        has_hidden = bool(behind.any())
        if not has_hidden and not seen.any():
            return None
        layer = np.asarray(cv2.copyTo(self.light[around], seen.view(np.uint8)), np.float32)
        if has_hidden:
            cv2.copyTo(self.below[around], behind.view(np.uint8), layer)
        soft = _convolved(layer, radius, factor, self.iris)
        rows, columns = (part.start - outer.start for part, outer in zip(block, around, strict=True))
        return soft[rows : rows + block[0].stop - block[0].start, columns : columns + block[1].stop - block[1].start]


def _convolved(layer: NDArray[np.float32], radius: float, factor: int, iris: Iris) -> NDArray[np.float32]:
    """Convolve with the iris, on a picture that is smaller by `factor`; beyond its edges the layer is mirrored."""
    import cv2

    if abs(radius) <= _SHARP_PX:
        return layer
    # filter2D correlates: the kernel is turned, so that a point becomes the iris.
    kernel = iris_kernel(iris, radius / factor)[::-1, ::-1]
    if factor == 1:
        return np.asarray(cv2.filter2D(layer, -1, kernel, borderType=cv2.BORDER_REFLECT))
    height, width = layer.shape[:2]
    size = (-(-width // factor), -(-height // factor))
    whole = (size[0] * factor, size[1] * factor)
    padded = cv2.copyMakeBorder(layer, 0, whole[1] - height, 0, whole[0] - width, cv2.BORDER_REFLECT)
    small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
    soft = cv2.filter2D(small, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(soft, whole, interpolation=cv2.INTER_LINEAR))
