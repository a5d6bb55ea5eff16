"""Every analysis and every network on a GPU, compared with the CPU of the same machine.

    .venv/bin/python tests/benchmarks/gpu_analyses.py [--device cuda] [--minutes 7] [--smoke]

First each analysis on its samples, with every model of its task whose weights are on this machine: the device must find
what the CPU finds, both in float32. Then the bare network of every model, with seeded random weights: one pass forward
and one backward. Where the minutes are over, nothing more begins, and what was left is said. The exit code is 1 where
something differs or fails. `--smoke` tries the script itself out, without a GPU and in a minute: the analyses without
a model, two with the default models, and two networks, with the CPU as the device.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis
from cvstudio.foundation.errors import UserError
from cvstudio.models import MODELS
from cvstudio.models.spec import ModelSpec
from cvstudio.results.result import Result, Tolerance
from cvstudio.running.runner import Runner, make_instance
from cvstudio.weights.store import find_weights

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.sample_inputs import sample_inputs

SMOKE_ANALYSES = ("detect", "classify")
SMOKE_NETWORKS = ("pyramid-lite0", "efficientnet-lite0")
RELATIVE = 1e-2
"""Largest difference of a network's outputs, of the standard deviation of the output. Convolutions on a GPU may
compute in TF32, whose mantissa has 10 bits."""


def pairs(*, smoke: bool) -> Iterator[tuple[Analysis, ModelSpec | None]]:
    """Analyses with each model that they can run here; None where they need none."""
    for analysis in ANALYSES:
        if not analysis.samples:
            continue
        if not analysis.task:
            yield analysis, None
            continue
        models = [MODELS[analysis.first_model]] if smoke and analysis.first_model else analysis.models
        if not smoke or analysis.key in SMOKE_ANALYSES:
            yield from ((analysis, model) for model in models)


def absent(model: ModelSpec) -> bool:
    """Whether the model needs a checkpoint that is not on this machine."""
    return bool(model.weights) and all(find_weights(weights) is None for weights in model.weights)


def compare(analysis: Analysis, model: ModelSpec | None, device: Runner, cpu: Runner) -> str:
    """What differs between the device and the CPU; empty where nothing does."""
    inputs = sample_inputs(analysis)
    key = model.key if model is not None else ""
    instance = make_instance(analysis.key, inputs, model=key, values=analysis.sample_values)
    mine, theirs = device.result(instance), cpu.result(instance)
    if not isinstance(mine, Result) or type(mine) is not type(theirs):
        return f"the answers are {type(mine).__name__} and {type(theirs).__name__}"
    difference: str = theirs.differs_from(mine, Tolerance())
    return difference


def network_difference(model: ModelSpec, device: str) -> str:
    """What differs between the outputs of the bare network on the device and on the CPU; empty where nothing does."""
    import torch
    from torch.utils import _pytree

    architecture = model.architecture
    assert architecture is not None
    torch.manual_seed(0)
    network = architecture.build().eval()
    x = torch.rand(1, 3, *architecture.input_size)

    def outputs_of(pixels: torch.Tensor) -> list[torch.Tensor]:
        outputs = architecture.call(network, pixels) if architecture.call else network(pixels)
        return [item for item in _pytree.tree_leaves(outputs) if isinstance(item, torch.Tensor)]

    with torch.no_grad():
        expected = outputs_of(x)
    network.to(device)
    outputs = outputs_of(x.to(device).requires_grad_(True))
    sums = [item.float().mean() for item in outputs if item.requires_grad]
    if sums:
        torch.stack(sums).sum().backward()  # type: ignore[no-untyped-call]
    for number, (mine, theirs) in enumerate(zip(outputs, expected, strict=True)):
        # How many boxes random weights leave is chance.
        if mine.shape != theirs.shape or not theirs.is_floating_point() or not theirs.numel():
            continue
        a, b = mine.detach().float().cpu().numpy(), theirs.float().numpy()
        largest = float(np.abs(a - b).max() / max(float(b.std()), 1e-6))
        if not largest <= RELATIVE:
            return f"output {number} differs by {largest:.2g} of its deviation"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    import torch

    device = "cpu" if options.smoke else options.device
    print(torch.cuda.get_device_name(device) if device.startswith("cuda") else device, flush=True)
    end = time.monotonic() + 60 * options.minutes
    passed, failed, left = 0, 0, []

    def told(name: str, difference: str, began: float) -> None:
        nonlocal passed, failed
        passed, failed = passed + (not difference), failed + bool(difference)
        print(f"{name}: {difference or 'the same'} ({time.monotonic() - began:.1f} s)", flush=True)

    with Runner(device=device, precision="float32") as runner, Runner(device="cpu", precision="float32") as cpu:
        for analysis, model in pairs(smoke=options.smoke):
            name = f"{analysis.key}, {model.key}" if model is not None else analysis.key
            began = time.monotonic()
            if model is not None and absent(model):
                print(f"{name}: its weights are not here")
            elif began > end:
                left.append(name)
            else:
                try:
                    told(name, compare(analysis, model, runner, cpu), began)
                except (UserError, RuntimeError) as error:
                    told(name, f"{type(error).__name__}: {error}".splitlines()[0], began)
    for model in MODELS:
        if model.architecture is None or (options.smoke and model.key not in SMOKE_NETWORKS):
            continue
        began = time.monotonic()
        if began > end:
            left.append(model.key)
            continue
        try:
            told(f"network of {model.key}", network_difference(model, device), began)
        except RuntimeError as error:
            told(f"network of {model.key}", f"{type(error).__name__}: {error}".splitlines()[0], began)
    print(f"{passed} passed, {failed} failed, {len(left)} left" + (f": {', '.join(left)}" if left else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
