"""Differences between the tensors of a network and those of a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cvstudio.foundation.errors import WeightsError

MOST_ROWS = 8
MOST_ALIKE = 3
"""Most missing tensors of one part of a network that are listed one by one; more of them share a row."""

MOST_PARTS = 6
NAME_WIDTH = 48
NONE = "-"


class Difference(Enum):
    """Kind of a difference, the most informative first. The value is its text for users."""

    SHAPE = "of another shape"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """One differing tensor. `expected` and `found` are shapes such as "64 x 3 x 7 x 7", "number", or "-" for none."""

    kind: Difference
    name: str
    expected: str
    found: str


@dataclass(frozen=True)
class Differences:
    """All differences, ordered by kind, then as in the network or the file.

    Parameters
    ----------
    what : name of the network
    n_expected, n_found : numbers of tensors of the network and of the checkpoint
    """

    what: str
    rows: tuple[Row, ...]
    n_expected: int
    n_found: int

    def count(self, kind: Difference) -> int:
        return sum(row.kind is kind for row in self.rows)

    @property
    def share(self) -> float:
        """Fraction, 0..1, of the names in network or file that both have with the same shape."""
        both = self.n_expected - self.count(Difference.MISSING)
        every = self.n_expected + self.count(Difference.UNKNOWN)
        return (both - self.count(Difference.SHAPE)) / every if every else 0.0

    def sentence(self) -> str:
        """The differences as one sentence for the user."""
        order = (Difference.MISSING, Difference.UNKNOWN, Difference.SHAPE)
        counts = [(self.count(kind), kind.value) for kind in order]
        summary = " and ".join(f"{count} {told}" for count, told in counts if count)
        return (
            f"Expected a checkpoint of {self.what} ({self.n_expected} tensors), but of this one's {self.n_found} "
            f"tensors and the network's, {summary}; choose a checkpoint of the same network and classes."
        )

    def table(self, most: int = MOST_ROWS) -> str:
        """Table of the first `most` differences: name, expected and found shape; long lists are grouped by part."""
        rows = grouped(self.rows) if len(self.rows) > most else list(self.rows)
        shown = [("tensor", "expected", "found"), *((_short(row.name), row.expected, row.found) for row in rows[:most])]
        widths = [max(len(cells[column]) for cells in shown) for column in range(3)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in shown
        ]
        rest = len(self.rows) - sum(_count(row) for row in rows[:most])
        return "\n".join([*lines, *([f"… and {rest} more"] if rest else [])])


class MismatchError(WeightsError):
    """A checkpoint does not fit the network. The text is the sentence and the table of `differences`."""

    def __init__(self, differences: Differences) -> None:
        super().__init__(f"{differences.sentence()}\n{differences.table()}")
        self.differences = differences


def compare(expected: Mapping[str, str], found: Mapping[str, str], what: str) -> Differences:
    """Differences between two mappings from names of tensors to shapes."""
    rows = [
        *(Row(Difference.SHAPE, n, expected[n], found[n]) for n in expected if n in found and found[n] != expected[n]),
        # Batch counters serve training only, and older checkpoints lack them.
        *(
            Row(Difference.MISSING, name, shape, NONE)
            for name, shape in expected.items()
            if name not in found and not name.endswith("num_batches_tracked")
        ),
        *(Row(Difference.UNKNOWN, name, NONE, shape) for name, shape in found.items() if name not in expected),
    ]
    return Differences(what, tuple(rows), len(expected), len(found))


def shape_text(tensor: Any) -> str:
    """Shape of a tensor as text: "64 x 3 x 7 x 7", or "number" for a scalar."""
    return " x ".join(str(length) for length in tensor.shape) or "number"


@dataclass(frozen=True)
class Group(Row):
    """Several tensors of one part of a network that are all missing, or all unknown."""

    count: int = 0


def grouped(rows: Sequence[Row]) -> list[Row]:
    """`rows` with many of one kind in one part of the network combined to a `Group`.

    Differing shapes are never grouped, as they show the number of classes or the width.
    """
    groups: list[Row] = [row for row in rows if row.kind is Difference.SHAPE]
    for kind in (Difference.MISSING, Difference.UNKNOWN):
        groups.extend(_group([row for row in rows if row.kind is kind], 0))
    return groups


def _group(rows: list[Row], depth: int) -> list[Row]:
    """Group `rows` of one kind, whose names agree in their first `depth` parts."""
    if len(rows) <= MOST_ALIKE:
        return rows
    if depth:
        prefix, count_text = ".".join(rows[0].name.split(".")[:depth]), f"{len(rows)} tensors"
        cells = (count_text, NONE) if rows[0].kind is Difference.MISSING else (NONE, count_text)
        return [Group(rows[0].kind, f"{prefix}.*", *cells, len(rows))]
    parts = _parts(rows, 1)
    if len(parts) == 1:
        # All in one part: its sub-parts are more informative, unless there are many.
        common = _common_depth([row.name.split(".") for row in rows])
        parts = _parts(rows, common + 1)
        if len(parts) > MOST_PARTS:
            return _group(rows, common)
        return [row for part in parts.values() for row in _group(part, common + 1)]
    return [row for part in parts.values() for row in _group(part, 1)]


def _parts(rows: list[Row], depth: int) -> dict[str, list[Row]]:
    """`rows` by the first `depth` parts of their names."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(".".join(row.name.split(".")[:depth]), []).append(row)
    return parts


def _common_depth(names: list[list[str]]) -> int:
    shortest = min(len(parts) for parts in names) - 1
    return next((d for d in range(shortest) if len({parts[d] for parts in names}) > 1), shortest)


def _count(row: Row) -> int:
    return row.count if isinstance(row, Group) else 1


def _short(name: str, width: int = NAME_WIDTH) -> str:
    """`name` with its middle elided where it is long; the end, which names the parameter, stays."""
    return name if len(name) <= width else f"{name[:15]}…{name[-(width - 16) :]}"
