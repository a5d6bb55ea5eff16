"""Semantic segmentation: the class of each pixel, with a threshold behind the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.segmentation import ClassMaps, Segmentation

LONGEST_SIDE = 1600
"""Pixels of the map of classes; finer, and a slider would wait for what no network resolves."""

BACKGROUND = ("background", "unlabeled", "unlabelled", "void")


@dataclass(frozen=True)
class RegionParams:
    """Which classes are shown, and from when on they are believed."""

    certainty: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Threshold",
            "Pixels whose likeliest class is less probable than this stay empty.",
            "Raise it to see where the network hesitates: mostly at edges.",
        ),
    ] = 0.0
    classes: Annotated[
        tuple[str, ...],
        Choices(from_model="labels"),
        Doc("Classes", "Shows only these; none chosen shows all.", "Try one class to see its shape alone."),
    ] = ()


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[ClassMaps]:
    """What the network says of each place, stamped with where it came from."""
    found: ClassMaps = inputs.network.predict(inputs.samples["picture"], params, progress)
    yield dataclasses.replace(found, source=inputs.source)


def map_size(size: Size) -> Size:
    """Size of the map of classes of a picture of `size`: its own, at most `LONGEST_SIDE`."""
    factor = min(1.0, LONGEST_SIDE / max(size))
    return Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))


def _enlarged(
    values: NDArray[np.float32], window: tuple[float, float, float, float], size: Size, *, smooth: bool
) -> NDArray[np.float32]:
    """The `window` (left, top, right, bottom in cells) of a map (h, w) at `size`, between the centres of its cells."""
    import cv2

    left, top, right, bottom = window
    across, down = (right - left) / size.width, (bottom - top) / size.height
    # From the centre of a pixel to the cell's.
    turned = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]], np.float64)
    kernel = (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(values, turned, (size.width, size.height), flags=kernel, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def decide(inputs: Inputs, params: RegionParams, progress: Progress) -> Iterator[Segmentation]:
    """The likeliest class of each pixel. Probabilities are enlarged, not classes, so that edges are smooth.

    Raises ParamsError for a class that the model does not know.
    """
    maps: ClassMaps = inputs.previous
    unknown = [name for name in params.classes if name not in maps.labels]
    if unknown:
        raise ParamsError(f"This model has no class '{unknown[0]}'; it has: {', '.join(maps.labels)}.")
    size = map_size(maps.size)
    if maps.logits.ndim == 2:
        best = _enlarged(maps.logits.astype(np.float32), maps.window, size, smooth=False).astype(np.int16)
    else:
        best = _likeliest(maps, size, params.certainty, progress)
    if params.classes:
        shown = [index for index, name in enumerate(maps.labels) if name in params.classes]
        best = np.where(np.isin(best, shown), best, np.int16(-1))
    background = next((index for index, name in enumerate(maps.labels) if name.casefold() in BACKGROUND), -1)
    yield Segmentation(best, maps.labels, maps.size, background, maps.source)


def _likeliest(maps: ClassMaps, size: Size, certainty: float, progress: Progress) -> NDArray[np.int16]:
    """Class int16 (h, w) at `size`, -1 where its probability is below `certainty`. One class at a time: all of them
    at the size of the picture would be gigabytes."""
    from scipy.special import softmax

    highest = np.full((size.height, size.width), -1, np.float32)
    best = np.zeros((size.height, size.width), np.int16)
    for index, shares in enumerate(softmax(maps.logits, axis=0)):
        progress.check()
        here = _enlarged(np.ascontiguousarray(shares, np.float32), maps.window, size, smooth=True)
        better = here > highest
        best[better] = index
        np.maximum(highest, here, out=highest)
    return np.where(highest >= certainty, best, np.int16(-1))


ANALYSES.register(
    Analysis(
        key="segment",
        title="Segment",
        summary="Gives each pixel the class that it belongs to, with a network of your own.",
        action="Colour the regions",
        icon="layers",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True),
            Stage("decide", decide, RegionParams, where="pool"),
        ),
        result=Segmentation,
        order=30,
        task="segment",
        samples={"picture": "cat"},
        keywords=("semantic segmentation", "FCN", "DeepLab", "U-Net", "ESPNet", "own model", "mask", "mIoU"),
    )
)
