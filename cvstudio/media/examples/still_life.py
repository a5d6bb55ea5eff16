"""A still life with exact depth, the first picture for trying refocusing.

All ray intersections are in closed form, so that the only error of the depth is its rounding to millimetres.
"""

from __future__ import annotations

import math
import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.concurrency import map_ordered
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples import patterns
from cvstudio.media.examples.geometry import Box, Floats, Plane, Solid, Sphere, nearest
from cvstudio.media.examples.light import Surface, shade, to_srgb8

PICTURE_SIZE = Size(1600, 1067)
ROWS_AT_ONCE = 24
"""Rows per tile: small enough for the caches, and for a prompt cancel."""


@dataclass(frozen=True)
class SceneCamera:
    """A pinhole camera.

    Parameters
    ----------
    size : of the picture in pixels
    focal_px : focal length in pixels; the principal point is the picture's centre
    position : of the pinhole in metres
    pitch : downward tilt in radians
    """

    size: Size = PICTURE_SIZE
    focal_px: float = 1480.0
    position: tuple[float, float, float] = (0.0, 0.40, 0.0)
    pitch: float = math.radians(7.5)

    def rays(self, columns: Floats, rows: Floats) -> Floats:
        """Directions (3, N) through image points in pixels, (0, 0) being the outer corner of the top left pixel.

        They have length 1 along the optical axis: a ray's parameter is its planar depth in metres.
        """
        right = (columns - columns.dtype.type(self.size.width / 2)) / columns.dtype.type(self.focal_px)
        up = (rows.dtype.type(self.size.height / 2) - rows) / rows.dtype.type(self.focal_px)
        cos, sin = math.cos(self.pitch), math.sin(self.pitch)
        return np.stack((right, up * cos - sin, up * sin + cos))

    def project(self, point: tuple[float, float, float]) -> tuple[float, float, float]:
        """Column, row (pixels) and planar depth (metres) of a point in the world."""
        x, y, z = (value - origin for value, origin in zip(point, self.position, strict=True))
        cos, sin = math.cos(self.pitch), math.sin(self.pitch)
        depth = z * cos - y * sin
        up = y * cos + z * sin
        return (
            self.size.width / 2 + self.focal_px * x / depth,
            self.size.height / 2 - self.focal_px * up / depth,
            depth,
        )


CAMERA = SceneCamera()
BASELINE_M = 0.06
"""Distance of the right eye from the camera."""
RIGHT_CAMERA = replace(CAMERA, position=(BASELINE_M, *CAMERA.position[1:]))

_BOOK = (0.21, 0.028, 0.15)
_BOOK_2 = (0.18, 0.024, 0.13)

SURFACES: tuple[tuple[Solid, Surface], ...] = (
    (Plane(), Surface(patterns.checks("#d9cfbf", "#5d6b75", 0.24), mirror=0.05, polish=0.2)),
    (Plane(axis=2, at=6.1), Surface(patterns.plaster("#b9c4bb", "#6f8a86", 1.0))),
    # From 0.75 m to 1.2 m.
    (Sphere((-0.245, 0.075, 0.82), 0.075, 0.5), Surface(patterns.dots("#e7b23f", "#fff6df", 0.075, 7), mirror=0.04)),
    (Box((0.29, 0.062, 1.0), (0.062, 0.062, 0.062), 0.55), Surface(patterns.wood("#d9a566", "#a56a35"))),
    # About 1.5 m to 2.4 m: the main subject.
    (Box((0.02, 0.028, 1.72), _BOOK, 0.30), Surface(patterns.pages("#27485f", _BOOK))),
    (Box((0.03, 0.080, 1.73), _BOOK_2, 0.12), Surface(patterns.pages("#b5452f", _BOOK_2))),
    (
        Sphere((0.02, 0.104 + 0.105, 1.72), 0.105, -0.35),
        Surface(patterns.wedges(("#d9573c", "#f4efe6", "#2a8f86", "#f4efe6"), 8, 0.105), mirror=0.04, polish=0.6),
    ),
    (Sphere((0.62, 0.19, 2.15), 0.19), Surface(patterns.plain("#f2f2f0"), mirror=0.82)),
    (Sphere((-0.62, 0.13, 2.35), 0.13, 0.25), Surface(patterns.dots("#2a8f86", "#e9f3ee", 0.13, 9), polish=0.5)),
    # About 3 m to 5.5 m.
    (Box((1.30, 0.29, 3.40), (0.16, 0.29, 0.16), 0.35), Surface(patterns.stripes(("#ece5d8", "#d2c7b4"), 0.032, 1))),
    (
        Sphere((1.30, 0.58 + 0.20, 3.40), 0.20, 0.2),
        Surface(patterns.bands(("#27485f", "#e9c46a", "#27485f", "#f4efe6", "#27485f"), (-0.3, -0.1, 0.1, 0.3), 0.2)),
    ),
    (Sphere((-1.22, 0.42, 3.90), 0.42, -0.3), Surface(patterns.wedges(("#3f6fa8", "#f4efe6"), 12, 0.42), polish=0.5)),
    (Box((0.18, 0.30, 4.70), (0.42, 0.30, 0.30), -0.4), Surface(patterns.stripes(("#d08a7c", "#f0e2d6"), 0.07))),
    (Box((-0.30, 0.17, 4.05), (0.17, 0.17, 0.17), 0.7), Surface(patterns.wood("#8b5a3c", "#5c3823", 16))),
    (Sphere((0.20, 0.60 + 0.14, 4.68), 0.14), Surface(patterns.plain("#e9c46a"), polish=0.5)),
)

