"""Separation of long sounds: overlapping chunks, whose stems are brought into one order and blended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress

OVERLAP = 0.25
"""Part of a chunk that it shares with the next one: what both say there shows which of their stems belong together."""


class SeparatorNetwork(Protocol):
    """A loaded separator; see `cvstudio.models.separation`."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def rate_hz(self) -> int: ...

    @property
    def ordered(self) -> bool: ...

    def prepare(self, samples: int, chunk: int, progress: Progress) -> None:
        """Called once before a sound of `samples` is parted in chunks of `chunk`."""
        ...

    def separate(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]: ...


def chunk_places(samples: int, chunk: int) -> list[tuple[int, int]]:
    """Start and stop of chunks of `chunk` samples that overlap by at least `OVERLAP`; the last ends with the sound."""
    if samples <= chunk:
        return [(0, samples)]
    overlap = round(chunk * OVERLAP)
    count = -(-(samples - overlap) // (chunk - overlap))
    return [(start, start + chunk) for start in np.linspace(0, samples - chunk, count).round().astype(int).tolist()]


def separated(
    network: SeparatorNetwork,
    samples: NDArray[np.float32],
    chunk: int,
    progress: Progress,
    known: Sequence[NDArray[np.float32]] = (),
) -> Iterator[list[NDArray[np.float32]]]:
    """Part a sound float32 (n,) chunk by chunk, and yield the stems of each chunk so far, float32 (stems, samples).

    Parameters
    ----------
    chunk : samples of a chunk
    known : stems of the first chunks, of a run that was cancelled
    """
    places = chunk_places(len(samples), chunk)
    network.prepare(len(samples), places[0][1] - places[0][0], progress)
    parts: list[NDArray[np.float32]] = []
    for number, (start, stop) in enumerate(places):
        progress(number / len(places), f"chunk {number + 1} of {len(places)}")
        parts.append(known[number] if number < len(known) else network.separate(samples[start:stop], progress))
        yield parts


def joined(parts: Sequence[NDArray[np.float32]], samples: int, chunk: int, *, ordered: bool) -> NDArray[np.float32]:
    """Stems float32 (stems, `samples`) of all chunks, blended where they overlap.

    ordered : whether the stems of all chunks are in one order; else each is brought into that of the one before
    """
    stems = np.zeros((len(parts[0]), samples), np.float32)
    end = 0
    for (start, stop), part in zip(chunk_places(samples, chunk), parts, strict=True):
        shared = end - start
        if shared > 0 and not ordered:
            part = part[best_order(stems[:, start:end], part[:, :shared])]
        fade = np.linspace(0, 1, shared + 2, dtype=np.float32)[1:-1]
        stems[:, start:end] = stems[:, start:end] * (1 - fade) + part[:, :shared] * fade
        stems[:, end:stop] = part[:, shared:]
        end = stop
    return stems


def best_order(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.intp]:
    """Order of the rows of `after` in which they differ least from those of `before`, both float32 (stems, n)."""
    from scipy.optimize import linear_sum_assignment

    products = before.astype(np.float64) @ after.T.astype(np.float64)
    order: NDArray[np.intp] = linear_sum_assignment(products, maximize=True)[1]
    return order
