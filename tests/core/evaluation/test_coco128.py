"""The whole road on real photographs, box by box and mask by mask against pycocotools."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.data.labels import LabelledSet, area_of
from cvstudio.evaluation.evaluate import EvaluationPlan, measure, read_labelled
from cvstudio.evaluation.predictions import MOST_OBJECTS
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.results.detections import Detections
from cvstudio.running.runner import Runner, make_instance

# pycocotools is written for an older NumPy.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

MODEL = "pyramid-lite0"
N_PICTURES = 14


@pytest.fixture(scope="module")
def labelled(data: Callable[..., Path]) -> LabelledSet:
    """Photographs with polygons, of which every fifth object is called a crowd and some areas are the file's own."""
    found = read_labelled(data("coco128", "instance_segmentation"))

    def load(name: str) -> Any:
        labels = found.load(name)
        annotations = tuple(
            dataclasses.replace(item, crowd=number % 5 == 4, area=area_of(item) * 0.9 if number % 2 else None)
            for number, item in enumerate(labels.annotations)
        )
        return dataclasses.replace(labels, annotations=annotations)

    names = tuple(name for name in found.names if name in found.pictures)[:N_PICTURES]
    return dataclasses.replace(found, names=names, load=load)


@pytest.fixture(scope="module")
def detections(labelled: LabelledSet) -> dict[str, Detections]:
    found = {}
    with Runner(measure=False) as runner:
        for name in labelled.names:
            instance = make_instance("detect", {"picture": open_media(labelled.pictures[name])}, model=MODEL)
            result: Detections = runner.result(instance, Progress())
            assert result.candidates is not None
            found[name] = result.candidates.take(np.arange(min(MOST_OBJECTS, len(result.candidates))))
    return found


def coco_figures(labelled: LabelledSet, detections: dict[str, Detections], known: tuple[int, ...], kind: str) -> Any:
    """pycocotools' own evaluation of the same labels and detections, written into its dictionaries by hand."""
    from pycocotools import mask
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, truth, found = [], [], []
    number_of = {category.name: index + 1 for index, category in enumerate(labelled.categories)}
    for picture, name in enumerate(labelled.names, 1):
        size = detections[name].size
        images.append({"id": picture, "width": size.width, "height": size.height})
        for item in labelled.labels(name).annotations:
            x1, y1, x2, y2 = item.box
            entry: dict[str, Any] = {
                "id": len(truth) + 1,
                "image_id": picture,
                "category_id": item.category + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": area_of(item),
                "iscrowd": int(item.crowd),
                "segmentation": [[value for point in polygon for value in point] for polygon in item.polygons],
            }
            truth.append(entry)
        for row in range(len(detections[name])):
            x1, y1, x2, y2 = detections[name].boxes[row].astype(float).tolist()
            entry = {
                "image_id": picture,
                "category_id": number_of[detections[name].label(row)],
                "score": float(detections[name].scores[row]),
            }
            if kind == "bbox":
                entry["bbox"] = [x1, y1, x2 - x1, y2 - y1]
            else:
                masks = detections[name].masks
                assert masks is not None
                pixels = masks.full(row, detections[name].boxes[row], size)
                entry["segmentation"] = mask.encode(np.asfortranarray(pixels, np.uint8))
            found.append(entry)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories = [{"id": number, "name": name} for name, number in number_of.items()]
        coco.dataset = {"info": {}, "images": images, "annotations": truth, "categories": categories}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), kind)
        judge.params.catIds = [index + 1 for index in known]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge


def test_boxes_and_masks_have_the_digits_of_pycocotools(
    labelled: LabelledSet, detections: dict[str, Detections], tmp_path: Path
) -> None:
    done = measure(EvaluationPlan(MODEL), labelled, store_folder=tmp_path)
    assert done.names == labelled.names
    assert 10 < len(done.measured) < 80
    for form, kind in (("boxes", "bbox"), ("masks", "segm")):
        judge = coco_figures(labelled, detections, done.measured, kind)
        measured = done.objects[form].average_precision
        classes = list(done.measured)
        assert np.array_equal(
            np.nan_to_num(measured.precision[:, :, classes], nan=-1), judge.eval["precision"][..., -1]
        )
        assert np.array_equal(np.nan_to_num(measured.recall[:, classes], nan=-1), judge.eval["recall"])
        figures = np.array(list(measured.summary(done.measured).values()))
        assert np.nan_to_num(figures, nan=-1).tolist() == judge.stats.tolist()
        assert figures[1] > 0.1


