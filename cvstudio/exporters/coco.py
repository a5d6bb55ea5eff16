"""COCO JSON: one file for any number of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import Tolerance, corner_and_extent, polygons_of, within
from cvstudio.exporters.base import Combined, Exporter, ExportItem, Piece, of
from cvstudio.foundation.params import Choices, Doc, from_mapping
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.coco import Picture, write_document
from cvstudio.results.detections import Detections


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
    """A piece for each picture: `image` and `annotations`, both without ids, and `labels`."""
    options = item.options_as(CocoOptions)
    for moment in item.moments(progress):
        detections = within(moment.result)
        image: dict[str, Any] = {
            "file_name": item.source_name if item.frames is None else f"{moment.name}.jpg",
            "width": detections.size.width,
            "height": detections.size.height,
        }
        if moment.pts is not None:
            image.update(video=item.source_name, time_secs=moment.pts)
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


def _write_pieces(path: Path, pieces: Iterable[Piece], options: Mapping[str, Any], progress: Progress) -> None:
    """Write COCO's format for detection.

    images : id from 1, file_name, width, height; of a frame also video and time_secs
    annotations : id from 1, image_id, category_id, bbox [x, y, width, height] in pixels from the outer corner of the
        top left pixel, area in pixels (of the mask where there is one), iscrowd 0, score, segmentation where there is
        a mask, track_id with tracking. ``COCO.loadRes`` accepts the same list.
    categories : id from 1, the class index + 1, and name
    """
    from_mapping(CocoOptions, options)
    labels: list[str] = []

    def pictures() -> Iterator[Picture]:
        for piece in pieces:
            if not labels:
                labels.extend(piece["labels"])
            yield piece["image"], piece["annotations"]

    write_document(
        path, pictures(), lambda: [{"id": index, "name": label} for index, label in enumerate(labels, 1)], progress
    )


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    _write_pieces(path, _pieces(item, progress), item.options, progress)


EXPORTERS.register(
    Exporter(
        "coco",
        "COCO JSON",
        ".coco.json",
        of(Detections),
        _write,
        "Boxes, masks and scores in one file for pycocotools and most tools for training.",
        either=True,
        params=CocoOptions,
        combined=Combined(_pieces, _write_pieces),
        keywords=("코코", "어노테이션 내보내기", "검출 결과"),
    )
)
