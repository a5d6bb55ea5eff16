"""What stands along a street: signs, lamps, trees, houses."""

from __future__ import annotations

import numpy as np

from cvstudio.world.primitives import box, cone, cylinder, ellipsoid, lathe, prism, ring, rod
from cvstudio.world.shape_mesh import ShapeMesh, joined
from cvstudio.world.shapes.model import ShapeModel

Rng = np.random.Generator


def _plate(corners: int, radius: float, thick: float, start: float) -> ShapeMesh:
    """A regular plate that faces -y, about the origin."""
    angles = np.arange(corners) * 2 * np.pi / corners + start
    return prism([(radius * np.cos(t), radius * np.sin(t)) for t in angles], thick)


def stop_sign(rng: Rng) -> ShapeModel:
    height = rng.uniform(2.0, 2.3)
    turn = np.pi / 8
    pieces = [
        cylinder(0.03, height, 12),
        _plate(8, 0.38, 0.012, turn).at(y=-0.04, z=height).with_slot(1),
        _plate(8, 0.355, 0.012, turn).at(y=-0.044, z=height).with_slot(2),
        box(0.42, 0.012, 0.1).at(y=-0.048, z=height - 0.05).with_slot(1),
    ]
    return ShapeModel(joined(pieces), ("metal", "white", "red"))


def traffic_sign(rng: Rng) -> ShapeModel:
    height = rng.uniform(2.0, 2.3)
    kind = int(rng.integers(3))
    corners, start = ((28, 0.0), (3, np.pi / 2), (4, np.pi / 4))[kind]
    radius = (0.32, 0.42, 0.4)[kind]
    inner = (0.8, 0.68, 0.9)[kind]
    pieces = [
        cylinder(0.03, height, 12),
        _plate(corners, radius, 0.012, start).at(y=-0.04, z=height).with_slot(1),
        _plate(corners, radius * inner, 0.012, start).at(y=-0.044, z=height).with_slot(2),
        box(0.06, 0.012, radius * (0.5 if kind == 1 else 0.8))
        .at(y=-0.048, z=height - radius * (0.2 if kind == 1 else 0.4))
        .with_slot(3),
    ]
    faces = (("red", "white", "black"), ("red", "white", "black"), ("white", "blue", "white"))[kind]
    return ShapeModel(joined(pieces), ("metal", *faces))


def traffic_light(rng: Rng) -> ShapeModel:
    height = rng.uniform(2.6, 3.1)
    pieces = [cylinder(0.05, height, 14), box(0.3, 0.22, 0.86).at(y=-0.05, z=height - 0.25).with_slot(1)]
    for number in range(3):
        z = height - 0.1 + 0.27 * number
        pieces.append(cylinder(0.1, 0.02, 20).turned("x", 90).at(y=-0.155, z=z).with_slot(2 + number))
        hood = ring(0.105, 0.012, 20, 6).turned("x", 90)
        pieces.append(hood.stretched(1, 4, 1).at(y=-0.19, z=z).with_slot(1))
    lit = (
        ("green light", "amber light", "amber light")
        if rng.random() < 0.5
        else ("amber light", "amber light", "red light")
    )
    return ShapeModel(joined(pieces), ("dark metal", "black", *lit))


def street_lamp(rng: Rng) -> ShapeModel:
    height, reach = rng.uniform(4.2, 5.6), rng.uniform(0.7, 1.2)
    pieces = [
        lathe([(0.11, 0), (0.1, 0.5), (0.06, 0.55), (0.045, height)], 14),
        rod((0, 0, height - 0.02), (0, -reach, height + 0.22), 0.035, 0.03),
        ellipsoid(0.11, 0.3, 0.06).at(y=-reach - 0.15, z=height + 0.23),
        ellipsoid(0.08, 0.22, 0.04, 14).at(y=-reach - 0.16, z=height + 0.2).with_slot(1),
    ]
    return ShapeModel(joined(pieces), ("dark metal", "lamp"))


def fire_hydrant(rng: Rng) -> ShapeModel:
    height = rng.uniform(0.6, 0.75)
    pieces = [
        lathe(
            [
                *((0.15, 0), (0.15, 0.04), (0.1, 0.05), (0.095, height * 0.66), (0.13, height * 0.68)),
                *((0.13, height * 0.74), (0.11, height * 0.84), (0.05, height * 0.94), (0.03, height)),
            ]
        ),
    ]
    for angle in (0, 90, 180):
        nozzle = cylinder(0.045, 0.16, 12).turned("x", 90).turned("z", angle - 90).at(z=height * 0.5)
        pieces.append(nozzle)
        cap = cylinder(0.055, 0.03, 6).at(z=0.14).turned("x", 90).turned("z", angle - 90).at(z=height * 0.5)
        pieces.append(cap.with_slot(1))
    return ShapeModel(joined(pieces), ("red" if rng.random() < 0.6 else "yellow", "metal"))


