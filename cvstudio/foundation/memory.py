"""Memory of this machine."""

from __future__ import annotations


def available_bytes() -> int:
    """RAM that can be had without swapping, in bytes."""
    import psutil

    available: int = psutil.virtual_memory().available
    return available
