"""Furniture: what stands in rooms."""

from __future__ import annotations

import numpy as np

from cvstudio.world.primitives import box, cone, cylinder, ellipsoid, lathe, limb, ring, rod
from cvstudio.world.shape_mesh import ShapeMesh, joined
from cvstudio.world.shapes.model import ShapeModel, Support

Rng = np.random.Generator


def _four(piece: ShapeMesh, x: float, y: float) -> list[ShapeMesh]:
    return [piece.at(side * x, end * y) for side in (-1, 1) for end in (-1, 1)]


def _legs(rng: Rng, x: float, y: float, height: float, thickness: float) -> list[ShapeMesh]:
    """Four legs, square, round or tapered, that reach a little into what they carry."""
    kind = rng.integers(3)
    if kind == 0:
        leg = box(thickness, thickness, height)
    elif kind == 1:
        leg = cylinder(thickness / 2, height, 12)
    else:
        leg = cone(thickness * 0.35, thickness * 0.6, height, 12)
    return _four(leg, x - thickness / 2, y - thickness / 2)


def chair(rng: Rng) -> ShapeModel:
    width, depth = rng.uniform(0.4, 0.48, 2)
    seat, back = rng.uniform(0.43, 0.48), rng.uniform(0.38, 0.52)
    thick = 0.035
    pieces = _legs(rng, width / 2, depth / 2, seat, rng.uniform(0.035, 0.05))
    pieces.append(box(width, depth, thick).at(z=seat - thick / 2).with_slot(1))
    posts = [(side * (width / 2 - 0.025), depth / 2 - 0.02) for side in (-1, 1)]
    top = seat + back
    pieces += [rod((x, y, seat), (x, y + 0.06, top), 0.018) for x, y in posts]
    if rng.random() < 0.5:
        panel = box(width - 0.03, 0.025, back * 0.55).turned("x", -8).at(y=depth / 2 + 0.015, z=seat + back * 0.42)
        pieces.append(panel.with_slot(1))
    else:
        for share in np.linspace(0.35, 0.92, int(rng.integers(2, 5))):
            y = depth / 2 - 0.02 + 0.06 * share
            pieces.append(box(width - 0.05, 0.018, 0.045).at(y=y, z=seat + back * share - 0.02))
    return ShapeModel(joined(pieces), ("timber", "fabric" if rng.random() < 0.4 else "timber"))


def stool(rng: Rng) -> ShapeModel:
    radius, height = rng.uniform(0.15, 0.19), rng.uniform(0.44, 0.66)
    feet = [(np.cos(t) * radius * 1.1, np.sin(t) * radius * 1.1) for t in np.arange(4) * np.pi / 2 + np.pi / 4]
    pieces = [rod((x, y, 0), (x * 0.6, y * 0.6, height), 0.018) for x, y in feet]
    pieces.append(lathe([(radius, 0), (radius, 0.03), (radius * 0.95, 0.045)]).at(z=height - 0.01).with_slot(1))
    support = Support(height + 0.035, -radius * 0.6, -radius * 0.6, radius * 0.6, radius * 0.6)
    return ShapeModel(joined(pieces), ("dark metal" if rng.random() < 0.5 else "timber", "timber"), (support,))


def dining_table(rng: Rng) -> ShapeModel:
    height = rng.uniform(0.71, 0.76)
    top = 0.04
    if rng.random() < 0.35:
        radius = rng.uniform(0.45, 0.6)
        pieces = [
            lathe([(radius - 0.01, 0), (radius, 0.01), (radius, top)], 32).at(z=height - top).with_slot(1),
            lathe([(0.28, 0), (0.25, 0.03), (0.045, 0.07), (0.04, height - 0.06), (0.14, height - top + 0.01)]),
        ]
        inner = radius * 0.62
        support = Support(height, -inner, -inner, inner, inner)
    else:
        width, depth = rng.uniform(1.1, 1.7), rng.uniform(0.7, 0.9)
        pieces = _legs(rng, width / 2 - 0.03, depth / 2 - 0.03, height - top / 2, rng.uniform(0.05, 0.08))
        pieces.append(box(width, depth, top).at(z=height - top).with_slot(1))
        pieces.append(box(width - 0.12, depth - 0.12, 0.07).at(z=height - top - 0.06))
        support = Support(height, -width / 2 + 0.06, -depth / 2 + 0.06, width / 2 - 0.06, depth / 2 - 0.06)
    return ShapeModel(joined(pieces), ("timber", "timber"), (support,))


