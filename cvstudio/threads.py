"""Threads of the libraries that share a few cores."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvstudio.models.base import ModelSpec


def let_waiting_threads_sleep() -> None:
    """Call before torch is imported: OpenMP's threads then sleep while they wait for work, instead of spinning.

    A spinning thread takes a core from decoding and drawing, which go on beside the network; with two jobs on two cores
    a forward pass becomes many times as slow. What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cpu_streams(model: ModelSpec | None) -> int:
    """How many networks keep all cores of a CPU busy: one for each of few cores, else one for four.

    One picture does not fill two cores: between layers all but one wait.
    """
    if model is None or not model.weights:
        return 1
    cores = os.cpu_count() or 1
    return cores if cores <= 4 else min(8, cores // 4)


def share_cores(streams: int) -> None:
    """Let torch use a share of the cores in the calling thread, and in those that first use it afterwards."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // streams))


@contextmanager
def cores_shared() -> Iterator[None]:
    """Whatever torch is told in the block, threads that first use it afterwards have as many cores as before."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def leaving_a_core() -> Iterator[None]:
    """What torch computes in the calling thread uses a core less than it may.

    A network shares its work out evenly and waits for its last thread: on two cores, one of which also paints a
    window, it takes half as long again with two threads as with one.
    """
    import torch

    with cores_shared():
        torch.set_num_threads(max(1, torch.get_num_threads() - 1))
        yield
