"""Tracking of all frames of a video in the background."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.temporal import Chain
from cvstudio.foundation.lanes import Work
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.precision import Precision, RequestedPrecision

OUTPUT_SECS = 1.0
"""Seconds between two partial outputs."""
CACHE_BYTES = 64 << 20


@dataclass(frozen=True, eq=False)
class TrackingProgress:
    """Frames that were tracked so far, from the start of a video without a gap, and their key."""

    key: Hashable
    chain: Chain


def follow_all(
    instance: AnalysisInstance,
    *,
    device: str,
    precision: RequestedPrecision,
    precisions: Mapping[tuple[str, ...], Precision],
) -> Work:
    """Work that tracks `instance` through its video: yields `TrackingProgress` every `OUTPUT_SECS` and at the end.

    Device and precisions are those of the window's host, as the key by which the window finds the frames holds them.
    """

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.analyses.temporal import TemporalChains
        from cvstudio.foundation.cache import Cache
        from cvstudio.running.runner import Runner

        followed = TemporalChains(keep=1)
        last_output = time.monotonic()
        # A separate cache: the frames of a whole video would evict what is on screen.
        cache = Cache(budget_bytes=CACHE_BYTES)
        with Runner(device=device, precision=precision, precisions=precisions, cache=cache) as runner:
            for _ in runner.frames(instance, progress, followed=followed):
                progress.check()
                if time.monotonic() - last_output > OUTPUT_SECS:
                    last_output = time.monotonic()
                    yield _so_far(followed.all())
            yield _so_far(followed.all())

    return work


def _so_far(chains: tuple[tuple[Hashable, Chain], ...]) -> TrackingProgress | None:
    if not chains:
        return None
    key, chain = chains[0]
    return TrackingProgress(key, chain.copied())
