"""A drawn street with cars and persons, the first picture for trying a detector.

It has no photograph's licence, and its things are where the lists below put them. It has the grain of a photograph:
without it, networks that learnt from photographs recognise drawn persons far less surely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

SIZE = Size(1280, 720)
FINER = 2
"""Drawn this many times larger, then reduced: edges are smooth."""

GRAIN = 8.0
"""Standard deviation of the grain, in grey levels of 0..255."""

ROAD_TOP, KERB_TOP, PAVEMENT_TOP = 496, 488, 450
"""Rows in pixels."""


@dataclass(frozen=True)
class Car:
    """A car from the side: its left end and the ground below its wheels in pixels, and its length."""

    left: float
    ground: float
    length: float
    colour: Colour
    goes_left: bool = False


@dataclass(frozen=True)
class Pedestrian:
    """A person from the front: the middle, the ground and the height in pixels; `stride` is a part of the height."""

    middle: float
    ground: float
    height: float
    shirt: Colour
    trousers: Colour
    skin: Colour = (205, 160, 130)
    hair: Colour = (60, 40, 30)
    stride: float = 0.06


CARS = (
    Car(60, 585, 330, (170, 30, 34)),
    Car(800, 580, 300, (40, 80, 150), goes_left=True),
    Car(330, 690, 420, (225, 225, 228), goes_left=True),
)
PEDESTRIANS = (
    Pedestrian(440, 560, 230, (60, 110, 90), (40, 50, 80)),
    Pedestrian(590, 572, 245, (190, 160, 60), (60, 55, 50), skin=(150, 105, 80), hair=(20, 15, 12)),
    Pedestrian(730, 550, 220, (150, 60, 90), (30, 30, 40), stride=0.08),
)
HOUSES: tuple[tuple[int, int, Colour], ...] = (
    (230, 330, (176, 120, 96)),
    (180, 400, (196, 180, 150)),
    (250, 300, (140, 140, 150)),
    (210, 380, (170, 140, 110)),
    (190, 320, (190, 190, 185)),
    (300, 420, (150, 110, 100)),
)
"""Width, height and colour of the houses, from the left."""

GLASS, REFLECTION = (40, 50, 62), (120, 140, 160)


def shaded(colour: Colour, factor: float) -> Colour:
    """`colour`, darker for a `factor` below 1, lighter above."""
    red, green, blue = (int(max(0, min(255, channel * factor))) for channel in colour)
    return red, green, blue


class Canvas:
    """Shapes in pixels of the picture, drawn `FINER` times larger."""

    def __init__(self) -> None:
        from PIL import Image, ImageDraw

        self._picture = Image.new("RGB", (SIZE.width * FINER, SIZE.height * FINER))
        self._draw = ImageDraw.Draw(self._picture)

    def band(self, top: int, bottom: int, first: Colour, last: Colour) -> None:
        """Rows `top` to `bottom` over the whole width, from the colour `first` to `last`."""
        for row in range(top * FINER, bottom * FINER):
            at = (row / FINER - top) / (bottom - top)
            red, green, blue = (round(a + (b - a) * at) for a, b in zip(first, last, strict=True))
            self._draw.line([(0, row), (SIZE.width * FINER, row)], fill=(red, green, blue))

    def polygon(self, points: Points, colour: Colour) -> None:
        self._draw.polygon([(x * FINER, y * FINER) for x, y in points], fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def ellipse(self, x: float, y: float, x_radius: float, y_radius: float, colour: Colour) -> None:
        corners = [(x - x_radius) * FINER, (y - y_radius) * FINER, (x + x_radius) * FINER, (y + y_radius) * FINER]
        self._draw.ellipse(corners, fill=colour)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, sRGB uint8 (H, W, 3), with grain. The same on every run."""
        from PIL import Image, ImageFilter

        reduced = np.asarray(self._picture.resize(SIZE, Image.Resampling.LANCZOS), np.float64)
        grain = np.random.default_rng(3).normal(0, GRAIN, (SIZE.height, SIZE.width, 1))
        grainy = Image.fromarray(np.clip(reduced + grain, 0, 255).astype(np.uint8))
        return np.asarray(grainy.filter(ImageFilter.GaussianBlur(0.5)))


