"""Vehicles; they drive along -y."""

from __future__ import annotations

import numpy as np

from cvstudio.world.primitives import box, cylinder, lathe, prism, ring, rod
from cvstudio.world.shape_mesh import ShapeMesh, joined
from cvstudio.world.shapes.model import ShapeModel

Rng = np.random.Generator


def _wheel(radius: float, width: float) -> ShapeMesh:
    """A wheel whose axle lies along y of the profile, about the origin."""
    inner = radius * 0.62
    profile = [(inner, -width / 2), (radius * 0.94, -width / 2), (radius, -width * 0.3)]
    tyre = lathe([*profile, (radius, width * 0.3), (radius * 0.94, width / 2), (inner, width / 2)], 24)
    hub = lathe([(inner * 0.98, -width * 0.52), (inner * 0.98, width * 0.52)], 10)
    return joined([tyre.with_slot(2), hub.with_slot(3)]).turned("x", 90)


def car(rng: Rng) -> ShapeModel:
    """A saloon, an estate or a hatchback; its outline lies in x and is turned to drive along -y."""
    length, width = rng.uniform(3.7, 4.5), rng.uniform(1.65, 1.8)
    wheel = 0.31
    belt, roof = rng.uniform(0.84, 0.92), rng.uniform(1.36, 1.5)
    half = length / 2
    kind = int(rng.integers(3))
    # The front is at -x.
    rear_top = (half * 0.42, half * 0.78, half * 0.62)[kind]
    rear_foot = (half * 0.72, half * 0.97, half * 0.93)[kind]
    body = [
        *((-half, 0.3), (half, 0.3), (half + 0.02, 0.55), (half - 0.06, belt)),
        *((-half * 0.42, belt + 0.02), (-half * 0.9, belt - 0.14), (-half - 0.02, belt - 0.3)),
    ]
    front_foot, front_top = -half * 0.46, -half * 0.1
    cabin = [(front_foot, belt - 0.02), (rear_foot, belt - 0.02), (rear_top, roof), (front_top, roof)]
    glass = [
        *((front_foot + 0.14, belt + 0.03), (rear_foot - 0.14, belt + 0.03)),
        *((rear_top - 0.03, roof - 0.07), (front_top + 0.05, roof - 0.07)),
    ]
    pieces = [prism(body, width), prism(cabin, width - 0.16), prism(glass, width - 0.14).with_slot(1)]
    slope = float(np.degrees(np.arctan2(front_top - front_foot, roof - belt)))
    tall = float(np.hypot(front_top - front_foot, roof - belt))
    screen = box(0.02, width - 0.3, tall * 0.86).turned("y", slope).at(front_foot - 0.005, z=belt + 0.03)
    pieces.append(screen.with_slot(1))
    slope = float(np.degrees(np.arctan2(rear_top - rear_foot, roof - belt)))
    tall = float(np.hypot(rear_top - rear_foot, roof - belt))
    rear = box(0.02, width - 0.34, tall * 0.8).turned("y", slope).at(rear_foot + 0.005, z=belt + 0.04)
    pieces.append(rear.with_slot(1))
    for side in (-1, 1):
        for x in (-half * 0.62, half * 0.6):
            pieces.append(_wheel(wheel, 0.2).at(x, side * (width / 2 - 0.07), wheel))
        pieces.append(box(0.05, 0.3, 0.12).at(-half - 0.01, side * (width / 2 - 0.24), 0.56).with_slot(4))
        pieces.append(box(0.05, 0.26, 0.14).at(half - 0.005, side * (width / 2 - 0.2), 0.62).with_slot(5))
        pieces.append(box(0.1, 0.16, 0.1).at(front_foot + 0.18, side * (width / 2 + 0.02), belt - 0.01))
    pieces.append(box(0.06, width * 0.96, 0.14).at(-half + 0.005, z=0.3).with_slot(6))
    pieces.append(box(0.06, width * 0.96, 0.14).at(half + 0.0, z=0.3).with_slot(6))
    finishes = ("car paint", "window", "rubber", "metal", "lamp", "red", "black")
    return ShapeModel(joined(pieces).turned("z", 90), finishes)


