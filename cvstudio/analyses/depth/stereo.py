"""Depth from a rectified stereo pair: two photographs taken side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.depth.guided import brightness, edge_aligned
from cvstudio.data.depth.stereo import Disparity, filled_from_behind, row_agreement, stereo_disparity
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.params import Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.spatial.depth import Depth

_LEAST_AGREEMENT = 0.5
"""Of points found in both pictures, the share in the same row below which a pair is not rectified."""
_MEDIAN = 5


@dataclass(frozen=True)
class StereoParams:
    """What is made of the disparities."""

    fill_holes: Annotated[
        bool,
        Doc("Fill holes", "Gives places that only one picture shows the depth of what is behind them."),
    ] = True
    follow_edges: Annotated[bool, Doc("Follow edges", "Moves steps of the depth onto the edges of the picture.")] = True
    baseline_m: Annotated[
        float,
        Range(0, 100, step=0.001, unit="m"),
        Doc("Baseline", "Distance of the two cameras; with the focal length, depth is in metres.", "0 is not known."),
    ] = 0.0
    focal_px: Annotated[
        float,
        Range(0, 100_000, step=1, unit="px"),
        Doc("Focal length", "Of the rectified cameras in pixels, from their calibration.", "0 is not known."),
    ] = 0.0


@dataclass(frozen=True, eq=False)
class MatchedPair:
    """The left picture, uint8 RGB (H, W, 3), and its disparity."""

    left: NDArray[np.uint8]
    disparity: Disparity


def check_pair(left: Image, right: Image) -> None:
    """Raise BindingError unless both are of the same size and rectified."""
    if left.size != right.size:
        raise BindingError(
            f"A stereo pair has two pictures of one size, found {left.size.width} x {left.size.height} and "
            f"{right.size.width} x {right.size.height}; choose the two that belong together."
        )
    agreement = row_agreement(left.rgb8, right.rgb8)
    if agreement is not None and agreement < _LEAST_AGREEMENT:
        raise BindingError(
            f"A rectified pair shows each point in the same row of both pictures, found {agreement:.0%} of the points "
            f"there; rectify the pictures first, or choose two of one scene."
        )


def run_match(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[MatchedPair]:
    """Stage: two pictures -> MatchedPair. Raises BindingError."""
    left, right = inputs.samples["left"], inputs.samples["right"]
    progress(None, "comparing rows")
    check_pair(left, right)
    progress(None, "matching")
    disparity = stereo_disparity(left.rgb8, right.rgb8)
    sure = disparity.values[disparity.consistent]
    if sure.size and np.quantile(sure, 0.9) < -1:
        raise BindingError(
            "In a stereo pair everything is further to the left in the right picture, found the opposite; exchange the "
            "left and the right picture."
        )
    yield MatchedPair(left.rgb8, disparity)


def run_depth(inputs: Inputs, params: StereoParams, progress: Progress) -> Iterator[Depth]:
    """Stage: MatchedPair -> Depth."""
    import cv2

    progress.check()
    pair: MatchedPair = inputs.previous
    values: NDArray[Any] = filled_from_behind(pair.disparity)
    values = np.asarray(cv2.medianBlur(values, _MEDIAN))
    progress.check()
    if params.follow_edges:
        values = edge_aligned(brightness(pair.left), values, 1)
    missing = np.zeros(values.shape, bool) if params.fill_holes else ~pair.disparity.consistent
    # Of a point at infinity, and beyond, there is no distance.
    missing = missing | (values <= 0)
    if params.baseline_m > 0 and params.focal_px > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            metres = (params.baseline_m * params.focal_px / values).astype(np.float32)
        depth = DepthMap(metres, "m", missing)
    else:
        depth = DepthMap(values, "px", missing, near_is_large=True)
    yield Depth(depth, "Semi-global matching of a stereo pair", inputs.source)


ANALYSES.register(
    Analysis(
        key="stereo",
        title="Stereo depth",
        summary="Finds the depth of a scene from two pictures taken side by side.",
        action="Measure depth with two photos",
        icon="columns-2",
        inputs=(
            Slot("left", "Left picture", frozenset({MediaKind.IMAGE})),
            Slot("right", "Right picture", frozenset({MediaKind.IMAGE})),
        ),
        stages=(
            Stage("match", run_match),
            Stage("depth", run_depth, StereoParams),
        ),
        result=Depth,
        order=33,
        samples={"left": "scene", "right": "scene-right"},
        on_start_page=False,
        keywords=(
            "disparity",
            "stereo pair",
            "SGBM",
            "semi-global matching",
            "block matching",
            "rectified",
            "epipolar",
            "baseline",
            "depth map",
            "스테레오",
            "시차",
            "양안",
            "깊이 지도",
        ),
    )
)
