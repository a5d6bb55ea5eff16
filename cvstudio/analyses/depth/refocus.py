"""Refocusing of a photograph by its depth map: pixels in a depth range stay sharp, the others are blurred.

The method of the course's notes: pixels whose depth lies in ``D_min..D_max`` are taken from the picture, the others
from ``cv2.blur(picture, (20, 20))``, by a mask. The blurred picture and the visible part of both are cached, so that a
tick of the range slider only compares depths and copies the pixels on screen.
A picture in linear light is blurred in linear light, as by a lens; the exposure applies to the output.
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
from cvstudio.analyses.depth_input import DepthInputParams, depth_map, prepared
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect, Size, View, readonly
from cvstudio.data.samples import DepthMap, Image
from cvstudio.data.srgb import srgb8
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.picture import LinearPicture, Picture, to_linear
from cvstudio.results.spatial.depth import Depth

BINS = 256
"""Bins of the histogram of depths."""
ASPECT_TOLERANCE = 0.02
"""Maximum relative difference of the aspect ratios of picture and depth map."""


@dataclass(frozen=True)
class BlurParams:
    """Parameters of the blur."""

    blur: Annotated[
        int,
        Range(1, 101, step=1, unit="px"),
        Doc("Blur", "Size of the square that is averaged where the picture is out of focus.", "Try 40."),
    ] = 20


@dataclass(frozen=True)
class FocusParams:
    """Depth range in focus. `focus` overrides `point`; with neither, it is the nearest third of the depths."""

    focus: Annotated[
        tuple[float, float] | None,
        Range(0, 100000, from_input="depth"),
        Doc(
            "In focus",
            "Everything between these two depths stays sharp.",
            "Drag both ends around a peak of the histogram.",
        ),
    ] = None
    point: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Focus on", "Focuses on the depth at this place of the picture.", "Click on what should be sharp."),
    ] = None
    invert: Annotated[
        bool, Doc("Invert", "Blurs everything in the range and keeps the rest sharp.", "Hide a face.", more=True)
    ] = False
    show: Annotated[
        str,
        Choices(
            ("result", "focus mask", "defocus mask", "blurred", "sharp part", "blurred part"),
            ("Result", "Focus mask", "Defocus mask", "Blurred picture", "Sharp part", "Blurred part"),
        ),
        Doc(
            "Show",
            "Which picture of the method is shown: the result is the sum of its sharp and its blurred part.",
            "Step through them: mask, parts, sum.",
            later=True,
        ),
    ] = "result"


@dataclass(frozen=True, eq=False)
class Aligned:
    """A picture and a depth map of the same size.

    Parameters
    ----------
    image : the picture, (H, W)
    depth : DepthMap (H, W)
    valid : uint8 (H, W), 255 where the depth is valid, else 0
    histogram : int64 (256,), counts of valid depths in equal bins over `extent`
    extent : smallest and largest valid depth in `depth.unit`
    """

    image: Image
    depth: DepthMap
    valid: NDArray[np.uint8]
    histogram: NDArray[np.int64]
    extent: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Blurred:
    """The whole picture: `sharp` and blurred `pixels`, RGB (H, W, 3), uint8, or float32 in linear light."""

    aligned: Aligned
    sharp: NDArray[Any]
    pixels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Crop:
    """The visible part, at the size of the canvas.

    Parameters
    ----------
    sharp, blurred : uint8 RGB (h, w, 3)
    depth : float32 (h, w), in the unit of the depth map
    valid : uint8 (h, w), 255 where the depth is valid, else 0
    rect : visible rectangle, in whole image pixels
    scale : output pixels per image pixel
    aligned : picture and depth map
    light : sharp and blurred in linear light, float32 RGB (h, w, 3); None where the picture is not in linear light
    """

    sharp: NDArray[np.uint8]
    blurred: NDArray[np.uint8]
    depth: NDArray[np.float32]
    valid: NDArray[np.uint8]
    rect: Rect
    scale: float
    aligned: Aligned
    light: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None


def check_depth(image: Image, depth: DepthMap) -> None:
    """Check that a depth map describes `image`.

    Raises
    ------
    BindingError
        The aspect ratios differ by more than 2 %.
    MediaError
        No depth is valid.
    """
    width, height = image.size
    depth_size = depth.size
    ratio = (width / height) / (depth_size.width / depth_size.height)
    if abs(ratio - 1) > ASPECT_TOLERANCE:
        raise BindingError(
            f"Refocusing expects a depth map of the picture's shape ({width} x {height}), found "
            f"{depth_size.width} x {depth_size.height}; choose the depth map that belongs to this picture."
        )
    if depth.invalid.all():
        raise MediaError(
            "Refocusing expects a depth map with measured depths, found none in it; choose another depth map."
        )


def align(image: Image, depth: DepthMap) -> Aligned:
    """Resize a depth map to the size of `image`, by nearest neighbour: interpolation would invent depths.

    Raises
    ------
    BindingError
        The aspect ratios differ by more than 2 %.
    MediaError
        No depth is valid.
    """
    import cv2

    check_depth(image, depth)
    width, height = image.size
    depth_size = depth.size
    if depth_size != image.size:
        nearest = cv2.INTER_NEAREST_EXACT
        values = cv2.resize(depth.values, (width, height), interpolation=nearest).astype(np.float32, copy=False)
        invalid = cv2.resize(depth.invalid.view(np.uint8), (width, height), interpolation=nearest).astype(bool)
        if invalid.all():
            raise MediaError(
                "Refocusing expects a depth map with measured depths, found next to none; choose another depth map."
            )
        depth = DepthMap(values, depth.unit, invalid, depth.near_is_large)
    low, high = depth.extent
    counts = np.histogram(depth.values[~depth.invalid], bins=BINS, range=widened(low, high))[0]
    valid = np.where(depth.invalid, np.uint8(0), np.uint8(255))
    return Aligned(image, depth, readonly(valid), readonly(counts.astype(np.int64)), (low, high))


def widened(low: float, high: float) -> tuple[float, float]:
    """The range `low`..`high`, widened by 1 where it is empty."""
    return (low, high) if high > low else (low, low + 1.0)


def default_focus(aligned: Aligned) -> tuple[float, float]:
    """Default depth range in focus: the nearest third of `Aligned.extent`, in the unit of the depth map."""
    low, high = aligned.extent
    third = (high - low) / 3
    return (high - third, high) if aligned.depth.near_is_large else (low, low + third)


def focus_at(aligned: Aligned, x: float, y: float, width: float | None = None) -> tuple[float, float]:
    """Depth range around the depth at a place.

    Parameters
    ----------
    aligned : Aligned
    x, y : place in image pixels; clamped to the picture
    width : distance of either end, in the unit of the depth map; None takes a tenth of the extent

    Returns
    -------
    (smaller, larger) depth, within the extent; at an invalid pixel around the depth of the nearest valid one
    """
    low, high = aligned.extent
    reach = (high - low) / 10 if width is None else width
    depth = depth_at(aligned, x, y)
    return (max(low, depth - reach), min(high, depth + reach))


def depth_at(aligned: Aligned, x: float, y: float) -> float:
    """Depth at a place in image pixels, clamped to the picture; at an invalid pixel that of the nearest valid one."""
    size = aligned.image.size
    column = min(max(math.floor(x), 0), size.width - 1)
    row = min(max(math.floor(y), 0), size.height - 1)
    reach = 0
    # Growing windows: the cost of a click depends on the size of the hole around it.
    while True:
        top, left = max(0, row - reach), max(0, column - reach)
        window = aligned.valid[top : row + reach + 1, left : column + reach + 1]
        rows, columns = np.nonzero(window)
        if rows.size:
            distance = (rows + top - row) ** 2 + (columns + left - column) ** 2
            # A pixel in the corner of the window may be farther than one just outside of an edge.
            if distance.min() <= reach**2 or reach >= max(size):
                best = int(distance.argmin())
                return float(aligned.depth.values[rows[best] + top, columns[best] + left])
        reach = max(1, reach * 2)


def focus_of(
    aligned: Aligned, focus: tuple[float, float] | None, point: tuple[float, float] | None
) -> tuple[float, float]:
    """Effective depth range: `focus`, else the range around `point`, else the nearest third."""
    if focus is not None:
        return focus
    return focus_at(aligned, *point) if point is not None else default_focus(aligned)


def blur(aligned: Aligned, side: int) -> Blurred:
    """Box filter of `side` x `side` pixels over the picture (``cv2.blur``, mirrored at the edges)."""
    import cv2

    light = to_linear(aligned.image)
    sharp: NDArray[Any] = aligned.image.rgb8 if light is None else light
    return Blurred(aligned, readonly(sharp), readonly(cv2.blur(sharp, (side, side))))


def crop(blurred: Blurred, view: View | None) -> Crop:
    """Crop picture, blurred picture and depth to `view` and resize them to its scale; None is the whole at scale 1.

    The rectangle is widened to whole pixels and clamped to the picture. Shrinking averages areas; enlarging
    interpolates below twice the size and takes the nearest pixel from there on.
    """
    import cv2

    aligned = blurred.aligned
    planes: tuple[Any, Any, Any, Any] = (blurred.sharp, blurred.pixels, aligned.depth.values, aligned.valid)
    if view is None:
        return _crop(*planes, View.whole(aligned.image.size).rect, 1.0, aligned)
    rect, scale = _whole_pixels(view, aligned.image.size)
    left, top, right, bottom = (round(edge) for edge in (rect.x, rect.y, rect.right, rect.bottom))
    size = View(rect, scale).size

    def resized(plane: NDArray[Any], interpolation: int) -> NDArray[Any]:
        part = plane[top:bottom, left:right]
        # A slice would keep the whole plane in memory for every cached crop.
        same = size == (right - left, bottom - top)
        return readonly(part.copy() if same else cv2.resize(part, size, interpolation=interpolation))

    enlarge = cv2.INTER_LINEAR if scale < 2 else cv2.INTER_NEAREST_EXACT
    smooth = cv2.INTER_AREA if scale < 1 else enlarge
    interpolations = (smooth, smooth, cv2.INTER_NEAREST_EXACT, cv2.INTER_NEAREST_EXACT)
    sharp, soft, depth, valid = (resized(*item) for item in zip(planes, interpolations, strict=True))
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
    """Make a `Crop`; linear light becomes `Crop.light`, with its sRGB at exposure 0 as `sharp` and `blurred`."""
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


def blend(visible: Crop, focus: tuple[float, float], *, invert: bool = False) -> Picture:
    """Combine sharp and blurred pixels: sharp where the depth is valid and lies in `focus` (both ends included).

    With `invert`, sharp where it is valid and lies outside. `Picture.mask` is True where the output is sharp. Returns a
    `LinearPicture` where the picture is in linear light.
    """
    import cv2

    mask = cv2.inRange(visible.depth, focus[0], focus[1])
    if invert:
        cv2.bitwise_not(mask, mask)
    cv2.bitwise_and(mask, visible.valid, mask)
    pixels = visible.blurred.copy()
    cv2.copyTo(visible.sharp, mask, pixels)
    picture = Picture(pixels, visible.rect, visible.scale, visible.aligned.image.size, mask.astype(bool))
    if visible.light is None:
        return picture
    sharp, soft = visible.light
    light = soft.copy()
    cv2.copyTo(sharp, mask, light)
    return LinearPicture(picture.pixels, picture.rect, picture.scale, picture.size, picture.mask, light=light)


def intermediate(visible: Crop, mask: NDArray[np.bool_], show: str) -> NDArray[np.uint8]:
    """A picture on the way to the result, uint8 RGB (h, w, 3); `mask` is True where the result is sharp."""
    import cv2

    if show == "blurred":
        return visible.blurred
    shown = mask.view(np.uint8) if show in ("focus mask", "sharp part") else (~mask).view(np.uint8)
    if show.endswith("mask"):
        return np.asarray(cv2.merge([shown * np.uint8(255)] * 3))
    return np.asarray(cv2.copyTo(visible.sharp if show == "sharp part" else visible.blurred, shown))


def run_align(inputs: Inputs, params: DepthInputParams, progress: Progress) -> Iterator[Aligned]:
    """Stage: picture and depth -> Aligned. Raises BindingError and MediaError."""
    progress.check()
    image, depth = inputs.samples["picture"], depth_map(inputs.samples["depth"])
    check_depth(image, depth)
    yield align(image, prepared(image, depth, params))


def run_blur(inputs: Inputs, params: BlurParams, progress: Progress) -> Iterator[Blurred]:
    """Stage: Aligned -> Blurred."""
    progress.check()
    yield blur(inputs.previous, params.blur)


def run_crop(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Crop]:
    """Stage: Blurred -> Crop of the visible part."""
    progress.check()
    yield crop(inputs.previous, inputs.view)


def run_blend(inputs: Inputs, params: FocusParams, progress: Progress) -> Iterator[Picture]:
    """Stage: Crop -> Picture."""
    visible: Crop = inputs.previous
    picture = blend(visible, focus_of(visible.aligned, params.focus, params.point), invert=params.invert)
    if params.show != "result":
        assert picture.mask is not None
        pixels = intermediate(visible, picture.mask, params.show)
        picture = Picture(pixels, picture.rect, picture.scale, picture.size, picture.mask)
    yield replace(picture, source=inputs.source)


def input_facts(aligned: Aligned, values: Mapping[str, Any]) -> InputFacts:
    """Bounds (rounded outwards to the slider's step), effective value and histogram of the depth range in focus."""
    low, high = widened(*aligned.extent)
    step = 10.0 ** math.floor(math.log10((high - low) / 200))
    unit = "" if aligned.depth.unit == "relative" else aligned.depth.unit
    bounds = Range(math.floor(low / step) * step, math.ceil(high / step) * step, step=step, unit=unit)
    focus = focus_of(aligned, values.get("focus"), values.get("point"))
    return InputFacts({"focus": bounds}, {"focus": focus}, {"focus": Histogram(aligned.histogram, low, high)})


def pick(aligned: Aligned, x: float, y: float) -> dict[str, Any]:
    """Parameters that a click at x, y in image pixels sets: the depth range in focus."""
    return {"focus": focus_at(aligned, x, y)}


ANALYSES.register(
    Analysis(
        key="refocus",
        title="Depth refocusing",
        summary="Keeps one depth of a photograph in focus and blurs the rest.",
        action="Refocus a photo",
        icon="aperture",
        inputs=(
            PICTURE,
            Slot("depth", "Depth map", frozenset({MediaKind.DEPTH, Depth}), aligned_with="picture"),
        ),
        stages=(
            Stage("align", run_align, DepthInputParams),
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
