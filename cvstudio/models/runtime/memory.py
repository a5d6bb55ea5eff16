"""Memory of this process and of the accelerator."""

from __future__ import annotations

import sys


def resident_bytes() -> int:
    """Resident memory of this process, in bytes."""
    import psutil

    resident: int = psutil.Process().memory_info().rss
    return resident


def physical_bytes() -> int:
    """RAM of this machine, in bytes."""
    import psutil

    total: int = psutil.virtual_memory().total
    return total


def network_budget(device: str) -> int:
    """Memory budget of loaded networks on `device`, in bytes: half of the accelerator's, else a quarter of the RAM."""
    accelerator = accelerator_bytes(device)
    if accelerator is not None:
        return accelerator[1] // 2
    return physical_bytes() // 4


def accelerator_bytes(device: str) -> tuple[int, int] | None:
    """Used and total memory of `device` ("cuda", "cuda:1", "mps") bytes; None for the CPU and before first use."""
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if device.startswith("cuda") and torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info(device)
        return total - free, total
    if device == "mps":
        return torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory()
    return None