def _houses(canvas: Canvas) -> None:
    left = -20
    for width, height, colour in HOUSES:
        top = PAVEMENT_TOP - height
        canvas.box(left, top, left + width, PAVEMENT_TOP + 5, colour)
        for y in range(top + 24, 410, 56):
            for x in range(left + 18, left + width - 34, 48):
                canvas.box(x, y, x + 28, y + 36, (60, 75, 95))
                canvas.box(x + 2, y + 2, x + 26, y + 17, REFLECTION)
        canvas.box(left, 400, left + width, PAVEMENT_TOP + 5, shaded(colour, 0.6))
        left += width


def _road(canvas: Canvas) -> None:
    canvas.box(0, PAVEMENT_TOP, SIZE.width, KERB_TOP + 2, (160, 158, 152))
    canvas.box(0, KERB_TOP, SIZE.width, ROAD_TOP, (120, 118, 114))
    canvas.band(ROAD_TOP, SIZE.height, (92, 92, 96), (60, 60, 64))
    for x in range(-40, SIZE.width, 150):
        canvas.polygon([(x, 600), (x + 80, 600), (x + 72, 610), (x - 12, 610)], (220, 220, 210))


def _wheel(canvas: Canvas, x: float, y: float, radius: float) -> None:
    for part, colour in ((1.0, (22, 22, 24)), (0.62, (150, 152, 156)), (0.5, (95, 97, 100))):
        canvas.ellipse(x, y, radius * part, radius * part, colour)
    for spoke in range(5):
        angle = 2 * math.pi * spoke / 5
        rim = [
            (x + math.cos(angle + turn) * radius * 0.55, y + math.sin(angle + turn) * radius * 0.55)
            for turn in (-0.15, 0.15)
        ]
        canvas.polygon([*rim, (x, y)], (170, 172, 176))
    canvas.ellipse(x, y, radius * 0.12, radius * 0.12, (60, 60, 62))


def _part(canvas: Canvas, x: Callable[[float], float], ground: float, unit: float) -> Callable[[Points, Colour], None]:
    """A function that draws a polygon whose points are in parts of `unit`, upwards from `ground`."""
    return lambda points, colour: canvas.polygon([(x(across), ground - up * unit) for across, up in points], colour)


def _car(canvas: Canvas, car: Car) -> None:
    def x(across: float) -> float:
        return car.left + (1 - across if car.goes_left else across) * car.length

    part = _part(canvas, x, car.ground, car.length)
    colour = car.colour
    canvas.ellipse(car.left + car.length / 2, car.ground + 2, car.length * 0.5, car.length * 0.03, (35, 35, 38))
    bonnet = [(0.0, 0.17), (0.03, 0.195), (0.17, 0.215)]
    roof = [(0.30, 0.31), (0.36, 0.325), (0.62, 0.325), (0.69, 0.31)]
    boot = [(0.83, 0.215), (0.95, 0.20), (0.99, 0.17)]
    part([(0.01, 0.09), *bonnet, *roof, *boot, (1.0, 0.09), (0.97, 0.06), (0.03, 0.06)], colour)
    part([(0.0, 0.14), *bonnet, *boot, (1.0, 0.14)], shaded(colour, 1.25))
    part([(0.01, 0.09), (0.03, 0.06), (0.97, 0.06), (1.0, 0.09)], shaded(colour, 0.5))
    part([(0.20, 0.215), (0.31, 0.298), (0.48, 0.305), (0.48, 0.215)], GLASS)
    part([(0.50, 0.215), (0.50, 0.305), (0.61, 0.305), (0.68, 0.292), (0.78, 0.215)], GLASS)
    part([(0.24, 0.215), (0.33, 0.285), (0.38, 0.29), (0.31, 0.215)], REFLECTION)
    part([(0.55, 0.215), (0.58, 0.295), (0.61, 0.295), (0.60, 0.215)], REFLECTION)
    for seam in (0.22, 0.49, 0.77):
        part([(seam, 0.2), (seam + 0.005, 0.2), (seam + 0.005, 0.075), (seam, 0.075)], shaded(colour, 0.6))
    for handle in (0.44, 0.70):
        part([(handle, 0.178), (handle + 0.04, 0.178), (handle + 0.04, 0.17), (handle, 0.17)], shaded(colour, 0.45))
    part([(0.005, 0.165), (0.01, 0.14), (0.05, 0.145), (0.06, 0.18)], (250, 245, 215))
    part([(0.995, 0.17), (0.99, 0.14), (0.96, 0.145), (0.955, 0.185)], (190, 30, 30))
    for axle in (0.19, 0.80):
        arch = car.length * 0.088
        canvas.ellipse(x(axle), car.ground - car.length * 0.075, arch, arch, (18, 18, 20))
        _wheel(canvas, x(axle), car.ground - car.length * 0.07, car.length * 0.074)


