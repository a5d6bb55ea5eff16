"""A street with houses, cars, trees, signs and people. It runs along y; the camera looks up it."""

from __future__ import annotations

import numpy as np

from cvstudio.world.cameras import CameraPath
from cvstudio.world.figures import POSES
from cvstudio.world.layouts.builder import SceneBuilder, placed
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.layouts.outside import daylight
from cvstudio.world.materials import finished
from cvstudio.world.scene import Lighting, Motion

LENGTH = 90.0
"""Of the street that has houses, in metres."""
_ROAD = 5.3
"""Half of the road's width in metres: a lane and a row of parked cars on each side."""
_LANE, _PARKING = 1.6, 4.25
"""Where cars drive and stand, in metres from the middle."""
_PAVEMENT = 2.8
_KERB = 0.12
_POSES = ("standing", "standing", "waving", "pointing", "hands on hips")
_AGENDA = (
    *("parked", "walking", "driving", "tree", "sign", "street lamp", "parked", "standing", "bicycle", "driving"),
    *("tree", "walking", "bench", "traffic light", "street lamp", "parked", "dog", "litter bin", "walking"),
    *("fire hydrant", "traffic cone", "tree", "sign", "driving", "standing", "parked", "fence"),
)


def build_street(build: SceneBuilder, duration_secs: float) -> None:
    """Houses and trees as a street has them, then as many further things as are wanted."""
    _ground(build)
    _houses(build)
    lanes = FloorPlan(-_ROAD, 3.5, _ROAD, 65.0, 0.5)
    walks = FloorPlan(-20, 1.5, 20, 38.0, 0.2)
    for number in range(len(_AGENDA) + 6 * build.missing):
        if build.full:
            break
        step = _AGENDA[number % len(_AGENDA)]
        if step in ("driving", "parked"):
            _vehicle(build, lanes, duration_secs, moving=step == "driving")
        elif step in ("walking", "standing"):
            _person(build, walks, duration_secs, moving=step == "walking")
        else:
            _furniture(build, walks, step)


def _ground(build: SceneBuilder) -> None:
    rng = build.rng
    build.slab("grass", (400, 400, 0.2), (0, 100, -0.21), finished("grass", rng))
    build.slab("road", (2 * _ROAD, 220, 0.2), (0, 90, -0.2), finished("asphalt", rng))
    pavement, marking = finished("pavement", rng), finished("marking", rng)
    for side in (-1, 1):
        build.slab("pavement", (_PAVEMENT, 220, _KERB + 0.2), (side * (_ROAD + _PAVEMENT / 2), 90, -0.2), pavement)
        build.slab("road marking", (0.1, 220, 0.01), (side * (_ROAD - 2.15), 90, -0.006), marking)
    crossing = float(rng.uniform(6, 14)) if rng.random() < 0.6 else -100.0
    for y in np.arange(-10, LENGTH, 5.0).tolist():
        if abs(y - crossing) > 4:
            build.slab("road marking", (0.12, 2.4, 0.01), (0, y, -0.006), marking)
    if crossing > 0:
        for x in np.arange(-2.6, 2.7, 0.95).tolist():
            build.slab("road marking", (0.48, 2.8, 0.01), (x, crossing, -0.005), marking)


def _houses(build: SceneBuilder) -> None:
    rng = build.rng
    edge = _ROAD + _PAVEMENT
    for side in (-1, 1):
        y = -12.0 + float(rng.uniform(0, 4))
        setback = float(rng.choice([0.2, 2.5, 4.0]))
        while y < LENGTH:
            chosen = build.model("house")
            bounds = chosen[0].mesh.bounds
            half = float(bounds[1, 0])
            x = side * (edge + setback - float(bounds[0, 1]))
            # The front looks at the road.
            build.thing("house", chosen, placed(x, y + half, -90.0 * side), scenery=True)
            gap = float(rng.choice([0.4, 3.0, 5.0]))
            if setback > 2 and rng.random() < 0.6:
                category = build.pick("bush", "bush", "tree")
                garden = placed(side * (edge + setback * 0.5), y + 2 * half + gap / 2, float(rng.uniform(0, 360)))
                build.thing(category, build.model(category), garden, scenery=True)
            y += 2 * half + gap
    for _ in range(8):
        x, y, angle = rng.uniform((-30, LENGTH + 4, 0), (30, LENGTH + 30, 360)).tolist()
        away = placed(x, y, angle)
        build.thing("tree", build.model("tree"), away, size=1.3, scenery=True)


