"""What explanations cost, beside the network alone, and how well their maps fall on what they explain.

Run it: `PYTHONPATH=. .venv/bin/python tests/benchmarks/bench_explain.py [cost] [maps [COUNT]] [both]`, by default all.
The data is that of ../shared/data (or $CVSTUDIO_DATA). Ratios are of runs that alternate, each the median.

- cost: Grad-CAM over one forward pass, guided backpropagation over a forward and a backward pass, and the rate of live
  Grad-CAM over that of the bare classifier, with the default classifier.
- maps: for COUNT objects of coco128 whose class the committed table finds among ImageNet's, the pointing game (is the
  map's maximum in a box of the class?) and the share of the map's energy in these boxes, by method, beside a Gaussian
  in the centre and a random map.
- both: the same energy for dog and cat on photos/both.png, beside the area of a box drawn by hand.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cvstudio.analyses.explain._backprop import input_gradient
from cvstudio.analyses.explain._class_activation import activations, grad_cam, gradient
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.analyses.explain._sanity import on_input
from cvstudio.analyses.explain.grad_cam import METHODS, MapParams, TargetParams, run_activations, run_gradients, run_map
from cvstudio.analyses.explain.occlusion import DropParams, OccludeParams, run_drops, run_occlusions
from cvstudio.analyses.explain.saliency import METHODS as SALIENCY
from cvstudio.analyses.explain.saliency import PixelMapParams, SaliencyParams, run_gradient, run_pixel_map
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.shared.class_names import IMAGENET_OF_COCO
from cvstudio.models.shared.coco import LABELS

DATA = Path(os.environ.get("CVSTUDIO_DATA", "../shared/data"))
ROUNDS = 15
LIKELY = 10
"""Rank from which on a class counts as not recognised: a map of it may be anywhere."""

BOTH = {"dog": ((72, 12, 165, 140), range(151, 269)), "cat": ((36, 122, 202, 223), range(281, 286))}
"""Boxes on photos/both.png, drawn by hand, and ImageNet's classes of what is in them."""


class Object(NamedTuple):
    """A class on a picture: name, classes of ImageNet, and its boxes (n, 4) in pixels."""

    image: Image
    name: str
    classes: tuple[int, ...]
    boxes: NDArray[np.float64]


def read(path: Path) -> Image:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return Image(np.ascontiguousarray(pixels[..., ::-1]))


def medians(runs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each of `runs`, which alternate."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number >= 2:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def cost(network: Any) -> None:
    image = read(DATA / "photos" / "dog.jpg")
    pixels, _ = network.preprocess(image)
    explained = ExplainedClass(207, None, "", 0.0)

    def forward() -> None:
        with torch.no_grad():
            network.model(pixels)

    def whole_grad_cam() -> None:
        found = activations(network, image, Progress())
        layer = list(found.maps)[-1]
        grad_cam(found.maps[layer], gradient(network, layer, found.maps[layer], explained, Progress()))

    def early_grad_cam() -> None:
        found = activations(network, image, Progress())
        layer = "stride 16"
        grad_cam(found.maps[layer], gradient(network, layer, found.maps[layer], explained, Progress()))

    def preprocessed_forward() -> None:
        network.preprocess(image)
        forward()

    def backward() -> None:
        leaf = pixels.clone().requires_grad_()
        torch.autograd.grad(network.model(leaf)[0, 207], leaf)

    seconds = medians(
        {
            "forward": preprocessed_forward,
            "Grad-CAM": whole_grad_cam,
            "Grad-CAM, stride 16": early_grad_cam,
            "forward + backward": backward,
            "guided": lambda: input_gradient(network, pixels, explained, Progress(), "guided"),
            "classifier": lambda: network.predict(image, NoParams(), Progress()),
            "live Grad-CAM": lambda: live(network, image),
        }
    )
    for name, value in seconds.items():
        print(f"  {name:22s} {value * 1000:8.1f} ms")
    print(f"Grad-CAM over forward                      {seconds['Grad-CAM'] / seconds['forward']:.2f} (aim <= 1.15)")
    ratio = seconds["Grad-CAM, stride 16"] / seconds["forward"]
    print(f"Grad-CAM at stride 16 over forward         {ratio:.2f}")
    ratio = seconds["guided"] / seconds["forward + backward"]
    print(f"guided backpropagation over both passes    {ratio:.2f} (aim <= 1.15)")
    ratio = seconds["classifier"] / seconds["live Grad-CAM"]
    print(f"live Grad-CAM's rate over the classifier's {ratio:.2f} (aim >= .70)")


def live(network: Any, image: Image) -> None:
    """All stages of Grad-CAM on a frame, as the window runs them."""
    samples = {"picture": image}
    (layers,) = run_activations(Inputs(samples, network=network), None, Progress())
    (target,) = run_gradients(Inputs(samples, layers, network), TargetParams(), Progress())
    (_,) = run_map(Inputs({}, target), MapParams(), Progress())


def maps_of(network: Any, image: Image, name: str, *, slow: bool) -> dict[str, tuple[NDArray[np.float32], Rect]]:
    """Positive maps of a class by method, each with the rectangle that it covers."""
    samples = {"picture": image}
    (layers,) = run_activations(Inputs(samples, network=network), None, Progress())
    (target,) = run_gradients(Inputs(samples, layers, network), TargetParams(target=name), Progress())
    found = {}
    for method in METHODS:
        (heat,) = run_map(Inputs({}, target), MapParams(method=method), Progress())
        found[method] = heat
    for method in SALIENCY:
        if not slow and method in ("SmoothGrad", "Integrated gradients"):
            continue
        params = SaliencyParams(target=name, method=method, count=8)
        *_, attribution = run_gradient(Inputs(samples, layers, network), params, Progress())
        (found[method],) = run_pixel_map(Inputs({}, attribution), PixelMapParams(smoothing=2.0), Progress())
    if slow:
        *_, occluded = run_occlusions(Inputs(samples, network=network), OccludeParams(window=48, stride=32), Progress())
        (found["Occlusion"],) = run_drops(Inputs({}, occluded), DropParams(target=name), Progress())
    return {method: (np.maximum(heat.values, 0), heat.rect) for method, heat in found.items()}


def objects() -> list[Object]:
    found = []
    for path in sorted((DATA / "coco128" / "images").rglob("*.jpg")):
        labels = DATA / "coco128" / "object_detection" / "labels" / "train2017" / f"{path.stem}.txt"
        if not labels.is_file() or not labels.read_text().strip():
            continue
        rows = np.loadtxt(labels, ndmin=2)
        image = read(path)
        scale = np.array([*image.size, *image.size])
        for number in np.unique(rows[:, 0].astype(int)):
            name = LABELS[number]
            if name in IMAGENET_OF_COCO:
                x, y, width, height = rows[rows[:, 0] == number, 1:].T
                boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1) * scale
                found.append(Object(image, name, IMAGENET_OF_COCO[name], boxes))
    return found


