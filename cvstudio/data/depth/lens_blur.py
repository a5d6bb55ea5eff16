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

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.depth.hidden import Hidden, hidden_background
from cvstudio.data.depth.iris import Iris, iris_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAME_SURFACE = 1
"""Layers up to this many steps behind another one are not hidden by it."""
APART = 2.0
"""Neighbours that are more steps apart lie on two surfaces."""
_SHARP_PX = 0.5
"""Circles of a smaller radius fall into one pixel."""
_DIRECT_PX = 8.0
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
    check : called between layers; raises to end the work

    Returns
    -------
    float32 (H, W, 3)
    """
    iris = iris or Iris()
    steps = fineness.steps(radius)
    hidden = hidden_background(light, radius, steps, APART)
    numbers = np.rint(steps).astype(np.int16)
    behind = np.where(hidden.present, np.rint(hidden.steps), np.iinfo(np.int16).min).astype(np.int16)
    height, width = radius.shape
    total = np.zeros((height, width, 4), np.float32)
    free = np.ones((height, width), np.float32)
    # What layers let through that are too near in depth to hide the next one.
    waiting: deque[tuple[int, tuple[slice, slice], NDArray[np.float32]]] = deque()
    for number in sorted({*np.unique(numbers).tolist(), *np.unique(behind[hidden.present]).tolist()}):
        check()
        while waiting and waiting[0][0] < number - SAME_SURFACE:
            _, place, through = waiting.popleft()
            free[place] *= through
        place, layer = _layer(light, numbers == number, hidden, behind == number, fineness.radius(number), iris)
        total[place] += layer * free[place][..., None]
        waiting.append((number, place, np.clip(1 - layer[..., 3], 0, 1)))
    return np.asarray(total[..., :3] / np.maximum(total[..., 3:], 1e-6), np.float32)


def _layer(
    light: NDArray[np.float32],
    seen: NDArray[np.bool_],
    hidden: Hidden,
    behind: NDArray[np.bool_],
    radius: float,
    iris: Iris,
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """One layer, blurred: where it lies in the picture, and its light times its coverage, and that coverage, (h, w, 4)."""
    mask = seen | behind
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    margin = int(np.ceil(abs(radius) * 1.7)) + 2
    place = (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )
    seen, behind = seen[place], behind[place]
    layer = np.zeros((*seen.shape, 4), np.float32)
    layer[..., :3] = np.where(seen[..., None], light[place], 0)
    layer[..., 3] = seen
    if behind.any():
        layer[behind, :3] = hidden.light[place][behind]
        layer[behind, 3] = 1
    return place, blurred(layer, radius, iris)


def blurred(layer: NDArray[np.float32], radius: float, iris: Iris) -> NDArray[np.float32]:
    """Convolve with the iris; beyond its edges the layer is mirrored."""
    import cv2

    if abs(radius) <= _SHARP_PX:
        return layer
    height, width = layer.shape[:2]
    halvings = 0
    while abs(radius) / 2**halvings > _DIRECT_PX and min(height, width) >> halvings > 8:
        halvings += 1
    if halvings:
        factor = 2**halvings
        size = (-(-width // factor), -(-height // factor))
        padded = cv2.copyMakeBorder(
            layer, 0, size[1] * factor - height, 0, size[0] * factor - width, cv2.BORDER_REFLECT
        )
        small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
        kernel = iris_kernel(iris, radius / factor)
        soft = cv2.filter2D(small, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT)
        large = cv2.resize(soft, (size[0] * factor, size[1] * factor), interpolation=cv2.INTER_LINEAR)
        return np.asarray(large[:height, :width])
    kernel = iris_kernel(iris, radius)
    # filter2D correlates: the kernel is turned, so that a point becomes the iris.
    return np.asarray(cv2.filter2D(layer, -1, kernel[::-1, ::-1], borderType=cv2.BORDER_REFLECT))
