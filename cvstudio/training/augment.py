"""Data augmentation. All random numbers come from the Generator that is passed in.

Geometric transforms are composed to one matrix and the picture is resampled once, so that boxes and masks match
exactly and nothing is blurred twice. Pictures are uint8 RGB (h, w, 3) and never changed. Coordinates: (0, 0) is the
outer corner of the top left pixel.

Sources: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012
(section 4.1, crops, flips and colour); Cubuk et al., "RandAugment", NeurIPS 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from cvstudio.models.shared.imagenet import GREY

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Affine:
    """Affine map of points x, y in pixels: ``target = matrix @ (x, y, 1)``, matrix float64 (2, 3)."""

    matrix: NDArray[np.float64]

    def then(self, other: Affine) -> Affine:
        """The composition: first this map, then `other`."""
        return Affine((np.vstack([other.matrix, (0, 0, 1)]) @ np.vstack([self.matrix, (0, 0, 1)]))[:2])

    @property
    def scale(self) -> float:
        """Linear scale: target pixels per source pixel, the geometric mean of both directions."""
        return math.sqrt(abs(float(np.linalg.det(self.matrix[:, :2]))))

    def points(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points (n, 2), x, y, to float64 (n, 2)."""
        moved: NDArray[np.float64] = np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]
        return moved

    def boxes(self, boxes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Map boxes (n, 4) to the axis-aligned boxes float32 (n, 4) around their mapped corners, not clipped."""
        x1, y1, x2, y2 = np.asarray(boxes, np.float64).reshape(-1, 4).T
        corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1).reshape(-1, 2)
        moved = self.points(corners).reshape(-1, 4, 2)
        return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)

    def warp(
        self,
        picture: NDArray[np.uint8],
        width: int,
        height: int,
        *,
        fill: tuple[int, ...] = GREY,
        interpolation: int | None = None,
    ) -> NDArray[np.uint8]:
        """Resample `picture` to (height, width), with `fill` outside of it.

        `interpolation` is OpenCV's flag, bilinear by default; a picture that shrinks below 0.67 is averaged first.
        """
        import cv2

        transform = self
        if self.scale < 0.67 and interpolation != cv2.INTER_NEAREST:
            averaged_size = (max(1, round(picture.shape[1] * self.scale)), max(1, round(picture.shape[0] * self.scale)))
            undo_averaging = scaling(picture.shape[1] / averaged_size[0], picture.shape[0] / averaged_size[1])
            averaged = np.asarray(cv2.resize(picture, averaged_size, interpolation=cv2.INTER_AREA), np.uint8)
            picture = averaged.reshape(averaged_size[1], averaged_size[0], *picture.shape[2:])
            transform = undo_averaging.then(self)
        # OpenCV counts from the centres of pixels.
        centred = translation(0.5, 0.5).then(transform).then(translation(-0.5, -0.5)).matrix
        warped = cv2.warpAffine(
            picture,
            centred,
            (width, height),
            flags=cv2.INTER_LINEAR if interpolation is None else interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=fill,
        )
        return np.asarray(warped, np.uint8)


def _affine(*rows: tuple[float, float, float]) -> Affine:
    return Affine(np.array(rows, np.float64))


def translation(x: float, y: float) -> Affine:
    """Translation in pixels, right and down."""
    return _affine((1, 0, x), (0, 1, y))


def scaling(x: float, y: float) -> Affine:
    """Scaling around the top left corner."""
    return _affine((x, 0, 0), (0, y, 0))


def _around(move: Affine, width: float, height: float) -> Affine:
    return translation(-width / 2, -height / 2).then(move).then(translation(width / 2, height / 2))


def rotation(degrees: float, width: float, height: float) -> Affine:
    """Rotation around the centre of a picture of (width, height), counter-clockwise on screen."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _around(_affine((c, s, 0), (-s, c, 0)), width, height)


def shearing(x_degrees: float, y_degrees: float, width: float, height: float) -> Affine:
    """Shear around the centre: rows move by tan(x) of their distance from it, columns by tan(y)."""
    x, y = math.tan(math.radians(x_degrees)), math.tan(math.radians(y_degrees))
    return _around(_affine((1, x, 0), (y, 1, 0)), width, height)


def flip(width: float) -> Affine:
    """Horizontal flip."""
    return _affine((-1, 0, width), (0, 1, 0))


def crop(left: float, top: float, width: float, height: float, to_width: float, to_height: float) -> Affine:
    """Crop of a rectangle, stretched to (to_width, to_height)."""
    return translation(-left, -top).then(scaling(to_width / width, to_height / height))


def random_crop(
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    area: tuple[float, float] = (0.4, 1.0),
    aspect: tuple[float, float] = (3 / 4, 4 / 3),
) -> tuple[float, float, float, float]:
    """Random crop as left, top, width, height: its fraction of the area in `area`, its aspect ratio in `aspect`.

    Szegedy et al., "Going Deeper with Convolutions", CVPR 2015 (section 6).
    """
    for _ in range(10):
        crop_area = rng.uniform(*area) * width * height
        ratio = math.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1])))
        w, h = math.sqrt(crop_area * ratio), math.sqrt(crop_area / ratio)
        if w <= width and h <= height:
            return rng.uniform(0, width - w), rng.uniform(0, height - h), w, h
    side = float(min(width, height))
    return (width - side) / 2, (height - side) / 2, side, side


