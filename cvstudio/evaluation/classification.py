"""Classification of whole pictures: top-k accuracy, calibration and confusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays
from cvstudio.evaluation.calibration import Reliability, reliability
from cvstudio.evaluation.confusion import ConfusionMatrix


@dataclass(frozen=True, eq=False)
class ClassificationScores:
    """The answer to each picture of a set.

    Parameters
    ----------
    true : int32 (n,), true class; the most probable of several
    answers : int32 (n,), most probable category; -1 where that is a class which the set does not have
    confidence : float32 (n,), its probability
    ranks : int32 (n,), place of the true class among all answers by probability, from 0
    probabilities : float32 (n,), of the true class
    """

    true: NDArray[np.int32]
    answers: NDArray[np.int32]
    confidence: NDArray[np.float32]
    ranks: NDArray[np.int32]
    probabilities: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = self.true.shape
        whole = dict.fromkeys(("true", "answers", "ranks"), (np.int32, n))
        check_arrays(self, {**whole, **dict.fromkeys(("confidence", "probabilities"), (np.float32, n))})

    def __len__(self) -> int:
        return len(self.true)

    def top(self, k: int, classes: Sequence[int] | None = None) -> float:
        """Part of the pictures, of `classes` or of all, whose true class is among the `k` most probable; NaN without
        pictures."""
        ranks = self.ranks if classes is None else self.ranks[np.isin(self.true, list(classes))]
        return float((ranks < k).mean()) if len(ranks) else float("nan")

    def reliability(self) -> Reliability:
        """How often the answers are right, by their confidence."""
        return reliability(self.confidence, self.ranks == 0)

    def confusion(self, names: tuple[str, ...]) -> ConfusionMatrix:
        """True by answered class; answers that the set does not have are in the last column."""
        counts = np.zeros((len(names) + 1, len(names) + 1), np.int64)
        np.add.at(counts, (self.true, self.answers), 1)  # -1 is the last column
        return ConfusionMatrix(counts, names)

    def in_cell(self, true: int, answer: int) -> NDArray[np.int64]:
        """Whether each picture is in a cell of `confusion`, as 0 or 1, int64 (n,); -1 is the last column."""
        inside: NDArray[np.int64] = ((self.true == true) & (self.answers == answer)).astype(np.int64)
        return inside

    def worst_first(self) -> NDArray[np.intp]:
        """Numbers of the answers that are wrong, those that give the true class the smallest probability first."""
        order = np.argsort(self.probabilities, kind="stable")
        return order[self.ranks[order] > 0]


class ClassificationBuilder:
    """Collects the answers to a set, picture by picture.

    Parameters
    ----------
    categories : int64 (labels,)
        Category of each label of the model, -1 for none. Labels of one category add their probabilities.
    """

    def __init__(self, n_categories: int, categories: NDArray[np.int64]) -> None:
        self._n = n_categories
        own = np.cumsum(categories < 0) - 1 + n_categories
        # A label without a category is an answer of its own.
        self._answer_of = np.where(categories < 0, own, categories)
        self._n_answers = n_categories + int((categories < 0).sum())
        self._rows: list[tuple[int, int, float, int, float]] = []

    def add(self, true: Sequence[int], probabilities: NDArray[np.floating]) -> None:
        """Add the next picture.

        Parameters
        ----------
        true : its categories, at least one; any of them is a right answer
        probabilities : float (labels,)
        """
        of_answer = np.bincount(self._answer_of, weights=probabilities, minlength=self._n_answers)
        kinds = np.array(sorted(set(true)))
        kind = int(kinds[of_answer[kinds].argmax()])
        best = int(of_answer.argmax())
        rank = int((of_answer > of_answer[kind]).sum())
        # With equal probabilities the true class counts as the answer.
        best = kind if rank == 0 else best
        self._rows.append((kind, best if best < self._n else -1, float(of_answer[best]), rank, float(of_answer[kind])))

    def build(self) -> ClassificationScores:
        """All that was added so far."""
        true, answers, confidence, ranks, probabilities = zip(*self._rows, strict=True) if self._rows else ((),) * 5
        return ClassificationScores(
            np.array(true, np.int32),
            np.array(answers, np.int32),
            np.array(confidence, np.float32),
            np.array(ranks, np.int32),
            np.array(probabilities, np.float32),
        )
