"""Rooms: furniture along the walls, a table with chairs, things on it and on the floor, somebody in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cvstudio.world.cameras import CameraPath
from cvstudio.world.figures import POSES
from cvstudio.world.layouts.builder import SceneBuilder, placed
from cvstudio.world.layouts.floor_plan import Footprint
from cvstudio.world.layouts.walls import HEIGHT, Walls
from cvstudio.world.materials import plain
from cvstudio.world.primitives import ellipsoid
from cvstudio.world.scene import Lighting, Motion, SceneObject

ON_TABLES = ("bottle", "cup", "cup", "bowl", "vase", "apple", "book", "laptop", "desk lamp", "clock")
_ON_SHELVES = ("book", "book", "vase", "bowl", "clock", "cup", "bottle")
_STANDING = ("standing", "waving", "pointing", "hands on hips", "arms up")


def build_room(build: SceneBuilder, duration_secs: float) -> None:
    """Furnish a room; each step is left out once there are as many things as wanted."""
    rng = build.rng
    walls = Walls(build, (float(rng.uniform(2.1, 2.9)), float(rng.uniform(2.2, 3.0))))
    walls.shell()
    carriers: list[SceneObject] = []

    def carry(item: SceneObject | None) -> None:
        if item is not None and item.supports:
            carriers.append(item)

    def table() -> None:
        carry(_table(build, walls))

    def moving() -> None:
        _mover(build, walls, duration_secs)

    steps: list[Callable[[], None]] = [
        lambda: carry(walls.against(build.pick("couch", "couch", "bed"))),
        table,
        lambda: carry(walls.hang("window", 0.95)),
        moving,
        lambda: carry(walls.against("shelf")),
        lambda: _small_things(build, carriers, 3),
        lambda: carry(walls.hang("door", 0.0)),
        lambda: carry(walls.against("cabinet")),
        lambda: _television(build, carriers),
        lambda: carry(walls.against("floor lamp")),
        lambda: carry(walls.against("potted plant")),
        lambda: carry(walls.hang("picture", 1.35)),
        lambda: _small_things(build, carriers, 5),
        lambda: carry(build.put(walls.plan, "rug", angle=float(rng.uniform(-12, 12)))),
        lambda: carry(build.put(walls.plan, build.pick("sports ball", "box", "stool", "dog"))),
        lambda: carry(walls.hang("picture", 1.4)),
        lambda: carry(build.put(walls.plan, build.pick("box", "stool", "chair"))),
    ]
    for step in steps:
        if not build.full:
            step()
    for _ in range(4 * build.missing):
        if build.full:
            break
        if carriers and rng.random() < 0.8:
            _small_things(build, carriers, 1)
        else:
            carry(build.put(walls.plan, build.pick("box", "sports ball", "stool", "potted plant", "chair")))


def _table(build: SceneBuilder, walls: Walls) -> SceneObject | None:
    """A table with chairs around it."""
    rng = build.rng
    chosen = build.model("dining table")
    for _ in range(20):
        x, y = (rng.uniform(-0.4, 0.4, 2) * walls.half).tolist()
        angle = float(rng.integers(2) * 90 + rng.uniform(-6, 6))
        cover = build.footprint(chosen[0], x, y, angle)
        # With room for the chairs.
        if walls.plan.claim(Footprint(x, y, cover.half_x, cover.half_y + 0.35, angle)):
            break
    else:
        return None
    table = build.thing("dining table", chosen, placed(x, y, angle))
    seats = [(-0.5, 1), (0.5, -1), (0.5, 1), (-0.5, -1)] if cover.half_x > 0.62 else [(0.0, 1), (0.0, -1)]
    chair = build.model("chair")
    for along, side in seats[: max(0, build.missing - 4)]:
        out = side * (cover.half_y + float(rng.uniform(-0.02, 0.18)))
        facing = (0 if side > 0 else 180) + float(rng.uniform(-14, 14))
        build.thing("chair", chair, table.place @ placed(along * cover.half_x, out, facing))
    return table


def _television(build: SceneBuilder, carriers: list[SceneObject]) -> None:
    for item in carriers:
        if item.name.startswith("cabinet"):
            build.put_on(item, item.supports[0], "tv")


def _small_things(build: SceneBuilder, carriers: list[SceneObject], count: int) -> None:
    """Some small things on what carries them."""
    for _ in range(count):
        if build.full or not carriers:
            return
        item = carriers[int(build.rng.integers(len(carriers)))]
        support = item.supports[int(build.rng.integers(len(item.supports)))]
        names = _ON_SHELVES if item.name.startswith("shelf") else ON_TABLES
        build.put_on(item, support, build.pick(*names))


def _mover(build: SceneBuilder, walls: Walls, duration_secs: float) -> None:
    """A ball that rolls, somebody who walks, or somebody who stands."""
    rng = build.rng
    kind = build.pick("ball", "walk", "walk", "stand", "dog")
    for _ in range(30):
        x, y = (rng.uniform(-0.8, 0.8, 2) * walls.half).tolist()
        angle = float(rng.uniform(0, 360))
        way = 0.0 if kind in ("stand", "dog") else float(rng.uniform(0.8, 1.8))
        # A figure looks along its -y.
        ahead = np.array([np.sin(np.radians(angle)), -np.cos(np.radians(angle))])
        middle = np.array([x, y]) + ahead * way / 2
        half = 0.32 if kind in ("walk", "stand") else 0.2 if kind == "ball" else 0.45
        if not walls.plan.claim(Footprint(float(middle[0]), float(middle[1]), half, half + way / 2, angle)):
            continue
        speed = min(way / max(duration_secs, 1.0), 1.2)
        velocity = (float(ahead[0] * speed), float(ahead[1] * speed))
        if kind == "ball":
            chosen = build.model("sports ball")
            radius = float(chosen[0].mesh.bounds[1, 2]) / 2
            build.thing("sports ball", chosen, placed(x, y, 0), motion=Motion(velocity, roll_radius=radius))
        elif kind == "dog":
            build.thing("dog", build.model("dog"), placed(x, y, angle), motion=Motion(swing_deg=10))
        elif kind == "walk":
            build.person(x, y, angle, pose=None, motion=Motion(velocity))
        else:
            build.person(x, y, angle, pose=POSES[build.pick(*_STANDING)], motion=Motion(swing_deg=6))
        return


def room_lighting(build: SceneBuilder, light: float) -> Lighting:
    """A lamp below the ceiling, which hangs there, and the light that walls give back."""
    rng = build.rng
    x, y = rng.uniform(-0.6, 0.6, 2).tolist()
    shade = ellipsoid(0.22, 0.22, 0.09).at(x, y, HEIGHT - 0.06)
    build.surroundings("ceiling", shade, plain("#fff0d2", glow=1.4))
    warm = float(rng.uniform(0, 1))
    direct = (1.5 * light, (1.42 - 0.2 * warm) * light, (1.34 - 0.5 * warm) * light)
    around = 0.3 * light
    return Lighting(
        (x, y, HEIGHT - 0.24),
        (0.0, 0.0, 1.0),
        direct,
        (around, around * 1.02, around * 1.06),
        (around * 0.8, around * 0.74, around * 0.66),
        0.14,
    )


def room_paths(build: SceneBuilder) -> list[CameraPath]:
    """Ways of a camera that stands at a wall and looks into the room."""
    rng = build.rng
    paths = []
    for _ in range(10):
        angle = rng.uniform(0, 2 * np.pi)
        reach = rng.uniform(1.75, 2.05)
        height = float(rng.uniform(1.25, 1.85))
        eye = (float(np.cos(angle) * reach), float(np.sin(angle) * reach), height)
        aside = rng.uniform(-0.5, 0.5, 2).tolist()
        target = (-eye[0] * 0.35 + aside[0], -eye[1] * 0.35 + aside[1], float(rng.uniform(0.6, 0.85)))
        paths.append(
            CameraPath(
                eye,
                target,
                float(rng.uniform(66, 78)),
                float(rng.choice([-1, 1]) * rng.uniform(8, 18)),
                float(rng.uniform(-0.15, 0.2)),
                float(rng.uniform(0.0, 0.15)),
            )
        )
    return paths