def _pedestrian(canvas: Canvas, person: Pedestrian) -> None:
    part = _part(canvas, lambda across: person.middle + across * person.height, person.ground, person.height)
    shirt, trousers, skin, stride = person.shirt, person.trousers, person.skin, person.stride

    def ellipse(x: float, y: float, x_radius: float, y_radius: float, colour: Colour) -> None:
        unit = person.height
        canvas.ellipse(person.middle + x * unit, person.ground - y * unit, x_radius * unit, y_radius * unit, colour)

    ellipse(0, 0, 0.14, 0.02, (90, 88, 84))
    left_leg = [(-0.07, 0.50), (0, 0.50), (-0.03 - 0.3 * stride, 0.25), (-stride - 0.02, 0.03)]
    part([*left_leg, (-stride - 0.085, 0.03), (-0.085, 0.27)], trousers)
    right_leg = [(0.07, 0.50), (0, 0.50), (0.02, 0.25), (stride + 0.015, 0.03)]
    part([*right_leg, (stride + 0.08, 0.03), (0.085, 0.27)], shaded(trousers, 0.8))
    shoe = (30, 25, 22)
    part([(-stride - 0.09, 0.03), (-stride + 0.02, 0.03), (-stride + 0.05, 0), (-stride - 0.09, 0)], shoe)
    part([(stride, 0.03), (stride + 0.09, 0.03), (stride + 0.12, 0), (stride, 0)], shoe)
    left_side, right_side = [(-0.085, 0.48), (-0.10, 0.62)], [(0.115, 0.80), (0.10, 0.62), (0.085, 0.48)]
    part([(-0.115, 0.80), (-0.06, 0.84), (0.06, 0.84), *right_side, *left_side], shirt)
    part([(0.03, 0.84), (0.06, 0.84), *right_side, (0.03, 0.48)], shaded(shirt, 0.8))
    for side, light in ((-1, 0.9), (1, 0.7)):
        arm = [(0.115, 0.80), (0.075, 0.78), (0.105, 0.60), (0.12, 0.46), (0.165, 0.46), (0.15, 0.62)]
        part([(side * across, up) for across, up in arm], shaded(shirt, light))
        ellipse(side * 0.142, 0.445, 0.023, 0.03, skin)
    part([(-0.025, 0.82), (0.025, 0.82), (0.025, 0.88), (-0.025, 0.88)], shaded(skin, 0.8))
    ellipse(0, 0.92, 0.052, 0.068, skin)
    crown = [(-0.055, 0.92), (-0.05, 0.97), (-0.02, 1.0), (0.02, 1.0), (0.05, 0.97), (0.055, 0.92)]
    part([*crown, (0.03, 0.955), (-0.03, 0.955)], person.hair)


def draw_street() -> NDArray[np.uint8]:
    """The street, sRGB uint8 (H, W, 3). The same on every run."""
    canvas = Canvas()
    canvas.band(0, PAVEMENT_TOP, (120, 165, 215), (215, 228, 238))
    _houses(canvas)
    _road(canvas)
    things: list[Car | Pedestrian] = [*CARS, *PEDESTRIANS]
    for thing in sorted(things, key=lambda thing: thing.ground):
        if isinstance(thing, Car):
            _car(canvas, thing)
        else:
            _pedestrian(canvas, thing)
    return canvas.pixels()


def write_street(target: Path, progress: Progress) -> None:
    """Draw and write the street (8-bit PNG)."""
    from PIL import Image

    progress(None, "Drawing the street")
    pixels = draw_street()
    with atomic_path(target) as path:
        Image.fromarray(pixels).save(path, compress_level=6)
