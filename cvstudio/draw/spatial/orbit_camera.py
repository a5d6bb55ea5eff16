"""The eye that looks at a scene: it orbits a target, pans, zooms to a place, and looks along the axes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly

Floats = NDArray[np.float64]

FIELD_OF_VIEW_DEG = 32.0
"""Angle that the shorter side of the picture sees, in perspective."""
FIT_MARGIN = 1.04
"""Distance of a scene that fills the picture, as a multiple of the least one."""
NEAREST, FARTHEST = 1e-5, 50.0
"""Limits of the distance from eye to target, as multiples of the scene's radius."""
_NEAR_SHARE = 1e-3
"""Least distance of the near plane, as a share of that to the target: depth has 24 bits."""

UP_AXES: dict[str, tuple[int, float]] = {"y": (1, 1.0), "z": (2, 1.0), "-y": (1, -1.0)}
"""Index and sign of the axis that points up."""

_VIEWS: dict[str, tuple[float, float]] = {
    "front": (0, 0),
    "back": (180, 0),
    "right": (90, 0),
    "left": (-90, 0),
    "top": (0, 90),
    "bottom": (0, -90),
    "corner": (30, 18),
}
STANDARD_VIEWS = tuple(_VIEWS)


def _about(axis: int, degrees: float) -> Floats:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return turn


def upright(up: str) -> Floats:
    """Rotation float64 (3, 3) of a world whose axis `up` points up into one whose y axis does.

    The front is seen from -y where z is up, and from +z where y is up; what is in the frame of a camera ("-y") is seen
    from that camera.
    """
    if up == "z":
        return _about(0, -90)
    return _about(0, 180) if up == "-y" else np.eye(3)