def traffic_cone(rng: Rng) -> ShapeModel:
    height = rng.uniform(0.45, 0.75)
    wide, narrow = height * 0.2, 0.025
    low, high = 0.45, 0.68

    def at(share: float) -> float:
        return wide + (narrow - wide) * share

    band = lathe([(at(low) * 1.03, height * low), (at(high) * 1.03, height * high)])
    pieces = [cone(wide, narrow, height), band.with_slot(1), box(wide * 2.5, wide * 2.5, 0.03)]
    return ShapeModel(joined(pieces), ("orange", "white"))


def litter_bin(rng: Rng) -> ShapeModel:
    radius, height = rng.uniform(0.2, 0.27), rng.uniform(0.75, 0.95)
    body = lathe([(radius * 0.88, 0), (radius, height), (radius * 0.9, height), (radius * 0.8, height * 0.7)], 24)
    hoops = [ring(radius * (0.9 + 0.1 * share), 0.015, 28, 6).at(z=height * share) for share in (0.25, 0.6, 0.98)]
    return ShapeModel(joined([body, *(hoop.with_slot(1) for hoop in hoops)]), ("dark metal", "metal"))


def bench(rng: Rng) -> ShapeModel:
    width = rng.uniform(1.3, 1.8)
    pieces = []
    for side in (-1, 1):
        x = side * (width / 2 - 0.18)
        pieces += [
            rod((x, -0.22, 0), (x, -0.2, 0.43), 0.022),
            rod((x, 0.24, 0), (x, 0.18, 0.44), 0.022),
            rod((x, 0.17, 0.4), (x, 0.3, 0.86), 0.022),
            rod((x, -0.23, 0.42), (x, 0.2, 0.41), 0.022),
        ]
    pieces += [box(width, 0.085, 0.03).at(y=y, z=0.43).with_slot(1) for y in (-0.2, -0.1, 0.0, 0.1)]
    for number in range(3):
        z = 0.52 + number * 0.13
        pieces.append(box(width, 0.028, 0.09).turned("x", -15).at(y=0.17 + number * 0.035, z=z).with_slot(1))
    return ShapeModel(joined(pieces), ("dark metal", "timber"))


def fence(rng: Rng) -> ShapeModel:
    """A piece of a fence along x."""
    length, height = rng.uniform(1.8, 2.4), rng.uniform(0.8, 1.05)
    pieces = [box(0.07, 0.07, height + 0.05).at(side * length / 2) for side in (-1, 1)]
    pieces += [box(length, 0.025, 0.06).at(y=0.02, z=height * share) for share in (0.25, 0.75)]
    count = int(length / 0.17)
    for number in range(1, count):
        x = -length / 2 + length * number / count
        outline = [(-0.035, 0.05), (0.035, 0.05), (0.035, height - 0.05), (0, height), (-0.035, height - 0.05)]
        pieces.append(prism(outline, 0.018).at(x, -0.003))
    return ShapeModel(joined(pieces), ("white" if rng.random() < 0.4 else "timber",))


def tree(rng: Rng) -> ShapeModel:
    height = rng.uniform(3.8, 6.2)
    trunk = height * rng.uniform(0.3, 0.42)
    thick = rng.uniform(0.09, 0.16)
    pieces = [lathe([(thick * 1.4, 0), (thick, 0.25), (thick * 0.75, trunk + 0.4)], 12)]
    conifer = rng.random() < 0.3
    if conifer:
        wide = height * 0.22
        for share in (0.0, 0.3, 0.58):
            low = trunk * 0.6 + (height - trunk * 0.6) * share
            size = 1 - share * 0.75
            pieces.append(
                cone(wide * size, 0.03, (height - low) * (0.55 if share < 0.5 else 1.0), 18).at(z=low).with_slot(1)
            )
    else:
        crown = height - trunk
        for number in range(int(rng.integers(6, 10))):
            angle = number * 2.4 + rng.uniform(-0.3, 0.3)
            away = crown * rng.uniform(0.12, 0.34) if number else 0.0
            z = trunk + crown * (0.55 if number == 0 else rng.uniform(0.28, 0.72))
            size = crown * (0.42 if number == 0 else rng.uniform(0.2, 0.31))
            centre = (away * np.cos(angle), away * np.sin(angle), z)
            blob = ellipsoid(size, size, size * rng.uniform(0.75, 0.95), 16).turned("z", rng.uniform(0, 90))
            pieces.append(blob.at(*centre).with_slot(1))
            if number:
                pieces.append(rod((0, 0, trunk * 0.9), centre, thick * 0.4, thick * 0.2, 8))
    return ShapeModel(joined(pieces), ("bark", "needles" if conifer else "crown"))


