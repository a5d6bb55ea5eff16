"""Depth from one picture by a network, and over the frames of a video without flicker."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.analyses.temporal import Temporal
from cvstudio.data.depth.guided import brightness, guided_upsampling
from cvstudio.data.depth.steady import SteadyDepth, coarse_logarithms
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.params import Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.spatial.depth import Depth
from cvstudio.results.spatial.nearness import NearnessMap

ABOUT = "Estimated by a network from one picture"


@dataclass(frozen=True)
class MapEdgeParams:
    """How the map of the network is brought to the picture."""

    follow_edges: Annotated[
        bool,
        Doc(
            "Follow edges",
            "Enlarges the depth of the network so that its steps lie on the picture's edges.",
            "Switch it off to see what the network itself has said.",
        ),
    ] = True


@dataclass(frozen=True)
class SteadyParams:
    """Parameters of the smoothing over time."""

    steady_secs: Annotated[
        float,
        Range(0, 2, step=0.05, unit="s"),
        Doc(
            "Smoothing",
            "Averages the depth of what stays where it is over this time, so that it does not flicker.",
            "0 shows each frame for itself.",
        ),
    ] = 0.3


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[NearnessMap]:
    """Stage: picture -> map of the network, with its source."""
    image = inputs.samples["picture"]
    nearness: NearnessMap = (
        inputs.network.predict(image, params, progress)
        if inputs.trunk is None
        else inputs.network.predict_from(inputs.trunk, image, params, progress)
    )
    yield dataclasses.replace(nearness, source=inputs.source)


def refine(inputs: Inputs, params: MapEdgeParams, progress: Progress) -> Iterator[Depth]:
    """Stage: map of the network -> Depth at the size of the picture."""
    progress.check()
    nearness: NearnessMap = inputs.previous
    values = at_full_size(inputs.samples["picture"], nearness.values, follow_edges=params.follow_edges)
    yield Depth(DepthMap(values, "relative", near_is_large=True), ABOUT, inputs.source)


def at_full_size(image: Image, values: NDArray[np.float32], *, follow_edges: bool) -> NDArray[np.float32]:
    """A map of any size at that of the picture, float32 (H, W)."""
    import cv2

    if values.shape == (image.size.height, image.size.width):
        return values
    if follow_edges and values.shape[0] <= image.size.height and values.shape[1] <= image.size.width:
        return guided_upsampling(brightness(image.rgb8), values)
    return np.asarray(cv2.resize(values, tuple(image.size), interpolation=cv2.INTER_LINEAR), np.float32)


class Steadying(Temporal):
    """Smoothing of the depth of consecutive frames."""

    params = SteadyParams

    def active(self, params: SteadyParams) -> bool:
        return params.steady_secs > 0

    def identity(self, params: SteadyParams) -> Hashable:
        return params

    def reach_secs(self, params: SteadyParams) -> float:
        return 0.0

    def observe(self, result: Depth, params: SteadyParams) -> NDArray[np.float32]:
        """Logarithms of nearness on a coarse grid."""
        return coarse_logarithms(result.map.values)

    def start(self, params: SteadyParams, rate: float) -> SteadyDepth:
        return SteadyDepth(params.steady_secs)

    def step(self, state: SteadyDepth, observation: NDArray[np.float32], pts: float) -> NDArray[np.float32]:
        """What has to be added to the logarithms of the frame."""
        return state.step(observation, pts)

    def finish(self, result: Depth, notes: Sequence[tuple[float, Any]], params: SteadyParams) -> Depth:
        import cv2

        factor = np.exp(notes[-1][1])
        values = result.map.values * cv2.resize(factor, tuple(result.size), interpolation=cv2.INTER_LINEAR)
        return dataclasses.replace(result, map=dataclasses.replace(result.map, values=values))


ANALYSES.register(
    Analysis(
        key="depth",
        title="Depth estimation",
        summary="Tells near from far in a single picture or video.",
        action="Estimate depth from one photo",
        icon="layers",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True, on_trunk=True),
            Stage("refine", refine, MapEdgeParams),
        ),
        temporal=Steadying("refine"),
        result=Depth,
        order=32,
        task="depth",
        default_model="depth-lite0",
        samples={"picture": "scene"},
        on_start_page=False,
        automatic=False,
        keywords=(
            "monocular depth",
            "depth map",
            "relative depth",
            "inverse depth",
            "MiDaS",
            "DPT",
            "Depth Anything",
            "portrait mode",
            "depth estimation",
            "깊이 추정",
            "단안 깊이",
            "깊이 지도",
            "거리 추정",
        ),
    )
)
