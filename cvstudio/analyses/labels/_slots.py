"""What the analyses of labels share: their slots, their sample and their words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, Slot
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size
from cvstudio.data.labels import LabelledSample, LabelledSet, PictureLabels
from cvstudio.data.placed_labels import placed_labels
from cvstudio.foundation.params import NoParams
from cvstudio.results.result import Result

SLOTS = (PICTURE_OR_VIDEO, Slot("labels", "Labelled set", frozenset({AnnotationSet})))
SAMPLE = "photo-labels"
"""Key of the labelled set that comes with the program."""
KEYWORDS = (
    "ground truth",
    "labels",
    "annotations",
    "labelled data",
    "COCO",
    "YOLO",
    "Pascal VOC",
    "LabelMe",
    "CVAT",
    "정답",
    "정답 라벨",
    "라벨",
    "주석",
    "어노테이션",
    "그라운드 트루스",
)


def analysis_of_labels(
    key: str,
    title: str,
    show: Callable[..., Iterator[Any]],
    result: type[Result],
    *,
    summary: str,
    action: str,
    icon: str,
    order: int,
    keywords: tuple[str, ...],
    params: type[Any] = NoParams,
    picture: str = "coffee",
) -> Analysis:
    """An analysis that shows a kind of labels by its one stage `show`.

    Parameters
    ----------
    keywords : beside `KEYWORDS`
    params : of the stage
    picture : key of its sample, a picture of the set `SAMPLE`
    """
    return Analysis(
        key=key,
        title=title,
        summary=summary,
        action=action,
        icon=icon,
        inputs=SLOTS,
        stages=(Stage("show", show, params),),
        result=result,
        order=order,
        samples={"picture": picture, "labels": SAMPLE},
        on_start_page=False,
        keywords=(*KEYWORDS, *keywords),
    )


def labels_of(inputs: Inputs) -> tuple[LabelledSet, PictureLabels, Size]:
    """The set, the labels of the picture as it is given, empty where it has none, and its size. Raises MediaError."""
    sample: LabelledSample = inputs.samples["labels"]
    size: Size = inputs.samples["picture"].size
    labels = sample.labels() or PictureLabels(size)
    return sample.set, labels if sample.pixel_map is None else placed_labels(labels, sample.pixel_map), size
