"""Self-training: a teacher pseudo-labels unlabelled examples; the student trained on all becomes the next teacher.

Sources: Lee, "Pseudo-Label", ICML workshop 2013; Xie et al., "Self-training with Noisy Student improves ImageNet
classification", CVPR 2020 (algorithm 1).

No recipe of this program trains so yet; the training lab is to offer it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.training.unlabelled.pseudo import PseudoLabels

STATE = "self-training.json"
"""File with seed and finished rounds; the model of the last one is beside it."""

Model = TypeVar("Model")


@dataclass(frozen=True)
class Learner(Generic[Model]):
    """Operations of the self-training loop on one kind of model; the learner owns the data.

    Parameters
    ----------
    fit : callable (pseudo-labels or None, generator, progress) -> model
        Train a new model on the labelled and the pseudo-labelled examples; None for the first model, without
        pseudo-labels. All random numbers come from the generator. The noise belongs here (augmentation, dropout): the
        student must predict from a disturbed picture what the teacher predicts from a clean one.
    predict : callable (model, progress) -> float (n, classes)
        Probabilities of all unlabelled examples, without noise.
    save : callable (model, path)
        Write all that `predict` needs to exactly this path.
    load : callable (path) -> model
    """

    fit: Callable[[PseudoLabels | None, np.random.Generator, Progress], Model]
    predict: Callable[[Model, Progress], NDArray[np.floating]]
    save: Callable[[Model, Path], None]
    load: Callable[[Path], Model]


@dataclass(frozen=True)
class Round:
    """Outcome of one round: number of pseudo-labels, and the figures of `measure`."""

    pseudo_labels: int
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SelfTrained(Generic[Model]):
    """The last student and all rounds, the first of which is without pseudo-labels."""

    model: Model
    rounds: tuple[Round, ...]


def self_train(
    learner: Learner[Model],
    select: Callable[[NDArray[np.floating]], PseudoLabels],
    *,
    rounds: int,
    seed: int,
    folder: Path,
    progress: Progress,
    measure: Callable[[Model], Mapping[str, float]] | None = None,
) -> SelfTrained[Model]:
    """Train on the labels, then `rounds` times on labels and pseudo-labels.

    Finished rounds are kept in `folder`, and the same call resumes after them, with the same result as if it had not
    been interrupted. Each round recomputes the pseudo-labels, so that a better teacher can correct early mistakes.

    Parameters
    ----------
    learner : how a model is trained, run and stored
    select : callable (probabilities (n, classes)) -> pseudo-labels; `pseudo.select` with its options
    rounds : number of students after the first model; a folder with more returns its last
    seed : of the random numbers; each round has its own generator
    folder : of this run only; created if missing
    progress : checked before each round and each labelling, and passed to the learner
    measure : callable (model) -> figures by name, on examples not used for training

    Raises
    ------
    UserError
        The folder holds a run with another seed, or one that is damaged.
    Cancelled
        `progress` was cancelled; the finished rounds are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = _read(folder, seed)
    model = learner.load(_model_path(folder, len(done) - 1)) if done else None
    for number in range(len(done), rounds + 1):
        name = f"student {number} of {rounds}" if number else "the first model"
        pseudo = None
        if model is not None:
            progress(number / (rounds + 1), f"{name}: labelling")
            pseudo = select(learner.predict(model, _RoundProgress(progress, number, rounds + 1, name)))
        progress(number / (rounds + 1), f"{name}: {0 if pseudo is None else len(pseudo):,} pseudo-labels")
        rng = np.random.default_rng((seed, number))
        student = learner.fit(pseudo, rng, _RoundProgress(progress, number, rounds + 1, name))
        path = _model_path(folder, number)
        with atomic_path(path) as temporary:
            learner.save(student, temporary)
        # Continued with the model as stored, so that an interrupted run has the same result.
        model = learner.load(path)
        figures = dict(measure(model)) if measure is not None else {}
        done.append(Round(0 if pseudo is None else len(pseudo), figures))
        _write(folder, seed, done)
    assert model is not None
    return SelfTrained(model, tuple(done))


def _model_path(folder: Path, number: int) -> Path:
    return folder / f"model-{number}"


def _write(folder: Path, seed: int, done: list[Round]) -> None:
    with atomic_path(folder / STATE) as path:
        path.write_text(json.dumps({"seed": seed, "rounds": [asdict(entry) for entry in done]}), encoding="utf-8")
    # Only now are the earlier models unreferenced.
    for older in folder.glob("model-*"):
        if older != _model_path(folder, len(done) - 1):
            older.unlink()


def _read(folder: Path, seed: int) -> list[Round]:
    path = folder / STATE
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        stored_seed, done = content["seed"], [Round(**entry) for entry in content["rounds"]]
        if not _model_path(folder, len(done) - 1).is_file():
            raise ValueError(f"model-{len(done) - 1} is not there")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"Expected the finished rounds of a self-training in {path}, but they cannot be read "
            f"({type(error).__name__}: {error}); remove the folder to begin anew, or choose another one."
        ) from error
    if stored_seed != seed:
        raise UserError(
            f"Expected the self-training in {folder} to have the seed {seed}, but it has {stored_seed}; choose another "
            f"folder or the same seed."
        )
    return done


class _RoundProgress(Progress):
    """Progress of one of several rounds, reported as a fraction of the whole and cancelled with it."""

    def __init__(self, whole: Progress, number: int, count: int, name: str) -> None:
        super().__init__(lambda fraction, message: whole((number + (fraction or 0)) / count, f"{name}: {message}"))
        self._whole = whole

    def cancel(self) -> None:
        self._whole.cancel()

    @property
    def cancelled(self) -> bool:
        return self._whole.cancelled

    def check(self) -> None:
        self._whole.check()
