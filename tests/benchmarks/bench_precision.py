"""What layout and precision gain, and what they change: the embedded detector and classifier, and torchvision's.

    .venv/bin/python tests/benchmarks/bench_precision.py [PICTURES]

Times are ratios to float32 in the usual layout, of the same pictures in the same run, in turns. Agreement is told for
every photograph of ../shared/data/photos at the model's working point. For the embedded detector the mAP of its
classes on PICTURES (128) of ../shared/data/coco128 must not move by more than a point. torchvision's networks are timed
with random weights where no published ones are on this machine; nothing is told of what they find then.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.reader_pool import Readers
from cvstudio.models import MODELS
from cvstudio.models.runtime.precision import Precision, difference
from cvstudio.models.spec import ModelSpec
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.figures.coco128 import LabelledPhoto, photographs
from cvstudio.weights.store import cached_path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WAYS = (Precision(channels_last=False), Precision(), Precision("bfloat16"))
BUILDERS = {
    "ssdlite": "ssdlite320_mobilenet_v3_large",
    "ssd300": "ssd300_vgg16",
    "faster-rcnn-mobile-320": "fasterrcnn_mobilenet_v3_large_320_fpn",
    "faster-rcnn-mobile": "fasterrcnn_mobilenet_v3_large_fpn",
    "faster-rcnn-r50": "fasterrcnn_resnet50_fpn",
    "faster-rcnn-r50-v2": "fasterrcnn_resnet50_fpn_v2",
    "retinanet": "retinanet_resnet50_fpn",
    "retinanet-v2": "retinanet_resnet50_fpn_v2",
    "fcos": "fcos_resnet50_fpn",
}


def read(path: Path, readers: Readers) -> Image:
    image: Image = readers.get(open_media(path)).read()
    return image


def times(network: Any, spec: ModelSpec, picture: Image, rounds: int) -> list[float]:
    """The least seconds of each way, taken in turns."""
    best = [float("inf")] * len(WAYS)
    for _ in range(rounds):
        for number, way in enumerate(WAYS):
            network.use_precision(way)
            began = time.perf_counter()
            network.predict(picture, spec.params(), Progress())
            best[number] = min(best[number], time.perf_counter() - began)
    return best


def tell(spec: ModelSpec, secs: list[float], agreement: str) -> None:
    _, last, half = (value / secs[0] for value in secs)
    ratios = f"channels last {last:.2f}   and bfloat16 {half:.2f}"
    print(f"{spec.title:<28} {1e3 * secs[0]:7.0f} ms   {ratios}   {agreement}", flush=True)


def agreement(network: Any, spec: ModelSpec, pictures: list[Image]) -> str:
    changes = []
    for picture in pictures:
        found = []
        for way in (WAYS[1], WAYS[2]):
            network.use_precision(way)
            found.append(network.predict(picture, spec.params(), Progress()))
        changes.append(difference(spec, found[:1], found[1:], share=1))
    nothing = [change for change in changes if change.startswith("nothing")]
    other = [change for change in changes if change and change not in nothing]
    same = len(changes) - len(nothing) - len(other)
    return f"the same on {same} of {len(changes) - len(nothing)} photographs{': ' + '; '.join(other) if other else ''}"


def mean_ap(network: Any, spec: ModelSpec, pictures: list[LabelledPhoto]) -> float:
    """mAP at an overlap of a half, of the embedded detector's classes, in per cent."""
    boxes = []
    for picture in pictures:
        found = network.predict(picture.image, spec.params(), Progress())
        found = found.take(nms(found.boxes, found.scores, found.classes, spec.defaults["iou"]))
        boxes.append(ImageBoxes(found.boxes, found.classes, found.scores))
    truth = [picture.truth for picture in pictures]
    return 100 * float(np.nanmean(average_precision(boxes, truth, len(spec.labels))))


def published_or_random(spec: ModelSpec, folder: Path) -> tuple[Any, bool]:
    if cached_path(spec.weights[0]):
        return spec.load("cpu", None), True
    import torch
    from torchvision.models import detection

    path = folder / "random.pth"
    torch.manual_seed(0)
    torch.save(getattr(detection, BUILDERS[spec.key])(weights=None, weights_backbone=None).state_dict(), path)
    return spec.load("cpu", path), False


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    with Readers() as readers:
        photos = [read(path, readers) for path in sorted((DATA / "photos").glob("*.[jp][pn]g"))]
        sample = read(sample_path("astronaut"), readers)
    for key in ("pyramid-5", "residual-60"):
        spec = MODELS[key]
        network = spec.load("cpu", None)
        tell(spec, times(network, spec, sample, 20), agreement(network, spec, photos))
    spec = MODELS["pyramid-5"]
    network, pictures, scores = spec.load("cpu", None), photographs(DATA, count, Progress(), numbers=COCO_NUMBERS), []
    for way in WAYS[1:]:
        network.use_precision(way)
        scores.append(mean_ap(network, spec, pictures))
    print(f"mAP50 on {count} of coco128: float32 {scores[0]:.2f}, bfloat16 {scores[1]:.2f} (limit: 1 point apart)")
    with TemporaryDirectory() as folder:
        for key in BUILDERS:
            spec = MODELS[key]
            network, published = published_or_random(spec, Path(folder))
            told = agreement(network, spec, photos) if published else "(random weights)"
            tell(spec, times(network, spec, sample, 3), told)
    assert abs(scores[0] - scores[1]) <= 1
