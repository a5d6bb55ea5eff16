"""What a training recipe declares, and what it has to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cvstudio.foundation.progress import Progress

Report = Callable[[Mapping[str, float]], None]
"""Takes figures by name while an epoch runs: they become points of the live curves."""


@dataclass(frozen=True)
class Settings:
    """How a recipe is run.

    Parameters
    ----------
    data : folder with the sets that the recipe names
    folder : of this run: prepared data, checkpoint, curves
    device : "cpu", "cuda", "cuda:1", "mps"
    seed : of everything that is drawn by chance
    epochs : in place of the recipe's own number
    limit : pictures of each set at most, to try a recipe out; None takes all
    """

    data: Path
    folder: Path
    device: str = "cpu"
    seed: int = 0
    epochs: int | None = None
    limit: int | None = None


class TrainingTask(Protocol):
    """One training run. Everything drawn by chance in an epoch depends on the seed and the epoch's number only."""

    epochs: int

    def prepare(self, progress: Progress) -> None:
        """Read and check the data; long work is kept in the run's folder for the next time. Raises UserError."""
        ...

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        """Train once over the data; means over the epoch by name."""
        ...

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        """Figures on the held-out part by name; empty where this epoch is not measured."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and containers of them: all that the next epoch depends on."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    def tensors(self) -> Mapping[str, Any]:
        """What is shipped: the network's tensors by name."""
        ...


class Evaluation(Protocol):
    """How a recipe's network is measured; a module of two functions is one. See `TrainingRecipe`."""

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
    """An evaluation that `load` imports when it is used: recipes are listed without torch."""

    load: Callable[[], Evaluation]

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
    """A set of data that a model was trained on."""

    name: str
    licence: str
    use: str


@dataclass(frozen=True)
class TrainingRecipe:
    """A recipe: data only.

    Parameters
    ----------
    key, title, summary
    model : key of the `ModelSpec` that the exported file belongs to
    sources : the data and their licences
    licence : of the result, one line
    non_commercial : whether a licence of the data forbids commercial use
    make : callable Settings -> Task
    calibrate : callable (data folder, weights file, progress) -> what the program needs beside the weights, measured
        on data that neither trained nor is evaluated on
    evaluate : callable (data folder, weights file or None for the embedded one, settings of the card or None for the
        embedded one's, pictures of each set at most or None, progress) -> figures by name; goes through the
        program's own model, on data that the training did not use
    describe : callable figures -> what the card says of them: (name, value as text, split)
    not_for : what the model is not good for, one sentence each
    files : what has to be in the data folder, relative
    """

    key: str
    title: str
    summary: str
    model: str
    sources: tuple[TrainingSource, ...]
    licence: str
    non_commercial: bool
    make: Callable[[Settings], TrainingTask]
    calibrate: Callable[[Path, Path, Progress], Mapping[str, Any]]
    evaluate: Callable[[Path, Path | None, Mapping[str, Any] | None, int | None, Progress], Mapping[str, float]]
    describe: Callable[[Mapping[str, float]], tuple[tuple[str, str, str], ...]]
    not_for: tuple[str, ...]
    files: tuple[str, ...]
