"""COCO JSON: one file for any number of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import Tolerance, corner_and_extent, polygons_of, within
from cvstudio.exporters.base import Combined, Exporter, ExportItem, Piece, of
from cvstudio.foundation.params import Choices, Doc, from_mapping
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.coco import Picture, write_document
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints

OBJECT = "object"
"""Class of objects with key points: their network names the points alone."""


@dataclass(frozen=True)
class CocoOptions:
    """Encoding of masks."""

    masks: Annotated[
        str,
        Choices(("run lengths", "polygons", "none")),
        Doc(
            "Masks",
            "Run lengths hold every pixel; polygons are what most tools for labelling edit, but know no holes.",
            "Try polygons for a tool that shows no masks.",
        ),
    ] = "run lengths"
    tolerance: Tolerance = 0.0


def compressed(counts: list[int]) -> str:
    """COCO's compressed run-length encoding of `counts`."""
    from pycocotools import mask

    # The encoding does not include the size, so any size with this number of pixels will do.
    coded: bytes = mask.frPyObjects({"size": [1, sum(counts)], "counts": counts}, 1, sum(counts))["counts"]
    return coded.decode("ascii")


def _segmentation(detections: Detections, row: int, options: CocoOptions) -> tuple[Any, float | None]:
    """COCO's `segmentation` and area in pixels of one mask; None, None without a mask."""
    if detections.masks is None or options.masks == "none":
        return None, None
    counts = detections.masks.counts(row, detections.boxes[row], detections.size)
    area = sum(counts[1::2])
    if not area:
        return None, None
    if options.masks == "polygons":
        parts = polygons_of(detections, row, options.tolerance)
        return [part.ravel().tolist() for part in parts], area
    return {"size": [detections.size.height, detections.size.width], "counts": compressed(counts)}, area


def _pieces(item: ExportItem, progress: Progress) -> Iterator[Piece]:
    """A piece for each picture: `image` and `annotations`, both without ids, `labels`, and of key points `skeleton`."""
    options = item.options_as(CocoOptions)
    for moment in item.moments(progress):
        result = moment.result
        image: dict[str, Any] = {
            "file_name": item.source_name if item.frames is None else f"{moment.name}.jpg",
            "width": result.size.width,
            "height": result.size.height,
        }
        if moment.pts is not None:
            image.update(video=item.source_name, time_secs=moment.pts)
        if isinstance(result, Keypoints):
            lines = [[start + 1, end + 1] for start, end in result.skeleton]
            yield {"image": image, "annotations": _poses(result), "labels": list(result.labels), "skeleton": lines}
            continue
        detections = within(result)
        annotations = []
        for row in range(len(detections)):
            x, y, width, height = corner_and_extent(detections.boxes[row])
            segmentation, area = _segmentation(detections, row, options)
            annotation: dict[str, Any] = {
                "category_id": int(detections.classes[row]) + 1,
                "bbox": [x, y, width, height],
                "area": width * height if area is None else area,
                "iscrowd": 0,
                "score": float(str(detections.scores[row])),
            }
            if segmentation is not None:
                annotation["segmentation"] = segmentation
            if detections.track_ids is not None and detections.track_ids[row] >= 0:
                annotation["track_id"] = int(detections.track_ids[row])
            annotations.append(annotation)
        yield {"image": image, "annotations": annotations, "labels": list(detections.labels)}


def _poses(result: Keypoints) -> list[dict[str, Any]]:
    """COCO's annotations of objects with key points, each in the box in which it was found, or the one around its
    points. Objects without a point that is shown are left out."""
    annotations = []
    for row in range(len(result)):
        shown = result.scores[row] >= result.threshold
        if not shown.any():
            continue
        points = result.points[row]
        corners = np.concatenate([points[shown].min(axis=0), points[shown].max(axis=0)])
        box = corners if result.boxes is None else result.boxes[row]
        x, y, width, height = corner_and_extent(box)
        values = [
            value
            for (left, top), there in zip(points.tolist(), shown.tolist(), strict=True)
            for value in ((float(str(np.float32(left))), float(str(np.float32(top))), 2) if there else (0, 0, 0))
        ]
        annotations.append(
            {
                "category_id": 1,
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": 0,
                "keypoints": values,
                "num_keypoints": int(shown.sum()),
                "score": float(str(result.scores[row][shown].mean())),
            }
        )
    return annotations


def _write_pieces(path: Path, pieces: Iterable[Piece], options: Mapping[str, Any], progress: Progress) -> None:
    """Write COCO's format for detection.

    images : id from 1, file_name, width, height; of a frame also video and time_secs
    annotations : id from 1, image_id, category_id, bbox [x, y, width, height] in pixels from the outer corner of the
        top left pixel, area in pixels (of the mask where there is one), iscrowd 0, score, segmentation where there is
        a mask, track_id with tracking. ``COCO.loadRes`` accepts the same list. Of key points: keypoints [x, y, v …],
        where v is 2 for a point that is shown, else 0, num_keypoints, and as score the mean of the shown points
    categories : id from 1, the class index + 1, and name; of key points "object" alone, with keypoints and skeleton
    """
    from_mapping(CocoOptions, options)
    first: dict[str, Any] = {}

    def pictures() -> Iterator[Picture]:
        for piece in pieces:
            if not first:
                first.update(labels=piece["labels"], skeleton=piece.get("skeleton"))
            yield piece["image"], piece["annotations"]

    def categories() -> list[dict[str, Any]]:
        if first.get("skeleton") is not None:
            return [{"id": 1, "name": OBJECT, "keypoints": first["labels"], "skeleton": first["skeleton"]}]
        return [{"id": index, "name": label} for index, label in enumerate(first.get("labels", ()), 1)]

    write_document(path, pictures(), categories, progress)


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    _write_pieces(path, _pieces(item, progress), item.options, progress)


EXPORTERS.register(
    Exporter(
        "coco",
        "COCO JSON",
        ".coco.json",
        of(Detections, Keypoints),
        _write,
        "Boxes, masks or key points, with scores, in one file for pycocotools and most tools for training.",
        either=True,
        params=CocoOptions,
        combined=Combined(_pieces, _write_pieces),
        keywords=("코코", "어노테이션 내보내기", "검출 결과"),
    )
)
