"""What slices find in a large picture: `python tests/benchmarks/bench_slices.py [PICTURES] [MODEL]`.

The photographs of ../shared/data/coco128 (or $CVSTUDIO_DATA) laid side by side into one picture of more than 40
megapixels, with all their boxes of the model's classes. COCO's AP, by pycocotools with as many detections as there are,
of the picture as a whole and in slices: of all boxes and of small ones (under 32 x 32 px); and that a picture of one
tile gives what it gives without slices.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.slicing import predicted
from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import let_waiting_threads_sleep
from cvstudio.models.shared import coco
from cvstudio.results.detections import Detections
from cvstudio.results.joined import join_detections
from cvstudio.training.sets import decode

DATA = Path(os.environ.get("CVSTUDIO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
WIDTH = 8000
TILES = (640, 320)
IOU = 0.5


def mosaic(count: int) -> tuple[NDArray[np.uint8], list[tuple[str, tuple[float, float, float, float]]]]:
    """Photographs in rows from the top left, uint8 (H, W, 3), and (class, box x1, y1, x2, y2) of their labels."""
    folder = DATA / "coco128"
    placed, truth = [], []
    left = top = row_height = right = 0
    for path in sorted((folder / "images" / "train2017").glob("*.jpg"))[:count]:
        pixels = decode(path.read_bytes())
        height, width = pixels.shape[:2]
        if left + width > WIDTH:
            left, top, row_height = 0, top + row_height, 0
        placed.append((left, top, pixels))
        labels = folder / "object_detection" / "labels" / "train2017" / f"{path.stem}.txt"
        for line in labels.read_text().splitlines() if labels.exists() else ():
            number, x, y, w, h = (float(value) for value in line.split())
            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            corners = np.array(box).reshape(2, 2) * (width, height) + (left, top)
            x1, y1, x2, y2 = corners.ravel().tolist()
            truth.append((coco.LABELS[int(number)], (x1, y1, x2, y2)))
        left, row_height = left + width, max(row_height, height)
        right = max(right, left)
    picture = np.full((top + row_height, right, 3), 114, np.uint8)
    for x, y, pixels in placed:
        picture[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    return picture, truth


def found_in(network: Any, picture: Image, model_params: Any, tile: int) -> Detections:
    """Detections of all scores after non-maximum suppression; `tile` 0 takes the picture as a whole."""
    params = ANALYSES["detect"].stages[0].params_with(type(model_params))(tile=tile)
    *_, found = predicted(network, picture, params, Progress(), lambda parts: join_detections(parts, picture.size))
    return found.take(nms(found.boxes, found.scores, found.classes, IOU))


def average_precision(
    found: Detections, truth: list[tuple[str, tuple[float, float, float, float]]]
) -> tuple[float, float]:
    """COCO's AP of all boxes, and of small ones."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    number_of = {label: number for number, label in enumerate(found.labels, 1)}
    annotations = [
        {
            "id": number,
            "image_id": 1,
            "category_id": number_of[label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        for number, (label, (x1, y1, x2, y2)) in enumerate(truth, 1)
        if label in number_of
    ]
    results = [
        {"image_id": 1, "category_id": int(cls) + 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for (x1, y1, x2, y2), cls, score in zip(
            found.boxes.tolist(), found.classes.tolist(), found.scores.tolist(), strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        categories = [{"id": number, "name": label} for label, number in number_of.items()]
        known.dataset = {"images": [{"id": 1}], "annotations": annotations, "categories": categories}
        known.createIndex()
        if not results:
            return 0.0, 0.0
        evaluation = COCOeval(known, known.loadRes(results), "bbox")
        evaluation.params.maxDets = [1, 100, len(results)]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # (IoU, recall, class, area, maxDets)

    def mean(area: int) -> float:
        values = precision[:, :, :, area, -1]
        return float(values[values > -1].mean()) if (values > -1).any() else 0.0

    return mean(0), mean(1)


def main() -> None:
    let_waiting_threads_sleep()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    spec = MODELS[sys.argv[2] if len(sys.argv) > 2 else "pyramid-lite0"]
    network = spec.load("cpu", None)
    pixels, truth = mosaic(count)
    picture = Image(pixels)
    known = [item for item in truth if item[0] in network.labels]
    small = sum((box[2] - box[0]) * (box[3] - box[1]) < 32**2 for _, box in known)
    print(
        f"{spec.title}: {count} photographs in {pixels.shape[1]} x {pixels.shape[0]} px "
        f"({pixels.shape[0] * pixels.shape[1] / 1e6:.0f} MP), {len(known)} boxes, {small} small"
    )
    print("                       AP   AP small   boxes    secs")
    figures = {}
    for tile in (0, *TILES):
        began = time.perf_counter()
        found = found_in(network, picture, spec.params(), tile)
        took = time.perf_counter() - began
        figures[tile] = average_precision(found, known)
        title = f"slices of {tile} px" if tile else "as a whole"
        print(f"{title:18s} {figures[tile][0]:8.3f} {figures[tile][1]:10.3f} {len(found):7d} {took:7.1f}")
    began = time.perf_counter()
    nms(found.boxes, found.scores, found.classes, IOU)
    print(f"a tick of the overlap slider over {len(found)} boxes: {1e3 * (time.perf_counter() - began):.1f} ms")
    one = Image(pixels[:480, :640])
    plain, sliced = (found_in(network, one, spec.params(), tile) for tile in (0, 640))
    assert np.array_equal(plain.boxes, sliced.boxes)
    assert np.array_equal(plain.scores, sliced.scores)
    print("a picture of one tile: equal with and without slices")
    assert all(figures[tile][1] > figures[0][1] for tile in TILES), figures


if __name__ == "__main__":
    main()
