"""Nearest neighbours by distance, and their votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.results.neighbours import _BLOCK, COSINE, L2

EQUAL, BY_DISTANCE = "equal", "distance"


def distances_to(query: NDArray[np.float32], vectors: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
    """How far each row of `vectors` (n, d) is from `query` (d,): float32 (n,).

    L2 is the root of the summed squares, L1 the sum of the absolute differences. Of a vector of zeros the cosine
    distance is 1.
    """
    found = np.empty(len(vectors), np.float32)
    step = max(1, _BLOCK // max(1, vectors.shape[1]))
    length = float(np.linalg.norm(query))
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        if metric == COSINE:
            lengths = np.linalg.norm(part, axis=1) * length
            found[start : start + step] = 1 - part @ query / np.maximum(lengths, np.finfo(np.float32).tiny)
        else:
            away = part - query
            found[start : start + step] = (
                np.sqrt(np.einsum("nd,nd->n", away, away)) if metric == L2 else np.abs(away).sum(axis=1)
            )
    # Rounding may put a picture a little nearer to itself than nothing.
    return np.maximum(found, 0)


def nearest(distances: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Rows of the `most` smallest distances, ascending; of equal ones the earlier row is the nearer."""
    if len(distances) > most:
        limit = np.partition(distances, most - 1)[most - 1]
        rows = np.flatnonzero(distances <= limit)
    else:
        rows = np.arange(len(distances))
    order = np.argsort(distances[rows], kind="stable")[:most]
    return rows[order].astype(np.int64)


def vote_fractions(
    distances: NDArray[np.float32], classes: NDArray[np.int64], n_classes: int, weighting: str
) -> NDArray[np.float32]:
    """The part of the votes that each class has, float32 (n_classes,), 0..1, of sum 1; zeros where nobody votes.

    With "distance" a vote weighs 1 / distance; where some are at no distance at all, they alone vote.
    """
    voting = classes >= 0
    away, numbers = distances[voting].astype(np.float64), classes[voting]
    if weighting == EQUAL:
        weights = np.ones(len(away))
    elif (away == 0).any():
        weights = (away == 0).astype(np.float64)
    else:
        weights = 1 / away
    found = np.bincount(numbers, weights, minlength=n_classes)
    total = found.sum()
    return (found / total if total else found).astype(np.float32)
