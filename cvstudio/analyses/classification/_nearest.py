"""k nearest neighbours: distances and votes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.results.neighbours import _BLOCK, COSINE, L2

EQUAL, BY_DISTANCE = "equal", "distance"


def distances_to(query: NDArray[np.float32], vectors: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
    """Distance of each row of `vectors` (n, d) to `query` (d,): float32 (n,).

    `metric` is cosine, L2 (root of the summed squares) or L1 (sum of the absolute differences). The cosine distance of
    a zero vector is 1.
    """
    distances = np.empty(len(vectors), np.float32)
    step = max(1, _BLOCK // max(1, vectors.shape[1]))
    length = float(np.linalg.norm(query))
    for start in range(0, len(vectors), step):
        rows = vectors[start : start + step]
        if metric == COSINE:
            lengths = np.linalg.norm(rows, axis=1) * length
            distances[start : start + step] = 1 - rows @ query / np.maximum(lengths, np.finfo(np.float32).tiny)
        else:
            differences = rows - query
            distances[start : start + step] = (
                np.sqrt(np.einsum("nd,nd->n", differences, differences))
                if metric == L2
                else np.abs(differences).sum(axis=1)
            )
    # Rounding may make the distance of a picture to itself slightly negative.
    return np.maximum(distances, 0)


def nearest(distances: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Rows of the `most` smallest distances, ascending: int64; ties are in the order of the rows."""
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
    """Fraction of the votes for each class, float32 (n_classes,), 0..1, of sum 1; zeros without any vote.

    Neighbours of class -1 do not vote. With `weighting` "distance" a vote weighs 1 / distance; where some distances are
    0, only those neighbours vote.
    """
    voting = classes >= 0
    voter_distances, voter_classes = distances[voting].astype(np.float64), classes[voting]
    if weighting == EQUAL:
        weights = np.ones(len(voter_distances))
    elif (voter_distances == 0).any():
        weights = (voter_distances == 0).astype(np.float64)
    else:
        weights = 1 / voter_distances
    votes = np.bincount(voter_classes, weights, minlength=n_classes)
    total = votes.sum()
    return (votes / total if total else votes).astype(np.float32)
