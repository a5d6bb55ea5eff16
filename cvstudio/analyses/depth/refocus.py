"""Refocusing a photograph by its depth: what lies in a depth range stays sharp, the rest is blurred.

The recipe of the course's notes: pixels whose depth lies in ``D_min..D_max`` are taken from the picture, the others
from ``cv2.blur(picture, (20, 20))``; a mask joins the two. The blurred picture and what of both is visible are
cached, so that a tick of the range slider only compares depths and copies the pixels on screen.
Of a picture in linear light it is the light that is blurred, as a lens does it; the exposure acts on what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE, Analysis, Histogram, InputFacts, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect, Size, View, readonly
from cvstudio.data.samples import DepthMap, Image
from cvstudio.data.srgb import srgb8
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.params import Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.picture import LinearPicture, Picture, to_linear

BINS = 256
ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class BlurParams:
    """How strongly the rest is blurred."""

    blur: Annotated[
        int,
        Range(1, 101, step=1, unit="px"),
        Doc("Blur", "Side of the square that is averaged where the picture is out of focus.", "Try 40."),
    ] = 20


@dataclass(frozen=True)
class FocusParams:
    """What stays sharp. `focus` wins over `point`; with neither, it is the nearest third of the depths."""

    focus: Annotated[
        tuple[float, float] | None,
        Range(0, 100000, from_input="depth"),
        Doc("In focus", "What lies between these two depths stays sharp.", "Drag both ends over a hill of the curve."),
    ] = None
    point: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Focus on", "Focuses on the depth at this place of the picture.", "Click on what is to be sharp."),
    ] = None
    invert: Annotated[
        bool, Doc("Invert", "Blurs what lies in the range and keeps the rest sharp.", "Hide a face.", more=True)
    ] = False


@dataclass(frozen=True, eq=False)
class Aligned:
    """A picture and a depth for each of its pixels.

    Parameters
    ----------
    image : the picture, (H, W)
    depth : DepthMap (H, W)
    valid : uint8 (H, W), 255 where a depth was measured, else 0
    histogram : int64 (256,), how many valid depths fall in each of 256 equal bins over `extent`
    extent : smallest and largest valid depth in `depth.unit`
    """

    image: Image
    depth: DepthMap
    valid: NDArray[np.uint8]
    histogram: NDArray[np.int64]
    extent: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Blurred:
    """`aligned`, and its whole picture sharp and blurred: RGB (H, W, 3), uint8, or float32 in linear light."""

    aligned: Aligned
    sharp: NDArray[Any]
    pixels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Crop:
    """What is visible, at the size it is shown.

    Parameters
    ----------
    sharp, blurred : uint8 RGB (h, w, 3)
    depth : float32 (h, w)
    valid : uint8 (h, w), 255 or 0
    rect : whole image pixels that they show
    scale : output pixels for each of them
    aligned : where they come from
    light : of sharp and blurred, float32 RGB (h, w, 3), where the picture is in linear light
    """

    sharp: NDArray[np.uint8]
    blurred: NDArray[np.uint8]
    depth: NDArray[np.float32]
    valid: NDArray[np.uint8]
    rect: Rect
    scale: float
    aligned: Aligned
    light: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


def align(image: Image, depth: DepthMap) -> Aligned:
    """Give each pixel of `image` its depth; the nearest measured one, so that no depth is invented.

    Raises
    ------
    BindingError
        The two have not the same shape of frame (more than 2 % apart).
    MediaError
        No depth is valid.
    """
    import cv2

    width, height = image.size
    found = depth.size
    ratio = (width / height) / (found.width / found.height)
    if abs(ratio - 1) > ASPECT_TOLERANCE:
        raise BindingError(
            f"Refocusing expects a depth map of the picture's shape ({width} x {height}), found "
            f"{found.width} x {found.height}; choose the depth map that belongs to this picture."
        )
    if depth.invalid.all():
        raise MediaError(
            "Refocusing expects a depth map with measured depths, found none in it; choose another depth map."
        )
    if found != image.size:
        nearest = cv2.INTER_NEAREST_EXACT
        values = cv2.resize(depth.values, (width, height), interpolation=nearest).astype(np.float32, copy=False)
        invalid = cv2.resize(depth.invalid.view(np.uint8), (width, height), interpolation=nearest).astype(bool)
        if invalid.all():
            raise MediaError(
                "Refocusing expects a depth map with measured depths, found next to none; choose another depth map."
            )
        depth = DepthMap(values, depth.unit, invalid, depth.near_is_large)
    low, high = depth.extent
    counts = np.histogram(depth.values[~depth.invalid], bins=BINS, range=_widened(low, high))[0]
    valid = np.where(depth.invalid, np.uint8(0), np.uint8(255))
    return Aligned(image, depth, readonly(valid), readonly(counts.astype(np.int64)), (low, high))


def _widened(low: float, high: float) -> tuple[float, float]:
    """`low`..`high`, or a unit above `low` where a flat depth leaves nothing between them."""
    return (low, high) if high > low else (low, low + 1.0)


def default_focus(aligned: Aligned) -> tuple[float, float]:
    """The nearest third of the depths, in the depth's unit: what is in focus before the user chooses."""
    low, high = aligned.extent
    third = (high - low) / 3
    return (high - third, high) if aligned.depth.near_is_large else (low, low + third)


