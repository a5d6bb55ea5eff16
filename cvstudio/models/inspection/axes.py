"""Spatial axes of a tensor: which of its dimensions run down and across the picture, through any reshape.

Every dimension is a product of atoms, each a size with the letters of the picture's axes that it runs along: a map
(n, c, h, w) has the atoms c, h and w; flattened to tokens it has h and w in one dimension; cut into windows it has h
twice, once across windows and once within them. So a reshape loses nothing, and an operation that mixes a dimension
(a matrix product, a mean) mixes either all of an axis or a known part of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cvstudio.models.inspection.receptive_field import UNKNOWN, WHOLE, ReceptiveField, Span

Atom = tuple[int, str]
"""Size, and the axes: "h", "w", both, or "" for a dimension that is not spatial."""

Dim = tuple[Atom, ...]
LETTERS = "hw"


@dataclass(frozen=True)
class TracedTensor:
    """Spatial meaning of a tensor: the atoms of each dimension, and the receptive field along both axes of the picture.

    `gated` as in `ReceptiveField`.
    """

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

    def with_span(self, letter: str, span: Span) -> TracedTensor:
        return replace(self, down=span) if letter == "h" else replace(self, across=span)

    def extent(self, letter: str, dims: Iterable[int] | None = None) -> int:
        """Number of units along an axis in `dims`, or in all dimensions."""
        selected = range(len(self.dims)) if dims is None else dims
        return math.prod(size for dim in selected for size, letters in self.dims[dim] if letter in letters)

    def letter_of(self, dim: int) -> str:
        """The axis that `dim` covers, all of it and no other; empty where it is not spatial, "?" otherwise."""
        letters = "".join(sorted({letter for _, letters in self.dims[dim] for letter in letters}))
        if not letters:
            return ""
        alone = len(letters) == 1 and all(axes for _, axes in self.dims[dim])
        return letters if alone and self.extent(letters, (dim,)) == self.extent(letters) else "?"

    def mixed(self, dims: Iterable[int]) -> TracedTensor:
        """Behind an operation in which each unit depends on all units along `dims`."""
        selected = [dim % len(self.dims) for dim in dims]
        traced = self
        for letter in LETTERS:
            extent = self.extent(letter, selected)
            if extent > 1:
                span = WHOLE if extent == self.extent(letter) else UNKNOWN
                traced = traced.with_span(letter, traced.span(letter).join(span))
        return traced

    def lost(self) -> TracedTensor:
        """Behind an operation whose axes cannot be followed: the receptive field becomes unknown."""
        traced = self
        for letter in LETTERS:
            traced = traced.with_span(letter, traced.span(letter).join(UNKNOWN))
        return traced


def trace_input(shape: Sequence[int]) -> TracedTensor:
    """The network's input itself, of shape (n, channels, height, width)."""
    n, channels, height, width = shape
    return TracedTensor((atom(n), atom(channels), atom(height, "h"), atom(width, "w")), Span(), Span())


def atom(size: int, letters: str = "") -> Dim:
    """A dimension of one atom; without any where its size is 1."""
    return ((size, letters),) if size != 1 else ()


def plain(shape: Sequence[int]) -> tuple[Dim, ...]:
    """Dimensions that are not spatial."""
    return tuple(atom(size) for size in shape)


def regroup(dims: Sequence[Dim], shape: Sequence[int]) -> tuple[Dim, ...]:
    """The atoms of `dims` in row-major order, regrouped into dimensions of `shape`, which has as many elements."""
    queue: list[Atom] = [item for dim in dims for item in dim]
    regrouped: list[Dim] = []
    for size in shape:
        remaining, dim = size, []
        while remaining > 1 and queue:
            atom_size, letters = queue.pop(0)
            if remaining % atom_size == 0:
                dim.append((atom_size, letters))
                remaining //= atom_size
            elif atom_size % remaining == 0:
                dim.append((remaining, letters))
                queue.insert(0, (atom_size // remaining, letters))
                remaining = 1
            elif queue:
                # The dimension ends within an atom: this one and the next become one.
                next_size, next_letters = queue.pop(0)
                queue.insert(0, (atom_size * next_size, "".join(sorted({*letters, *next_letters}))))
            else:
                dim.append((remaining, letters))
                remaining = 1
        regrouped.append(tuple(dim))
    return tuple(regrouped)


def resized(dim: Dim, size: int) -> Dim:
    """`dim` with `size` units along the same axes."""
    return atom(size, "".join(sorted({letter for _, letters in dim for letter in letters})))