def _vehicle(build: SceneBuilder, plan: FloorPlan, duration_secs: float, *, moving: bool) -> None:
    """A car that drives on the right, or stands at the kerb. Vehicles look along their -y."""
    rng = build.rng
    category = build.pick("car", "car", "car", "truck") if moving else build.pick("car", "car", "car", "car", "truck")
    chosen = build.model(category)
    half = float(chosen[0].mesh.bounds[1, 1])
    side = int(rng.choice([-1, 1]))
    speed = float(rng.uniform(3.5, 7.0)) if moving else 0.0
    way = speed * max(duration_secs, 1.0)
    x = side * (_LANE if moving else _PARKING)
    for _ in range(12):
        y = float(rng.uniform(6 if moving else 4, 45 if moving else 34))
        middle = y + side * way / 2
        if plan.claim(Footprint(x, middle, 1.0, half + way / 2 + (0.8 if moving else 0.2))):
            motion = Motion((0.0, side * speed)) if moving else Motion()
            angle = (180.0 if side > 0 else 0.0) + float(0 if moving else rng.normal(0, 1.0))
            build.thing(category, chosen, placed(x, y, angle), motion=motion)
            return


def _person(build: SceneBuilder, plan: FloorPlan, duration_secs: float, *, moving: bool) -> None:
    rng = build.rng
    side = int(rng.choice([-1, 1]))
    x = side * float(rng.uniform(_ROAD + 0.9, _ROAD + _PAVEMENT - 0.45))
    y = float(rng.uniform(4, 24))
    if not moving:
        if plan.claim(Footprint(x, y, 0.4, 0.4)):
            pose = POSES[build.pick(*_POSES)]
            build.person(x, y, float(rng.uniform(-100, 100)), pose=pose, motion=Motion(swing_deg=8), z=_KERB)
        return
    heading = int(rng.choice([-1, 1]))
    speed = float(rng.uniform(0.9, 1.4))
    way = speed * max(duration_secs, 1.0)
    if plan.claim(Footprint(x, y + heading * way / 2, 0.32, 0.35 + way / 2)):
        angle = 180.0 if heading > 0 else 0.0
        build.person(x, y, angle, pose=None, motion=Motion((0.0, heading * speed)), z=_KERB)


def _furniture(build: SceneBuilder, plan: FloorPlan, step: str) -> None:
    """What stands on the pavement: most of it at the kerb, benches and bicycles at the houses."""
    rng = build.rng
    category = build.pick("stop sign", "traffic sign", "traffic sign") if step == "sign" else step
    chosen = build.model(category)
    side = int(rng.choice([-1, 1]))
    kerb = _ROAD + 0.45
    inner = _ROAD + _PAVEMENT - 0.4
    x, angle = side * kerb, 0.0
    if category == "street lamp":
        angle = -90.0 * side
    elif category in ("bench", "bicycle", "fence"):
        x, angle = side * inner, -90.0 * side + (90.0 if category == "bicycle" else 0.0)
    elif category in ("stop sign", "traffic sign", "traffic light"):
        angle = 0.0 if side > 0 or rng.random() < 0.5 else 180.0
    elif category == "traffic cone":
        x, angle = side * float(rng.uniform(_ROAD - 1.6, _ROAD - 0.5)), float(rng.uniform(0, 360))
    elif category == "dog":
        x, angle = side * (_ROAD + 1.4), float(rng.uniform(0, 360))
    elif category == "tree":
        x, angle = side * (kerb + 0.1), float(rng.uniform(0, 360))
    z = 0.0 if category == "traffic cone" else _KERB
    for _ in range(10):
        y = float(rng.uniform(3.5, 16 if category in ("bench", "fire hydrant", "dog", "litter bin") else 30))
        cover = build.footprint(chosen[0], x, y, angle)
        # Under crowns and lamps there is room; the trunk or the post is what stands.
        if category in ("tree", "street lamp"):
            cover = Footprint(x, y, 0.3, 0.3)
        if plan.claim(cover):
            motion = Motion(swing_deg=9) if category == "dog" else Motion()
            build.thing(category, chosen, placed(x, y, angle, z), motion=motion)
            return


def street_lighting(build: SceneBuilder, light: float) -> Lighting:
    """Daylight from one side, more or less behind the camera."""
    return daylight(build, light, (25.0, 85.0), haze=0.003)


def street_paths(build: SceneBuilder) -> list[CameraPath]:
    """Ways of a camera up the street, from the pavement or from a car."""
    rng = build.rng
    paths = []
    for _ in range(8):
        driving = rng.random() < 0.4
        side = float(rng.choice([-1, 1]))
        x = _LANE * 0.8 if driving else side * float(rng.uniform(_ROAD - 0.4, _ROAD + 2.0))
        eye = (x, float(rng.uniform(-2.5, 0.5)), float(rng.uniform(1.4, 2.1)))
        target = (x * 0.25 + float(rng.uniform(-1.5, 1.5)), 13.0, float(rng.uniform(0.9, 1.5)))
        ahead = float(rng.uniform(1.0, 2.5))
        paths.append(
            CameraPath(eye, target, float(rng.uniform(56, 70)), float(rng.uniform(-5, 5)), 0.0, shift=(0.0, ahead, 0.0))
        )
    return paths
