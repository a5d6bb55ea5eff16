"""The class whose evidence an explanation shows: one of the network's classes, or the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range, listed
from cvstudio.results.classification import Logits

SUGGESTED = 10
"""Number of most likely classes that the list of classes begins with."""


@dataclass(frozen=True)
class ClassParams:
    """The class that is explained."""

    target: Annotated[
        str,
        Choices(from_model="labels", empty="most likely class"),
        Doc("Class", "Shows the evidence for this class, likely or not.", "Try the second most likely one."),
    ] = ""
    rank: Annotated[
        int,
        Range(1, 10, step=1),
        Doc(
            "Rank",
            "Where no class is chosen: explains the class of this rank, the most likely being 1.",
            "Step through the ranks to see what speaks for each.",
            more=True,
            later=True,
        ),
    ] = 1
    against: Annotated[
        str,
        Choices(from_model="labels", empty="nothing"),
        Doc(
            "Compared with",
            "Explains why the class and not this one: the difference of both logits.",
            "Choose the class that it is taken for.",
            more=True,
            later=True,
        ),
    ] = ""


@dataclass(frozen=True)
class ExplainedClass:
    """A class, or the difference of two.

    Parameters
    ----------
    index : of the class
    other : index of the class that it is compared with; None without
    label : of the class, with that of the other: "tabby, not tiger cat"
    probability : of the class
    """

    index: int
    other: int | None
    label: str
    probability: float

    def score(self, logits: Any) -> Any:
        """Score that is explained, from logits (..., classes), an array or a tensor: the logit, or the difference."""
        score = logits[..., self.index]
        return score if self.other is None else score - logits[..., self.other]

    def weights(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Row of the score in `weights` float32 (classes, k) of a linear layer: float32 (k,)."""
        row: NDArray[np.float32] = weights[self.index]
        return row if self.other is None else np.subtract(row, weights[self.other])


def explained_class(params: ClassParams, logits: Logits, temperature: float) -> ExplainedClass:
    """The class that `params` name, for the `logits` of a picture.

    Raises
    ------
    ParamsError
        The network has no such class, or a class is compared with itself.
    """
    labels = logits.labels
    for name in (params.target, params.against):
        if name and name not in labels:
            raise ParamsError(f"This network has no class '{name}'; it has: {listed(labels, name)}.")
    if params.target:
        index = labels.index(params.target)
    else:
        index = int(ranked(logits.values)[min(params.rank, len(labels)) - 1])
    other = labels.index(params.against) if params.against else None
    if other == index:
        raise ParamsError(f"Expected two classes, found '{params.against}' twice; compare with another class.")
    label = labels[index] if other is None else f"{labels[index]}, not {labels[other]}"
    return ExplainedClass(index, other, label, float(logits.probabilities(temperature)[index]))


def ranked(logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of the classes, the most likely first."""
    return np.argsort(-logits, kind="stable")


def suggested_classes(logits: NDArray[np.float32], labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The classes that the lists of classes begin with, by parameter."""
    first = tuple(labels[index] for index in ranked(logits)[:SUGGESTED].tolist())
    return {"target": first, "against": first}