def focus_at(aligned: Aligned, x: float, y: float, width: float | None = None) -> tuple[float, float]:
    """The depth range around what is seen at a place.

    Parameters
    ----------
    aligned : Aligned
    x, y : image pixels; outside of the picture, its nearest pixel counts
    width : of the range to either side, in the depth's unit; a tenth of the extent where None

    Returns
    -------
    (smaller, larger) depth, within the extent. Where nothing was measured, it is that of the nearest valid pixel.
    """
    low, high = aligned.extent
    reach = (high - low) / 10 if width is None else width
    depth = _nearest_valid(aligned, x, y)
    return (max(low, depth - reach), min(high, depth + reach))


def _nearest_valid(aligned: Aligned, x: float, y: float) -> float:
    size = aligned.image.size
    column = min(max(math.floor(x), 0), size.width - 1)
    row = min(max(math.floor(y), 0), size.height - 1)
    reach = 0
    # Growing windows: a click costs as much as the hole that it fell into is wide.
    while True:
        top, left = max(0, row - reach), max(0, column - reach)
        window = aligned.valid[top : row + reach + 1, left : column + reach + 1]
        rows, columns = np.nonzero(window)
        if rows.size:
            distance = (rows + top - row) ** 2 + (columns + left - column) ** 2
            # A pixel in the corner of the window may be farther than one that is just outside of an edge.
            if distance.min() <= reach**2 or reach >= max(size):
                best = int(distance.argmin())
                return float(aligned.depth.values[rows[best] + top, columns[best] + left])
        reach = max(1, reach * 2)


def focus_of(
    aligned: Aligned, focus: tuple[float, float] | None, point: tuple[float, float] | None
) -> tuple[float, float]:
    """The range that holds: the chosen one, else the one around the point, else the nearest third."""
    if focus is not None:
        return focus
    return focus_at(aligned, *point) if point is not None else default_focus(aligned)


def blur(aligned: Aligned, side: int) -> Blurred:
    """Average every pixel of the picture over a square of `side` pixels (``cv2.blur``, mirrored at the edges)."""
    import cv2

    light = to_linear(aligned.image)
    sharp: NDArray[Any] = aligned.image.rgb8 if light is None else light
    return Blurred(aligned, readonly(sharp), readonly(cv2.blur(sharp, (side, side))))


def crop(blurred: Blurred, view: View | None) -> Crop:
    """Take what `view` shows of picture, blurred picture and depth, at its scale; all of it where it is None.

    The rectangle is widened to whole pixels and kept inside the picture. Shrinking averages; enlarging
    interpolates up to twice the size and shows the pixels as squares from there on.
    """
    import cv2

    aligned = blurred.aligned
    planes: tuple[Any, Any, Any, Any] = (blurred.sharp, blurred.pixels, aligned.depth.values, aligned.valid)
    if view is None:
        return _crop(*planes, View.whole(aligned.image.size).rect, 1.0, aligned)
    rect, scale = _whole_pixels(view, aligned.image.size)
    left, top, right, bottom = (round(edge) for edge in (rect.x, rect.y, rect.right, rect.bottom))
    size = View(rect, scale).size

    def shown(plane: NDArray[Any], way: int) -> NDArray[Any]:
        part = plane[top:bottom, left:right]
        # A slice would keep the whole plane in memory for every place that was looked at.
        same = size == (right - left, bottom - top)
        return readonly(part.copy() if same else cv2.resize(part, size, interpolation=way))

    enlarge = cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST_EXACT
    smooth = cv2.INTER_AREA if scale < 1 else enlarge
    ways = (smooth, smooth, cv2.INTER_NEAREST_EXACT, cv2.INTER_NEAREST_EXACT)
    sharp, soft, depth, valid = (shown(plane, way) for plane, way in zip(planes, ways, strict=True))
    return _crop(sharp, soft, depth, valid, rect, scale, aligned)


def _crop(
    sharp: NDArray[Any],
    soft: NDArray[Any],
    depth: NDArray[np.float32],
    valid: NDArray[np.uint8],
    rect: Rect,
    scale: float,
    aligned: Aligned,
) -> Crop:
    """The crop; what is light is told beside what it looks like at an exposure of 0."""
    if sharp.dtype != np.float32:
        return Crop(sharp, soft, depth, valid, rect, scale, aligned)
    shown, blurred = readonly(srgb8(sharp)), readonly(srgb8(soft))
    return Crop(shown, blurred, depth, valid, rect, scale, aligned, (sharp, soft))


