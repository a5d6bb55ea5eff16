"""Refocusing as by a lens: what is out of the focal plane is blurred by the iris, the more the farther from it.

Picture and depth are aligned once, the visible part is cut out once for a view; a tick of a slider then blurs that part
at the resolution of the screen: a draft first, by few layers on a small picture with what is in focus laid over it,
then the layers of `cvstudio.data.depth.lens_blur`. A whole picture is computed tile by tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE, Analysis, Histogram, InputFacts, Slot
from cvstudio.analyses.depth.lens_view import WIDEST, LensView, NearScene, linear_light, visible_part
from cvstudio.analyses.depth.refocus import align, check_depth, depth_at, widened
from cvstudio.analyses.depth_input import FOLLOW_EDGES, depth_map, enlarged
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.depth.iris import Iris
from cvstudio.data.depth.lens_blur import FINE, Fineness, lens_blur
from cvstudio.data.depth.nearness import filled, nearness_scale
from cvstudio.data.geometry import Rect, readonly
from cvstudio.data.srgb import srgb8
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.picture import LinearPicture, Picture
from cvstudio.results.spatial.depth import Depth

IRISES = {"disc": 0, "pentagon": 5, "hexagon": 6, "heptagon": 7, "octagon": 8, "nonagon": 9}
"""Blades of each shape of the iris."""
TILE = 1024
_DRAFT = Fineness(1.5, 0.35)
_BRIGHT = 0.6
"""Linear light from which on a pixel is taken for a highlight that was clipped."""


@dataclass(frozen=True)
class HoleParams:
    """How the depth map is brought to the picture, and what stands for depths that were not measured."""

    follow_edges: Annotated[bool, FOLLOW_EDGES] = True

    holes: Annotated[
        str,
        Choices(("nearest", "farthest"), ("As the nearest measured", "Farthest")),
        Doc("Missing depth", "What is taken for places without a depth.", "Farthest for a sky.", more=True),
    ] = "nearest"


@dataclass(frozen=True)
class LensParams:
    """Focal plane and lens. `focal_depth` overrides `focal_point`; with neither, the middle of the picture is sharp."""

    focal_depth: Annotated[
        float | None,
        Range(0, 100000, from_input="depth"),
        Doc("Focal plane", "What lies at this depth is sharp.", "Drag it through the histogram: a focus pull."),
    ] = None
    focal_point: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Focus on", "Focuses on what is at this place of the picture.", "Click on what should be sharp."),
    ] = None
    aperture: Annotated[
        float,
        Range(0, 100 * WIDEST, step=0.1, unit="%"),
        Doc(
            "Aperture",
            "Diameter of the largest blur, between the nearest and the farthest, by the picture's longer side.",
            "Try 5.",
        ),
    ] = 2.5
    field: Annotated[
        float,
        Range(0, 100, step=1, unit="%"),
        Doc("Depth of field", "How much of the range of depths around the focal plane stays sharp.", "Try 10."),
    ] = 0.0
    iris: Annotated[
        str,
        Choices(tuple(IRISES), ("Disc", "5 blades", "6 blades", "7 blades", "8 blades", "9 blades")),
        Doc("Iris", "Shape that a point of light out of focus becomes.", "6 blades for hexagons."),
    ] = "disc"
    iris_rotation: Annotated[
        float, Range(0, 90, step=1, unit="°"), Doc("Rotation", "Turns the blades of the iris.", more=True)
    ] = 0.0
    highlights: Annotated[
        float,
        Range(0, 5, step=0.1, unit="EV"),
        Doc("Highlights", "Brightens lights that the camera has clipped, so that they bloom out of focus.", "Try 3."),
    ] = 0.0
    softness: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Softness", "How far the blur of a point fades towards its edge.", "Try 0.5.", more=True),
    ] = 0.0


def run_align(inputs: Inputs, params: HoleParams, progress: Progress) -> Iterator[NearScene]:
    """Stage: picture and depth -> NearScene. Raises BindingError and MediaError."""
    progress.check()
    image, depth = inputs.samples["picture"], depth_map(inputs.samples["depth"])
    check_depth(image, depth)
    aligned = align(image, enlarged(image, depth) if params.follow_edges else depth)
    filling: Any = params.holes
    yield NearScene(aligned, filled(aligned.depth, filling), nearness_scale(aligned.depth))


def run_view(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[NearScene | LensView]:
    """Stage: NearScene -> its visible part; the whole is computed by tiles, and stays as it is."""
    progress.check()
    yield inputs.previous if inputs.view is None else visible_part(inputs.previous, inputs.view)


def run_blur(inputs: Inputs, params: LensParams, progress: Progress) -> Iterator[Picture]:
    """Stage: the visible part or the whole -> Picture; of the visible part first a draft."""
    seen: NearScene | LensView = inputs.previous
    if isinstance(seen, NearScene):
        yield replace(_whole(seen, params, progress), source=inputs.source)
        return
    if (draft := _draft(seen, params)) is not None:
        yield replace(draft, source=inputs.source)
    lens = _Lens(seen.scene, params, seen.scale)
    radius = lens.radius(seen.nearness)
    light = lens.blurred(seen.light, radius, FINE, progress.check)[seen.inner]
    yield replace(_picture(seen.scene, light, radius[seen.inner], seen.rect, seen.scale), source=inputs.source)


def focal_depth(scene: NearScene, depth: float | None, point: tuple[float, float] | None) -> float:
    """Effective depth of the focal plane: `depth`, else that at `point`, else that in the middle of the picture."""
    if depth is not None:
        return depth
    width, height = scene.aligned.image.size
    x, y = point if point is not None else (width / 2, height / 2)
    return depth_at(scene.aligned, x, y)


class _Lens:
    """The lens of some parameters, at a scale of output pixels per image pixel."""

    def __init__(self, scene: NearScene, params: LensParams, scale: float) -> None:
        self._focus = scene.nearness(focal_depth(scene, params.focal_depth, params.focal_point))
        self._half_field = params.field / 200
        self._largest = params.aperture / 100 * scene.longer_side * scale / 2
        self._gain = 2**params.highlights - 1
        self._iris = Iris(IRISES[params.iris], params.iris_rotation, params.softness)

    @property
    def reach(self) -> int:
        """How far, in pixels, anything can blur: of two that overlap, each by its own."""
        return math.ceil(2 * 1.5 * self._largest) + 8

    def radius(self, nearness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signed radius of the circle of confusion in pixels, negative before the focal plane."""
        behind = np.float32(self._focus) - nearness
        if self._half_field:
            behind = np.copysign(np.maximum(np.abs(behind) - np.float32(self._half_field), 0), behind)
        return np.asarray(behind * np.float32(self._largest), np.float32)

    def in_focus(self, nearness: NDArray[np.float32]) -> NDArray[np.uint8]:
        """1 where the circle of confusion has a radius below one pixel, else 0, uint8 of the same shape."""
        import cv2

        reach = self._half_field + (1 / self._largest if self._largest else np.inf)
        within = np.asarray(cv2.inRange(nearness, self._focus - reach, self._focus + reach), np.uint8)
        # In place: the picture may have tens of millions of pixels.
        return np.minimum(within, np.uint8(1), out=within)

    def blurred(
        self,
        light: NDArray[np.float32],
        radius: NDArray[np.float32],
        fineness: Fineness,
        check: Callable[[], None],
    ) -> NDArray[np.float32]:
        return lens_blur(self._bright(light, radius), radius, self._iris, fineness=fineness, check=check)

    def _bright(self, light: NDArray[np.float32], radius: NDArray[np.float32]) -> NDArray[np.float32]:
        """Highlights out of focus brightened; what is in focus stays."""
        if not self._gain:
            return light
        share = np.clip((light.max(2) - np.float32(_BRIGHT)) / np.float32(1 - _BRIGHT), 0, 1)
        share *= share * (3 - 2 * share) * np.clip(np.abs(radius) / 2, 0, 1)
        return np.asarray(light * (1 + np.float32(self._gain) * share)[..., None], np.float32)


