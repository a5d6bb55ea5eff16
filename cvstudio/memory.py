"""Memory of this process and of the accelerator, without a library for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Memory of this process that is in RAM; its peak where the system tells no more, None where it tells nothing."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _peak_bytes()


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, the others kibibytes.
    return peak if sys.platform == "darwin" else peak * 1024


def physical_bytes() -> int | None:
    """RAM of this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def network_budget(device: str) -> int:
    """Bytes that loaded networks may take on `device`: half of an accelerator's own memory, else a quarter of the RAM;
    4 GiB where nothing is known."""
    accelerator = accelerator_bytes(device)
    if accelerator is not None:
        return accelerator[1] // 2
    ram = physical_bytes()
    return ram // 4 if ram is not None else 4 << 30


def accelerator_bytes(device: str) -> tuple[int, int] | None:
    """Used and total memory of `device` ("cuda", "cuda:1", "mps"); None for the CPU and before anything ran there."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if device.startswith("cuda") and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info(device)
        return total - free, total
    if device == "mps":
        return torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory()
    return None