def truck(rng: Rng) -> ShapeModel:
    length, width = rng.uniform(5.2, 6.6), rng.uniform(2.0, 2.2)
    wheel, half = 0.42, length / 2
    cab = 1.5
    height = rng.uniform(2.6, 3.0)
    front = [(-half, 0.45), (-half + cab, 0.45), (-half + cab, 2.1), (-half + 0.45, 2.1), (-half - 0.02, 1.35)]
    glass = [
        *((-half + 0.14, 1.35), (-half + cab - 0.35, 1.35)),
        *((-half + cab - 0.35, 1.95), (-half + 0.5, 1.95)),
    ]
    slope = float(np.degrees(np.arctan2(0.47, 0.75)))
    screen = box(0.02, width - 0.3, 0.72).turned("y", slope).at(-half + 0.02, z=1.4)
    pieces = [
        prism(front, width - 0.06),
        prism(glass, width - 0.03).with_slot(1),
        screen.with_slot(1),
        box(length - cab - 0.1, width, height - 0.75).at(cab / 2 + 0.05, z=0.75).with_slot(4),
        box(length - 0.3, width * 0.55, 0.3).at(z=0.5).with_slot(5),
    ]
    for side in (-1, 1):
        for x in (-half + 0.75, half - 1.1):
            pieces.append(_wheel(wheel, 0.28).at(x, side * (width / 2 - 0.16), wheel))
        pieces.append(box(0.05, 0.26, 0.16).at(-half - 0.01, side * (width / 2 - 0.24), 0.66).with_slot(6))
        pieces.append(box(0.05, 0.2, 0.16).at(half + 0.01, side * (width / 2 - 0.2), 0.9).with_slot(7))
    finishes = ("car paint", "window", "rubber", "metal", "white", "black", "lamp", "red")
    return ShapeModel(joined(pieces).turned("z", 90), finishes)


def bicycle(rng: Rng) -> ShapeModel:
    """A bicycle: thin rods and rings."""
    wheel, base = rng.uniform(0.32, 0.35), rng.uniform(0.98, 1.08)
    front, back = (-base / 2, 0.0, wheel), (base / 2, 0.0, wheel)
    crank, saddle, head = (0.08, 0.0, 0.28), (0.2, 0.0, 0.84), (-base / 2 + 0.2, 0.0, 0.8)
    low_head = (-base / 2 + 0.16, 0.0, 0.66)
    bar = (-base / 2 + 0.22, 0.0, 0.95)
    rods = [
        (crank, saddle),
        (crank, low_head),
        (saddle, head),
        (crank, back),
        (saddle, back),
        (low_head, front),
        (low_head, bar),
    ]
    pieces = [rod(start, end, 0.016, segments=8) for start, end in rods]
    for centre in (front, back):
        pieces.append(ring(wheel - 0.02, 0.019, 32, 8).turned("x", 90).at(*centre).with_slot(1))
        pieces.append(ring(wheel - 0.045, 0.008, 32, 6).turned("x", 90).at(*centre).with_slot(2))
        pieces.append(cylinder(0.025, 0.09, 10).at(z=-0.045).turned("x", 90).at(*centre).with_slot(2))
        for angle in np.arange(10) * np.pi / 5:
            end = (centre[0] + np.cos(angle) * (wheel - 0.045), 0.0, centre[2] + np.sin(angle) * (wheel - 0.045))
            pieces.append(rod(centre, end, 0.003, segments=5).with_slot(2))
    pieces += [
        ring(0.09, 0.008, 20, 6).turned("x", 90).at(crank[0], 0.04, crank[2]).with_slot(2),
        rod((bar[0], -0.26, bar[2] + 0.02), (bar[0], 0.26, bar[2] + 0.02), 0.013).with_slot(2),
        rod(saddle, (saddle[0] + 0.025, 0, 0.94), 0.014),
        box(0.25, 0.13, 0.05).at(saddle[0] + 0.03, 0, 0.93).with_slot(1),
    ]
    for side, sign in ((0.1, 1), (-0.1, -1)):
        pedal = (crank[0] + 0.12 * sign, side, crank[2] - 0.12 * sign)
        pieces.append(
            rod((crank[0], side * 0.5, crank[2]), (pedal[0], side * 0.6, pedal[2]), 0.009, segments=6).with_slot(2)
        )
        pieces.append(box(0.08, 0.08, 0.02).at(*pedal).with_slot(1))
    return ShapeModel(joined(pieces).turned("z", 90), ("car paint", "rubber", "metal"))


BUILDERS = {"car": car, "truck": truck, "bicycle": bicycle}
