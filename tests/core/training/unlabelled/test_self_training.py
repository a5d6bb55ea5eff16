"""The self-training loop on handwritten digits with few labels, beside scikit-learn's, and its way through failures."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import SelfTrainingClassifier
from threadpoolctl import threadpool_limits

from cvstudio.foundation.errors import Cancelled, UserError
from cvstudio.foundation.progress import Progress
from cvstudio.training import augment
from cvstudio.training.unlabelled.pseudo import PseudoLabels, select
from cvstudio.training.unlabelled.self_training import STATE, Learner, SelfTrained, self_train

Model = LogisticRegression | KNeighborsClassifier
Noise = Callable[[np.random.Generator, np.ndarray], np.ndarray]
LOGISTIC, NEIGHBOURS = LogisticRegression(max_iter=300), KNeighborsClassifier(3)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """For numbers as few as these, threads that wait for each other take four times as long."""
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Digits:
    """Forty labelled digits, many without labels, and six hundred to measure on."""

    labelled: np.ndarray
    classes: np.ndarray
    unlabelled: np.ndarray
    held_out: np.ndarray
    held_out_classes: np.ndarray

    def measure(self, model: Model) -> dict[str, float]:
        return {"right": float(model.score(self.held_out, self.held_out_classes))}

    def with_scikit_learns(self, model: Model, threshold: float, rounds: int) -> SelfTrainingClassifier:
        pictures = np.concatenate([self.labelled, self.unlabelled])
        known = np.concatenate([self.classes, np.full(len(self.unlabelled), -1)])
        return SelfTrainingClassifier(clone(model), threshold=threshold, max_iter=rounds).fit(pictures, known)


def digits(seed: int, unlabelled: int | None = None) -> Digits:
    pixels, classes = load_digits(return_X_y=True)
    rest, held_out, rest_classes, held_out_classes = train_test_split(
        pixels / 16, classes, test_size=600, random_state=seed, stratify=classes
    )
    labelled, others, few, _ = train_test_split(
        rest, rest_classes, train_size=40, random_state=seed, stratify=rest_classes
    )
    return Digits(labelled, few, others[:unlabelled], held_out, held_out_classes)


def learner(data: Digits, model: Model, noise: Noise = lambda _, pictures: pictures) -> Learner[Model]:
    def fit(pseudo: PseudoLabels | None, rng: np.random.Generator, progress: Progress) -> Model:
        progress(0.5, "fitting")
        pictures, classes = data.labelled, data.classes
        if pseudo is not None:
            pictures = np.concatenate([pictures, data.unlabelled[pseudo.rows]])
            classes = np.concatenate([classes, pseudo.classes])
        return clone(model).fit(noise(rng, pictures), classes)

    return Learner(
        fit,
        lambda fitted, progress: fitted.predict_proba(data.unlabelled),
        lambda fitted, path: path.write_bytes(pickle.dumps(fitted)) and None,
        lambda path: pickle.loads(path.read_bytes()),
    )


def turned(rng: np.random.Generator, pictures: np.ndarray) -> np.ndarray:
    """The noise of the student: each digit turned and shifted a little."""
    seen = []
    for picture in (pictures * 255).astype(np.uint8).reshape(-1, 8, 8):
        move = augment.rotation(rng.uniform(-10, 10), 8, 8).then(augment.translation(*rng.uniform(-0.5, 0.5, 2)))
        seen.append(move.warp(picture, 8, 8, fill=(0,)).ravel() / 255)
    return np.array(seen)


def right(found: SelfTrained[Model]) -> list[float]:
    return [entry.figures["right"] for entry in found.rounds]


def test_it_beats_the_labels_alone_by_as_much_as_scikit_learns(tmp_path):
    """The same digits, model, threshold and number of rounds."""
    starts, ends, theirs = [], [], []
    for seed in range(4):
        data = digits(seed)
        found = self_train(
            learner(data, NEIGHBOURS),
            partial(select, threshold=0.9),
            rounds=5,
            seed=seed,
            folder=tmp_path / str(seed),
            progress=Progress(),
            measure=data.measure,
        )
        starts.append(right(found)[0])
        ends.append(right(found)[-1])
        assert starts[-1] == data.measure(clone(NEIGHBOURS).fit(data.labelled, data.classes))["right"]
        assert ends[-1] == data.measure(found.model)["right"]
        theirs.append(data.measure(data.with_scikit_learns(NEIGHBOURS, 0.9, 5))["right"])
    assert min(np.subtract(ends, starts)) > 0.03
    assert np.mean(ends) - np.mean(starts) > 0.08
    assert np.mean(ends) == pytest.approx(np.mean(theirs), abs=0.02)


def test_the_first_student_is_scikit_learns(tmp_path):
    """After one round the two have learnt from the same pseudo-labels; from then on theirs never changes one."""
    data = digits(0)
    chosen: list[PseudoLabels] = []

    def watched(probabilities: np.ndarray) -> PseudoLabels:
        chosen.append(select(probabilities, threshold=0.6))
        return chosen[-1]

    found = self_train(learner(data, LOGISTIC), watched, rounds=1, seed=0, folder=tmp_path, progress=Progress())
    other = data.with_scikit_learns(LOGISTIC, 0.6, 1)
    (mine,) = chosen
    assert np.array_equal(mine.rows, np.flatnonzero(other.labeled_iter_ == 1) - len(data.labelled))
    assert np.array_equal(mine.classes, other.transduction_[len(data.labelled) + mine.rows])
    # The order of the examples is another one.
    assert np.allclose(found.model.predict_proba(data.held_out), other.predict_proba(data.held_out), atol=1e-3)


def test_a_student_learns_from_disturbed_digits_and_best_where_classes_are_balanced(tmp_path):
    """The teacher judges clean digits, the student sees disturbed ones; easy classes must not crowd out the others."""
    starts, crowded, balanced = [], [], []
    choices = (
        (crowded, partial(select, threshold=0.9)),
        (balanced, partial(select, threshold=0.5, per_class=80, balanced=True)),
    )
    for number, (seed, (ends, choose)) in enumerate(itertools.product(range(3), choices)):
        data = digits(seed)
        found = self_train(
            learner(data, NEIGHBOURS, turned),
            choose,
            rounds=3,
            seed=seed,
            folder=tmp_path / str(number),
            progress=Progress(),
            measure=data.measure,
        )
        starts.append(right(found)[0])
        ends.append(right(found)[-1])
    assert min(np.subtract(balanced, starts[::2])) > 0.08
    assert min(np.subtract(balanced, crowded)) > 0.02


@pytest.fixture(scope="module")
def data() -> Digits:
    """Few, for what is not about how good the loop is."""
    return digits(0, unlabelled=250)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> SelfTrained[Model]:
    """A run of three students that nothing interrupted."""
    return run(data, tmp_path_factory.mktemp("whole"))


def noisy(data: Digits) -> Learner[Model]:
    """With a noise that is quick, and that makes a run depend on its seed."""
    return learner(data, LOGISTIC, lambda rng, pictures: pictures + rng.normal(0, 0.05, pictures.shape))


def run(
    data: Digits,
    folder: Path,
    *,
    seed: int = 0,
    rounds: int = 3,
    progress: Progress | None = None,
    by: Learner[Model] | None = None,
) -> SelfTrained[Model]:
    return self_train(
        by or noisy(data),
        partial(select, threshold=0.6),
        rounds=rounds,
        seed=seed,
        folder=folder,
        progress=progress or Progress(),
        measure=data.measure,
    )


def same(one: SelfTrained[Model], other: SelfTrained[Model]) -> bool:
    return one.rounds == other.rounds and np.array_equal(one.model.coef_, other.model.coef_)


def test_the_seed_decides_everything(data, tmp_path):
    first, again, other = (run(data, tmp_path / str(place), seed=seed) for place, seed in enumerate((4, 4, 5)))
    assert same(first, again)
    assert not same(first, other)


def stopped_at(student: int) -> Progress:
    progress = Progress(
        lambda fraction, message: progress.cancel() if message.startswith(f"student {student}") else None
    )
    return progress


def test_a_cancelled_run_goes_on_to_the_same_end(data, whole, tmp_path):
    fits = []

    def counted(pseudo, rng, progress):
        fits.append(pseudo)
        return noisy(data).fit(pseudo, rng, progress)

    parts = tmp_path / "parts"
    for student in (2, 3):
        with pytest.raises(Cancelled):
            run(data, parts, progress=stopped_at(student), by=with_parts(noisy(data), fit=counted))
    found = run(data, parts, by=with_parts(noisy(data), fit=counted))
    assert same(found, whole)
    # The first model and three students, none of them twice: each stop was before its student was fitted.
    assert len(fits) == 4
    assert [pseudo is None for pseudo in fits] == [True, False, False, False]
    # A finished run is only read.
    assert same(run(data, parts, by=with_parts(noisy(data), fit=counted)), whole)
    assert len(fits) == 4
    assert {path.name for path in parts.iterdir()} == {STATE, "model-3"}


def with_parts(of: Learner[Model], **parts: object) -> Learner[Model]:
    return Learner(**{"fit": of.fit, "predict": of.predict, "save": of.save, "load": of.load, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "number"),
    [*itertools.product(("fit", "save", "measure"), (0, 1, 3)), ("predict", 0), ("predict", 2)],
)
def test_a_crash_anywhere_costs_one_round_at_most(data, whole, tmp_path, place, number):
    healthy, calls = noisy(data), itertools.count()

    def crash(*arguments):
        if next(calls) == number:
            if place == "save":
                arguments[1].write_bytes(b"half a mod")
            raise MemoryError
        return data.measure(*arguments) if place == "measure" else getattr(healthy, place)(*arguments)

    broken = healthy if place == "measure" else with_parts(healthy, **{place: crash})
    with pytest.raises(MemoryError):
        self_train(
            broken,
            partial(select, threshold=0.6),
            rounds=3,
            seed=0,
            folder=tmp_path,
            progress=Progress(),
            measure=crash if place == "measure" else data.measure,
        )
    assert same(run(data, tmp_path), whole)
    assert {path.name for path in tmp_path.iterdir()} == {STATE, "model-3"}


def test_more_rounds_go_on_behind_the_last(data, whole, tmp_path):
    run(data, tmp_path / "parts", rounds=1)
    assert same(run(data, tmp_path / "parts", rounds=3), whole)
    assert same(run(data, tmp_path / "parts", rounds=1), whole)


def sentence(caught: pytest.ExceptionInfo[UserError]) -> str:
    text = str(caught.value)
    assert text.startswith("Expected ")
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_another_seed_in_the_same_folder_is_refused(data, tmp_path):
    run(data, tmp_path, rounds=1)
    with pytest.raises(UserError) as caught:
        run(data, tmp_path, rounds=1, seed=9)
    assert "the seed 9, but it has 0" in sentence(caught)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b'{"seed": 0}', b'{"seed": 0, "rounds": [{"what": 1}]}', b"[]", b'{"seed": 0, "rounds": []}'],
)
def test_a_damaged_state_is_told(data, tmp_path, content):
    run(data, tmp_path, rounds=0)
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(UserError) as caught:
        run(data, tmp_path, rounds=1)
    assert "cannot be read" in sentence(caught)
    assert STATE in str(caught.value)


def test_a_lost_model_is_told(data, tmp_path):
    run(data, tmp_path, rounds=1)
    (tmp_path / "model-1").unlink()
    with pytest.raises(UserError) as caught:
        run(data, tmp_path, rounds=2)
    assert "model-1 is not there" in sentence(caught)


def test_progress_rises_from_0_and_can_stop_within_a_round(data, tmp_path):
    told: list[tuple[float | None, str]] = []
    run(data, tmp_path / "whole", rounds=2, progress=Progress(lambda *report: told.append(report)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    # The second student is the last third, and was half done when it last told.
    assert fractions[-1] == pytest.approx((2 + 0.5) / 3)
    assert told[-1][1] == "student 2 of 2: fitting"
    assert "student 1 of 2: labelling" in [message for _, message in told]
    assert told[1][1] == "the first model: fitting"

    whole = Progress()

    def fit(pseudo: PseudoLabels | None, rng: np.random.Generator, progress: Progress) -> Model:
        assert not progress.cancelled
        progress.cancel()
        assert progress.cancelled
        progress.check()
        raise AssertionError("it went on")

    with pytest.raises(Cancelled):
        run(data, tmp_path / "stopped", progress=whole, by=with_parts(noisy(data), fit=fit))
    assert whole.cancelled
