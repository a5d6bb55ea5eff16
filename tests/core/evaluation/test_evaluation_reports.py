"""What users reported about figures that differ from pycocotools, each with its report: against pycocotools itself, on
labels whose ids it can count with."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvstudio.data.samples import Image as Picture
from cvstudio.evaluation.evaluate import EvaluationPlan, measure, read_labelled
from cvstudio.foundation.progress import Progress


def stats(truth: list[dict[str, Any]], found: list[dict[str, Any]], n_pictures: int, category_ids: list[int]) -> Any:
    """The twelve figures of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": number, "width": 120, "height": 80} for number in range(1, n_pictures + 1)],
            "annotations": truth,
            "categories": [{"id": number, "name": str(number)} for number in (1, 2, 3)],
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), "bbox")
        judge.params.catIds = category_ids
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats


@pytest.fixture
def crowded(colour_models: Any, tmp_path: Path) -> tuple[Path, list[list[Any]]]:
    """A COCO file as programs write it badly, and the rectangles of its pictures: 150 of one class in the first, one
    moved and one of the wrong class in the second, and nothing in the third; no picture shows blue."""
    box = colour_models.Rectangle
    pictures = [
        [box(0, 1 + 6 * (number % 15), 1 + 5 * (number // 15), 4, 3) for number in range(150)],
        [box(0, 5, 5, 30, 20, colour_models.MOVED), box(1, 60, 40, 30, 20), box(1, 60, 5, 30, 20, 150)],
        [],
    ]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, rectangles in enumerate(pictures):
        Image.fromarray(colour_models.painted(rectangles)).save(tmp_path / f"{number}.png")
        images.append({"id": number * 1000, "file_name": f"{number}.png", "width": 120, "height": 80})
        for item in rectangles:
            # ids from 0 and the same in each picture, no area, no iscrowd, an empty outline
            annotations.append(
                {
                    "id": len([entry for entry in annotations if entry["image_id"] == number * 1000]),
                    "image_id": number * 1000,
                    "category_id": (0, 90, 7)[item.colour],
                    "bbox": [item.x, item.y, item.width, item.height],
                    "segmentation": [],
                }
            )
    categories = [{"id": 0, "name": "red"}, {"id": 90, "name": "green"}, {"id": 7, "name": "blue"}]
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path, pictures


def test_ids_from_zero_no_areas_many_objects_and_an_absent_class(
    colour_models: Any, crowded: tuple[Path, list[list[Any]]], tmp_path: Path
) -> None:
    """cocodataset/cocoapi#507, roboflow/supervision#1895 (ids from 0), cocoapi#318, #374 (no area, no iscrowd),
    #222, #584 (more than 100 detections), ultralytics/ultralytics#10326."""
    path, pictures = crowded
    done = measure(EvaluationPlan("colour-boxes"), read_labelled(path), Progress(), store_folder=tmp_path / "store")
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, rectangles in enumerate(pictures, 1):
        for item in rectangles:
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": number,
                    "category_id": item.colour + 1,
                    "bbox": [item.x, item.y, item.width, item.height],
                    "area": item.width * item.height,
                    "iscrowd": 0,
                }
            )
        detections = colour_models.detections(Picture(colour_models.painted(rectangles)))
        for row in range(len(detections)):
            x1, y1, x2, y2 = detections.boxes[row].astype(float).tolist()
            found.append(
                {
                    "image_id": number,
                    "category_id": int(detections.classes[row]) + 1,
                    "score": float(detections.scores[row]),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
            )
    figures = np.array(list(done.objects["boxes"].average_precision.summary(done.measured).values()))
    assert (
        np.nan_to_num(figures, nan=-1).tolist()
        == stats(truth, found, 3, [index + 1 for index in done.measured]).tolist()
    )
    assert 0 < figures[0] < 1
    assert done.names == ("0.png", "1.png", "2.png")
