"""CPU threads of torch, and how many networks share the cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cvstudio.models.runtime.host import Host
    from cvstudio.models.spec import ModelSpec


QUICK_SECS = 0.1
"""Below this time per frame in seconds, a network leaves one core to the window: the last core speeds it up little."""


def let_waiting_threads_sleep() -> None:
    """Make idle OpenMP threads sleep instead of spin; call it before torch is imported.

    A spinning thread takes a core from decoding and drawing, which run beside the network; with two jobs on two cores
    a forward pass becomes many times slower. A policy set by the user stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cpu_streams(model: ModelSpec | None) -> int:
    """Number of concurrent forward passes that fill the CPU: one per core up to 4 cores, beyond that one per 4 cores.

    One picture does not fill two cores: between layers all but one wait. 1 for a model without weights.
    """
    if model is None or not model.weights:
        return 1
    cores = os.cpu_count() or 1
    return cores if cores <= 4 else min(8, cores // 4)


def frames_at_once(model: ModelSpec | None, host: Host, *, streams: int | None = None) -> int:
    """Number of frames that may pass the network of `model` concurrently: 1 unless it is `reentrant` and on a CPU.

    One frame fills an accelerator. Imports torch where the device of `host` is not known yet.

    Parameters
    ----------
    streams : the number for a reentrant network on a CPU; None takes `cpu_streams`
    """
    if model is None or "reentrant" not in model.capabilities or host.device != "cpu":
        return 1
    return cpu_streams(model) if streams is None else streams


def shares_cores(
    model: ModelSpec | None, weights: Path | None, host: Host, streams: int, least_secs: float | None
) -> bool:
    """Whether the network of `model` leaves a core to others while a video plays.

    Two networks that both took all cores would wait for each other. OpenVINO alone goes on with all of them: its
    threads share a picture out in small parts.

    Parameters
    ----------
    weights : the user's checkpoint
    streams : frames that it processes at once
    least_secs : of a frame; None where it is not known
    """
    if model is None or not model.weights or host.device != "cpu":
        return False
    precision = host.precision_of(model, weights)
    quick = least_secs is not None and least_secs < QUICK_SECS
    return streams > 1 or (quick and (precision is None or precision.engine != "openvino"))


def share_cores(streams: int) -> None:
    """Limit torch to 1 / `streams` of the cores in the calling thread, and in threads that first use it afterwards."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // streams))


class _ThreadCount:
    """Torch's thread count, restored at the end of nested or concurrent blocks that change it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active_blocks = 0
        self._initial_threads = 1
        self._thread_local = threading.local()

    @contextmanager
    def restored(self) -> Iterator[None]:
        import torch

        depth = getattr(self._thread_local, "depth", 0)
        with self._lock:
            if not self._active_blocks:
                self._initial_threads = torch.get_num_threads()
            self._active_blocks += 1
            # A thread's first count inside another thread's block is the reduced one: take the initial count instead.
            previous_threads = torch.get_num_threads() if depth else self._initial_threads
        self._thread_local.depth = depth + 1
        try:
            yield
        finally:
            self._thread_local.depth = depth
            with self._lock:
                self._active_blocks -= 1
                torch.set_num_threads(previous_threads)


_thread_count = _ThreadCount()


def cores_shared() -> AbstractContextManager[None]:
    """Context that restores torch's thread count at its end, for the calling thread and threads that first use torch
    afterwards. Blocks of several threads may overlap."""
    return _thread_count.restored()


@contextmanager
def leaving_a_core(streams: int = 1) -> Iterator[None]:
    """Context in which torch leaves one core free; the calling thread gets 1 / `streams` of the others.

    A network splits its work evenly and waits for its slowest thread: on two cores, one of which also paints the
    window, two threads take half as long again as one.
    """
    import torch

    with cores_shared():
        torch.set_num_threads(max(1, (torch.get_num_threads() - 1) // streams))
        yield
