"""Labelled boxes and masks: ground truth as detections."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.labels._slots import analysis_of_labels, labels_of
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import mask_of
from cvstudio.data.labels import Annotation, LabelledMask
from cvstudio.foundation.params import Doc
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.masks import Grid, Masks


@dataclass(frozen=True)
class LabelledBoxParams:
    """Which labels are shown."""

    crowds: Annotated[
        bool,
        Doc(
            "Crowds",
            "Shows labels that stand for a group of objects, too.",
            "Switch it off to see only what a detector is asked to find one by one.",
        ),
    ] = True


@dataclass(frozen=True, eq=False)
class PixelMasks(Masks):
    """Masks of whole pixels.

    Parameters
    ----------
    masks : mask of each row; None for a mere box
    token : see `Masks`
    """

    masks: tuple[LabelledMask | None, ...]
    token: object = field(default_factory=object, repr=False)

    def __len__(self) -> int:
        return len(self.masks)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> PixelMasks:
        indices = np.arange(len(self.masks))[np.asarray(rows) if len(rows) else np.zeros(0, np.int64)]
        return PixelMasks(tuple(self.masks[index] for index in indices.tolist()), self.token)

    def key(self, row: int, number: int) -> Hashable:
        # An edit changes one of many masks, and may give all of them other numbers.
        return self.masks[row]

    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        mask = self.masks[row]
        if mask is None:
            return Grid(np.full((1, 1), -1, np.float32), (1.0, 1.0), (0.0, 0.0))
        # Framed by cells that do not belong to it, as the outermost ones go on beyond the grid.
        logits = np.pad(np.where(mask.pixels, np.float32(1), np.float32(-1)), 1, constant_values=-1)
        return Grid(logits, (1.0, 1.0), (mask.left - 1.0, mask.top - 1.0))


def show(inputs: Inputs, params: LabelledBoxParams, progress: Progress) -> Iterator[Detections]:
    """Stage: labels -> boxes clipped to the picture, with masks where there are outlines or pixels.

    Ids are the numbers of the annotations in the labels of the picture. Raises MediaError.
    """
    labelled, labels, size = labels_of(inputs)
    shown = [(number, item) for number, item in enumerate(labels.annotations) if params.crowds or not item.crowd]
    yield detections_of(shown, tuple(item.name for item in labelled.categories), size, inputs)


def detections_of(
    annotations: Sequence[tuple[int, Annotation]], names: tuple[str, ...], size: Size, inputs: Inputs
) -> Detections:
    """Numbered annotations as detections that are certain."""
    n = len(annotations)
    edges = np.array([*size, *size], np.float32)
    boxes = np.clip(np.array([item.box for _, item in annotations], np.float32).reshape(n, 4), 0, edges)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    annotations = [item for item, kept in zip(annotations, inside.tolist(), strict=True) if kept]
    masks = tuple(mask_of(item, size) for _, item in annotations)
    tracks = np.array([-1 if item.track_id is None else item.track_id for _, item in annotations], np.int64)
    return Detections(
        boxes[inside],
        np.ones(len(annotations), np.float32),
        np.array([item.category for _, item in annotations], np.int64),
        names,
        np.array([number for number, _ in annotations], np.int64),
        size,
        "certain",
        source=inputs.source,
        masks=PixelMasks(masks) if any(mask is not None for mask in masks) else None,
        track_ids=tracks if (tracks >= 0).any() else None,
    )


ANALYSES.register(
    analysis_of_labels(
        "labelled-boxes",
        "Labelled boxes and masks",
        show,
        Detections,
        summary="Shows the labels of a picture: boxes, outlines and masks with their classes.",
        action="Show labels",
        icon="square",
        order=80,
        keywords=(
            "bounding box labels",
            "instance masks",
            "crowd",
            "정답 상자",
            "정답 바운딩 박스",
            "인스턴스 마스크",
        ),
        params=LabelledBoxParams,
    )
)
