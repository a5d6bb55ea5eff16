"""Samples: the data that readers return and stages take. All are frozen, with read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.spatial.scalars import ScalarField, check_scalars
from cvstudio.data.srgb import srgb8

if TYPE_CHECKING:
    from numpy.typing import NDArray

Transfer = Literal["srgb", "linear"]
DepthUnit = Literal["m", "mm", "px", "relative"]


@dataclass(frozen=True, eq=False)
class Image:
    """A picture.

    Parameters
    ----------
    pixels : uint8, uint16 or float32 (H, W, 3)
        RGB; integers use their full range, floats are 0..1 for sRGB and unbounded for linear light.
    alpha : same dtype (H, W), optional
        Opacity, straight (not premultiplied).
    transfer : transfer function, "srgb" or "linear"

    Raises
    ------
    ValueError
        A shape or dtype differs.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    transfer: Transfer = "srgb"

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or 0 in self.pixels.shape:
            raise ValueError(f"expected RGB pixels of shape (H, W, 3), found {self.pixels.shape}")
        if self.pixels.dtype not in (np.uint8, np.uint16, np.float32):
            raise ValueError(f"expected uint8, uint16 or float32 pixels, found {self.pixels.dtype}")
        object.__setattr__(self, "pixels", readonly(self.pixels))
        if self.alpha is not None:
            if self.alpha.shape != self.pixels.shape[:2]:
                raise ValueError(f"expected alpha of shape {self.pixels.shape[:2]}, found {self.alpha.shape}")
            object.__setattr__(self, "alpha", readonly(self.alpha))

    @property
    def size(self) -> Size:
        return Size(self.pixels.shape[1], self.pixels.shape[0])

    @cached_property
    def rgb8(self) -> NDArray[np.uint8]:
        """The picture as sRGB uint8 (H, W, 3), for networks and for display at an exposure of 0."""
        if self.pixels.dtype == np.uint8:
            return self.pixels
        if self.pixels.dtype == np.uint16:
            # 257 maps 65535 to 255 exactly; a shift by 8 would darken.
            return readonly(((self.pixels.astype(np.uint32) + 128) // 257).astype(np.uint8))
        if self.transfer == "linear":
            return readonly(srgb8(self.pixels))
        values = np.nan_to_num(np.clip(self.pixels, 0.0, 1.0), nan=0.0)
        return readonly((values * 255 + 0.5).astype(np.uint8))


@dataclass(frozen=True, eq=False)
class Frame(Image):
    """A frame of a video. `pts` is its presentation time in seconds."""

    pts: float = 0.0


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Depth or disparity of each pixel.

    Parameters
    ----------
    values : float32 (H, W)
        In `unit`; undefined where `invalid`.
    unit : "m", "mm", "px" (disparity) or "relative"
    invalid : bool (H, W)
        Pixels without a measurement (zero, NaN or infinite in the file).
    near_is_large : bool
        True for disparity and inverse depth, False for metric depth.
    """

    values: NDArray[np.float32]
    unit: DepthUnit = "relative"
    invalid: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))
    near_is_large: bool = False

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or 0 in self.values.shape or self.values.dtype != np.float32:
            raise ValueError(f"expected float32 depth (H, W), found {self.values.dtype} {self.values.shape}")
        missing = ~np.isfinite(self.values)
        invalid = missing if self.invalid.size == 0 else self.invalid | missing
        if invalid.shape != self.values.shape:
            raise ValueError(f"expected an invalid mask of shape {self.values.shape}, found {invalid.shape}")
        object.__setattr__(self, "invalid", readonly(invalid))
        object.__setattr__(self, "values", readonly(np.where(invalid, np.float32(0), self.values)))

    @property
    def size(self) -> Size:
        return Size(self.values.shape[1], self.values.shape[0])

    @cached_property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest valid value, in `unit`; (0, 1) where no value is valid."""
        valid = self.values[~self.invalid]
        return (float(valid.min()), float(valid.max())) if valid.size else (0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Waveform:
    """Sound: `samples` float32 (channels, n), nominally -1..1, at `rate_hz`; `start` is the first sample's index."""

    samples: NDArray[np.float32]
    rate_hz: int
    start: int = 0

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise ValueError(f"expected float32 (channels, n), found {self.samples.dtype} {self.samples.shape}")
        if self.rate_hz <= 0:
            raise ValueError(f"expected a positive sample rate, found {self.rate_hz}")
        object.__setattr__(self, "samples", readonly(self.samples))

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration_secs(self) -> float:
        return float(self.samples.shape[1] / self.rate_hz)


def _check_rows(what: str, array: NDArray[Any] | None, shape: tuple[int, ...], dtype: type[Any]) -> None:
    if array is not None and (array.shape != shape or array.dtype != dtype):
        raise ValueError(f"expected {what} {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}")


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """A surface made of triangles.

    Parameters
    ----------
    vertices : float64 (n, 3)
        x, y, z in the unit of the file; finite. Doubles, as surveyed coordinates lie far from their origin.
    triangles : int32 (m, 3)
        Indices into `vertices`, counterclockwise as seen from outside.
    colours : uint8 (n, 3), optional
        sRGB colour of each vertex.
    notes : what the file holds and the mesh does not, as (title, text)
    normals : float32 (n, 3), optional
        Surface normal of each vertex, of unit length or 0.
    uv : float32 (m, 3, 2), optional
        Place of each corner of each triangle in the texture: (0, 0) is its lower left corner, (1, 1) its upper right;
        beyond, the texture repeats.
    texture : uint8 (h, w, 3), optional
        sRGB, its first row at the top; with `uv` only.
    scalars : numbers at the vertices, by which they can be coloured
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    colours: NDArray[np.uint8] | None = None
    notes: tuple[tuple[str, str], ...] = ()
    normals: NDArray[np.float32] | None = None
    uv: NDArray[np.float32] | None = None
    texture: NDArray[np.uint8] | None = None
    scalars: tuple[ScalarField, ...] = ()

    def __post_init__(self) -> None:
        n, m = len(self.vertices), len(self.triangles)
        _check_rows("vertices", self.vertices, (n, 3), np.float64)
        _check_rows("triangles", self.triangles, (m, 3), np.int32)
        _check_rows("colours", self.colours, (n, 3), np.uint8)
        _check_rows("normals", self.normals, (n, 3), np.float32)
        _check_rows("uv", self.uv, (m, 3, 2), np.float32)
        if self.texture is not None:
            _check_rows("texture", self.texture, (*self.texture.shape[:2], 3), np.uint8)
            if self.uv is None or 0 in self.texture.shape:
                raise ValueError("expected a texture of at least one pixel, with uv")
        check_scalars(self.scalars, n)
        if not np.isfinite(self.vertices).all():
            raise ValueError("expected finite vertices")
        if self.triangles.size and not (self.triangles.min() >= 0 and self.triangles.max() < n):
            raise ValueError(f"expected triangles of vertices 0..{n - 1}")
        for name in ("vertices", "triangles", "colours", "normals", "uv", "texture"):
            array = getattr(self, name)
            object.__setattr__(self, name, None if array is None else readonly(array))


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points without a surface.

    Parameters
    ----------
    points : float64 (n, 3)
        x, y, z in the unit of the file; finite.
    colours : uint8 (n, 3), optional
        sRGB colour of each point.
    normals : float32 (n, 3), optional
        Surface normal of each point, of unit length or 0.
    notes : what the file holds and the cloud does not, as (title, text)
    scalars : numbers at the points, by which they can be coloured
    """

    points: NDArray[np.float64]
    colours: NDArray[np.uint8] | None = None
    normals: NDArray[np.float32] | None = None
    notes: tuple[tuple[str, str], ...] = ()
    scalars: tuple[ScalarField, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.points)
        _check_rows("points", self.points, (n, 3), np.float64)
        _check_rows("colours", self.colours, (n, 3), np.uint8)
        _check_rows("normals", self.normals, (n, 3), np.float32)
        check_scalars(self.scalars, n)
        if not np.isfinite(self.points).all():
            raise ValueError("expected finite points")
        for name in ("points", "colours", "normals"):
            array = getattr(self, name)
            object.__setattr__(self, name, None if array is None else readonly(array))


Sample = Image | DepthMap | Waveform | TriangleMesh | PointCloud
