"""Threads of the libraries that share a few cores."""

from __future__ import annotations

import os


def let_waiting_threads_sleep() -> None:
    """Call before torch is imported: OpenMP's threads then sleep while they wait for work, instead of spinning.

    A spinning thread takes a core from decoding and drawing, which go on beside the network; with two jobs on two cores
    a forward pass becomes many times as slow. What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
