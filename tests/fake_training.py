"""A recipe that is trained in a second: handwritten digits and one linear layer. As a program it is `cvstudio` with
this recipe beside its own, for tests that need another process.

`$FAKE_STEP_SECS` makes every step that much longer, so that there is something to stop.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.cli.main import main
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.training import RECIPES, Settings, TrainingRecipe, TrainingSource
from cvstudio.training.base import Report
from cvstudio.weights.store import load_state_dict

FILE = "digits.csv"
KEY = "digits"
MODEL = "linear-digits"
EPOCHS = 4
STEPS = 10
LABELS = tuple("0123456789")


def write_data(folder: Path) -> Path:
    """Put the digits of scikit-learn into `folder` and return it."""
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / FILE, np.column_stack([classes, pixels]).astype(int), fmt="%d", delimiter=",")
    return folder


def read_data(folder: Path, *, held_out: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pixels float32 (n, 64) in 0..1 and classes int64 (n,) of the part to train on or the held-out fifth."""
    rows = np.loadtxt(folder / FILE, delimiter=",", dtype=np.int64)
    chosen = rows[(np.arange(len(rows)) % 5 == 4) == held_out]
    return (chosen[:, 1:] / 16).astype(np.float32), chosen[:, 0]


class DigitsTask:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epochs = EPOCHS if settings.epochs is None else settings.epochs

    def prepare(self, progress: Progress) -> None:
        import torch

        pixels, classes = read_data(self.settings.data, held_out=False)
        self.x, self.y = torch.from_numpy(pixels), torch.from_numpy(classes)
        torch.manual_seed(self.settings.seed)
        self.layer = torch.nn.Linear(64, 10)
        self.optimiser = torch.optim.SGD(self.layer.parameters(), lr=0.5, momentum=0.9)

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        import torch

        total = 0.0
        for step in range(STEPS):
            time.sleep(float(os.environ.get("FAKE_STEP_SECS", "0")))
            progress.check()
            rows = torch.randint(len(self.x), (128,))
            loss = torch.nn.functional.cross_entropy(self.layer(self.x[rows]), self.y[rows])
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            total += loss.item()
            report({"fraction": (step + 1) / STEPS, "rate": 0.5, "loss": loss.item()})
        return {"loss": total / STEPS}

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        import torch

        if "FAKE_UNMEASURED" in os.environ:
            return {}
        pixels, classes = read_data(self.settings.data, held_out=True)
        with torch.no_grad():
            found = self.layer(torch.from_numpy(pixels)).argmax(1).numpy()
        return {"top-1": float((found == classes).mean())}

    def state_dict(self) -> dict[str, Any]:
        return {"layer": self.layer.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.layer.load_state_dict(state["layer"])
        self.optimiser.load_state_dict(state["optimiser"])

    def tensors(self) -> Mapping[str, Any]:
        return self.layer.state_dict()


def evaluate(
    data: Path, weights: Path | None, settings: Mapping[str, Any] | None, limit: int | None, progress: Progress
) -> Mapping[str, float]:
    assert weights is not None
    tensors = load_state_dict(weights)
    pixels, classes = read_data(data, held_out=True)
    logits = pixels[:limit] @ tensors["weight"].float().numpy().T + tensors["bias"].float().numpy()
    return {"top-1": float((logits.argmax(1) == classes[:limit]).mean()), "told size": float((settings or {})["size"])}


RECIPE = TrainingRecipe(
    key=KEY,
    title="Linear digits",
    summary="One linear layer learns handwritten digits.",
    model=MODEL,
    sources=(TrainingSource("Optical digits", "CC BY 4.0", "labels"),),
    licence="CC BY 4.0",
    non_commercial=False,
    make=DigitsTask,
    calibrate=lambda data, weights, progress: {"size": 8},
    evaluate=evaluate,
    describe=lambda figures: (("top-1", f"{figures['top-1']:.1%}", "every fifth digit"),),
    not_for=("It reads digits of 8 pixels only.",),
    files=(FILE,),
)
SPEC = ModelSpec(MODEL, "Linear digits", "none", "Linear", "none", 2000, lambda *_: None, labels=LABELS)

if __name__ == "__main__":
    RECIPES.register(RECIPE)
    MODELS.register(SPEC)
    sys.exit(main(sys.argv[1:]))
