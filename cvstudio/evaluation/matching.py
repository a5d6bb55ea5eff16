"""Matching of predicted to true objects, one to one, in the order of the predictions' scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def greedy(
    rows: NDArray[np.int32], columns: NDArray[np.int32], n_rows: int, reusable: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Greedy matching: each row takes the first of its candidates that is still free.

    Parameters
    ----------
    rows, columns : int32 (p,)
        Candidate pairs of a prediction and a true object. Sorted by row, the best prediction of a picture first, and
        within a row by preference.
    n_rows : number of predictions
    reusable : bool (m,)
        True objects that any number of predictions may take, such as crowds.

    Returns
    -------
    int32 (n_rows,)
        The column of each row; -1 where there is none. A row depends on the rows before it only, so that predictions
        below a score never change the match of those above.
    """
    matched = [-1] * n_rows
    taken = [False] * len(reusable)
    is_reusable = reusable.tolist()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if matched[row] < 0 and not taken[column]:
            matched[row] = column
            taken[column] = not is_reusable[column]
    return np.array(matched, np.int32)


def by_preference(
    rows: NDArray[np.int32], columns: NDArray[np.int32], overlaps: NDArray[np.float64], later: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Order of candidate pairs for `greedy`: by row; within a row, those that are not `later`, bool (p,), first; then
    the largest overlap, of equal ones the last column, as COCO's evaluation does."""
    order: NDArray[np.intp] = np.lexsort((-columns, -overlaps, later, rows))
    return order