def couch(rng: Rng) -> ShapeModel:
    width, depth = rng.uniform(1.5, 2.1), rng.uniform(0.8, 0.92)
    arm, seat, back = rng.uniform(0.14, 0.22), 0.42, rng.uniform(0.74, 0.86)
    pieces = [
        *_legs(rng, width / 2 - 0.05, depth / 2 - 0.05, 0.12, 0.05),
        box(width, depth, 0.2).at(z=0.1).with_slot(1),
        box(width, 0.2, back - 0.1).at(y=depth / 2 - 0.1, z=0.1).with_slot(1),
    ]
    for side in (-1, 1):
        x = side * (width / 2 - arm / 2)
        pieces.append(box(arm, depth, 0.42).at(x, z=0.1).with_slot(1))
        pieces.append(
            limb((x, -depth / 2 + 0.06, 0.53), (x, depth / 2 - 0.06, 0.53), arm * 0.52, arm * 0.52).with_slot(1)
        )
    count = 3 if width > 1.8 else 2
    each = (width - 2 * arm) / count
    for number in range(count):
        x = -width / 2 + arm + each * (number + 0.5)
        cushion = lathe([(0.62, 0), (0.7, 0.03), (0.7, 0.1), (0.64, 0.13)], 4).turned("z", 45)
        pieces.append(cushion.stretched(each * 0.98, (depth - 0.24), 1).at(x, -0.1, seat - 0.13).with_slot(1))
        pieces.append(box(each * 0.92, 0.14, 0.36).turned("x", -12).at(x, depth / 2 - 0.3, seat - 0.01).with_slot(1))
    if rng.random() < 0.7:
        x = rng.choice([-1, 1]) * (width / 2 - arm - 0.22)
        pillow = ellipsoid(0.2, 0.08, 0.19).turned("x", -18).at(x, 0.08, seat + 0.17)
        pieces.append(pillow.with_slot(2))
    return ShapeModel(joined(pieces), ("timber", "fabric", "cushion"))


def bed(rng: Rng) -> ShapeModel:
    width, length = rng.uniform(1.0, 1.7), rng.uniform(1.95, 2.1)
    head = rng.uniform(0.8, 1.1)
    mattress = lathe([(0.66, 0), (0.7, 0.04), (0.7, 0.14), (0.66, 0.18)], 4).turned("z", 45)
    pieces = [
        *_legs(rng, width / 2, length / 2, 0.3, 0.07),
        box(width, length, 0.16).at(z=0.18),
        box(width + 0.04, 0.05, head).at(y=length / 2),
        mattress.stretched(width * 1.0, length * 0.98, 1).at(z=0.33).with_slot(1),
        box(width + 0.03, length * 0.62, 0.12).at(y=-length * 0.18, z=0.42).with_slot(2),
    ]
    for side in (-1, 1) if width > 1.3 else (0,):
        pieces.append(
            ellipsoid(min(width, 1.4) * 0.24, 0.2, 0.08).at(side * width / 4, length / 2 - 0.3, 0.57).with_slot(1)
        )
    return ShapeModel(joined(pieces), ("timber", "white", "fabric"))


def shelf(rng: Rng) -> ShapeModel:
    width, depth = rng.uniform(0.6, 1.1), rng.uniform(0.26, 0.34)
    count = int(rng.integers(3, 6))
    gap = rng.uniform(0.3, 0.38)
    height = gap * count + 0.06
    board = 0.022
    pieces = [box(board, depth, height).at(side * (width / 2 - board / 2)) for side in (-1, 1)]
    pieces += [box(width - board, depth - 0.004, board).at(z=0.05 + gap * number) for number in range(count)]
    pieces.append(box(width - board, depth - 0.004, board).at(z=height - board - 0.002))
    pieces.append(box(width - 0.002, 0.012, height - 0.01).at(y=depth / 2 - 0.008, z=0.005))
    inner = width / 2 - board - 0.02
    supports = [
        Support(0.05 + gap * number + board, -inner, -depth / 2 + 0.02, inner, depth / 2 - 0.04)
        for number in range(count)
    ]
    top = Support(height - 0.002, -inner, -depth / 2 + 0.02, inner, depth / 2 - 0.02)
    return ShapeModel(joined(pieces), ("timber",), (*supports, top))


