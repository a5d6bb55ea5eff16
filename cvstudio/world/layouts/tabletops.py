"""Everyday things on a table, seen from near."""

from __future__ import annotations

import numpy as np

from cvstudio.world.cameras import CameraPath
from cvstudio.world.layouts.builder import CONTACT_METRES, SceneBuilder, placed
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.materials import finished
from cvstudio.world.primitives import box
from cvstudio.world.scene import Lighting, Motion
from cvstudio.world.shape_mesh import joined
from cvstudio.world.shapes.model import ShapeModel

TOP = 0.74
"""Height of the table in metres."""
_HALF = (0.62, 0.42)
_THINGS = (
    *("bottle", "bottle", "cup", "cup", "bowl", "vase", "apple", "apple", "book", "book", "laptop"),
    *("desk lamp", "clock", "potted plant", "box", "sports ball"),
)
_LARGE = ("laptop", "desk lamp", "potted plant", "box", "sports ball")


def build_tabletop(build: SceneBuilder, duration_secs: float) -> None:
    """A table before a wall, with things on it; some of them turn or roll."""
    rng = build.rng
    wall = finished(build.pick("wall paint", "wallpaper", "brick", "backdrop"), rng)
    build.slab("wall", (16.0, 0.1, 3.2), (0, 1.25, 0), wall)
    build.slab("floor", (16.0, 7.0, 0.1), (0, 0, -0.1), finished("floorboards", rng))
    legs = [box(0.07, 0.07, TOP - 0.02).at(x, y) for x in (-0.6, 0.6) for y in (-0.4, 0.4)]
    table = joined([box(2 * _HALF[0] + 0.16, 2 * _HALF[1] + 0.16, 0.04).at(z=TOP - 0.04), *legs])
    build.thing("dining table", (ShapeModel(table, ("timber",)), 0), np.eye(4))
    plan = FloorPlan(-_HALF[0], -_HALF[1], _HALF[0], _HALF[1], 0.02)
    large = 0
    for _ in range(6 * build.missing):
        if build.full:
            return
        category = build.pick(*_THINGS)
        if category in _LARGE and large >= 3:
            continue
        chosen = build.model(category)
        x, y = rng.uniform((-_HALF[0], -_HALF[1]), _HALF).tolist()
        angle = float(rng.uniform(-35, 35))
        if category in _LARGE and y < 0:
            # What is large stands behind.
            y = -y
        turns = rng.random() < 0.3
        rolls = category in ("apple", "sports ball") and rng.random() < 0.5
        cover = build.footprint(chosen[0], x, y, angle)
        radius = float(np.hypot(cover.half_x, cover.half_y))
        way = 0.25 if rolls else 0.0
        place = Footprint(x, y, radius, radius) if turns else cover
        if rolls:
            place = Footprint(x + way / 2, y, cover.half_x + way / 2, cover.half_y)
        if not plan.claim(place):
            continue
        large += category in _LARGE
        motion = Motion()
        if rolls:
            thick = float(chosen[0].mesh.bounds[1, 2]) / 2
            motion = Motion((way / max(duration_secs, 1.0), 0.0), roll_radius=thick)
        elif turns:
            motion = Motion(turn_deg=float(rng.choice([-1, 1]) * rng.uniform(25, 60)))
        build.thing(category, chosen, placed(x, y, angle, TOP + CONTACT_METRES), motion=motion)


def tabletop_lighting(build: SceneBuilder, light: float) -> Lighting:
    """A lamp above and in front of the table, to one side."""
    rng = build.rng
    lamp = (
        float(rng.choice([-1, 1]) * rng.uniform(0.7, 1.3)),
        float(rng.uniform(-1.2, -0.4)),
        float(rng.uniform(1.9, 2.4)),
    )
    around = 0.3 * light
    return Lighting(
        lamp,
        (0.0, 0.0, 1.0),
        (1.15 * light, 1.08 * light, 1.0 * light),
        (around, around * 1.03, around * 1.1),
        (around * 0.8, around * 0.72, around * 0.62),
        0.12,
    )


def tabletop_paths(build: SceneBuilder) -> list[CameraPath]:
    """Ways of a camera before the table, going around it."""
    rng = build.rng
    paths = []
    for _ in range(6):
        angle = rng.uniform(-0.6, 0.6)
        reach = float(rng.uniform(1.05, 1.4))
        eye = (float(np.sin(angle) * reach), float(-np.cos(angle) * reach), float(TOP + rng.uniform(0.35, 0.75)))
        target = (float(rng.uniform(-0.08, 0.08)), 0.05, TOP + 0.08)
        arc = float(-np.sign(angle) * rng.uniform(15, 30))
        paths.append(CameraPath(eye, target, float(rng.uniform(48, 58)), arc, float(rng.uniform(-0.1, 0.15))))
    return paths
