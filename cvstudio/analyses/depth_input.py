"""What every use of a depth map shares: where it comes from, and how it is brought to the picture that it describes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from cvstudio.data.depth.guided import brightness, guided_upsampling
from cvstudio.data.depth.nearness import filled
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.params import Choices, Doc
from cvstudio.results.spatial.depth import Depth

if TYPE_CHECKING:
    from cvstudio.data.geometry import Size

FOLLOW_EDGES = Doc(
    "Follow edges",
    "Enlarges a depth map that is smaller than the picture so that its steps lie on the picture's edges.",
    "Switch it off to see the depths as they are stored.",
    later=True,
)
HOLES = Doc(
    "Missing depth",
    "What is taken for places without a depth.",
    "Farthest for a sky.",
    more=True,
    later=True,
)


@dataclass(frozen=True)
class DepthInputParams:
    """How a depth map is brought to its picture."""

    follow_edges: Annotated[bool, FOLLOW_EDGES] = False
    fill_missing: Annotated[
        str, Choices(("keep", "nearest", "farthest"), ("Stays missing", "As the nearest measured", "Farthest")), HOLES
    ] = "keep"


def depth_map(depth: DepthMap | Depth) -> DepthMap:
    """The depth map of a file, or that another analysis found."""
    return depth.map if isinstance(depth, Depth) else depth


def enlarged(image: Image, depth: DepthMap) -> DepthMap:
    """`depth` at the size of `image`, with its steps on the edges of the picture; unchanged where it is not smaller.

    What is missing stays missing.
    """
    import cv2

    width, height = image.size
    if not _is_smaller(depth.size, image.size) or depth.invalid.all():
        return depth
    values = guided_upsampling(brightness(image.rgb8), depth.values, (~depth.invalid).astype(np.float32))
    invalid = cv2.resize(depth.invalid.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return DepthMap(values, depth.unit, invalid.astype(bool), depth.near_is_large)


def completed(depth: DepthMap, filling: Literal["keep", "nearest", "farthest"] | str) -> DepthMap:
    """`depth` with what is missing filled; "keep" leaves it."""
    if filling == "keep" or not depth.invalid.any() or depth.invalid.all():
        return depth
    values = filled(depth, "farthest" if filling == "farthest" else "nearest")
    return replace(depth, values=values, invalid=np.zeros(depth.invalid.shape, bool))


def prepared(image: Image, depth: DepthMap, params: DepthInputParams) -> DepthMap:
    """`depth` as the parameters ask for it."""
    depth = enlarged(image, depth) if params.follow_edges else depth
    return completed(depth, params.fill_missing)


def _is_smaller(size: Size, other: Size) -> bool:
    return size.width < other.width and size.height < other.height