def cabinet(rng: Rng) -> ShapeModel:
    width, depth, height = rng.uniform(0.8, 1.4), rng.uniform(0.38, 0.46), rng.uniform(0.45, 0.95)
    pieces = [
        *_legs(rng, width / 2 - 0.03, depth / 2 - 0.03, 0.13, 0.04),
        box(width, depth, height - 0.12).at(z=0.12),
    ]
    columns = int(rng.integers(2, 4))
    rows = 1 if rng.random() < 0.5 else int(rng.integers(2, 4))
    w, h = width / columns, (height - 0.14) / rows
    for column in range(columns):
        for row in range(rows):
            x, z = -width / 2 + w * (column + 0.5), 0.13 + h * row
            pieces.append(box(w - 0.016, 0.02, h - 0.016).at(x, -depth / 2 - 0.008, z + 0.008).with_slot(1))
            pieces.append(
                rod(
                    (x - 0.05, -depth / 2 - 0.035, z + h * 0.8), (x + 0.05, -depth / 2 - 0.035, z + h * 0.8), 0.007
                ).with_slot(2)
            )
    support = Support(height, -width / 2 + 0.04, -depth / 2 + 0.04, width / 2 - 0.04, depth / 2 - 0.04)
    return ShapeModel(joined(pieces), ("timber", "timber", "metal"), (support,))


def floor_lamp(rng: Rng) -> ShapeModel:
    height = rng.uniform(1.4, 1.75)
    wide, narrow = rng.uniform(0.18, 0.25), rng.uniform(0.1, 0.16)
    shade = lathe([(wide, 0), (narrow, 0.28), (narrow - 0.008, 0.28), (wide - 0.008, 0), (wide, 0)], 24)
    if rng.random() < 0.4:
        feet = [(np.cos(t) * 0.24, np.sin(t) * 0.24) for t in np.arange(3) * 2 * np.pi / 3 + np.pi / 2]
        stand = [rod((x, y, 0), (x * 0.08, y * 0.08, height - 0.2), 0.012) for x, y in feet]
    else:
        stand = [lathe([(0.15, 0), (0.15, 0.015), (0.02, 0.035)]), cylinder(0.011, height - 0.1, 10)]
    bulb = ellipsoid(0.05, 0.05, 0.07, 12).at(z=height - 0.06).with_slot(2)
    return ShapeModel(joined([*stand, shade.at(z=height - 0.22).with_slot(1), bulb]), ("dark metal", "shade", "lamp"))


def desk_lamp(rng: Rng) -> ShapeModel:
    lower, upper = rng.uniform(0.2, 0.26), rng.uniform(0.18, 0.24)
    elbow = (0.0, 0.09, 0.02 + lower)
    tip = (0.0, elbow[1] - upper * 0.85, elbow[2] + upper * 0.5)
    head = lathe([(0.065, 0), (0.03, 0.09), (0.025, 0.09), (0.06, 0), (0.065, 0)], 18)
    pieces = [
        lathe([(0.08, 0), (0.08, 0.015), (0.01, 0.03)]),
        rod((0, 0, 0.01), elbow, 0.008),
        rod(elbow, tip, 0.008),
        limb(elbow, (0.001, elbow[1], elbow[2]), 0.015, 0.015, 10),
        head.turned("x", 18).at(tip[0], tip[1], tip[2] - 0.08),
        ellipsoid(0.022, 0.022, 0.03, 10).at(tip[0], tip[1], tip[2] - 0.05).with_slot(1),
    ]
    return ShapeModel(joined(pieces), ("plastic", "lamp"))


def tv(rng: Rng) -> ShapeModel:
    width = rng.uniform(0.7, 1.1)
    height = width * 9 / 16 + 0.03
    pieces = [
        box(width, 0.035, height).at(z=0.07),
        box(width - 0.03, 0.008, height - 0.035).at(y=-0.018, z=0.085).with_slot(1),
        box(width * 0.4, 0.16, 0.014),
        box(0.06, 0.03, 0.1).at(y=0.005, z=0.005),
    ]
    return ShapeModel(joined(pieces), ("black", "screen"))


def rug(rng: Rng) -> ShapeModel:
    if rng.random() < 0.35:
        mesh = cylinder(float(rng.uniform(0.6, 1.0)), 0.012, 36)
    else:
        mesh = box(rng.uniform(1.2, 2.0), rng.uniform(0.9, 1.4), 0.012)
    return ShapeModel(mesh, ("clothes",))


def picture(rng: Rng) -> ShapeModel:
    """A framed picture; its back at y = 0 hangs on a wall."""
    width, height = rng.uniform(0.35, 0.9), rng.uniform(0.35, 0.7)
    frame = box(width, 0.03, height).at(y=-0.018)
    paper = box(width - 0.07, 0.008, height - 0.07).at(y=-0.034, z=0.035).with_slot(1)
    return ShapeModel(joined([frame, paper]), ("timber", "picture"))


