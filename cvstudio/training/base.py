"""Contracts of training: recipe, task, settings and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cvstudio.foundation.progress import Progress

Report = Callable[[Mapping[str, float]], None]
"""Receives figures by name while an epoch runs, which become points of the live curves."""


@dataclass(frozen=True)
class Settings:
    """Settings of one training run.

    Parameters
    ----------
    data : folder with the datasets that the recipe names
    folder : of this run: prepared data, checkpoint, curves
    device : "cpu", "cuda", "cuda:1" or "mps"
    seed : of all random numbers
    epochs : number of epochs; None takes the recipe's own
    limit : largest number of pictures of each dataset, to try a recipe out; None takes all
    """

    data: Path
    folder: Path
    device: str = "cpu"
    seed: int = 0
    epochs: int | None = None
    limit: int | None = None


class TrainingTask(Protocol):
    """One training run. All random numbers of an epoch depend on the seed and the epoch's number only."""

    epochs: int

    def prepare(self, progress: Progress) -> None:
        """Read and check the data; results of long work are kept in the run's folder. Raises UserError."""
        ...

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        """Train for one epoch (numbered from 0) and return means of its figures by name."""
        ...

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        """Figures on the held-out part by name; empty for an epoch that is not validated."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """State that the next epoch depends on: tensors, numbers and containers of them."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    def tensors(self) -> Mapping[str, Any]:
        """The exported tensors of the network, by name."""
        ...


class RecipeEvaluation(Protocol):
    """Calibration and evaluation of a recipe's network; a module with both functions is one. See `TrainingRecipe`."""

    def calibrate(self, data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]: ...

    def evaluate(
        self,
        data: Path,
        weights: Path | None,
        settings: Mapping[str, Any] | None,
        limit: int | None,
        progress: Progress,
    ) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class LateEvaluation:
    """An evaluation that `load` imports at its first use, so that listing recipes needs no torch."""

    load: Callable[[], RecipeEvaluation]

    def calibrate(self, data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
        return self.load().calibrate(data, weights, progress)

    def evaluate(
        self,
        data: Path,
        weights: Path | None,
        settings: Mapping[str, Any] | None,
        limit: int | None,
        progress: Progress,
    ) -> Mapping[str, float]:
        return self.load().evaluate(data, weights, settings, limit, progress)


@dataclass(frozen=True)
class TrainingSource:
    """A dataset on which a model was trained: its name, licence, and use in the training."""

    name: str
    licence: str
    use: str


@dataclass(frozen=True)
class TrainingRecipe:
    """Declaration of a training recipe: data only.

    Parameters
    ----------
    key, title, summary
    model : key of the `ModelSpec` of the exported file
    sources : datasets with their licences
    licence : of the exported weights, one line
    non_commercial : whether a dataset's licence forbids commercial use
    make : callable (Settings) -> TrainingTask; None where the weights are published ones that a package carries, and
        only what the model needs beside them is measured
    calibrate : callable (data folder, weights file, progress) -> settings that the model needs beside its weights,
        measured on data used neither for training nor for evaluation
    evaluate : callable (data folder, weights file or None for the embedded one, settings of the card or None for the
        embedded one's, largest number of pictures of each dataset or None, progress) -> figures by name; it runs the
        program's own model on data not used for training
    describe : callable (figures) -> rows of the card: (name, value as text, split)
    not_for : limitations of the model, one sentence each
    files : required files, relative to the data folder
    """

    key: str
    title: str
    summary: str
    model: str
    sources: tuple[TrainingSource, ...]
    licence: str
    non_commercial: bool
    make: Callable[[Settings], TrainingTask] | None
    calibrate: Callable[[Path, Path, Progress], Mapping[str, Any]]
    evaluate: Callable[[Path, Path | None, Mapping[str, Any] | None, int | None, Progress], Mapping[str, float]]
    describe: Callable[[Mapping[str, float]], tuple[tuple[str, str, str], ...]]
    not_for: tuple[str, ...]
    files: tuple[str, ...]