def judged(values: NDArray[np.float32], rect: Rect, shown: Rect, boxes: NDArray[np.float64]) -> tuple[float, float]:
    """Whether the maximum lies in a box, and the share of the energy in them, of what the network was shown."""
    side = 224
    fine = np.maximum(on_input(values, rect, shown, (side, side)), 0)
    y, x = np.mgrid[:side, :side] + 0.5
    x, y = shown.x + x / side * shown.width, shown.y + y / side * shown.height
    inside = np.zeros((side, side), bool)
    for x1, y1, x2, y2 in boxes:
        inside |= (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2)
    if not inside.any():
        return float("nan"), float("nan")
    total = float(fine.sum())
    hit = float(inside[np.unravel_index(fine.argmax(), fine.shape)])
    return hit, float(fine[inside].sum() / total) if total > 0 else float(inside.mean())


def maps(network: Any, count: int) -> None:
    rng, scores = np.random.default_rng(0), {}
    y, x = np.mgrid[:56, :56]
    centred = np.exp(-((x - 27.5) ** 2 + (y - 27.5) ** 2) / (2 * 14**2)).astype(np.float32)
    everything = objects()
    chosen = [everything[index] for index in sorted(rng.permutation(len(everything))[:count].tolist())]
    likely = []
    for item in chosen:
        pixels, shown = network.preprocess(item.image)
        with torch.no_grad():
            logits = network.model(pixels)[0].numpy()
        index = max(item.classes, key=lambda number: logits[number])
        name = network.labels[index]
        likely.append(int((logits > logits[index]).sum()) < LIKELY)
        found = maps_of(network, item.image, name, slow=False)
        found["centred Gaussian"] = (centred, shown)
        found["random"] = (rng.random((7, 7)).astype(np.float32), shown)
        for method, (values, rect) in found.items():
            scores.setdefault(method, []).append(judged(values, rect, shown, item.boxes))
    print(f"{len(chosen)} of {len(everything)} classes on pictures of coco128, and the {sum(likely)} of them that the")
    print(f"classifier has among its first {LIKELY}: pointing game and energy in the boxes")
    for method, rows in scores.items():
        hits, energy = np.nanmean(np.array(rows), axis=0)
        sure_hits, sure_energy = np.nanmean(np.array(rows)[likely], axis=0)
        print(f"  {method:24s} {hits:.2f} {energy:.2f}   {sure_hits:.2f} {sure_energy:.2f}")


def both(network: Any) -> None:
    image = read(DATA / "photos" / "both.png")
    pixels, shown = network.preprocess(image)
    with torch.no_grad():
        logits = network.model(pixels)[0].numpy()
    print("photos/both.png: energy in the box drawn by hand, and its share of the area")
    for name, (box, classes) in BOTH.items():
        label = network.labels[max(classes, key=lambda index: logits[index])]
        area = judged(np.ones((7, 7), np.float32), shown, shown, np.array([box], float))[1]
        for method, (values, rect) in maps_of(network, image, label, slow=True).items():
            hit, energy = judged(values, rect, shown, np.array([box], float))
            print(f"  {name}, {label:14s} {method:24s} energy {energy:.2f}, area {area:.2f}, pointing {hit:.0f}")


def main() -> None:
    wanted = [word for word in sys.argv[1:] if not word.isdigit()] or ["cost", "maps", "both"]
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), 60)
    network = MODELS["efficientnet-lite0"].load("cpu", None)
    if "cost" in wanted:
        cost(network)
    if "both" in wanted:
        both(network)
    if "maps" in wanted:
        maps(network, count)


if __name__ == "__main__":
    main()