def window(rng: Rng) -> ShapeModel:
    """A window without a view; its back at y = 0 is set on a wall."""
    width, height = rng.uniform(0.9, 1.6), rng.uniform(1.0, 1.3)
    pane = box(width - 0.06, 0.02, height - 0.06).at(y=-0.012, z=0.03).with_slot(1)
    bars = [box(0.05, 0.05, height).at(x, -0.026) for x in (-width / 2 + 0.025, 0, width / 2 - 0.025)]
    bars += [box(width - 0.02, 0.046, 0.05).at(0, -0.026, z) for z in (0.004, height / 2, height - 0.054)]
    sill = box(width + 0.12, 0.16, 0.03).at(y=-0.085, z=-0.03)
    return ShapeModel(joined([pane, *bars, sill]), ("white", "pane"))


def door(rng: Rng) -> ShapeModel:
    """A closed door; its back at y = 0 is set on a wall."""
    width, height = rng.uniform(0.82, 0.95), rng.uniform(1.98, 2.1)
    pieces = [box(0.07, 0.06, height + 0.07).at(side * (width / 2 + 0.035), -0.031) for side in (-1, 1)]
    pieces.append(box(width + 0.13, 0.056, 0.07).at(y=-0.031, z=height))
    pieces.append(box(width, 0.035, height - 0.01).at(y=-0.02, z=0.008).with_slot(1))
    for z in (0.18, height * 0.52):
        pieces.append(box(width - 0.28, 0.012, height * 0.4).at(y=-0.042, z=z).with_slot(1))
    pieces.append(ellipsoid(0.028, 0.028, 0.028, 12).at(width / 2 - 0.07, -0.08, 1.0).with_slot(2))
    pieces.append(rod((width / 2 - 0.07, -0.03, 1.0), (width / 2 - 0.07, -0.07, 1.0), 0.01).with_slot(2))
    return ShapeModel(joined(pieces), ("white", "timber", "metal"))


def potted_plant(rng: Rng) -> ShapeModel:
    radius, pot = rng.uniform(0.11, 0.17), rng.uniform(0.2, 0.3)
    rim = radius * 1.08
    pieces = [
        lathe([(radius * 0.75, 0), (radius, pot - 0.04), (rim, pot - 0.04), (rim, pot), (radius * 0.9, pot - 0.015)]),
    ]
    tall = rng.uniform(0.35, 0.75)
    count = int(rng.integers(9, 16))
    for number in range(count):
        angle = number * 2.4 + rng.uniform(-0.3, 0.3)
        lean = rng.uniform(0.12, 0.75)
        length = tall * rng.uniform(0.65, 1.0)
        direction = np.array([np.cos(angle) * np.sin(lean), np.sin(angle) * np.sin(lean), np.cos(lean)])
        tip = np.array([0, 0, pot - 0.03]) + direction * length * 0.6
        pieces.append(rod((0, 0, pot - 0.03), tip.tolist(), 0.006, 0.003, 6).with_slot(1))
        leaf = ellipsoid(0.045 + 0.03 * rng.random(), 0.008, length * 0.32, 10)
        leaf = leaf.turned("x", float(np.degrees(lean)) + 18).turned("z", float(np.degrees(angle)) + 90)
        end = tip + direction * length * 0.2
        pieces.append(leaf.at(*end.tolist()).with_slot(1))
    return ShapeModel(joined(pieces), ("ceramic", "leaf"))


def clock(rng: Rng) -> ShapeModel:
    """A clock that stands, with its face at -y."""
    radius = rng.uniform(0.09, 0.14)
    face = cylinder(radius * 0.9, 0.01, 28).turned("x", 90).at(y=-0.028, z=radius + 0.02).with_slot(1)
    rim = cylinder(radius, 0.05, 28).turned("x", 90).at(y=0.025, z=radius + 0.02)
    hour, minute = rng.uniform(0, 2 * np.pi, 2)
    pieces = [rim, face, box(radius * 1.1, 0.07, 0.03)]
    for angle, length, thick in ((hour, 0.5, 0.006), (minute, 0.75, 0.004)):
        z = radius + 0.02
        tip = (np.sin(angle) * radius * length, -0.042, z + np.cos(angle) * radius * length)
        pieces.append(rod((0, -0.042, z), tip, thick).with_slot(2))
    pieces.append(ring(radius * 0.95, 0.012).turned("x", 90).at(y=-0.03, z=radius + 0.02))
    return ShapeModel(joined(pieces), ("plastic", "white", "black"))


BUILDERS = {
    "chair": chair,
    "stool": stool,
    "dining table": dining_table,
    "couch": couch,
    "bed": bed,
    "shelf": shelf,
    "cabinet": cabinet,
    "floor lamp": floor_lamp,
    "desk lamp": desk_lamp,
    "tv": tv,
    "rug": rug,
    "picture": picture,
    "window": window,
    "door": door,
    "potted plant": potted_plant,
    "clock": clock,
}
