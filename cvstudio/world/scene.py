"""A scene: what is in it, where it is at any time, the light, and the way of the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.cameras import CameraPath
from cvstudio.world.figures import Figure, Pose, walking
from cvstudio.world.materials import Material, Rgb
from cvstudio.world.shape_mesh import ShapeMesh, joined, shift, turn
from cvstudio.world.shapes.model import Support

STEP_METRES = 1.35
"""Length of two steps of a walk, left and right."""


@dataclass(frozen=True)
class Motion:
    """How an object moves.

    Parameters
    ----------
    velocity : metres a second in x and y
    turn_deg : degrees a second about its own upright axis
    roll_radius : of what rolls as it goes, in metres; 0 glides
    swing_deg, swing_secs : a turn to and fro about its upright axis by at most this, and its period
    """

    velocity: tuple[float, float] = (0.0, 0.0)
    turn_deg: float = 0.0
    roll_radius: float = 0.0
    swing_deg: float = 0.0
    swing_secs: float = 3.0

    @property
    def still(self) -> bool:
        """Whether nothing moves."""
        return self.velocity == (0.0, 0.0) and not self.turn_deg and not self.swing_deg

    def at(self, time_secs: float) -> NDArray[np.float64]:
        """What is done to an object about its own place until a time, (4, 4)."""
        x, y = (speed * time_secs for speed in self.velocity)
        moved = shift(x, y, 0)
        if self.roll_radius:
            way = float(np.hypot(*self.velocity)) * time_secs
            heading = float(np.degrees(np.arctan2(self.velocity[1], self.velocity[0])))
            spin = turn("z", heading) @ turn("y", float(np.degrees(way / self.roll_radius))) @ turn("z", -heading)
            return moved @ shift(0, 0, self.roll_radius) @ spin @ shift(0, 0, -self.roll_radius)
        angle = self.turn_deg * time_secs + self.swing_deg * float(np.sin(2 * np.pi * time_secs / self.swing_secs))
        return moved @ turn("z", angle)


STILL = Motion()


@dataclass(frozen=True, eq=False)
class SceneObject:
    """A thing or a piece of the surroundings.

    Parameters
    ----------
    identity : number of a thing over all frames, from 1; 0 for surroundings
    category : index into `categories.CATEGORIES`
    meshes : of its rigid parts, of a figure those of `categories.PARTS`; in metres
    materials : of the slots of its meshes
    place : world from object at the time 0, float64 (4, 4)
    motion : about that place
    figure : the figure that it is; None for anything else
    pose : that the figure holds; None for one that walks
    name : of the shape, for files
    supports : where other things may stand on it, in its own axes
    """

    identity: int
    category: int
    meshes: tuple[ShapeMesh, ...]
    materials: tuple[Material, ...]
    place: NDArray[np.float64]
    motion: Motion = STILL
    figure: Figure | None = None
    pose: Pose | None = None
    name: str = ""
    supports: tuple[Support, ...] = ()

    @property
    def still(self) -> bool:
        """Whether it never moves."""
        return self.motion.still and not self.walks

    @property
    def walks(self) -> bool:
        """Whether it is a figure that walks."""
        return self.figure is not None and self.pose is None

    def local_poses(self, time_secs: float) -> NDArray[np.float64]:
        """Where the rigid parts are in the object at a time, (parts, 4, 4)."""
        if self.figure is None:
            return np.tile(np.eye(4), (len(self.meshes), 1, 1))
        pose = self.pose
        if pose is None:
            pose = walking(float(np.hypot(*self.motion.velocity)) * time_secs / STEP_METRES + self.identity * 0.37)
        return self.figure.poses(pose)

    def poses(self, time_secs: float) -> NDArray[np.float64]:
        """World from each rigid part at a time, (parts, 4, 4)."""
        moved = self.motion.at(time_secs)
        spun = self.place.copy()
        # The motion is in the axes of the world, about the place.
        turned: NDArray[np.float64] = moved[:3, :3] @ spun[:3, :3]
        spun[:3, :3] = turned
        spun[:3, 3] += moved[:3, 3]
        result: NDArray[np.float64] = spun @ self.local_poses(time_secs)
        return result

    def mesh(self, time_secs: float = 0.0) -> ShapeMesh:
        """The whole object in its own axes at a time: a figure in its pose."""
        posed = zip(self.meshes, self.local_poses(time_secs), strict=True)
        return joined(mesh if self.figure is None else mesh.moved(pose) for mesh, pose in posed)

    def placed_mesh(self, time_secs: float = 0.0) -> ShapeMesh:
        """The whole object in the world at a time."""
        return joined(mesh.moved(pose) for mesh, pose in zip(self.meshes, self.poses(time_secs), strict=True))

    def keypoints(self, time_secs: float) -> NDArray[np.float64] | None:
        """Key points of a figure in the world, (17, 3); None of anything else."""
        return None if self.figure is None else self.figure.keypoints(self.poses(time_secs))


@dataclass(frozen=True)
class Lighting:
    """Where light comes from.

    Parameters
    ----------
    lamp : position of a lamp in metres, or None for the sun
    sun : direction towards the sun, of unit length
    direct, above, below : colours of the direct light and of the light from above and below, as linear RGB
    spread : radius of the lamp in metres, or of the sun's disc as a slope: how soft the shadows are
    sky : colours of the sky at the horizon and above; None indoors
    haze : by how much the air takes a metre away; 0 is clear
    """

    lamp: tuple[float, float, float] | None
    sun: tuple[float, float, float]
    direct: Rgb
    above: Rgb
    below: Rgb
    spread: float
    sky: tuple[Rgb, Rgb] | None = None
    haze: float = 0.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that is to be rendered.

    Parameters
    ----------
    objects : things and surroundings
    lighting : light
    path : way of the camera
    """

    objects: tuple[SceneObject, ...]
    lighting: Lighting
    path: CameraPath

    @property
    def things(self) -> tuple[SceneObject, ...]:
        """The countable objects, by their identity."""
        return tuple(sorted((item for item in self.objects if item.identity), key=lambda item: item.identity))
