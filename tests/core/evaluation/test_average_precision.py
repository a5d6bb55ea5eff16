"""Average precision against pycocotools, to the digit."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from cvstudio.evaluation.average_precision import KEYPOINT_AREAS, KEYPOINT_COUNTS, average_precision
from cvstudio.evaluation.overlaps import ObjectOverlaps, OverlapsBuilder, PictureObjects

N_CLASSES = 4


def coco_figures(
    images: list[dict[str, Any]], truth: list[dict[str, Any]], found: list[dict[str, Any]], kind: str
) -> Any:
    """`COCOeval` after its summary, whose `stats` are the figures."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories = [{"id": number, "name": str(number)} for number in range(1, N_CLASSES + 1)]
        coco.dataset = {"info": {}, "images": images, "annotations": truth, "categories": categories}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), kind)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def random_set(seed: int, n_pictures: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Boxes of all sizes, with crowds, equal scores, boxes found twice, of the wrong class and out of nowhere."""
    rng = np.random.default_rng(seed)
    images, truth, found = [], [], []
    for picture in range(1, n_pictures + 1):
        images.append({"id": picture, "width": 640, "height": 480})
        for _ in range(rng.integers(0, 9)):
            side = np.exp(rng.uniform(np.log(8), np.log(300), 2))
            x, y = rng.uniform(0, 640 - side[0]), rng.uniform(0, 480 - side[1])
            box = [float(np.float32(value)) for value in (x, y, *side)]
            kind = int(rng.integers(1, N_CLASSES))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": picture,
                    "category_id": kind,
                    "bbox": box,
                    "area": box[2] * box[3] * rng.uniform(0.6, 1),
                    "iscrowd": int(rng.random() < 0.15),
                }
            )
            for _ in range(rng.integers(0, 4)):
                moved = np.array(box) + rng.normal(0, 0.08, 4) * [side[0], side[1], side[0], side[1]]
                label = kind if rng.random() < 0.8 else int(rng.integers(1, N_CLASSES + 1))
                found.append((picture, label, moved))
        found += [
            (picture, int(rng.integers(1, N_CLASSES + 1)), rng.uniform(5, 200, 4)) for _ in range(rng.integers(0, 5))
        ]
    found_rows = [
        {
            "image_id": picture,
            "category_id": label,
            "bbox": [float(np.float32(value)) for value in np.maximum(box, 1)],
            "score": float(np.float32(round(rng.random(), 2))),
        }
        for picture, label, box in found
    ]
    return images, truth, found_rows


def overlaps_of(
    images: list[dict[str, Any]], truth: list[dict[str, Any]], found: list[dict[str, Any]]
) -> ObjectOverlaps:
    from pycocotools import mask

    builder = OverlapsBuilder(N_CLASSES)
    for image in images:
        ours = [entry for entry in truth if entry["image_id"] == image["id"]]
        theirs = [entry for entry in found if entry["image_id"] == image["id"]]
        crowds = np.array([entry["iscrowd"] for entry in ours], bool)
        boxes = [np.array([entry["bbox"] for entry in side]).reshape(-1, 4) for side in (ours, theirs)]
        both = len(ours) and len(theirs)
        values = (
            mask.iou(boxes[1], boxes[0], crowds.astype(int).tolist()) if both else np.zeros((len(theirs), len(ours)))
        )
        builder.add(
            PictureObjects(
                np.array([entry["category_id"] - 1 for entry in ours], np.int32),
                np.array([entry["area"] for entry in ours], np.float64),
                crowds,
                crowds,
                np.array([entry["category_id"] - 1 for entry in theirs], np.int32),
                np.array([entry["score"] for entry in theirs], np.float32),
                boxes[1][:, 2] * boxes[1][:, 3],
                np.asarray(values),
            )
        )
    return builder.build()


@pytest.mark.parametrize("seed", range(4))
def test_random_boxes_with_crowds_give_the_digits_of_pycocotools(seed: int) -> None:
    images, truth, found = random_set(seed, 25)
    judge = coco_figures(images, truth, found, "bbox")
    measured = average_precision(overlaps_of(images, truth, found))
    theirs, their_recall = judge.eval["precision"], judge.eval["recall"]
    assert np.array_equal(np.nan_to_num(measured.precision, nan=-1), theirs[..., -1])
    assert np.array_equal(np.nan_to_num(measured.recall, nan=-1), their_recall)
    assert list(measured.summary().values()) == judge.stats.tolist()
    assert 0.1 < measured.ap() < 0.9
    one = measured.summary([1])
    assert one["AP50"] == pytest.approx(theirs[0, :, 1, 0, 2].mean(), abs=1e-15)


def test_an_empty_set_and_a_set_without_predictions() -> None:
    images, truth, _ = random_set(9, 5)
    nothing = average_precision(overlaps_of(images, [], []))
    assert np.isnan(list(nothing.summary().values())).all()
    missed = average_precision(overlaps_of(images, truth, []))
    assert missed.ap() == 0
    assert missed.ar() == 0


def test_key_points_have_the_ranges_of_coco() -> None:
    images, truth, found = random_set(5, 3)
    names = average_precision(overlaps_of(images, truth, found), areas=KEYPOINT_AREAS, counts=KEYPOINT_COUNTS).summary()
    assert list(names) == [
        *("AP", "AP50", "AP75", "AP medium", "AP large", "AR@20", "AR50", "AR75", "AR medium", "AR large"),
    ]
