"""Semantic segmentation: the class of each pixel, with a threshold after the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.segmentation._blend import blend_maps
from cvstudio.analyses.segmentation._resample import LONGEST_SIDE, resampled
from cvstudio.analyses.slicing import SliceParams, predicted
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size
from cvstudio.data.tiles import Tile
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.segmentation import ClassMaps, Segmentation, background_of


@dataclass(frozen=True)
class RegionParams:
    """Threshold and selection of classes."""

    certainty: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Threshold",
            "Pixels whose most likely class is less probable than this stay empty.",
            "Raise it to see where the network is uncertain: mostly at edges.",
        ),
    ] = 0.0
    classes: Annotated[
        tuple[str, ...],
        Choices(from_model="labels"),
        Doc("Classes", "Shows only these classes; none selected shows all.", "Try one class to see its shape alone."),
    ] = ()


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[ClassMaps]:
    """Stage: picture -> logits or classes of the network, with their source; in slices, successively more of them."""
    image = inputs.samples["picture"]

    def join(found: Sequence[tuple[Tile, ClassMaps]]) -> ClassMaps:
        return blend_maps(found, image.size)

    for maps in predicted(inputs.network, image, params, progress, join, whole_too=False, kept=inputs.parts):
        yield dataclasses.replace(maps, source=inputs.source)


def map_size(size: Size) -> Size:
    """Size of the class map of a picture of `size`: its own, with sides of at most `LONGEST_SIDE`."""
    factor = min(1.0, LONGEST_SIDE / max(size))
    return Size(max(1, round(size.width * factor)), max(1, round(size.height * factor)))


def decide(inputs: Inputs, params: RegionParams, progress: Progress) -> Iterator[Segmentation]:
    """Stage: logits -> the most probable class of each pixel.

    Probabilities are resampled, not classes, so that edges are smooth.

    Raises ParamsError for a class that the model does not know.
    """
    maps: ClassMaps = inputs.previous
    unknown = [name for name in params.classes if name not in maps.labels]
    if unknown:
        raise ParamsError(f"This model has no class '{unknown[0]}'; it has: {', '.join(maps.labels)}.")
    size = map_size(maps.size)
    if maps.logits.ndim == 2:
        classes = resampled(maps.logits.astype(np.float32), maps.window, size, smooth=False).astype(np.int16)
    else:
        classes = _likeliest(maps, size, params.certainty, progress)
    if params.classes:
        shown = [index for index, name in enumerate(maps.labels) if name in params.classes]
        classes = np.where(np.isin(classes, shown), classes, np.int16(-1))
    yield Segmentation(classes, maps.labels, maps.size, background_of(maps.labels), maps.source)


def _likeliest(maps: ClassMaps, size: Size, certainty: float, progress: Progress) -> NDArray[np.int16]:
    """The most probable class, int16 (h, w) at `size`; -1 where its probability is below `certainty`.

    Classes are resampled one by one: all probabilities at the size of the picture would take gigabytes.
    """
    from scipy.special import softmax

    highest = np.full((size.height, size.width), -1, np.float32)
    classes = np.zeros((size.height, size.width), np.int16)
    for index, probabilities in enumerate(softmax(maps.logits, axis=0)):
        progress.check()
        values = resampled(np.ascontiguousarray(probabilities, np.float32), maps.window, size, smooth=True)
        better = values > highest
        classes[better] = index
        np.maximum(highest, values, out=highest)
    return np.where(highest >= certainty, classes, np.int16(-1))


ANALYSES.register(
    Analysis(
        key="segment",
        title="Semantic segmentation",
        summary="Assigns a class to each pixel, with your own network.",
        action="Colour the regions",
        icon="layers",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True, beside_model=SliceParams),
            Stage("decide", decide, RegionParams, where="pool"),
        ),
        result=Segmentation,
        order=30,
        task="segment",
        samples={"picture": "cat"},
        keywords=(
            "semantic segmentation",
            "FCN",
            "DeepLab",
            "U-Net",
            "ESPNet",
            "own model",
            "mask",
            "mIoU",
            "의미 분할",
            "시맨틱 분할",
        ),
    )
)
