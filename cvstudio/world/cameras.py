"""Cameras: how points of the world come into a picture, and how a camera moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly


@dataclass(frozen=True, eq=False)
class PinholeCamera:
    """A pinhole camera without distortion.

    Parameters
    ----------
    size : of the picture in pixels
    focal_px : focal length in pixels; the principal point is the middle of the picture
    world_from_camera : float64 (4, 4)
        Pose in metres: the camera looks along its z, with x to the right and y down.
    """

    size: Size
    focal_px: float
    world_from_camera: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.world_from_camera.shape != (4, 4):
            raise ValueError(f"expected a pose (4, 4), found {self.world_from_camera.shape}")
        object.__setattr__(self, "world_from_camera", readonly(np.asarray(self.world_from_camera, np.float64)))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Intrinsics, float64 (3, 3), in pixels; (0, 0) is the outer corner of the top left pixel."""
        width, height = self.size
        return np.array([[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]])

    @property
    def position(self) -> NDArray[np.float64]:
        """Of the pinhole in the world, (3,), in metres."""
        return self.world_from_camera[:3, 3]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """From the camera's axes to those of the world, (3, 3)."""
        return self.world_from_camera[:3, :3]

    def directions(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float32]:
        """Directions float32 (3, ...) in the world of what is seen at image points; one unit is one metre of depth."""
        width, height = self.size
        right, down = (x - width / 2) / self.focal_px, (y - height / 2) / self.focal_px
        return np.stack([(a * right + b * down + c).astype(np.float32) for a, b, c in self.rotation.tolist()])

    def project(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Image points (..., 2) in pixels and depth in metres, as (..., 3); behind the camera the depth is negative."""
        local = (np.asarray(points, np.float64) - self.position) @ self.rotation
        depth = local[..., 2:]
        with np.errstate(divide="ignore", invalid="ignore"):
            place = local[..., :2] / depth * self.focal_px + np.array(self.size) / 2
        return np.concatenate([place, depth], -1)


def look_at(eye: Sequence[float], target: Sequence[float]) -> NDArray[np.float64]:
    """The pose (4, 4) of a level camera at `eye` that looks at `target`; not straight up or down."""
    forward = np.subtract(target, eye).astype(np.float64)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:3, 3] = eye
    return pose


@dataclass(frozen=True)
class CameraPath:
    """How a camera moves: along an arc about what it looks at, up and down, and nearer.

    Parameters
    ----------
    eye, target : where it is at the beginning, and what it looks at, in metres
    field_deg : field of view of the picture's longer side
    arc_deg : by how much it goes around the target in `duration_secs`
    rise, approach : by how many metres it rises, and by what fraction of the way it comes nearer, in that time
    shift : by how much eye and target go along together in that time, in metres
    duration_secs : of one way; then the camera goes back
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    field_deg: float = 60.0
    arc_deg: float = 0.0
    rise: float = 0.0
    approach: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    duration_secs: float = 4.0

    def share(self, time_secs: float) -> float:
        """How much of the way is done at a time, 0..1, beginning and ending gently."""
        return float(0.5 - 0.5 * np.cos(np.pi * time_secs / self.duration_secs))

    def camera(self, time_secs: float, size: Size) -> PinholeCamera:
        """The camera at a time."""
        done = self.share(time_secs)
        target = np.array(self.target)
        away = np.array(self.eye) - target
        angle = np.radians(self.arc_deg * done)
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.array([cos * away[0] - sin * away[1], sin * away[0] + cos * away[1], away[2] + self.rise * done])
        moved = np.array(self.shift) * done
        eye = target + turned * (1 - self.approach * done) + moved
        focal_px = max(size) / 2 / np.tan(np.radians(self.field_deg) / 2)
        return PinholeCamera(size, float(focal_px), look_at(eye.tolist(), (target + moved).tolist()))