def _picture(
    scene: NearScene, light: NDArray[np.float32], radius: NDArray[np.float32], rect: Rect, scale: float
) -> Picture:
    size = scene.aligned.image.size
    sharp = np.abs(radius) < 1
    if scene.aligned.image.transfer == "linear":
        return LinearPicture(srgb8(light), rect, scale, size, sharp, light=np.ascontiguousarray(light))
    return Picture(srgb8(light), rect, scale, size, sharp)


def _draft(seen: LensView, params: LensParams) -> Picture | None:
    """The visible part quickly: blurred on a small picture, with what is in focus laid over it; None where the part is
    small itself."""
    import cv2

    sharp = seen.sharp
    if sharp.ratio >= 0.5:
        return None
    height, width = sharp.nearness.shape
    lens = _Lens(seen.scene, params, seen.scale * sharp.ratio)
    # The margin is left out: it is many times larger, and the draft is replaced at once.
    soft = lens.blurred(sharp.small_light, lens.radius(sharp.small_nearness), _DRAFT, lambda: None)
    pixels = np.asarray(cv2.resize(srgb8(soft), (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    in_focus = _Lens(seen.scene, params, seen.scale).in_focus(sharp.nearness)
    cv2.copyTo(sharp.pixels, in_focus, pixels)
    return Picture(pixels, seen.rect, seen.scale, seen.scene.aligned.image.size, in_focus.view(bool))


def _whole(scene: NearScene, params: LensParams, progress: Progress) -> Picture:
    """The whole picture at scale 1, by tiles with margins: memory is bounded by the tile."""
    image = scene.aligned.image
    width, height = image.size
    lens = _Lens(scene, params, 1.0)
    # Tiles begin where the reduced pictures of large blurs have whole pixels, so that no seam shows.
    margin = -(-lens.reach // 16) * 16
    linear = image.transfer == "linear"
    pixels = np.empty((height, width, 3), np.uint8)
    light_of_all = np.empty((height, width, 3), np.float32) if linear else None
    sharp = np.empty((height, width), bool)
    tiles = [(top, left) for top in range(0, height, TILE) for left in range(0, width, TILE)]
    for number, (top, left) in enumerate(tiles):
        progress(number / len(tiles), "blurring")
        outer_top, outer_left = max(top - margin, 0), max(left - margin, 0)
        outer = (slice(outer_top, top + TILE + margin), slice(outer_left, left + TILE + margin))
        radius = lens.radius(scene.scale.of(scene.filled[outer]))
        light = lens.blurred(linear_light(image, outer), radius, FINE, progress.check)
        place = (slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width)))
        inner = (
            slice(top - outer_top, place[0].stop - outer_top),
            slice(left - outer_left, place[1].stop - outer_left),
        )
        pixels[place], sharp[place] = srgb8(light[inner]), np.abs(radius[inner]) < 1
        if light_of_all is not None:
            light_of_all[place] = light[inner]
    rect = Rect(0.0, 0.0, float(width), float(height))
    if light_of_all is not None:
        return LinearPicture(readonly(pixels), rect, 1.0, image.size, sharp, light=light_of_all)
    return Picture(readonly(pixels), rect, 1.0, image.size, sharp)


def input_facts(scene: NearScene, values: Mapping[str, Any]) -> InputFacts:
    """Bounds (rounded outwards to the slider's step), effective value and histogram of the focal plane."""
    aligned = scene.aligned
    low, high = widened(*aligned.extent)
    step = 10.0 ** math.floor(math.log10((high - low) / 200))
    unit = "" if aligned.depth.unit == "relative" else aligned.depth.unit
    bounds = Range(math.floor(low / step) * step, math.ceil(high / step) * step, step=step, unit=unit)
    focus = focal_depth(scene, values.get("focal_depth"), values.get("focal_point"))
    histogram = Histogram(aligned.histogram, low, high)
    return InputFacts({"focal_depth": bounds}, {"focal_depth": focus}, {"focal_depth": histogram})


def pick(scene: NearScene, x: float, y: float) -> dict[str, Any]:
    """Parameters that a click at x, y in image pixels sets: the focal plane."""
    return {"focal_depth": depth_at(scene.aligned, x, y)}


ANALYSES.register(
    Analysis(
        key="lens-blur",
        title="Lens blur",
        summary="Blurs a photograph as a lens does: the more, the farther from the focal plane.",
        action="Blur the background like a camera",
        icon="focus",
        inputs=(
            PICTURE,
            Slot("depth", "Depth map", frozenset({MediaKind.DEPTH, Depth}), aligned_with="picture"),
        ),
        stages=(
            Stage("align", run_align, HoleParams),
            Stage("view", run_view, viewed=True),
            Stage("blur", run_blur, LensParams, viewed=True),
        ),
        result=Picture,
        order=31,
        samples={"picture": "scene", "depth": "scene-depth"},
        on_start_page=False,
        keywords=(
            "bokeh",
            "depth of field",
            "circle of confusion",
            "aperture",
            "iris blades",
            "thin lens",
            "portrait mode",
            "background blur",
            "refocusing",
            "f-number",
            "보케",
            "렌즈 흐림",
            "조리개",
            "심도",
            "착란원",
            "아웃포커싱",
        ),
        input_facts=input_facts,
        pick=pick,
    )
)
