"""Which axes of an array run down and across the picture, whatever it was reshaped to.

Every dimension is a product of atoms, each a size with the letters of the picture's axes that it runs along: a map
(n, c, h, w) has the atoms c, h and w; flattened to places it has h w in one dimension; cut into windows it has h twice,
once from window to window and once within them. So a reshape takes nothing away, and what mixes a dimension
(a product of matrices, a mean) can be asked whether it mixed all of an axis or a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cvstudio.models.inspection.receptive_field import UNKNOWN, WHOLE, ReceptiveField, Span

Atom = tuple[int, str]
"""Size, and "h", "w", both, or "" for what is no place."""

Dim = tuple[Atom, ...]
LETTERS = "hw"


@dataclass(frozen=True)
class Seen:
    """What an array shows of the picture: the atoms of each dimension, and the spans of the axes by letter."""

    dims: tuple[Dim, ...]
    down: Span
    across: Span
    gated: bool = False

    @property
    def field(self) -> ReceptiveField:
        return ReceptiveField(self.down, self.across, self.gated)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(math.prod(size for size, _ in dim) for dim in self.dims)

    def span(self, letter: str) -> Span:
        return self.down if letter == "h" else self.across

    def with_span(self, letter: str, span: Span) -> Seen:
        return replace(self, down=span) if letter == "h" else replace(self, across=span)

    def extent(self, letter: str, dims: Iterable[int] | None = None) -> int:
        """How many units `dims`, or all, have along an axis."""
        chosen = range(len(self.dims)) if dims is None else dims
        return math.prod(size for dim in chosen for size, letters in self.dims[dim] if letter in letters)

    def letter_of(self, dim: int) -> str:
        """The axis that `dim` runs along, all of it and no other; empty where it runs along none, "?" else."""
        letters = "".join(sorted({letter for _, letters in self.dims[dim] for letter in letters}))
        if not letters:
            return ""
        alone = len(letters) == 1 and all(found for _, found in self.dims[dim])
        return letters if alone and self.extent(letters, (dim,)) == self.extent(letters) else "?"

    def mixed(self, dims: Iterable[int]) -> Seen:
        """Each unit is now made of all units along `dims`."""
        chosen = [dim % len(self.dims) for dim in dims]
        seen = self
        for letter in LETTERS:
            part = self.extent(letter, chosen)
            if part > 1:
                span = WHOLE if part == self.extent(letter) else UNKNOWN
                seen = seen.with_span(letter, seen.span(letter).join(span))
        return seen

    def lost(self) -> Seen:
        """Where the axes lie cannot be followed any more."""
        seen = self
        for letter in LETTERS:
            seen = seen.with_span(letter, seen.span(letter).join(UNKNOWN))
        return seen


def first_seen(shape: Sequence[int]) -> Seen:
    """The picture itself, (n, channels, height, width)."""
    n, channels, height, width = shape
    return Seen((atom(n), atom(channels), atom(height, "h"), atom(width, "w")), Span(), Span())


def atom(size: int, letters: str = "") -> Dim:
    """A dimension of one atom; of size 1 it is none."""
    return ((size, letters),) if size != 1 else ()


def plain(shape: Sequence[int]) -> tuple[Dim, ...]:
    """Dimensions that are no places."""
    return tuple(atom(size) for size in shape)


def regroup(dims: Sequence[Dim], shape: Sequence[int]) -> tuple[Dim, ...]:
    """The atoms of `dims`, row by row, in dimensions of `shape`, which has as many elements."""
    queue: list[Atom] = [item for dim in dims for item in dim]
    made: list[Dim] = []
    for size in shape:
        need, dim = size, []
        while need > 1 and queue:
            here, letters = queue.pop(0)
            if need % here == 0:
                dim.append((here, letters))
                need //= here
            elif here % need == 0:
                dim.append((need, letters))
                queue.insert(0, (here // need, letters))
                need = 1
            elif queue:
                # It ends within an atom: this and the next are one from here on.
                after, others = queue.pop(0)
                queue.insert(0, (here * after, "".join(sorted({*letters, *others}))))
            else:
                dim.append((need, letters))
                need = 1
        made.append(tuple(dim))
    return tuple(made)


def resized(dim: Dim, size: int) -> Dim:
    """`dim` with another number of units along the same axes."""
    return atom(size, "".join(sorted({letter for _, letters in dim for letter in letters})))
