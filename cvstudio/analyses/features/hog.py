"""The HOG descriptor as a picture: the directions of edges, cell by cell.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.features._hog_descriptor import (
    block_histograms,
    cell_means,
    gradients,
    normalised,
    people_template,
    votes,
)
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.hog_cells import HogCells


@dataclass(frozen=True)
class GradientParams:
    """What is measured at each pixel."""

    gamma: Annotated[
        bool,
        Doc("Square root", "Takes the root of the pixel values first, so that shadows count more.", more=True),
    ] = False


@dataclass(frozen=True)
class HistogramParams:
    """How pixels are counted together."""

    cell: Annotated[
        int,
        Range(4, 64, step=1, unit="px"),
        Doc("Cell", "Side of the square whose edges are counted together.", "Try 16 for a large photograph."),
    ] = 8
    block: Annotated[
        int,
        Range(1, 4, step=1),
        Doc("Block", "Cells on a side that share one normalisation.", "1 forgets how strong neighbours are."),
    ] = 2
    bins: Annotated[
        int,
        Range(2, 36, step=1),
        Doc("Bins", "Directions that are told apart.", "More than 9 hardly helped in the paper."),
    ] = 9
    signed: Annotated[
        bool,
        Doc("Signed", "Tells a bright-to-dark edge from a dark-to-bright one.", "Of use for cars, not for people."),
    ] = False
    smooth: Annotated[
        bool,
        Doc(
            "Shared votes",
            "A pixel counts in the nearest cells and directions by its distance, as in the paper.",
            "Switch it off for plain counting.",
            more=True,
        ),
    ] = True


@dataclass(frozen=True)
class NormaliseParams:
    """How blocks become comparable."""

    show: Annotated[
        str,
        Choices(("descriptor", "people: looks for", "people: avoids")),
        Doc(
            "Show",
            "The descriptor, or what the people detector (HOG + SVM) has learnt to look for and to avoid.",
            "Compare a person's strokes with what the detector looks for.",
        ),
    ] = "descriptor"
    clip: Annotated[
        float,
        Range(0.05, 1, step=0.01),
        Doc("Clip", "No direction may have more than this share of a block (L2-Hys).", "1 clips nothing."),
    ] = 0.2


@dataclass(frozen=True, eq=False)
class Gradients:
    """Magnitude and angle float32 (h, w) of each pixel of a picture; see `_hog_descriptor.gradients`."""

    magnitude: NDArray[np.float32]
    angle: NDArray[np.float32]
    size: Size


@dataclass(frozen=True, eq=False)
class Blocks:
    """Histograms float32 (rows, columns, block, block, bins), not normalised."""

    histograms: NDArray[np.float32]
    params: HistogramParams
    size: Size


def run_gradients(inputs: Inputs, params: GradientParams, progress: Progress) -> Iterator[Gradients]:
    """Stage: picture -> gradients."""
    progress.check()
    image: Image = inputs.samples["picture"]
    magnitude, angle = gradients(image.rgb8, gamma=params.gamma)
    yield Gradients(readonly(magnitude), readonly(angle), image.size)


def run_histograms(inputs: Inputs, params: HistogramParams, progress: Progress) -> Iterator[Blocks]:
    """Stage: gradients -> histograms of every block. Raises MediaError where the picture holds no block."""
    found: Gradients = inputs.previous
    side = params.cell * params.block
    if min(found.size) < side:
        raise MediaError(
            f"HOG expects a picture that holds a block of {side} x {side} pixels, found {found.size.width} x "
            f"{found.size.height}; choose smaller cells or blocks."
        )
    progress.check()
    counted = votes(found.magnitude, found.angle, params.bins, signed=params.signed, smooth=params.smooth)
    progress.check()
    yield Blocks(
        readonly(block_histograms(counted, params.cell, params.block, smooth=params.smooth)), params, found.size
    )


def run_normalise(inputs: Inputs, params: NormaliseParams, progress: Progress) -> Iterator[HogCells]:
    """Stage: histograms -> the descriptor."""
    found: Blocks = inputs.previous
    progress.check()
    blocks = normalised(found.histograms, params.clip)
    template = None
    if params.show != "descriptor":
        one_side = np.maximum if params.show.endswith("looks for") else np.minimum
        template = readonly(one_side(people_template(), 0))
    yield HogCells(
        blocks,
        cell_means(blocks),
        found.params.cell,
        found.params.signed,
        found.size,
        template,
        inputs.source,
    )


ANALYSES.register(
    Analysis(
        key="hog",
        title="HOG descriptor",
        summary="Shows the directions of edges, cell by cell: what a HOG detector sees of a picture.",
        action="See the directions of edges",
        icon="activity",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("gradients", run_gradients, GradientParams),
            Stage("histograms", run_histograms, HistogramParams),
            Stage("normalise", run_normalise, NormaliseParams),
        ),
        result=HogCells,
        order=40,
        samples={"picture": "astronaut"},
        keywords=(
            *("HOG", "histogram of oriented gradients", "Dalal", "Triggs", "descriptor", "feature", "gradient"),
            *("orientation", "cell", "block", "L2-Hys", "edges"),
        ),
    )
)