def _whole_pixels(view: View, size: Size) -> tuple[Rect, float]:
    left = min(max(math.floor(view.rect.x), 0), size.width - 1)
    top = min(max(math.floor(view.rect.y), 0), size.height - 1)
    right = max(min(math.ceil(view.rect.right), size.width), left + 1)
    bottom = max(min(math.ceil(view.rect.bottom), size.height), top + 1)
    return Rect(float(left), float(top), float(right - left), float(bottom - top)), view.scale


def blend(seen: Crop, focus: tuple[float, float], *, invert: bool = False) -> Picture:
    """Join sharp and blurred pixels: sharp where the depth is measured and lies in `focus` (both ends included).

    With `invert`, sharp where it is measured and lies outside. `Picture.mask` is True where it is sharp. It is a
    `LinearPicture` where the picture is in linear light.
    """
    import cv2

    mask = cv2.inRange(seen.depth, focus[0], focus[1])
    if invert:
        cv2.bitwise_not(mask, mask)
    cv2.bitwise_and(mask, seen.valid, mask)
    pixels = seen.blurred.copy()
    cv2.copyTo(seen.sharp, mask, pixels)
    found = Picture(pixels, seen.rect, seen.scale, seen.aligned.image.size, mask.astype(bool))
    if seen.light is None:
        return found
    sharp, soft = seen.light
    light = soft.copy()
    cv2.copyTo(sharp, mask, light)
    return LinearPicture(found.pixels, found.rect, found.scale, found.size, found.mask, light=light)


def run_align(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Aligned]:
    """Stage: picture and depth -> Aligned. Raises BindingError and MediaError."""
    progress.check()
    yield align(inputs.samples["picture"], inputs.samples["depth"])


def run_blur(inputs: Inputs, params: BlurParams, progress: Progress) -> Iterator[Blurred]:
    """Stage: Aligned -> Blurred."""
    progress.check()
    yield blur(inputs.previous, params.blur)


def run_crop(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Crop]:
    """Stage: Blurred -> Crop of what is visible."""
    progress.check()
    yield crop(inputs.previous, inputs.view)


def run_blend(inputs: Inputs, params: FocusParams, progress: Progress) -> Iterator[Picture]:
    """Stage: Crop -> Picture."""
    seen: Crop = inputs.previous
    found = blend(seen, focus_of(seen.aligned, params.focus, params.point), invert=params.invert)
    yield replace(found, source=inputs.source)


def input_facts(aligned: Aligned, values: Mapping[str, Any]) -> InputFacts:
    """Bounds (rounded outwards to the slider's step), present value and histogram of the range in focus."""
    low, high = _widened(*aligned.extent)
    step = 10.0 ** math.floor(math.log10((high - low) / 200))
    unit = "" if aligned.depth.unit == "relative" else aligned.depth.unit
    bounds = Range(math.floor(low / step) * step, math.ceil(high / step) * step, step=step, unit=unit)
    present = focus_of(aligned, values.get("focus"), values.get("point"))
    return InputFacts({"focus": bounds}, {"focus": present}, {"focus": Histogram(aligned.histogram, low, high)})


def pick(aligned: Aligned, x: float, y: float) -> dict[str, Any]:
    """What a click at (x, y) in image pixels sets: the range in focus."""
    return {"focus": focus_at(aligned, x, y)}


ANALYSES.register(
    Analysis(
        key="refocus",
        title="Refocus a photo",
        summary="Keeps one depth of a photograph sharp and blurs the rest.",
        action="Refocus a photo",
        icon="aperture",
        inputs=(
            PICTURE,
            Slot("depth", "Depth map", frozenset({MediaKind.DEPTH})),
        ),
        stages=(
            Stage("align", run_align),
            Stage("blur", run_blur, BlurParams, version=2),
            Stage("crop", run_crop, viewed=True),
            # Its rectangle comes with the crop; it is declared all the same, as the stage that draws.
            Stage("blend", run_blend, FocusParams, where="main", viewed=True),
        ),
        result=Picture,
        order=30,
        samples={"picture": "scene", "depth": "scene-depth"},
        keywords=(
            "refocusing",
            "depth of field",
            "bokeh",
            "D_min",
            "D_max",
            "Gaussian blur",
            "defocus",
            "depth map",
            "tilt-shift",
            "portrait mode",
            "재초점",
            "초점",
            "심도",
            "깊이 지도",
            "아웃포커싱",
        ),
        input_facts=input_facts,
        pick=pick,
    )
)