def bush(rng: Rng) -> ShapeModel:
    pieces = []
    for number in range(int(rng.integers(4, 7))):
        angle = number * 2.4
        away = rng.uniform(0.1, 0.35) if number else 0.0
        size = rng.uniform(0.25, 0.4)
        pieces.append(ellipsoid(size, size, size * 0.9, 14).at(away * np.cos(angle), away * np.sin(angle), size * 0.8))
    return ShapeModel(joined(pieces), ("leaf",))


def house(rng: Rng) -> ShapeModel:
    """A house with its front at -y; windows and door are part of it."""
    width, depth = rng.uniform(6.5, 10.0), rng.uniform(5.5, 7.5)
    storeys = int(rng.integers(1, 4))
    wall = 2.9 * storeys + 0.2
    pieces = [box(width, depth, wall)]
    if rng.random() < 0.75:
        rise = rng.uniform(1.6, 2.8)
        if rng.random() < 0.5:
            roof = prism([(-width / 2 - 0.35, 0), (width / 2 + 0.35, 0), (0, rise)], depth + 0.6)
        else:
            roof = prism([(-depth / 2 - 0.35, 0), (depth / 2 + 0.35, 0), (0, rise)], width + 0.5).turned("z", 90)
        pieces.append(roof.at(z=wall - 0.01).with_slot(1))
        pieces.append(box(0.6, 0.6, rise + 0.4).at(width * 0.28, depth * 0.12, wall).with_slot(0))
    else:
        pieces.append(box(width + 0.3, depth + 0.3, 0.3).at(z=wall - 0.01).with_slot(3))
    columns = int(width // 1.9)
    door_at = int(rng.integers(columns))
    step = width / columns
    for column in range(columns):
        x = -width / 2 + step * (column + 0.5)
        for storey in range(storeys):
            if storey == 0 and column == door_at:
                pieces.append(box(1.15, 0.1, 2.25).at(x, -depth / 2 - 0.03).with_slot(3))
                pieces.append(box(0.95, 0.1, 2.1).at(x, -depth / 2 - 0.05).with_slot(4))
                pieces.append(box(1.5, 0.6, 0.16).at(x, -depth / 2 - 0.3).with_slot(3))
                continue
            z = 0.95 + 2.9 * storey
            pieces += _window(x, -depth / 2, z, 0)
    for angle in (90, -90):
        for number in range(2):
            along = (number - 0.5) * depth * 0.5
            for storey in range(storeys):
                pieces += _window(along, -width / 2, 0.95 + 2.9 * storey, angle)
    return ShapeModel(
        joined(pieces), ("brick" if rng.random() < 0.45 else "plaster", "roof", "window", "white", "timber")
    )


def _window(x: float, y: float, z: float, angle: float) -> list[ShapeMesh]:
    pane = box(0.95, 0.08, 1.25).at(x, y - 0.03, z).with_slot(2)
    frame = [box(1.11, 0.12, 0.08).at(x, y - 0.03, at).with_slot(3) for at in (z - 0.07, z + 1.24)]
    frame += [box(0.08, 0.12, 1.27).at(x + side * 0.515, y - 0.03, z - 0.01).with_slot(3) for side in (-1, 1)]
    frame.append(box(0.045, 0.1, 1.25).at(x, y - 0.035, z).with_slot(3))
    return [piece.turned("z", angle) for piece in (pane, *frame)]


BUILDERS = {
    "stop sign": stop_sign,
    "traffic sign": traffic_sign,
    "traffic light": traffic_light,
    "street lamp": street_lamp,
    "fire hydrant": fire_hydrant,
    "traffic cone": traffic_cone,
    "litter bin": litter_bin,
    "bench": bench,
    "fence": fence,
    "tree": tree,
    "bush": bush,
    "house": house,
}