def test_key_points_have_the_digits_of_pycocotools() -> None:
    """Random people with COCO's 17 points, some of them crowds or without a point."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from cvstudio.data.geometry import Size
    from cvstudio.data.labels import Annotation, Category, PictureLabels
    from cvstudio.evaluation.average_precision import KEYPOINT_AREAS, KEYPOINT_COUNTS, average_precision
    from cvstudio.evaluation.comparers import KeypointComparer
    from cvstudio.evaluation.predictions import PicturePrediction
    from cvstudio.models.shared.labels import COCO_KEYPOINTS

    rng = np.random.default_rng(4)
    comparer = KeypointComparer(COCO_KEYPOINTS, (Category("person", keypoints=COCO_KEYPOINTS),))
    images, truth, found = [], [], []
    for picture in range(1, 21):
        images.append({"id": picture, "width": 640, "height": 480})
        annotations, points, scores = [], [], []
        for _ in range(rng.integers(0, 5)):
            x, y, side = rng.uniform(0, 300), rng.uniform(0, 200), rng.uniform(25, 200)
            true = np.column_stack([rng.uniform(x, x + side, 17), rng.uniform(y, y + side, 17), rng.integers(0, 3, 17)])
            true[:, 2] *= rng.random() < 0.85
            box, crowd = (x, y, x + side, y + side), bool(rng.random() < 0.1)
            area = side * side * 0.6
            triples = tuple((float(px), float(py), int(seen)) for px, py, seen in true)
            annotations.append(Annotation(0, box, keypoints=triples, crowd=crowd, area=area))
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": picture,
                    "category_id": 1,
                    "bbox": [x, y, box[2] - x, box[3] - y],
                    "area": area,
                    "iscrowd": int(crowd),
                    "keypoints": true.ravel().tolist(),
                    "num_keypoints": int((true[:, 2] > 0).sum()),
                }
            )
            for _ in range(rng.integers(0, 3)):
                points.append(
                    (true[:, :2] + rng.normal(0, side * rng.choice([0.01, 0.1, 0.3]), (17, 2))).astype(np.float32)
                )
                scores.append(np.float32(rng.random()))
        order = np.argsort(-np.array(scores, np.float32), kind="stable")
        stacked = np.array(points, np.float32).reshape(-1, 17, 2)[order]
        prediction = PicturePrediction(
            Size(640, 480),
            scores=np.array(scores, np.float32)[order],
            keypoints=np.concatenate([stacked, np.ones((len(stacked), 17, 1), np.float32)], axis=2),
        )
        assert comparer.add(PictureLabels(Size(640, 480), tuple(annotations)), prediction) == ""
        for row, place in enumerate(order.tolist()):
            triples = np.column_stack([stacked[row].astype(float), np.ones(17)])
            found.append(
                {
                    "image_id": picture,
                    "category_id": 1,
                    "keypoints": triples.ravel().tolist(),
                    "score": float(scores[place]),
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"info": {}, "images": images, "annotations": truth, "categories": [{"id": 1, "name": "person"}]}
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(found), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    measured = average_precision(comparer.build().objects["keypoints"], areas=KEYPOINT_AREAS, counts=KEYPOINT_COUNTS)
    assert np.allclose(np.nan_to_num(measured.precision, nan=-1), judge.eval["precision"][..., -1], atol=0, rtol=1e-12)
    figures = measured.summary()
    assert list(figures.values()) == pytest.approx(judge.stats.tolist(), abs=1e-12)
    assert 0.05 < figures["AP"] < 0.9
