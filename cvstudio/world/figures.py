"""Articulated figures: fifteen rigid parts on joints, poses, and a gait."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.categories import PARTS
from cvstudio.world.primitives import ellipsoid, lathe, limb
from cvstudio.world.shape_mesh import ShapeMesh, joined, shift, turn

Matrix = NDArray[np.float64]

FINISHES = ("skin", "hair", "clothes", "trousers", "shoes", "black")
"""Finish of each material slot of a figure."""
_SKIN, _HAIR, _TOP, _TROUSERS, _SHOES, _EYES = range(6)
VARIANTS = 8
"""Different builds."""
SIDES = (("left", 1), ("right", -1))
"""Sides of a figure, and where they lie along its x; it looks along -y."""


@dataclass(frozen=True)
class Limbs:
    """Angles of one side in degrees; 0 hangs straight down. Flexion is forwards, abduction outwards."""

    shoulder: float = 4.0
    shoulder_out: float = 9.0
    elbow: float = 12.0
    hip: float = 0.0
    hip_out: float = 3.0
    knee: float = 3.0


@dataclass(frozen=True)
class Pose:
    """Angles of a whole figure in degrees: the trunk leans forwards, the head turns to its left."""

    left: Limbs = Limbs()
    right: Limbs = Limbs()
    lean: float = 0.0
    head_turn: float = 0.0
    head_nod: float = 0.0


POSES: Mapping[str, Pose] = {
    "standing": Pose(Limbs(hip=3, shoulder=6), Limbs(hip=-3, shoulder=-2), head_turn=12),
    "waving": Pose(Limbs(shoulder=25, shoulder_out=120, elbow=45), Limbs(), head_turn=-8),
    "pointing": Pose(Limbs(shoulder=86, elbow=6), Limbs(hip=-4), lean=3, head_turn=10),
    "arms up": Pose(Limbs(shoulder=165, shoulder_out=18, elbow=22), Limbs(shoulder=160, shoulder_out=22, elbow=30)),
    "hands on hips": Pose(
        Limbs(shoulder=-18, shoulder_out=42, elbow=88), Limbs(shoulder=-18, shoulder_out=42, elbow=88), head_turn=18
    ),
    "stooping": Pose(
        Limbs(shoulder=70, elbow=18, hip=38, knee=40), Limbs(shoulder=62, elbow=26, hip=22, knee=36), lean=38
    ),
    "lunging": Pose(Limbs(shoulder=-30, hip=62, knee=68), Limbs(shoulder=45, elbow=50, hip=-24, knee=22), lean=8),
    "sitting": Pose(
        Limbs(shoulder=28, elbow=52, hip=86, knee=84, hip_out=8),
        Limbs(shoulder=24, elbow=58, hip=86, knee=86, hip_out=8),
    ),
}
"""Poses that figures hold, by name."""


def walking(phase: float) -> Pose:
    """Pose of a walk; `phase` is in steps of the same foot, and whole numbers are alike."""

    def side(at: float) -> Limbs:
        turn_of = 2 * np.pi * at
        swing = float(np.sin(turn_of))
        lifted = max(0.0, float(np.sin(turn_of + 1.1)))
        return Limbs(
            shoulder=-30 * swing,
            shoulder_out=8,
            elbow=22 + 10 * max(0.0, -swing),
            hip=5 + 27 * swing,
            hip_out=1.5,
            knee=6 + 48 * lifted * lifted,
        )

    return Pose(side(phase), side(phase + 0.5), lean=3)


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure at rest.

    Parameters
    ----------
    height : in metres
    parts : mesh of each of `categories.PARTS`, about the joint that it turns around, hanging down
    """

    height: float
    parts: tuple[ShapeMesh, ...]

    def poses(self, pose: Pose) -> NDArray[np.float64]:
        """Where each part is, (15, 4, 4): the figure stands on z = 0, its hips above the origin."""
        h = self.height
        pelvis = shift(0, 0, 0)
        torso = pelvis @ shift(0, 0, 0.06 * h) @ turn("x", pose.lean)
        # Its own lean is taken off, so that the eyes keep to the horizon.
        neck = torso @ shift(0, 0, 0.27 * h) @ turn("z", pose.head_turn) @ turn("x", pose.head_nod - 0.7 * pose.lean)
        places = {"pelvis": pelvis, "torso": torso, "head": neck}
        for name, sign in SIDES:
            angles = pose.left if name == "left" else pose.right
            shoulder = torso @ shift(sign * 0.107 * h, 0, 0.235 * h)
            arm = shoulder @ turn("y", -sign * angles.shoulder_out) @ turn("x", -angles.shoulder)
            forearm = arm @ shift(0, 0, -0.17 * h) @ turn("x", -angles.elbow)
            thigh = pelvis @ shift(sign * 0.053 * h, 0, -0.02 * h)
            thigh = thigh @ turn("y", -sign * angles.hip_out) @ turn("x", -angles.hip)
            shank = thigh @ shift(0, 0, -0.243 * h) @ turn("x", angles.knee)
            # Feet are half level: what hips and knees leave over is taken back at the ankle.
            foot = shank @ shift(0, 0, -0.233 * h) @ turn("x", (angles.hip - angles.knee) * 0.75)
            places |= {
                f"{name} upper arm": arm,
                f"{name} forearm": forearm,
                f"{name} hand": forearm @ shift(0, 0, -0.15 * h),
            }
            places |= {f"{name} thigh": thigh, f"{name} shank": shank, f"{name} foot": foot}
        stacked = np.stack([places[name] for name in PARTS])
        stacked[:, 2, 3] -= self._lowest(stacked)
        return stacked

    def _lowest(self, poses: NDArray[np.float64]) -> float:
        """Height of the lowest vertex of the feet and shanks."""
        lowest = []
        for name in ("left foot", "right foot", "left shank", "right shank"):
            number = PARTS.index(name)
            lowest.append(float((self.parts[number].vertices @ poses[number, 2, :3]).min() + poses[number, 2, 3]))
        return min(lowest)

    def keypoints(self, poses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where COCO's seventeen key points are, (17, 3), for the poses of the parts."""
        h = self.height
        number = {name: place for place, name in enumerate(PARTS)}

        def point(part: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Matrix:
            placed: Matrix = poses[number[part], :3, :3] @ (x * h, y * h, z * h) + poses[number[part], :3, 3]
            return placed

        joints = [point("head", y=-0.062, z=0.06)]
        joints += [point("head", sign * 0.02, -0.05, 0.078) for _, sign in SIDES]
        joints += [point("head", sign * 0.046, 0.004, 0.07) for _, sign in SIDES]
        for part in ("upper arm", "forearm", "hand", "thigh", "shank", "foot"):
            joints += [point(f"{side} {part}") for side, _ in SIDES]
        return np.stack(joints)


@functools.cache
def figure(variant: int) -> Figure:
    """One of the `VARIANTS` figures: the same in every process."""
    rng = np.random.default_rng([0x666967, variant])
    height = float(rng.uniform(1.56, 1.88))
    stout = float(rng.uniform(0.9, 1.18))
    parts = _unit_parts(stout, long_hair=bool(rng.random() < 0.5), short_sleeves=bool(rng.random() < 0.4))
    return Figure(
        height,
        tuple(parts[name].stretched(height, height, height).with_part(number + 1) for number, name in enumerate(PARTS)),
    )


def _unit_parts(stout: float, *, long_hair: bool, short_sleeves: bool) -> dict[str, ShapeMesh]:
    """The parts of a figure of height 1."""
    skull = ellipsoid(0.046, 0.056, 0.066, 22).at(z=0.068)
    hair = ellipsoid(0.05, 0.058, 0.062, 22).at(y=0.009, z=0.081).with_slot(_HAIR)
    head = [
        limb((0, 0.004, -0.02), (0, 0, 0.03), 0.03, 0.028),
        skull,
        hair,
        ellipsoid(0.009, 0.014, 0.013, 10).at(0, -0.057, 0.06),
    ]
    if long_hair:
        head.append(ellipsoid(0.045, 0.03, 0.07, 18).at(y=0.04, z=0.035).with_slot(_HAIR))
    for _, sign in SIDES:
        head.append(ellipsoid(0.007, 0.005, 0.007, 8).at(sign * 0.02, -0.048, 0.078).with_slot(_EYES))
        head.append(ellipsoid(0.007, 0.012, 0.017, 8).at(sign * 0.047, 0.004, 0.066))
    trunk = lathe(
        [
            (0.0, -0.03),
            (0.08, -0.02),
            (0.083, 0.03),
            (0.098, 0.13),
            (0.108, 0.2),
            (0.098, 0.245),
            (0.05, 0.272),
            (0, 0.28),
        ],
        24,
    )
    hips = lathe([(0.0, -0.075), (0.06, -0.06), (0.096, -0.015), (0.094, 0.03), (0.082, 0.065), (0, 0.075)], 24)
    parts = {
        "head": joined(head),
        "torso": trunk.stretched(stout, 0.62 * stout, 1).with_slot(_TOP),
        "pelvis": hips.stretched(stout, 0.7 * stout, 1).with_slot(_TROUSERS),
    }
    sole = ellipsoid(0.027, 0.075, 0.024, 18).at(0, -0.035, -0.022)
    for name, sign in SIDES:
        thick = 0.7 + 0.3 * stout
        upper = limb((0, 0, 0), (0, 0, -0.17), 0.033 * thick, 0.025 * thick).with_slot(_TOP)
        lower = limb((0, 0, 0), (0, 0, -0.15), 0.025 * thick, 0.018 * thick)
        thigh = limb((0, 0, 0), (0, 0, -0.243), 0.052 * thick, 0.034 * thick).with_slot(_TROUSERS)
        shank = limb((0, 0, 0), (0, 0, -0.23), 0.036 * thick, 0.022 * thick).with_slot(_TROUSERS)
        thumb = limb((0, -0.006, -0.02), (-sign * 0.004, -0.026, -0.045), 0.008, 0.006, 8)
        parts |= {
            f"{name} upper arm": upper,
            f"{name} forearm": lower.with_slot(_SKIN if short_sleeves else _TOP),
            f"{name} hand": joined([ellipsoid(0.011, 0.023, 0.045, 12).at(0, 0, -0.045), thumb]),
            f"{name} thigh": thigh,
            f"{name} shank": shank,
            f"{name} foot": sole.with_slot(_SHOES),
        }
    return parts


def mirrored(pose: Pose) -> Pose:
    """The pose with its sides exchanged."""
    return dataclasses.replace(pose, left=pose.right, right=pose.left, head_turn=-pose.head_turn)
