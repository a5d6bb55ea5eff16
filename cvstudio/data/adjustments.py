"""Adjustments: what is done to a picture, frame or depth map before any analysis is given it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import MediaError, ParamsError

S = TypeVar("S", bound=Image | DepthMap)
Flip = Literal["", "h", "v", "hv"]
Channel = Literal["", "red", "green", "blue"]

FLIPS: tuple[Flip, ...] = ("", "h", "v", "hv")
CHANNELS: tuple[Channel, ...] = ("", "red", "green", "blue")
TURNS = (0, 90, 180, 270)
FORM = "crop=X,Y,WIDTH,HEIGHT rotate=90|180|270 flip=h|v|hv levels=BLACK,WHITE,GAMMA channel=red|green|blue"
"""How they are written on the command line: some of these, in any order."""

_QUARTER_TURNS = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}


@dataclass(frozen=True)
class Adjustments:
    """What is done to a picture, in this order whatever it is written in.

    Parameters
    ----------
    crop : x, y, width, height in pixels of the file: what is kept, as far as it lies in the picture; None for all
    rotate : 0, 90, 180 or 270 degrees, clockwise
    flip : "h" (left becomes right), "v", "hv" or ""
    levels : black and white 0..1 of the brightness that become 0 and 1, and the gamma above 0 between them
    channel : the one of "red", "green" and "blue" that takes the place of all; "" for all

    Raises
    ------
    ParamsError
        A value is not allowed.
    """

    crop: tuple[int, int, int, int] | None = None
    rotate: int = 0
    flip: Flip = ""
    levels: tuple[float, float, float] = (0.0, 1.0, 1.0)
    channel: Channel = ""

    def __post_init__(self) -> None:
        if self.crop is not None and not (len(self.crop) == 4 and min(self.crop[2:]) > 0):
            raise ParamsError(f"crop expects X,Y,WIDTH,HEIGHT with a width and a height above 0, found {self.crop}.")
        if self.rotate not in TURNS:
            raise ParamsError(f"rotate expects one of {', '.join(map(str, TURNS))}, found {self.rotate}.")
        if self.flip not in FLIPS:
            raise ParamsError(f"flip expects h, v or hv, found '{self.flip}'.")
        if not (
            len(self.levels) == 3 and 0 <= self.levels[0] < self.levels[1] <= 1 and 0 < self.levels[2] < float("inf")
        ):
            wanted = "BLACK,WHITE,GAMMA with 0 <= black < white <= 1 and a gamma above 0"
            raise ParamsError(f"levels expects {wanted}, found {self.levels}.")
        if self.channel not in CHANNELS:
            raise ParamsError(f"channel expects red, green or blue, found '{self.channel}'.")

    @property
    def identity(self) -> bool:
        """Whether nothing is done."""
        return self == Adjustments()

    @property
    def tonal(self) -> bool:
        """Whether values change, which a depth map has no meaning for."""
        return bool(self.channel) or self.levels != Adjustments.levels

    @property
    def spatial(self) -> bool:
        """Whether pixels move."""
        return self.crop is not None or bool(self.rotate) or bool(self.flip)

    def pixel_map(self, size: Size) -> PixelMap:
        """From the pixels of a file's picture of `size` to those of the adjusted one.

        Raises
        ------
        MediaError
            The crop lies outside of the picture.
        """
        left, top, width, height = self.crop or (0, 0, *size)
        right, bottom = min(left + width, size.width), min(top + height, size.height)
        left, top = max(left, 0), max(top, 0)
        if left >= right or top >= bottom:
            raise MediaError(
                f"The crop {self.crop} lies outside of the picture of {size.width} x {size.height} pixels; move it."
            )
        xx, xy, yx, yy = _QUARTER_TURNS[self.rotate]
        horizontal, vertical = (-1 if side in self.flip else 1 for side in "hv")
        matrix = (horizontal * xx, horizontal * xy, vertical * yx, vertical * yy)
        way = PixelMap(matrix, (0, 0), size, size)
        turned = way.rect(Rect(left, top, right - left, bottom - top))
        target = Size(round(turned.width), round(turned.height))
        return dataclasses.replace(way, offset=(-round(turned.x), -round(turned.y)), target=target)

    def apply(self, sample: S) -> S:
        """`sample` adjusted: a picture, a frame or a depth map. Raises MediaError."""
        way = self.pixel_map(sample.size)
        kept = way.inverse.rect(Rect(0, 0, *way.target))
        rows, columns = slice(int(kept.y), int(kept.bottom)), slice(int(kept.x), int(kept.right))
        if isinstance(sample, DepthMap):
            return cast(
                S,
                dataclasses.replace(
                    sample,
                    values=way.turned(sample.values[rows, columns]),
                    invalid=way.turned(sample.invalid[rows, columns]),
                ),
            )
        pixels = way.turned(self._toned(sample.pixels[rows, columns], linear=sample.transfer == "linear"))
        alpha = None if sample.alpha is None else way.turned(sample.alpha[rows, columns])
        return cast(S, dataclasses.replace(sample, pixels=pixels, alpha=alpha))

    def _toned(self, pixels: NDArray[Any], *, linear: bool) -> NDArray[Any]:
        if self.levels != Adjustments.levels:
            if pixels.dtype == np.float32:
                pixels = self._levelled(pixels, unbounded=linear).astype(np.float32)
            else:
                top = np.iinfo(pixels.dtype).max
                table = self._levelled(np.arange(top + 1) / top, unbounded=False)
                pixels = np.rint(table * top).astype(pixels.dtype)[pixels]
        if self.channel:
            number = CHANNELS.index(self.channel) - 1
            pixels = np.repeat(pixels[..., number : number + 1], 3, axis=2)
        return pixels

    def _levelled(self, values: NDArray[Any], *, unbounded: bool) -> NDArray[Any]:
        black, white, gamma = self.levels
        stretched = (values - black) / (white - black)
        return np.clip(stretched, 0.0, None if unbounded else 1.0) ** (1.0 / gamma)

    def to_json(self) -> dict[str, Any]:
        """What differs from doing nothing, by name."""
        values = {item.name: (getattr(self, item.name), item.default) for item in dataclasses.fields(self)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, (value, default) in values.items()
            if value != default
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Adjustments:
        """What `to_json` wrote. Raises ParamsError, and TypeError where it is damaged."""
        values: dict[str, Any] = {}
        for name, value in saved.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return cls(**values)

    @classmethod
    def from_text(cls, text: str) -> Adjustments:
        """What the command line says, see `FORM`. Raises ParamsError."""
        values: dict[str, Any] = {}
        for part in text.split():
            name, equals, value = part.partition("=")
            try:
                if not equals or name in values:
                    raise ValueError(part)
                values[name] = _PARSERS[name](value)
            except (KeyError, ValueError):
                raise ParamsError(f"--adjust expects {FORM}, found '{part}'.") from None
        return cls(**values)


def _numbers(kind: type[Any]) -> Any:
    return lambda text: tuple(kind(item) for item in text.split(","))


_PARSERS: dict[str, Any] = {
    "crop": _numbers(int),
    "rotate": int,
    "flip": str,
    "levels": _numbers(float),
    "channel": str,
}
