"""Arithmetic of receptive fields along one axis of the picture.

Source: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019 (size,
stride and offset through a graph); upsampling, strided slices and gates are added here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


class Reach(Enum):
    """Extent of a receptive field along an axis, ascending: a unit that joins two has the later one."""

    LOCAL = "local"
    UNKNOWN = "unknown"
    WHOLE = "whole"


_ORDER = tuple(Reach)


@dataclass(frozen=True)
class Span:
    """Receptive fields of a map's units along one axis: that of unit i is `size` long from `start` + i `stride` on.

    Parameters
    ----------
    size, stride, start : pixels of the network's input, from its outer corner; a field may begin outside of the
        picture. All 0 where `reach` is not local.
    reach : "whole" where every field is the whole axis, "unknown" where it depends on the position, as with windowed
        attention, or cannot be traced

    Notes
    -----
    The size is exact along every path of convolutions and pooling. Behind an upsampling the fields of a map's units
    differ, and `size` holds the largest.
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
        """End of the field of unit 0, in pixels."""
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
        """Behind a transposed convolution: unit o depends on units i with o = i stride - padding + t dilation."""
        if not self.local:
            return self
        step = self.stride / stride
        reach = (kernel - 1) * dilation
        # i lies between (o + padding - reach) / stride, rounded up, and (o + padding) / stride, rounded down.
        first = self.start + (padding - reach) * step
        return Span(self.size + reach * step, step, first)

    def enlarged(self, factor: float, taps: int) -> Span:
        """Behind an upsampling by `factor`; each unit is interpolated from `taps` neighbours: 1 nearest, 2 linear."""
        if not self.local:
            return self
        step = self.stride / factor
        if taps == 1:
            # Unit o is unit o / factor, rounded down.
            return Span(self.size + self.stride - step, step, self.start - (self.stride - step))
        # Unit o is a mixture of the `taps` units around the position (o + 1/2) / factor - 1/2.
        half_taps = taps / 2
        return Span(
            self.size + 2 * half_taps * self.stride, step, self.start + self.stride * ((0.5 / factor - 0.5) - half_taps)
        )

    def narrowed(self, begin: int, step: int = 1) -> Span:
        """Behind a slice: every `step`-th unit from `begin` on."""
        return replace(self, start=self.start + begin * self.stride, stride=self.stride * step) if self.local else self

    def join(self, other: Span) -> Span:
        """The field of units that depend on both: the smallest that contains either."""
        if not (self.local and other.local):
            reach = max(self.reach, other.reach, key=_ORDER.index)
            return Span(0.0, 0.0, 0.0, reach)
        if abs(self.stride - other.stride) > 1e-9:
            return UNKNOWN
        start = min(self.start, other.start)
        return Span(max(self.end, other.end) - start, self.stride, start)

    def at(self, unit: int) -> tuple[float, float]:
        """Begin and end of the field of unit `unit`, in pixels."""
        return self.start + unit * self.stride, self.end + unit * self.stride


UNKNOWN = Span(0.0, 0.0, 0.0, Reach.UNKNOWN)
WHOLE = Span(0.0, 0.0, 0.0, Reach.WHOLE)


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive field of a map's units, along both axes.

    `gated` means that the strength of each map depends on the whole picture (squeeze and excitation, statistics of
    a group or layer normalisation over positions), while its spatial content depends on the field only.
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
        """Height by width in pixels, for a table; empty where it is unknown."""
        if self.whole:
            return "whole picture"
        sides = (self.down, self.across)
        if any(side.reach is Reach.UNKNOWN for side in sides):
            return ""
        return " × ".join("all" if side.reach is Reach.WHOLE else f"{side.size:.0f}" for side in sides)


def field_to_json(field: ReceptiveField) -> list[Any]:
    """A field as JSON values."""
    sides = ([side.reach.value, side.size, side.stride, side.start] for side in (field.down, field.across))
    return [*sides, field.gated]


def field_from_json(values: list[Any]) -> ReceptiveField:
    """The field from JSON values. Raises ValueError, TypeError or KeyError for others."""
    down, across, gated = values
    return ReceptiveField(_span_from_json(down), _span_from_json(across), bool(gated))


def _span_from_json(values: list[Any]) -> Span:
    reach, size, stride, start = values
    return Span(float(size), float(stride), float(start), Reach(reach))
