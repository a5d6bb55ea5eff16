"""Self-training: a teacher labels what nobody labelled, a student learns from all of it and becomes the teacher.

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
from cvstudio.training.pseudo import PseudoLabels

STATE = "self-training.json"
"""Seed and finished rounds; the model of the last one lies beside it."""

Model = TypeVar("Model")


@dataclass(frozen=True)
class Learner(Generic[Model]):
    """What the loop needs to know of a kind of model; the data are the learner's own.

    Parameters
    ----------
    fit : callable (pseudo-labels or None, generator, progress) -> model
        Trains a new model on the labelled examples and on those that the pseudo-labels name; None is the start, with
        the labelled ones only. All that it draws by chance comes from the generator. This is where the noise belongs
        (augmentation, dropout): the student has to say of a disturbed picture what the teacher said of a clean one.
    predict : callable (model, progress) -> float (n, classes)
        Probabilities of all unlabelled examples, without noise.
    save : callable (model, path)
        Writes all that `predict` needs to exactly this path.
    load : callable (path) -> model
    """

    fit: Callable[[PseudoLabels | None, np.random.Generator, Progress], Model]
    predict: Callable[[Model, Progress], NDArray[np.floating]]
    save: Callable[[Model, Path], None]
    load: Callable[[Path], Model]


@dataclass(frozen=True)
class Round:
    """What one round came to: the pseudo-labels that it learnt from, and what `measure` said of its model."""

    pseudo_labels: int
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SelfTrained(Generic[Model]):
    """The last student, and each round; the first is the start without pseudo-labels."""

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

    A finished round is kept in `folder`, and the same call goes on behind it, with the same result as if it had not
    been interrupted. Every round labels anew, so that an early mistake can be mended by a better teacher.

    Parameters
    ----------
    learner : how a model is trained, asked and kept
    select : callable, probabilities (n, classes) -> the pseudo-labels to learn from; `pseudo.select` with its options
    rounds : students after the first model; a folder that has more already gives its last
    seed : each round draws from a generator of its own
    folder : of this run only; made where it is not there
    progress : checked before each round and each labelling, and handed to the learner
    measure : callable, model -> figures by name, on examples that have no part in the training

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
            pseudo = select(learner.predict(model, _Part(progress, number, rounds + 1, name)))
        progress(number / (rounds + 1), f"{name}: {0 if pseudo is None else len(pseudo):,} pseudo-labels")
        rng = np.random.default_rng((seed, number))
        student = learner.fit(pseudo, rng, _Part(progress, number, rounds + 1, name))
        path = _model_path(folder, number)
        with atomic_path(path) as temporary:
            learner.save(student, temporary)
        # Going on with what was read back, a run is the same whether it was interrupted or not.
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
    # Only now does nothing lead to the models before.
    for older in folder.glob("model-*"):
        if older != _model_path(folder, len(done) - 1):
            older.unlink()


def _read(folder: Path, seed: int) -> list[Round]:
    path = folder / STATE
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found, done = content["seed"], [Round(**entry) for entry in content["rounds"]]
        if not _model_path(folder, len(done) - 1).is_file():
            raise ValueError(f"model-{len(done) - 1} is not there")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"Expected the finished rounds of a self-training in {path}, but they cannot be read "
            f"({type(error).__name__}: {error}); remove the folder to begin anew, or choose another one."
        ) from error
    if found != seed:
        raise UserError(
            f"Expected the self-training in {folder} to have the seed {seed}, but it has {found}; choose another "
            f"folder or the same seed."
        )
    return done


class _Part(Progress):
    """The progress of one of several rounds, told as a part of the whole and stopped with it."""

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
