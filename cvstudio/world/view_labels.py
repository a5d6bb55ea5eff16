"""The labels of a view in the form of labelled sets: boxes, masks, key points, and a class for each pixel."""

from __future__ import annotations

import numpy as np

from cvstudio.data.label_masks import box_of
from cvstudio.data.labels import Annotation, LabelledMask, LabelMap, PictureLabels
from cvstudio.world.render import RenderedView
from cvstudio.world.scene import Scene, SceneObject

_BEFORE_METRES = 0.16
"""What lies by more than this before a key point, which is inside of the figure, hides it."""


def view_labels(view: RenderedView, scene: Scene) -> PictureLabels:
    """Labels of what is seen: an annotation for each thing, with its identity as `track_id`, and a label map."""
    annotations = []
    order = np.argsort(view.instances, axis=None, kind="stable")
    values, starts = np.unique(view.instances.ravel()[order], return_index=True)
    width = view.size.width
    for identity, pixels in zip(values.tolist(), np.split(order, starts[1:]), strict=True):
        if identity == 0:
            continue
        rows, columns = np.divmod(pixels, width)
        top, left = int(rows.min()), int(columns.min())
        mask = np.zeros((int(rows.max()) + 1 - top, int(columns.max()) + 1 - left), bool)
        mask[rows - top, columns - left] = True
        item = scene.things[identity - 1]
        labelled = LabelledMask(mask, left, top)
        annotations.append(
            Annotation(
                item.category,
                box_of(labelled),
                mask=labelled,
                keypoints=_keypoints(view, item),
                attributes={"shape": item.name},
                track_id=identity,
            )
        )
    return PictureLabels(view.size, tuple(annotations), label_map=LabelMap(view.classes))


def _keypoints(view: RenderedView, item: SceneObject) -> tuple[tuple[float, float, int], ...]:
    """x, y and visibility of the key points of a figure: 2 seen, 1 hidden, 0 outside of the picture."""
    points = item.keypoints(view.time_secs)
    if points is None:
        return ()
    found = []
    for x, y, depth in view.camera.project(points).tolist():
        if not (depth > 0 and 0 <= x < view.size.width and 0 <= y < view.size.height):
            found.append((0.0, 0.0, 0))
            continue
        nearest = float(view.depth[int(y), int(x)])
        found.append((x, y, 1 if 0 < nearest < depth - _BEFORE_METRES else 2))
    return tuple(found)
