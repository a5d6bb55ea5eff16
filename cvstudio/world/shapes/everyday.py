"""Everyday things: what stands on tables and shelves, or lies on the floor."""

from __future__ import annotations

import numpy as np

from cvstudio.world.primitives import box, cylinder, ellipsoid, lathe, limb, ring, rod, sphere
from cvstudio.world.shape_mesh import joined
from cvstudio.world.shapes.model import ShapeModel, Support

Rng = np.random.Generator


def bottle(rng: Rng) -> ShapeModel:
    radius, height = rng.uniform(0.032, 0.045), rng.uniform(0.2, 0.32)
    neck, shoulder = radius * rng.uniform(0.3, 0.42), height * rng.uniform(0.5, 0.66)
    body = lathe(
        [
            *((radius * 0.9, 0), (radius, 0.008), (radius, shoulder), (radius * 0.85, shoulder + 0.025)),
            *((neck * 1.2, shoulder + 0.06), (neck, height - 0.03), (neck, height - 0.01)),
        ]
    )
    label = lathe([(radius * 1.01, shoulder * 0.25), (radius * 1.01, shoulder * 0.75)]).with_slot(1)
    cap = cylinder(neck * 1.25, 0.022, 14).at(z=height - 0.02).with_slot(2)
    return ShapeModel(joined([body, label, cap]), ("plastic", "paper", "plastic"))


def cup(rng: Rng) -> ShapeModel:
    radius, height = rng.uniform(0.036, 0.048), rng.uniform(0.08, 0.11)
    low = radius * rng.uniform(0.7, 1.0)
    wall = 0.005
    body = lathe([(low, 0), (radius, height), (radius - wall, height), (low - wall, 0.008)], 24)
    handle = ring(height * 0.27, 0.006, 18, 8).turned("x", 90).stretched(0.85, 1, 1)
    return ShapeModel(joined([body, handle.at(x=(low + radius) / 2 + height * 0.14, z=height * 0.5)]), ("ceramic",))


def bowl(rng: Rng) -> ShapeModel:
    radius, height = rng.uniform(0.07, 0.13), rng.uniform(0.05, 0.08)
    outer = [(radius * np.sin(t), 0.01 + height * (1 - np.cos(t))) for t in np.linspace(0.45, np.pi / 2, 7)]
    inner = [(x - 0.006, z + 0.003) for x, z in reversed(outer)]
    return ShapeModel(lathe([(radius * 0.4, 0), *outer, *inner, (0, 0.012 + height * 0.1)], 28), ("ceramic",))


def vase(rng: Rng) -> ShapeModel:
    height, belly, neck = rng.uniform(0.18, 0.34), rng.uniform(0.06, 0.1), rng.uniform(0.022, 0.04)
    turns = np.linspace(0, 1, 11)
    wide = 0.035 + (belly - 0.035) * np.sin(np.pi * np.minimum(turns * 1.25, 1.0)) ** 1.2
    profile = [
        (max(float(r), neck) if t > 0.5 else float(r), float(t) * height) for r, t in zip(wide, turns, strict=True)
    ]
    mouth = (neck * 1.35, height + 0.012)
    mesh = lathe([*profile, mouth, (mouth[0] - 0.006, mouth[1]), (neck - 0.006, height - 0.02)], 24)
    pieces = [mesh]
    if rng.random() < 0.5:
        for number in range(int(rng.integers(3, 7))):
            angle = number * 2.4
            tip = np.array([np.cos(angle) * 0.09, np.sin(angle) * 0.09, height + rng.uniform(0.14, 0.26)])
            pieces.append(rod((0, 0, height - 0.02), tip.tolist(), 0.003, 0.003, 6).with_slot(1))
            pieces.append(ellipsoid(0.03, 0.03, 0.022, 10).at(*tip.tolist()).with_slot(2))
    return ShapeModel(joined(pieces), ("ceramic", "leaf", "cushion"))


def apple(rng: Rng) -> ShapeModel:
    radius = rng.uniform(0.034, 0.044)
    profile = [
        (
            radius * np.sin(t) * (1 + 0.1 * np.cos(t)),
            radius * 0.94 - radius * np.cos(t) * (1 - 0.25 * np.exp(-6 * np.sin(t))),
        )
        for t in np.linspace(0, np.pi, 13)[1:-1]
    ]
    bottom, top = profile[0][1] + radius * 0.05, profile[-1][1] - radius * 0.05
    lowest = min(bottom, min(z for _, z in profile))
    flesh = lathe([(0, bottom), *profile, (0, top)]).at(z=-lowest)
    stem = rod((0, 0, top - lowest - 0.005), (0.006, 0, top - lowest + 0.018), 0.002, 0.003, 6).with_slot(1)
    return ShapeModel(joined([flesh, stem]), ("fruit", "bark"))


