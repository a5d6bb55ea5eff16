"""Adjustments: what is done to a picture, frame or depth map before any analysis is given it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import numpy as np

from cvstudio.data.geometry import Rect, Size
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import MediaError, ParamsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

S = TypeVar("S", bound=Image | DepthMap)
Flip = Literal["", "h", "v", "hv"]
Channel = Literal["", "red", "green", "blue"]

FLIPS: tuple[Flip, ...] = ("", "h", "v", "hv")
CHANNELS: tuple[Channel, ...] = ("", "red", "green", "blue")
TURNS = (0, 90, 180, 270)
MOST_CONTRAST = 4
LEAST_WINDOW = 1e-4
"""Least distance of black and white while they are dragged."""
FORM = (
    "crop=X,Y,WIDTH,HEIGHT rotate=90|180|270 flip=h|v|hv levels=BLACK,WHITE,GAMMA brightness=-1..1 contrast=0..4 "
    "channel=red|green|blue"
)
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
    brightness : -1..1, added after the levels
    contrast : 0..4, by which the distance from middle grey is multiplied before
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
    brightness: float = 0.0
    contrast: float = 1.0

    def __post_init__(self) -> None:
        if self.crop is not None and not (
            len(self.crop) == 4 and all(isinstance(side, int) for side in self.crop) and min(self.crop[2:]) > 0
        ):
            wanted = "X,Y,WIDTH,HEIGHT in whole pixels with a width and a height above 0"
            raise ParamsError(f"crop expects {wanted}, found {self.crop}.")
        if self.rotate not in TURNS:
            raise ParamsError(f"rotate expects one of {', '.join(map(str, TURNS))}, found {self.rotate}.")
        if self.flip not in FLIPS:
            raise ParamsError(f"flip expects h, v or hv, found '{self.flip}'.")
        if not (
            len(self.levels) == 3 and 0 <= self.levels[0] < self.levels[1] <= 1 and 0 < self.levels[2] < float("inf")
        ):
            wanted = "BLACK,WHITE,GAMMA with 0 <= black < white <= 1 and a gamma above 0"
            raise ParamsError(f"levels expects {wanted}, found {self.levels}.")
        for name, low, high in (("brightness", -1, 1), ("contrast", 0, MOST_CONTRAST)):
            if not low <= getattr(self, name) <= high:
                raise ParamsError(f"{name} expects {low} to {high}, found {getattr(self, name)}.")
        if self.channel not in CHANNELS:
            raise ParamsError(f"channel expects red, green or blue, found '{self.channel}'.")

    @property
    def identity(self) -> bool:
        """Whether nothing is done."""
        return self == Adjustments()

    @property
    def tonal(self) -> bool:
        """Whether values change, which a depth map has no meaning for."""
        return bool(self.channel) or self._changes_values

    @property
    def _changes_values(self) -> bool:
        usual = Adjustments
        return (self.levels, self.brightness, self.contrast) != (usual.levels, usual.brightness, usual.contrast)

    @property
    def tone(self) -> Adjustments:
        """What is done to values alone: without crop, rotation and flip."""
        return dataclasses.replace(self, crop=None, rotate=0, flip="")

    @property
    def orientation(self) -> Adjustments:
        """Rotation and flip alone."""
        return Adjustments(rotate=self.rotate, flip=self.flip)

    def windowed(self, wider: float, higher: float) -> Adjustments:
        """With another window of values from black to white, as a drag sets it.

        Parameters
        ----------
        wider : the window becomes 2 ** `wider` times as wide around its middle
        higher : its middle moves by this fraction of its width
        """
        black, white, gamma = self.levels
        width = min(max((white - black) * 2.0**wider, LEAST_WINDOW), 1.0)
        middle = min(max((black + white) / 2 + higher * (white - black), width / 2), 1 - width / 2)
        return dataclasses.replace(self, levels=(max(middle - width / 2, 0.0), min(middle + width / 2, 1.0), gamma))

    @property
    def spatial(self) -> bool:
        """Whether pixels move."""
        return self.crop is not None or bool(self.rotate) or bool(self.flip)

    def moves_as(self, other: Adjustments) -> bool:
        """Whether pixels move alike. Crops are not compared, as the pictures may be of different sizes."""
        return (self.crop is None, self.rotate, self.flip) == (other.crop is None, other.rotate, other.flip)

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
        pixels = way.turned(self.toned(sample.pixels[rows, columns], linear=sample.transfer == "linear"))
        alpha = None if sample.alpha is None else way.turned(sample.alpha[rows, columns])
        return cast(S, dataclasses.replace(sample, pixels=pixels, alpha=alpha))

    def toned(self, pixels: NDArray[Any], *, linear: bool) -> NDArray[Any]:
        """Pixels (h, w, 3) of the dtype of an `Image` with levels, brightness, contrast and channel.

        `linear` light has no upper end.
        """
        if self._changes_values:
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
        top = None if unbounded else 1.0
        levelled = np.clip(stretched, 0.0, top) ** (1.0 / gamma)
        if (self.brightness, self.contrast) == (0.0, 1.0):
            return np.asarray(levelled)
        return np.clip((levelled - 0.5) * self.contrast + 0.5 + self.brightness, 0.0, top)

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
    "brightness": float,
    "contrast": float,
    "channel": str,
}