_SOLIDS = tuple(solid for solid, _ in SURFACES)


def render_depth(camera: SceneCamera = CAMERA) -> NDArray[np.float64]:
    """Planar depth (H, W) in metres at the centres of the pixels.

    Planar depth is measured along the optical axis (z of the camera's axes), not along the ray: a wall that faces
    the camera has one depth.
    """
    rows, columns = np.mgrid[0 : camera.size.height, 0 : camera.size.width] + 0.5
    directions = camera.rays(columns.ravel(), rows.ravel())
    origin = np.array(camera.position)[:, None]
    t, _ = nearest(_SOLIDS, origin, directions)
    return np.asarray(t, np.float64).reshape(camera.size.height, camera.size.width)


def render_picture(progress: Progress | None = None, camera: SceneCamera = CAMERA) -> NDArray[np.uint8]:
    """The picture, sRGB uint8 (H, W, 3), with 2 x 2 samples a pixel. The same on every run."""
    progress = progress or Progress()
    tops = range(0, camera.size.height, ROWS_AT_ONCE)
    result = np.empty((camera.size.height, camera.size.width, 3), np.uint8)
    # numpy lets other threads run while it works on a tile.
    tiles = map_ordered(tops, lambda top: _tile(top, camera), min(4, os.cpu_count() or 1))
    with closing(tiles):
        for top, tile in zip(tops, tiles, strict=True):
            progress(top / camera.size.height, "Rendering the still life")
            result[top : top + ROWS_AT_ONCE] = tile
    return result


def _tile(top: int, camera: SceneCamera) -> NDArray[np.uint8]:
    """Rows `top` to `top + ROWS_AT_ONCE` of the picture, (h, W, 3)."""
    width, bottom = camera.size.width, min(top + ROWS_AT_ONCE, camera.size.height)
    origin = np.array(camera.position, np.float32)[:, None]
    rows, columns = (grid.ravel() for grid in np.mgrid[top:bottom, 0:width].astype(np.float32))
    total = np.zeros((3, rows.size), np.float32)
    for number in range(4):
        down, along = divmod(number, 2)
        # A rotated grid: edges that are nearly level or upright get four steps, not two.
        x = columns + np.float32(0.375 + 0.5 * along - 0.25 * down)
        y = rows + np.float32(0.125 + 0.5 * down + 0.25 * along)
        total += shade(SURFACES, origin, camera.rays(x, y), 1 / camera.focal_px, (top, number))
    return to_srgb8(_vignette(total / 4, rows, columns, camera)).T.reshape(bottom - top, width, 3)


def _vignette(colors: Floats, rows: Floats, columns: Floats, camera: SceneCamera) -> Floats:
    """Light falls off towards the corners as through a lens (cos^2, the root of the natural cos^4)."""
    x = (columns - camera.size.width / 2) / camera.focal_px
    y = (rows - camera.size.height / 2) / camera.focal_px
    result: Floats = colors / (1 + x * x + y * y)
    return result


def write_scene(picture: Path, depth: Path, progress: Progress) -> None:
    """Render and write the picture (8-bit PNG) and its depth (16-bit PNG, millimetres)."""
    from PIL import Image

    pixels = render_picture(progress)
    millimetres = np.rint(render_depth() * 1000).astype(np.uint16)
    progress(None, "Writing the still life")
    # The picture comes last: where it is, the depth is too.
    with atomic_path(depth) as path:
        Image.fromarray(millimetres).save(path)
    with atomic_path(picture) as path:
        Image.fromarray(pixels).save(path, compress_level=6)


def write_right(picture: Path, progress: Progress) -> None:
    """Render and write what the right eye sees (8-bit PNG): with the picture it is a rectified stereo pair."""
    from PIL import Image

    pixels = render_picture(progress, RIGHT_CAMERA)
    with atomic_path(picture) as path:
        Image.fromarray(pixels).save(path, compress_level=6)
