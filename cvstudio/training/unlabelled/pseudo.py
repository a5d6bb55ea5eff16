"""Pseudo-labels: confident predictions of a network, used as labels of unlabelled examples.

Sources: Lee, "Pseudo-Label", ICML workshop 2013 (hard ones); Xie et al., "Self-training with Noisy Student improves
ImageNet classification", CVPR 2020 (soft ones and balance, section 3.1).

The program's own recipes have their labels from other networks; this is for `self_training`, which the training lab is
to offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """Selected examples with their pseudo-labels, in the order of the examples.

    Parameters
    ----------
    rows : int64 (m,), indices of the examples, ascending; one repeated to balance the classes occurs several times
    targets : float32 (m, classes), probabilities; one-hot where the labels are hard
    confidence : float32 (m,), 0..1, of the most probable class
    """

    rows: NDArray[np.int64]
    targets: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.targets) == len(self.confidence):
            raise ValueError(
                f"Expected a target and a confidence for each row, but found {len(self.rows)} rows, "
                f"{len(self.targets)} targets and {len(self.confidence)} confidences."
            )
        for name in ("rows", "targets", "confidence"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    @property
    def classes(self) -> NDArray[np.int64]:
        """The most probable class, int64 (m,)."""
        numbers: NDArray[np.int64] = self.targets.argmax(axis=1)
        return numbers

    def __len__(self) -> int:
        return len(self.rows)


def select(
    probabilities: NDArray[np.floating],
    *,
    threshold: float,
    soft: bool = False,
    per_class: int | None = None,
    balanced: bool = False,
) -> PseudoLabels:
    """Select the examples whose most probable class has at least the probability `threshold`.

    Parameters
    ----------
    probabilities : float (n, classes), 0..1, of each class for each unlabelled example
    threshold : 0..1
    soft : whether the targets are the probabilities, in place of one-hot
    per_class : largest number of examples of each class, the most confident; of equal ones the first
    balanced : whether a class with fewer than `per_class` examples (None: than the largest class) repeats them, the
        most confident first, to that number; an empty class stays empty

    Raises
    ------
    ValueError
        `probabilities` has another shape or other values, or `per_class` is not above 0.
    """
    confidence, classes = _most_probable(probabilities)
    if per_class is not None and per_class < 1:
        raise ValueError(f"Expected at least 1 of each class, but found {per_class}.")
    # The most confident first; stable, so that the first of equal ones are taken.
    order = np.argsort(-confidence, kind="stable")
    order = order[confidence[order] >= threshold]
    groups = [order[classes[order] == class_index] for class_index in range(probabilities.shape[1])]
    size = max(map(len, groups), default=0) if per_class is None else per_class
    selected = [np.resize(group, size) if balanced and len(group) else group[:size] for group in groups]
    rows = np.sort(np.concatenate(selected)).astype(np.int64)
    if soft:
        targets = probabilities[rows].astype(np.float32)
    else:
        targets = np.zeros((len(rows), probabilities.shape[1]), np.float32)
        targets[np.arange(len(rows)), classes[rows]] = 1
    return PseudoLabels(rows, targets, confidence[rows].astype(np.float32))


@dataclass(frozen=True, eq=False)
class Expectation:
    """Expected precision and coverage of pseudo-labels by threshold, measured on labelled examples.

    Parameters
    ----------
    thresholds : float64 (k,), ascending
    precision : float64 (k,), 0..1, correct fraction of the selected examples; NaN where there are none
    coverage : float64 (k,), 0..1, selected fraction of all examples
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    coverage: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("thresholds", "precision", "coverage"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def threshold_for(self, precision: float) -> float | None:
        """The threshold with the largest coverage whose precision is at least `precision`; None where there is none."""
        # NaN compares as false.
        good = np.flatnonzero(self.precision >= precision)
        return float(self.thresholds[good[0]]) if len(good) else None


def expectation(
    probabilities: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    thresholds: Sequence[float] | NDArray[np.floating] | None = None,
) -> Expectation:
    """Measure precision and coverage of `select` on labelled examples that were not used for training.

    Parameters
    ----------
    probabilities : float (n, classes), 0..1; at least one example
    labels : int (n,), the true classes
    thresholds : float (k,); without them, each confidence that occurs

    Raises
    ------
    ValueError
        `probabilities` has another shape or other values, there is no example, or not one label for each.
    """
    confidence, classes = _most_probable(probabilities)
    if len(labels) != len(confidence) or not len(labels):
        raise ValueError(f"Expected a label for each example, but found {len(labels)} for {len(confidence)}.")
    order = np.argsort(confidence, kind="stable")
    ascending = confidence[order]
    thresholds_used = np.unique(ascending if thresholds is None else np.asarray(thresholds, np.float64))
    first_selected = np.searchsorted(ascending, thresholds_used, side="left")
    n_selected = len(labels) - first_selected
    # Correct ones from each index to the end.
    n_correct = np.append(np.cumsum((classes == labels)[order][::-1])[::-1], 0)[first_selected]
    precision = np.divide(n_correct, n_selected, out=np.full(len(thresholds_used), np.nan), where=n_selected > 0)
    return Expectation(thresholds_used.astype(np.float64), precision, n_selected / len(labels))


def _most_probable(probabilities: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Probability and index of each example's most probable class, (n,) each. Raises ValueError."""
    if probabilities.ndim != 2 or not probabilities.shape[1]:
        raise ValueError(f"Expected probabilities (examples, classes), but found the shape {probabilities.shape}.")
    # Written so that NaN fails, too.
    if not ((probabilities >= 0) & (probabilities <= 1 + 1e-5)).all():
        raise ValueError("Expected probabilities in 0..1, but found others; logits want a softmax first.")
    return probabilities.max(axis=1), probabilities.argmax(axis=1).astype(np.int64)
