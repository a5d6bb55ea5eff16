"""Class visualisations of the default classifier, shown to another network: is the class among SqueezeNet's first five?

Run it: `PYTHONPATH=. .venv/bin/python tests/benchmarks/bench_class_visualisation.py [SEEDS] [STEPS] [CLASSES]`, by
default 10 seeds of 96 steps for all ten classes. SqueezeNet 1.1 with torchvision's weights is that of
../shared/data/weights (or $CVSTUDIO_DATA), run by torchvision itself.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torchvision.models import squeezenet1_1

from cvstudio.analyses.explain.visualise import FOURIER, PLAIN_L2, AscentParams, run_ascent, run_start
from cvstudio.analyses.stages import Inputs
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.shared.imagenet import MEAN, STD, imagenet_labels

DATA = Path(os.environ.get("CVSTUDIO_DATA", "../shared/data"))
CLASSES = (130, 980, 340, 207, 207 + 80, 319, 779, 954, 985, 323)
"""Flamingo, volcano, zebra, golden retriever, lynx, dragonfly, school bus, banana, daisy, monarch."""

DEFAULTS = ("10", "96", "10")


def other_network() -> Any:
    network = squeezenet1_1(weights=None)
    path = DATA / "weights" / "squeezenet1_1_imagenet.pth"
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def rank(network: Any, pixels: np.ndarray, index: int) -> int:
    """Number of classes that the other network finds likelier."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        logits = network((picture - mean) / std)[0]
    return int((logits > logits[index]).sum())


def ranks(index: int, seed: int, steps: int, method: str, network: Any, other: Any) -> tuple[int, float]:
    params = AscentParams(target=imagenet_labels()[index], seed=seed, steps=steps, method=method)
    start = next(run_start(Inputs({}, network=network), None, Progress()))
    *_, picture = run_ascent(Inputs({}, start, network), params, Progress())
    return rank(other, picture.pixels, index), picture.probability


def main() -> None:
    seeds, steps, count = (int(word) for word in (*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]))
    network, other = MODELS["efficientnet-lite0"].load("cpu", None), other_network()
    for method in (FOURIER, PLAIN_L2):
        found: list[int] = []
        start = time.perf_counter()
        for index in CLASSES[:count]:
            each = [ranks(index, seed, steps, method, network, other) for seed in range(seeds)]
            found += [place for place, _ in each]
            own = np.mean([probability for _, probability in each])
            print(
                f"  {imagenet_labels()[index]:18s} ranks {[place + 1 for place, _ in each]}, itself {own:.2f}",
                flush=True,
            )
        recognised = sum(place < 5 for place in found)
        secs = time.perf_counter() - start
        print(
            f"{method}, {steps} steps: {recognised} of {len(found)} in SqueezeNet's first five ({secs:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