@dataclass(frozen=True, eq=False)
class OrbitCamera:
    """An eye at a distance from a target, in the coordinates of the scene.

    Parameters
    ----------
    target : float64 (3,), the point that it orbits, in the middle of the picture
    distance : from the eye to the target; in an orthographic picture it sets the scale alone
    rotation : float64 (3, 3), camera_from_world: x to the right, y up, z towards the eye
    up : axis of the world that points up: "y", "z" or "-y"
    orthographic : whether parallel lines stay parallel
    """

    target: Floats = field(default_factory=lambda: np.zeros(3))
    distance: float = 1.0
    rotation: Floats = field(default_factory=lambda: np.eye(3))
    up: str = "y"
    orthographic: bool = False

    def __post_init__(self) -> None:
        for name in ("target", "rotation"):
            object.__setattr__(self, name, readonly(np.asarray(getattr(self, name), np.float64)))

    def to_json(self) -> dict[str, Any]:
        """As numbers and lists, for files."""
        return {
            "target": self.target.tolist(),
            "distance": self.distance,
            "rotation": self.rotation.tolist(),
            "up": self.up,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> OrbitCamera | None:
        """The camera that `to_json` has written; None where there is none."""
        try:
            target, rotation = (np.array(saved[name], np.float64) for name in ("target", "rotation"))
            distance, up = float(saved["distance"]), str(saved["up"])
        except (KeyError, TypeError, ValueError):
            return None
        fits = target.shape == (3,) and rotation.shape == (3, 3) and up in UP_AXES and np.isfinite(target).all()
        if not fits or not 0 < distance < math.inf or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
            return None
        return cls(target, distance, rotation, up)

    # Moves ----------------------------------------------------------------------------------------------------------

    def orbited(self, right_deg: float, down_deg: float, *, free: bool = False) -> OrbitCamera:
        """A copy with the front of the scene turned to the right and down.

        It turns about the upright axis of the scene and the horizontal one of the picture, and stops at the poles, so
        that the horizon never tilts; `free` turns about both axes of the picture without a stop.
        """
        if free:
            turn = _about(0, down_deg) @ _about(1, right_deg)
            return replace(self, rotation=_orthonormal(turn @ self.rotation))
        level = self.rotation @ upright(self.up).T
        if _is_level(level):
            pitch = math.degrees(math.atan2(level[2, 1], level[1, 1]))
            down_deg = min(max(pitch + down_deg, -90.0), 90.0) - pitch
        turned = _about(0, down_deg) @ level @ _about(1, right_deg)
        return replace(self, rotation=_orthonormal(turned @ upright(self.up)))

    def spun(self, right_deg: float) -> OrbitCamera:
        """A copy with the front of the scene turned to the right about its upright axis, however it is looked at."""
        turn = upright(self.up).T @ _about(1, right_deg) @ upright(self.up)
        return replace(self, rotation=_orthonormal(self.rotation @ turn))

    def panned(self, right: float, up: float, size: Size) -> OrbitCamera:
        """A copy with the scene moved by pixels of a picture of `size`, at the depth of the target."""
        step = self.pixel_size(size)
        return replace(self, target=self.target - self.rotation.T @ np.array([right * step, up * step, 0.0]))

    def zoomed(self, factor: float, about: Floats | None, radius: float) -> OrbitCamera:
        """A copy that shows the scene `factor` times as large; the point `about` stays where it is in the picture.

        `radius` is that of the scene, which limits how near and how far the eye may be.
        """
        distance = min(max(self.distance / factor, NEAREST * radius), FARTHEST * radius)
        about = self.target if about is None else np.asarray(about, np.float64)
        return replace(self, distance=distance, target=about + (self.target - about) * (distance / self.distance))

    def looking(self, view: str) -> OrbitCamera:
        """A copy that looks from one of `STANDARD_VIEWS`, at the same target."""
        yaw, pitch = _VIEWS[view]
        return replace(self, rotation=_orthonormal(_about(0, pitch) @ _about(1, -yaw) @ upright(self.up)))

    def fitted(self, centre: Floats, radius: float) -> OrbitCamera:
        """A copy in whose picture a ball fits, however it is turned."""
        distance = FIT_MARGIN * (radius or 1.0) / math.sin(math.radians(FIELD_OF_VIEW_DEG) / 2)
        return replace(self, target=np.asarray(centre, np.float64), distance=distance)

    # Geometry -------------------------------------------------------------------------------------------------------

    @property
    def eye(self) -> Floats:
        """Position of the eye, float64 (3,)."""
        return np.asarray(self.target + self.rotation[2] * self.distance)

    @property
    def half_angle_tan(self) -> float:
        """Tangent of half the field of view."""
        return math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)

    def pixel_size(self, size: Size) -> float:
        """Length of a pixel of a picture of `size` at the depth of the target."""
        return 2 * self.distance * self.half_angle_tan / min(size)

    def depths(self, centre: Floats, radius: float) -> tuple[float, float]:
        """Distances from the eye to planes in front of and behind a ball; the near one is positive in perspective."""
        depth = float(self.distance - self.rotation[2] @ (centre - self.target))
        near, far = depth - radius * 1.01, depth + radius * 1.01
        if self.orthographic:
            return near, max(far, near + radius)
        near = max(near, self.distance * _NEAR_SHARE)
        return near, max(far, near * 2)

    def projection(self, size: Size, near: float, far: float) -> Floats:
        """Projection of OpenGL, float64 (4, 4): from the camera's frame, whose origin is the eye, to clip space."""
        tall = min(size) / 2 / self.half_angle_tan
        x, y = 2 * tall / size.width, 2 * tall / size.height
        clip = np.zeros((4, 4))
        if self.orthographic:
            clip[0, 0], clip[1, 1] = x / self.distance, y / self.distance
            clip[2, 2], clip[2, 3], clip[3, 3] = -2 / (far - near), -(far + near) / (far - near), 1
        else:
            clip[0, 0], clip[1, 1] = x, y
            clip[2, 2], clip[2, 3], clip[3, 2] = -(far + near) / (far - near), -2 * far * near / (far - near), -1
        return clip

    def view_from(self, origin: Floats) -> Floats:
        """Matrix float64 (4, 4) from coordinates about `origin` to the camera's frame; the difference is taken in
        doubles, so that coordinates of surveys keep their millimetres."""
        view = np.eye(4)
        view[:3, :3] = self.rotation
        view[:3, 3] = self.rotation @ (np.asarray(origin) - self.target) - np.array([0, 0, self.distance])
        return view

    def places(self, points: NDArray[np.floating], size: Size) -> Floats:
        """Where `points` (n, 3) are in a picture of `size`.

        Returns
        -------
        float64 (n, 3)
            x and y in pixels from the upper left corner, and the depth in front of the eye; x and y are NaN behind it.
        """
        local = (np.asarray(points, np.float64) - self.target) @ self.rotation.T
        depth = self.distance - local[:, 2]
        focal = min(size) / 2 / self.half_angle_tan
        scale = np.full(len(local), focal / self.distance)
        if not self.orthographic:
            with np.errstate(divide="ignore"):
                scale = np.where(depth > 0, focal / depth, np.nan)
        return np.stack([size.width / 2 + local[:, 0] * scale, size.height / 2 - local[:, 1] * scale, depth], axis=1)

    def ray(self, x: float, y: float, size: Size) -> tuple[Floats, Floats]:
        """Start and direction of unit length, float64 (3,) each, of the ray through a place in the picture."""
        step = self.half_angle_tan * 2 / min(size)
        right, up = (x - size.width / 2) * step, (size.height / 2 - y) * step
        if self.orthographic:
            start = self.eye + self.rotation.T @ np.array([right, up, 0]) * self.distance
            return np.asarray(start), np.asarray(-self.rotation[2])
        direction = self.rotation.T @ np.array([right, up, -1.0])
        return self.eye, np.asarray(direction / np.linalg.norm(direction))

    def on_target_plane(self, x: float, y: float, size: Size) -> Floats:
        """The point that is seen at a place in the picture at the depth of the target, float64 (3,)."""
        step = self.pixel_size(size)
        offset = np.array([(x - size.width / 2) * step, (size.height / 2 - y) * step, 0.0])
        return np.asarray(self.target + self.rotation.T @ offset)


def _is_level(level: Floats) -> bool:
    """Whether the upright axis is upright in the picture, and points up."""
    return bool(abs(level[0, 1]) < 1e-6 and level[1, 1] > -1e-6)


def _orthonormal(rotation: Floats) -> Floats:
    """The nearest rotation: thousands of small turns would add their rounding up."""
    u, _, v = np.linalg.svd(rotation)
    return np.asarray(u @ v)


def beginning(centre: Floats, radius: float, up: str) -> OrbitCamera:
    """The camera with which a scene is first seen: from a corner, from the camera itself where it is in one's frame."""
    camera = OrbitCamera(up=up or "y").fitted(centre, radius)
    return camera.looking("corner")
