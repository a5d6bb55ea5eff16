"""Does a checkpoint belong to a network?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cvstudio.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn

_MAX_ROWS = 8


def load_into(module: nn.Module, state_dict: Mapping[str, Tensor], what: str) -> None:
    """Copy `state_dict` into `module`.

    Parameters
    ----------
    module : the network
    state_dict : tensors by name
    what : name of the network, for the message

    Raises
    ------
    WeightsError
        Names or shapes differ. One sentence, followed by a table of the first differences. `module` is unchanged.
    """
    expected = {name: _shape(tensor) for name, tensor in module.state_dict().items()}
    found = {name: _shape(tensor) for name, tensor in state_dict.items()}
    # Counters of batches serve training only; older checkpoints lack them.
    missing = [name for name in expected if name not in found and not name.endswith("num_batches_tracked")]
    unknown = [name for name in found if name not in expected]
    reshaped = [name for name in expected if name in found and found[name] != expected[name]]
    if missing or unknown or reshaped:
        counts = ((missing, "missing"), (unknown, "unknown"), (reshaped, "of another shape"))
        summary = " and ".join(f"{len(names)} {kind}" for names, kind in counts if names)
        # Another shape says most (the number of classes, the width), so it comes first.
        rows = [(name, expected.get(name, "-"), found.get(name, "-")) for name in (*reshaped, *missing, *unknown)]
        raise WeightsError(
            f"Expected a checkpoint of {what} ({len(expected)} tensors), but of this one's {len(found)} tensors and "
            f"the network's, {summary}; choose a checkpoint of the same network and classes.\n{_table(rows)}"
        )
    module.load_state_dict(dict(state_dict), strict=False)


def _shape(tensor: Any) -> str:
    return " x ".join(str(length) for length in tensor.shape) or "number"


def _table(rows: list[tuple[str, str, str]]) -> str:
    shown = [("tensor", "expected", "found"), *((_short(a), b, c) for a, b, c in rows[:_MAX_ROWS])]
    widths = [max(len(row[column]) for row in shown) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    if len(rows) > _MAX_ROWS:
        lines.append(f"… and {len(rows) - _MAX_ROWS} more")
    return "\n".join(lines)


def _short(name: str, width: int = 48) -> str:
    """`name` with its middle left out where it is long: the end says which layer's part it is."""
    return name if len(name) <= width else f"{name[:15]}…{name[-(width - 16) :]}"