def sports_ball(rng: Rng) -> ShapeModel:
    radius = rng.uniform(0.1, 0.13)
    return ShapeModel(sphere(radius, 28).at(z=radius), ("ball",))


def book(rng: Rng) -> ShapeModel:
    """Some books on one another, or one, lying."""
    pieces = []
    z = 0.0
    for number in range(int(rng.integers(1, 4))):
        width, depth, thick = rng.uniform(0.13, 0.2), rng.uniform(0.19, 0.27), rng.uniform(0.018, 0.045)
        cover = [box(width, depth, 0.004), box(width, depth, 0.004).at(z=thick - 0.004)]
        cover.append(box(0.004, depth, thick).at(x=-width / 2 + 0.002))
        pages = box(width - 0.012, depth - 0.012, thick - 0.006).at(x=-0.001, z=0.003)
        pile = joined([*(piece.with_slot(1 + number) for piece in cover), pages])
        pieces.append(pile.turned("z", rng.uniform(-25, 25)).at(z=z))
        z += thick + 0.0004
    return ShapeModel(joined(pieces), ("paper", "cover", "cover", "cover"))


def laptop(rng: Rng) -> ShapeModel:
    width, depth = rng.uniform(0.29, 0.36), rng.uniform(0.2, 0.25)
    base = box(width, depth, 0.014)
    keys = box(width * 0.86, depth * 0.45, 0.002).at(y=depth * 0.14, z=0.0135).with_slot(1)
    pad = box(width * 0.3, depth * 0.26, 0.002).at(y=-depth * 0.29, z=0.0135).with_slot(1)
    lid = box(width, 0.008, depth * 0.96)
    screen = box(width * 0.93, 0.003, depth * 0.85).at(y=-0.0045, z=depth * 0.05).with_slot(2)
    tilt = rng.uniform(-28, -12)
    opened = joined([lid, screen]).turned("x", tilt).at(y=depth / 2, z=0.013)
    return ShapeModel(joined([base, keys, pad, opened]), ("metal", "black", "screen"))


def carton(rng: Rng) -> ShapeModel:
    width, depth, height = rng.uniform(0.22, 0.5), rng.uniform(0.2, 0.4), rng.uniform(0.16, 0.38)
    pieces = [box(width, depth, height), box(0.05, depth + 0.004, height + 0.004).at(z=-0.0).with_slot(1)]
    support = Support(height + 0.004, -width / 2 + 0.02, -depth / 2 + 0.02, width / 2 - 0.02, depth / 2 - 0.02)
    return ShapeModel(joined(pieces), ("cardboard", "paper"), (support,))


def dog(rng: Rng) -> ShapeModel:
    """A dog that stands, looking along -y."""
    size = rng.uniform(0.8, 1.25)
    pieces = [
        limb((0, -0.2, 0.4), (0, 0.2, 0.38), 0.13, 0.11),
        limb((0, -0.22, 0.44), (0, -0.34, 0.56), 0.08, 0.075),
        ellipsoid(0.085, 0.1, 0.085).at(0, -0.38, 0.6),
        limb((0, -0.42, 0.575), (0, -0.52, 0.56), 0.045, 0.032),
        ellipsoid(0.018, 0.014, 0.014, 10).at(0, -0.553, 0.565).with_slot(1),
        limb((0, 0.28, 0.44), (0, 0.42, 0.6), 0.03, 0.015, 10),
    ]
    for side in (-1, 1):
        pieces.append(
            ellipsoid(0.018, 0.04, 0.07, 10).turned("y", side * 12).at(side * 0.085, -0.36, 0.63).with_slot(2)
        )
        pieces.append(ellipsoid(0.012, 0.012, 0.012, 8).at(side * 0.036, -0.465, 0.625).with_slot(1))
        for y in (-0.2, 0.22):
            pieces.append(limb((side * 0.07, y, 0.36), (side * 0.075, y + 0.02, 0.05), 0.055, 0.032, 10))
            pieces.append(ellipsoid(0.036, 0.052, 0.028, 10).at(side * 0.075, y - 0.005, 0.028))
    return ShapeModel(joined(pieces).stretched(size, size, size), ("fur", "black", "fur"))


BUILDERS = {
    "bottle": bottle,
    "cup": cup,
    "bowl": bowl,
    "vase": vase,
    "apple": apple,
    "sports ball": sports_ball,
    "book": book,
    "laptop": laptop,
    "box": carton,
    "dog": dog,
}
