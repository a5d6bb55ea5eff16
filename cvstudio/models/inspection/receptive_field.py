"""How much of the picture a unit sees: the arithmetic of receptive fields along one axis.

Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019 (size,
stride and offset through a graph), with what they leave out: enlarging, slices with a step, and gates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Reach(Enum):
    """How far a unit sees along an axis; of two the later one holds for what joins them."""

    LOCAL = "local"
    UNKNOWN = "unknown"
    WHOLE = "whole"


_ORDER = tuple(Reach)


@dataclass(frozen=True)
class Span:
    """What the units of a map see along one axis of the picture: unit i sees `start` + i `stride` to that + `size`.

    Parameters
    ----------
    size, stride, start : pixels of the network's input; they count from the outer corner, and a field may begin
        outside of the picture. All 0 where `reach` is not local.
    reach : "whole" where every unit sees the whole axis, "unknown" where it depends on the place, as with windows of
        attention, or cannot be followed

    Notes
    -----
    The size is exact along every path of convolutions and pooling. Where a map is enlarged, units see differently
    far by their place, and the field holds what any of them sees.
    """

    size: float = 1.0
    stride: float = 1.0
    start: float = 0.0
    reach: Reach = Reach.LOCAL

    @property
    def local(self) -> bool:
        return self.reach is Reach.LOCAL

    @property
    def end(self) -> float:
        """Where the field of unit 0 ends."""
        return self.start + self.size

    def window(self, kernel: int, stride: int = 1, padding: float = 0, dilation: int = 1) -> Span:
        """Behind a convolution or pooling."""
        if not self.local:
            return self
        return Span(
            self.size + (kernel - 1) * dilation * self.stride,
            self.stride * stride,
            self.start - padding * self.stride,
        )

    def spread(self, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Span:
        """Behind a transposed convolution: unit o hears units i with o = i stride - padding + t dilation."""
        if not self.local:
            return self
        step = self.stride / stride
        reach = (kernel - 1) * dilation
        # i lies between (o + padding - reach) / stride, rounded up, and (o + padding) / stride, rounded down.
        first = self.start + (padding - reach) * step
        return Span(self.size + reach * step, step, first)

    def enlarged(self, factor: float, taps: int) -> Span:
        """Behind an interpolation to `factor` times the units, each from `taps` neighbours: 1 nearest, 2 linear."""
        if not self.local:
            return self
        step = self.stride / factor
        if taps == 1:
            # Unit o is unit o / factor, rounded down.
            return Span(self.size + self.stride - step, step, self.start - (self.stride - step))
        # Unit o is mixed of the `taps` units around the place (o + 1/2) / factor - 1/2.
        half = taps / 2
        return Span(self.size + 2 * half * self.stride, step, self.start + self.stride * ((0.5 / factor - 0.5) - half))

    def narrowed(self, begin: int, step: int = 1) -> Span:
        """Of each `step`-th unit from `begin` on."""
        return replace(self, start=self.start + begin * self.stride, stride=self.stride * step) if self.local else self

    def join(self, other: Span) -> Span:
        """What is made of both sees what either sees."""
        if not (self.local and other.local):
            reach = max(self.reach, other.reach, key=_ORDER.index)
            return Span(0.0, 0.0, 0.0, reach)
        if abs(self.stride - other.stride) > 1e-9:
            return UNKNOWN
        start = min(self.start, other.start)
        return Span(max(self.end, other.end) - start, self.stride, start)

    def at(self, unit: int) -> tuple[float, float]:
        """From where to where unit number `unit` sees."""
        return self.start + unit * self.stride, self.end + unit * self.stride


UNKNOWN = Span(0.0, 0.0, 0.0, Reach.UNKNOWN)
WHOLE = Span(0.0, 0.0, 0.0, Reach.WHOLE)


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a map's units.

    `gated` means that the whole picture has a say in how strong each map is (squeeze and excitation, statistics of
    a group or layer normalisation over places), while what is seen remains the field.
    """

    down: Span
    across: Span
    gated: bool = False

    @property
    def local(self) -> bool:
        return self.down.local and self.across.local

    @property
    def whole(self) -> bool:
        return self.down.reach is Reach.WHOLE and self.across.reach is Reach.WHOLE

    def text(self) -> str:
        """In a few characters: height by width in pixels; empty where it is unknown."""
        if self.whole:
            return "whole picture"
        sides = (self.down, self.across)
        if any(side.reach is Reach.UNKNOWN for side in sides):
            return ""
        return " × ".join("all" if side.reach is Reach.WHOLE else f"{side.size:.0f}" for side in sides)


def field_to_json(field: ReceptiveField) -> list[Any]:
    """Plain values of a field."""
    sides = ([side.reach.value, side.size, side.stride, side.start] for side in (field.down, field.across))
    return [*sides, field.gated]


def field_from_json(values: list[Any]) -> ReceptiveField:
    """The field of plain values. Raises ValueError, TypeError or KeyError where they are none."""
    down, across, gated = values
    return ReceptiveField(_span_from_json(down), _span_from_json(across), bool(gated))


def _span_from_json(values: list[Any]) -> Span:
    reach, size, stride, start = values
    return Span(float(size), float(stride), float(start), Reach(reach))
