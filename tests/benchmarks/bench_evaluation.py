"""Evaluation against the bare network with pycocotools, and its memory and time for ten thousand pictures.

`bench_evaluation.py SET [PICTURES]` runs the default detector over a labelled set, in turns as the program does it (and
again from what is kept), and as one would by hand: each picture through the network's `predict`, then COCOeval. Then
figures of synthetic predictions: 10,000 pictures here, and for COCOeval as many as it takes a minute for.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.boxes import nms, pairwise_iou
from cvstudio.data.labels import LabelledSet, area_of
from cvstudio.evaluation.average_precision import average_precision
from cvstudio.evaluation.confusion import class_pairs
from cvstudio.evaluation.error_kinds import detection_errors
from cvstudio.evaluation.evaluate import EvaluationPlan, measure, read_labelled
from cvstudio.evaluation.overlaps import OverlapsBuilder, PictureObjects
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import let_waiting_threads_sleep
from cvstudio.models.runtime.host import Host

MODEL, IOU = "pyramid-lite0", 0.55
N_SYNTHETIC, N_COCO, N_WATCHED = 10_000, 300, 4_000
N_CLASSES, N_TRUE, N_FOUND = 80, 7, 100


def coco(images: list[Any], truth: list[Any], found: list[Any]) -> float:
    """AP of pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        labelled = COCO()
        categories = [{"id": number, "name": str(number)} for number in range(1, N_CLASSES + 1)]
        labelled.dataset = {"info": {}, "images": images, "annotations": truth, "categories": categories}
        labelled.createIndex()
        judge = COCOeval(labelled, labelled.loadRes(found), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


def by_hand(labelled: LabelledSet, names: tuple[str, ...]) -> tuple[float, float]:
    """Seconds of the bare network with its decoding, and with pycocotools behind it."""
    number_of = {category.name: index + 1 for index, category in enumerate(labelled.categories)}
    began = time.perf_counter()
    host = Host("cpu", measure=False)
    spec = MODELS[MODEL]
    network = host.network(spec, None, Progress())
    detections = []
    for name in names:
        with open_reader(open_media(labelled.pictures[name])) as reader:
            candidates = network.predict(reader.read(), spec.params(), Progress())
        kept = nms(candidates.boxes, candidates.scores, candidates.classes, IOU)[:100]
        detections.append(candidates.take(kept))
    bare = time.perf_counter() - began
    images, truth, found = [], [], []
    for picture, (name, rows) in enumerate(zip(names, detections, strict=True), 1):
        images.append({"id": picture, "width": rows.size.width, "height": rows.size.height})
        for item in labelled.labels(name).annotations:
            x1, y1, x2, y2 = item.box
            entry = {"id": len(truth) + 1, "image_id": picture, "category_id": item.category + 1, "iscrowd": 0}
            truth.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": area_of(item)})
        for row, (x1, y1, x2, y2) in enumerate(rows.boxes.astype(float).tolist()):
            entry = {"image_id": picture, "category_id": number_of[rows.label(row)], "score": float(rows.scores[row])}
            found.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    coco(images, truth, found)
    host.close()
    return bare, time.perf_counter() - began


def real(path: Path, n_pictures: int) -> None:
    labelled = read_labelled(path)
    names = tuple(name for name in labelled.names if name in labelled.pictures)[:n_pictures]
    plan = EvaluationPlan(MODEL, limit=len(names), device="cpu")
    runs = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            done = measure(plan, labelled, store_folder=Path(folder))
            done.summary()
            first = time.perf_counter() - began
            began = time.perf_counter()
            measure(plan, labelled, store_folder=Path(folder)).summary()
            runs.append((first, time.perf_counter() - began, *by_hand(labelled, names)))
    first, again, bare, whole = np.median(np.array(runs), axis=0).tolist()
    print(f"{len(names)} pictures: {first:.1f} s, {first / whole:.2f} of the bare network with pycocotools, ", end="")
    print(f"{first / bare:.2f} of the bare network; again from what is kept {again:.2f} s, {again / whole:.2f}")


def synthetic(rng: np.random.Generator) -> tuple[Any, ...]:
    """Boxes, classes and scores of one picture."""
    corner, side = rng.uniform(0, 500, (N_TRUE, 2)), rng.uniform(10, 200, (N_TRUE, 2))
    true, classes = np.concatenate([corner, corner + side], axis=1), rng.integers(N_CLASSES, size=N_TRUE)
    chosen = rng.integers(N_TRUE, size=N_FOUND)
    found = true[chosen] + rng.normal(0, 25, (N_FOUND, 4))
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 4)
    labels = np.where(rng.random(N_FOUND) < 0.7, classes[chosen], rng.integers(N_CLASSES, size=N_FOUND))
    return true, classes, found, labels, rng.random(N_FOUND, dtype=np.float32)


def areas(boxes: Any) -> Any:
    return np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)


def ours(n_pictures: int) -> None:
    rng = np.random.default_rng(0)
    nothing = np.zeros(N_TRUE, bool)
    builder = OverlapsBuilder(N_CLASSES)
    for _ in range(n_pictures):
        true, classes, found, labels, scores = synthetic(rng)
        sides = classes.astype(np.int32), areas(true), nothing, nothing, labels.astype(np.int32), scores, areas(found)
        builder.add(PictureObjects(*sides, pairwise_iou(found, true)))
    objects = builder.build()
    average_precision(objects).summary()
    class_pairs(objects, 0.5).matrix(0.3, tuple(map(str, range(N_CLASSES))))
    detection_errors(objects).costs()


def theirs(n_pictures: int) -> None:
    rng = np.random.default_rng(0)
    images, truth, rows = [], [], []
    for picture in range(1, n_pictures + 1):
        images.append({"id": picture, "width": 700, "height": 700})
        true, classes, found, labels, scores = synthetic(rng)
        for (x1, y1, x2, y2), kind in zip(true.tolist(), classes.tolist(), strict=True):
            entry = {"id": len(truth) + 1, "image_id": picture, "category_id": kind + 1, "iscrowd": 0}
            truth.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)})
        for (x1, y1, x2, y2), kind, score in zip(found.tolist(), labels.tolist(), scores.tolist(), strict=True):
            entry = {"image_id": picture, "category_id": kind + 1, "score": score}
            rows.append({**entry, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    coco(images, truth, rows)


def cost(work: Any, n_pictures: int) -> tuple[float, float]:
    """Seconds and peak bytes of a picture; measured apart, as watching the memory takes time."""
    began = time.perf_counter()
    work(n_pictures)
    secs = time.perf_counter() - began
    n_watched = min(n_pictures, N_WATCHED)
    tracemalloc.start()
    work(n_watched)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return secs / n_pictures, peak / n_watched


def main() -> None:
    let_waiting_threads_sleep()
    if len(sys.argv) > 1:
        real(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 128)
    our_secs, our_bytes = cost(ours, N_SYNTHETIC)
    their_secs, their_bytes = cost(theirs, N_COCO)
    print(
        f"{N_SYNTHETIC:,} pictures of {N_FOUND} predictions: {our_secs * N_SYNTHETIC:.0f} s with confusion and errors, "
        f"{our_secs / their_secs:.3f} of COCOeval a picture; {our_bytes / 1e3:.1f} kB a picture at the peak, "
        f"{our_bytes / their_bytes:.3f} of COCOeval"
    )


if __name__ == "__main__":
    main()
