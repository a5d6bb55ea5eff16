"""HOG descriptor: histograms of oriented gradients of each cell of a picture.

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
    """Parameters of the gradients."""

    gamma: Annotated[
        bool,
        Doc("Square root", "Takes the square root of the pixel values first, so that shadows count more.", more=True),
    ] = False


@dataclass(frozen=True)
class HistogramParams:
    """Parameters of the histograms."""

    cell: Annotated[
        int,
        Range(4, 64, step=1, unit="px"),
        Doc("Cell", "Side of the square whose edges are counted together.", "Try 16 for a large photograph."),
    ] = 8
    block: Annotated[
        int,
        Range(1, 4, step=1),
        Doc("Block", "Cells per side that are normalised together.", "1 ignores the strength of neighbouring cells."),
    ] = 2
    bins: Annotated[
        int,
        Range(2, 36, step=1),
        Doc("Bins", "Number of directions.", "More than 9 hardly helped in the paper."),
    ] = 9
    signed: Annotated[
        bool,
        Doc(
            "Signed",
            "Distinguishes a bright-to-dark edge from a dark-to-bright one.",
            "Useful for cars, not for people.",
        ),
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
    """Parameters of the normalisation of blocks."""

    show: Annotated[
        str,
        Choices(("descriptor", "people: looks for", "people: avoids")),
        Doc(
            "Show",
            "The descriptor, or what the people detector (HOG + SVM) has learnt to look for or to avoid.",
            "Compare a person's strokes with what the detector looks for.",
        ),
    ] = "descriptor"
    clip: Annotated[
        float,
        Range(0.05, 1, step=0.01),
        Doc("Clip", "The largest share of a block that one direction may have (L2-Hys).", "1 clips nothing."),
    ] = 0.2


@dataclass(frozen=True, eq=False)
class Gradients:
    """Magnitude and angle of the gradient, float32 (h, w); see `_hog_descriptor.gradients`."""

    magnitude: NDArray[np.float32]
    angle: NDArray[np.float32]
    size: Size


@dataclass(frozen=True, eq=False)
class Blocks:
    """Histograms of blocks, float32 (rows, columns, block, block, bins), not normalised."""

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
    """Stage: gradients -> histograms of all blocks. Raises MediaError where the picture is smaller than a block."""
    pixel_gradients: Gradients = inputs.previous
    side = params.cell * params.block
    if min(pixel_gradients.size) < side:
        raise MediaError(
            f"HOG expects a picture that holds a block of {side} x {side} pixels, found {pixel_gradients.size.width} x "
            f"{pixel_gradients.size.height}; choose smaller cells or blocks."
        )
    progress.check()
    pixel_votes = votes(
        pixel_gradients.magnitude, pixel_gradients.angle, params.bins, signed=params.signed, smooth=params.smooth
    )
    progress.check()
    yield Blocks(
        readonly(block_histograms(pixel_votes, params.cell, params.block, smooth=params.smooth)),
        params,
        pixel_gradients.size,
    )


def run_normalise(inputs: Inputs, params: NormaliseParams, progress: Progress) -> Iterator[HogCells]:
    """Stage: histograms -> normalised descriptor, with the template of the people detector where it is shown."""
    unnormalised: Blocks = inputs.previous
    progress.check()
    blocks = normalised(unnormalised.histograms, params.clip)
    template = None
    if params.show != "descriptor":
        clamp = np.maximum if params.show.endswith("looks for") else np.minimum
        template = readonly(clamp(people_template(), 0))
    yield HogCells(
        blocks,
        cell_means(blocks),
        unnormalised.params.cell,
        unnormalised.params.signed,
        unnormalised.size,
        template,
        inputs.source,
    )


ANALYSES.register(
    Analysis(
        key="hog",
        title="HOG descriptor",
        summary="Shows the directions of edges, cell by cell, as a HOG detector sees them.",
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
            *("기울기 방향 히스토그램", "특징 기술자", "특징 추출"),
        ),
    )
)
