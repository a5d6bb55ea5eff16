"""Threads of the libraries that share a few cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvstudio.models.runtime.host import Host
    from cvstudio.models.spec import ModelSpec


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


def frames_at_once(model: ModelSpec | None, host: Host, *, streams: int | None = None) -> int:
    """How many frames may go through the network of `model` side by side: 1 unless it is `reentrant`, on a CPU.

    An accelerator is filled by one. Imports torch where the device of `host` is not known yet.

    Parameters
    ----------
    streams : as many as there are then; None takes what `cpu_streams` says
    """
    if model is None or "reentrant" not in model.capabilities or host.device != "cpu":
        return 1
    return cpu_streams(model) if streams is None else streams


def share_cores(streams: int) -> None:
    """Let torch use a share of the cores in the calling thread, and in those that first use it afterwards."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // streams))


class _Sharing:
    """The blocks that share the cores now, of all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._cores = 1
        self._of_thread = threading.local()

    @contextmanager
    def block(self) -> Iterator[None]:
        import torch

        depth = getattr(self._of_thread, "depth", 0)
        with self._lock:
            if not self._inside:
                self._cores = torch.get_num_threads()
            self._inside += 1
            # What a thread finds while another shares the cores is not what there was before.
            before = torch.get_num_threads() if depth else self._cores
        self._of_thread.depth = depth + 1
        try:
            yield
        finally:
            self._of_thread.depth = depth
            with self._lock:
                self._inside -= 1
                torch.set_num_threads(before)


_sharing = _Sharing()


def cores_shared() -> AbstractContextManager[None]:
    """Whatever torch is told in the block, the calling thread, and threads that first use it afterwards, have as many
    cores as before. Blocks of several threads may overlap."""
    return _sharing.block()


@contextmanager
def leaving_a_core(streams: int = 1) -> Iterator[None]:
    """What torch computes in the calling thread uses a core less than it may, of which `streams` have a share each.

    A network shares its work out evenly and waits for its last thread: on two cores, one of which also paints a
    window, it takes half as long again with two threads as with one.
    """
    import torch

    with cores_shared():
        torch.set_num_threads(max(1, (torch.get_num_threads() - 1) // streams))
        yield
