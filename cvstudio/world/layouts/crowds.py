"""Figures in a studio or on a lawn: holding poses, walking, sitting, with a few things between them."""

from __future__ import annotations

import numpy as np

from cvstudio.world.cameras import CameraPath
from cvstudio.world.figures import POSES, mirrored
from cvstudio.world.layouts.builder import SceneBuilder, placed
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.layouts.outside import daylight
from cvstudio.world.materials import finished
from cvstudio.world.scene import Lighting, Motion

_PROPS = ("sports ball", "box", "bench", "stool", "dog", "potted plant", "bicycle")
_SEAT = 0.86
"""By how much a chair is made smaller, so that those who sit on it reach the ground."""


def build_crowd(build: SceneBuilder, duration_secs: float) -> None:
    """Figures first, then a thing for every third of them."""
    rng = build.rng
    outdoors = rng.random() < 0.5
    if outdoors:
        build.slab("grass", (160, 160, 0.2), (0, 0, -0.2), finished("grass", rng))
        ring = FloorPlan(-22, 7, 22, 26, 0.4)
        for _ in range(9):
            build.put(ring, build.pick("tree", "tree", "bush"), scenery=True)
    else:
        material = finished("backdrop", rng)
        build.slab("backdrop", (14, 14, 0.2), (0, 0, -0.2), material)
        build.slab("backdrop", (14, 0.2, 6), (0, 3.6, 0), material)
    plan = FloorPlan(-2.6, -1.6, 2.6, 2.6, 0.1)
    props = build.wanted // 4
    for _ in range(20 * build.missing):
        if build.missing <= props:
            break
        _figure(build, plan, duration_secs)
    for _ in range(4 * props):
        if build.full:
            break
        build.put(plan, build.pick(*_PROPS), tries=12)


def _figure(build: SceneBuilder, plan: FloorPlan, duration_secs: float) -> None:
    rng = build.rng
    x, y = rng.uniform(plan.bounds[:2], plan.bounds[2:]).tolist()
    # Most look more or less at the camera, which stands at -y.
    angle = float(rng.normal(0, 45) if rng.random() < 0.75 else rng.uniform(0, 360))
    ahead = np.array([np.sin(np.radians(angle)), -np.cos(np.radians(angle))])
    if rng.random() < 0.35:
        way = float(rng.uniform(0.8, 2.2))
        middle = np.array([x, y]) + ahead * way / 2
        if plan.claim(Footprint(float(middle[0]), float(middle[1]), 0.3, 0.4 + way / 2, angle)):
            speed = min(way / max(duration_secs, 1.0), 1.3)
            motion = Motion((float(ahead[0] * speed), float(ahead[1] * speed)))
            build.person(x, y, angle, pose=None, motion=motion)
        return
    name = build.pick(*POSES)
    if name == "sitting" and build.missing < 2:
        return
    reach = 0.5 if name in ("waving", "lunging", "stooping") else 0.36
    if not plan.claim(Footprint(x, y, reach, reach, angle)):
        return
    pose = POSES[name] if rng.random() < 0.5 else mirrored(POSES[name])
    if name == "sitting":
        seat = placed(x, y, angle) @ placed(0, 0.02, 0)
        build.thing("chair", build.model("chair"), seat, size=_SEAT)
        build.person(x, y, angle, pose=pose)
        return
    build.person(x, y, angle, pose=pose, motion=Motion(swing_deg=float(rng.uniform(4, 12))))


def crowd_lighting(build: SceneBuilder, light: float) -> Lighting:
    """Daylight on a lawn, else two lights of a studio in one."""
    if any(item.name == "grass" for item in build.objects):
        return daylight(build, light, (15.0, 70.0), haze=0.003)
    rng = build.rng
    side = float(rng.choice([-1, 1]))
    around = 0.36 * light
    return Lighting(
        (side * float(rng.uniform(2.0, 3.2)), float(rng.uniform(-4.0, -3.0)), float(rng.uniform(3.6, 4.6))),
        (0.0, 0.0, 1.0),
        (5.4 * light, 5.1 * light, 4.8 * light),
        (around, around * 1.02, around * 1.06),
        (around * 0.8, around * 0.76, around * 0.72),
        0.35,
    )


def crowd_paths(build: SceneBuilder) -> list[CameraPath]:
    """Ways of a camera before the figures, around them and nearer."""
    rng = build.rng
    paths = []
    for _ in range(6):
        angle = rng.uniform(-0.45, 0.45)
        reach = float(rng.uniform(4.4, 5.6))
        eye = (float(np.sin(angle) * reach), float(-np.cos(angle) * reach), float(rng.uniform(1.2, 1.9)))
        target = (float(rng.uniform(-0.3, 0.3)), 0.4, 0.92)
        arc = float(-np.sign(angle) * rng.uniform(8, 20))
        paths.append(CameraPath(eye, target, float(rng.uniform(48, 60)), arc, float(rng.uniform(-0.1, 0.3)), 0.08))
    return paths