def _blend(picture: Pixels, other: NDArray[np.floating] | float, factor: float) -> Pixels:
    mixed = picture.astype(np.float32) * factor + np.asarray(other, np.float32) * (1 - factor)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def grey(picture: Pixels) -> Pixels:
    """Luma (h, w) by ITU-R BT.601."""
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def brightness(picture: Pixels, factor: float) -> Pixels:
    """Multiply every value by `factor`."""
    return _blend(picture, 0.0, factor)


def contrast(picture: Pixels, factor: float) -> Pixels:
    """Scale the difference from the mean grey value by `factor`."""
    return _blend(picture, float(grey(picture).mean()), factor)


def saturation(picture: Pixels, factor: float) -> Pixels:
    """Scale the difference from the grey picture by `factor`."""
    return _blend(picture, grey(picture)[..., None].astype(np.float32), factor)


def blur(picture: Pixels, sigma: float) -> Pixels:
    """Gaussian blur of `sigma` pixels; 0 changes nothing."""
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8) if sigma > 0 else picture.copy()


def sharpness(picture: Pixels, factor: float, sigma: float = 1.0) -> Pixels:
    """Scale the difference from the blurred picture by `factor`."""
    return _blend(picture, blur(picture, sigma).astype(np.float32), factor)


def posterise(picture: Pixels, bits: int) -> Pixels:
    """Keep only the upper `bits` (0..8) of every value."""
    return picture & np.uint8(256 - (1 << (8 - bits)) if bits else 0)


def solarise(picture: Pixels, threshold: float) -> Pixels:
    """Invert values of at least `threshold` (0..256)."""
    return np.where(picture >= threshold, 255 - picture, picture).astype(np.uint8)


def autocontrast(picture: Pixels) -> Pixels:
    """Stretch each channel to 0..255."""
    low = picture.min(axis=(0, 1)).astype(np.float32)
    high = picture.max(axis=(0, 1)).astype(np.float32)
    flat = high <= low
    scale = np.where(flat, 1, 255 / np.where(flat, 1, high - low))
    return np.clip((picture - np.where(flat, 0, low)) * scale, 0, 255).astype(np.uint8)


def equalise(picture: Pixels) -> Pixels:
    """Equalise the histogram of each channel."""
    import cv2

    return np.stack([cv2.equalizeHist(np.ascontiguousarray(picture[..., c])) for c in range(3)], axis=-1)


MAGNITUDES = 10
"""Largest magnitude of RandAugment; 0 changes nothing."""


def _place(move: Affine) -> Callable[[Pixels], Pixels]:
    return lambda picture: move.warp(picture, picture.shape[1], picture.shape[0])


def _size(picture: Pixels) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


OPERATIONS: Mapping[str, Callable[[Pixels, float], Pixels]] = MappingProxyType(
    {
        "identity": lambda picture, _: picture.copy(),
        "autocontrast": lambda picture, _: autocontrast(picture),
        "equalise": lambda picture, _: equalise(picture),
        "rotate": lambda picture, v: _place(rotation(30 * v, *_size(picture)))(picture),
        "solarise": lambda picture, v: solarise(picture, 256 * (1 - abs(v))),
        "posterise": lambda picture, v: posterise(picture, 8 - round(4 * abs(v))),
        "saturation": lambda picture, v: saturation(picture, 1 + 0.9 * v),
        "contrast": lambda picture, v: contrast(picture, 1 + 0.9 * v),
        "brightness": lambda picture, v: brightness(picture, 1 + 0.9 * v),
        "sharpness": lambda picture, v: sharpness(picture, 1 + 0.9 * v),
        "shear x": lambda picture, v: _place(shearing(17 * v, 0, *_size(picture)))(picture),
        "shear y": lambda picture, v: _place(shearing(0, 17 * v, *_size(picture)))(picture),
        "translate x": lambda picture, v: _place(translation(0.45 * v * picture.shape[1], 0))(picture),
        "translate y": lambda picture, v: _place(translation(0, 0.45 * v * picture.shape[0]))(picture),
    }
)
"""RandAugment's operations (section 3 of the paper) by name: callable (picture, strength -1..1) -> picture. The first
three have no strength; the sign matters only where there is a direction."""


def rand_augment(rng: np.random.Generator, picture: Pixels, *, count: int = 2, magnitude: float = 5.0) -> Pixels:
    """Apply `count` random operations, each at `magnitude` (0..`MAGNITUDES`) with a random sign.

    Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", NeurIPS 2020.
    Raises ValueError where `magnitude` is out of range.
    """
    if not 0 <= magnitude <= MAGNITUDES:
        raise ValueError(f"Expected a magnitude of 0..{MAGNITUDES}, but found {magnitude}.")
    names = tuple(OPERATIONS)
    for index in rng.integers(len(names), size=count):
        sign = 1 if rng.random() < 0.5 else -1
        picture = OPERATIONS[names[index]](picture, sign * magnitude / MAGNITUDES)
    return picture


def colour_jitter(rng: np.random.Generator, picture: Pixels, strength: float) -> Pixels:
    """Change brightness, contrast and saturation by random factors in 1 - `strength` .. 1 + `strength`."""
    for change in (brightness, contrast, saturation):
        picture = change(picture, float(rng.uniform(1 - strength, 1 + strength)))
    return picture
