"""Labelled key points: ground truth as keypoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.labels._slots import analysis_of_labels, labels_of
from cvstudio.analyses.stages import Inputs
from cvstudio.data.labels import Annotation, Category
from cvstudio.foundation.params import Doc
from cvstudio.foundation.progress import Progress
from cvstudio.results.keypoints import Keypoints

SCORES = np.array([0.0, 0.5, 1.0], np.float32)
"""Score of a key point by its visibility: not labelled, hidden, visible."""


@dataclass(frozen=True)
class LabelledPointParams:
    """Which key points are shown."""

    hidden: Annotated[
        bool,
        Doc(
            "Hidden points",
            "Shows labelled key points that something covers, too.",
            "Switch it off to see only what is visible in the picture.",
        ),
    ] = True


def _names_of(annotation: Annotation, categories: tuple[Category, ...]) -> tuple[str, ...]:
    """Names of the key points of an object; numbers where its class does not name them."""
    names, count = categories[annotation.category].keypoints, len(annotation.keypoints)
    return names[:count] + tuple(f"point {number}" for number in range(len(names) + 1, count + 1))


def show(inputs: Inputs, params: LabelledPointParams, progress: Progress) -> Iterator[Keypoints]:
    """Stage: labels -> key points, with the skeleton of each class. Raises MediaError.

    Classes with other points stand side by side: an object has the points of its own class alone.
    """
    labelled, labels, size = labels_of(inputs)
    objects = [(number, item) for number, item in enumerate(labels.annotations) if item.keypoints]
    starts: dict[tuple[str, ...], int] = {}
    skeleton: dict[tuple[int, int], None] = {}
    names: list[str] = []
    for _, item in objects:
        own = _names_of(item, labelled.categories)
        if own not in starts:
            starts[own] = len(names)
            names += own
        lines = labelled.categories[item.category].skeleton
        skeleton.update(((starts[own] + a, starts[own] + b), None) for a, b in lines if max(a, b) < len(own))
    points = np.zeros((len(objects), len(names), 2), np.float32)
    scores = np.zeros((len(objects), len(names)), np.float32)
    for row, (_, item) in enumerate(objects):
        start = starts[_names_of(item, labelled.categories)]
        values = np.array(item.keypoints, np.float32)
        points[row, start : start + len(values)] = values[:, :2]
        scores[row, start : start + len(values)] = SCORES[np.clip(values[:, 2].astype(np.int64), 0, 2)]
    yield Keypoints(
        points,
        scores,
        tuple(names),
        np.array([number for number, _ in objects], np.int64),
        size,
        tuple(skeleton),
        np.array([item.box for _, item in objects], np.float32).reshape(len(objects), 4),
        threshold=0.25 if params.hidden else 0.75,
        source=inputs.source,
    )


ANALYSES.register(
    analysis_of_labels(
        "labelled-keypoints",
        "Labelled key points",
        show,
        Keypoints,
        summary="Shows the key points that a picture is labelled with, and the lines between them.",
        action="Show labelled key points",
        icon="circle-dot",
        order=82,
        keywords=(
            "landmark labels",
            "pose labels",
            "visibility",
            "정답 키포인트",
            "정답 특징점",
        ),
        params=LabelledPointParams,
        picture="astronaut",
    )
)
