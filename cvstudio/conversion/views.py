"""Pictures of a mesh from many directions: colour, depth and silhouette, by casting rays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.open3d_geometry import diagonal, middle, ray_scene, tensor
from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import TriangleMesh
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.foundation.progress import Progress

FIELD_DEG = 30.0
"""Field of view."""
_AMBIENT, _KEY = 0.3, 0.7
_GREY = 0.8
_BACKGROUND = 1.0
_GOLDEN = math.pi * (3 - math.sqrt(5))


@dataclass(frozen=True, eq=False)
class ViewOfMesh:
    """What a camera sees of a mesh.

    Parameters
    ----------
    camera : with the shaded picture
    depth : float32 (h, w), along the camera's z axis in the unit of the coordinates; NaN beside the object
    """

    camera: PosedCamera
    depth: NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", readonly(self.depth))

    @property
    def silhouette(self) -> NDArray[np.bool_]:
        """Where the object is seen, bool (h, w)."""
        return np.isfinite(self.depth)


def directions(count: int, *, z_up: bool = False) -> NDArray[np.float64]:
    """Directions from the object to `count` cameras, evenly over the sphere, float64 (count, 3).

    Points on a spiral whose turns are the golden angle (Gonzalez, 2010).
    """
    number = np.arange(count)
    height = 1 - (2 * number + 1) / count
    ring, angle = np.sqrt(1 - height**2), number * _GOLDEN
    places = np.stack([ring * np.cos(angle), height, ring * np.sin(angle)], axis=1)
    return places[:, [0, 2, 1]] * [1, -1, 1] if z_up else places


def cameras_around(mesh: TriangleMesh, count: int, side: int, *, z_up: bool = False) -> list[PosedCamera]:
    """Cameras that each see the whole mesh in a square picture of `side` pixels."""
    centre = middle(mesh.vertices)
    reach = diagonal(mesh.vertices) / 2 or 1.0
    distance = 1.02 * reach / math.sin(math.radians(FIELD_DEG) / 2)
    focal = side / 2 / math.tan(math.radians(FIELD_DEG) / 2)
    matrix = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]])
    up = np.array([0.0, 0, 1]) if z_up else np.array([0.0, 1, 0])
    made = []
    for direction in directions(count, z_up=z_up):
        pose = np.eye(4)
        pose[:3, :3] = looking_along(-direction, up)
        pose[:3, 3] = centre + direction * distance
        made.append(PosedCamera(Size(side, side), matrix, pose))
    return made


def looking_along(forward: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation (3, 3) from the axes of a level camera (x right, y down, z along `forward`) to those of the world."""
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-6:  # straight up or down
        right = np.cross(forward, np.roll(up, 1))
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def views_of(
    mesh: TriangleMesh, count: int, side: int = 160, *, z_up: bool = False, progress: Progress | None = None
) -> tuple[ViewOfMesh, ...]:
    """Views from `count` directions, evenly over the sphere, in pictures of `side` x `side` pixels."""
    centre = middle(mesh.vertices)
    scene = ray_scene(mesh, centre)
    views = []
    for number, camera in enumerate(cameras_around(mesh, count, side, z_up=z_up)):
        if progress is not None:
            progress(number / count, "views")
        views.append(_view(scene, mesh, centre, camera))
    return tuple(views)


def _view(scene: object, mesh: TriangleMesh, origin: NDArray[np.float64], camera: PosedCamera) -> ViewOfMesh:
    width, height = camera.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    # At depth 1, so that the ray's parameter is the depth.
    ends = camera.unproject(np.column_stack([x.ravel(), y.ravel()]), np.ones(x.size))
    eye = camera.position - origin
    rays = np.concatenate([np.tile(eye, (x.size, 1)), ends - camera.position], axis=1)
    hits = scene.cast_rays(tensor(rays))  # type: ignore[attr-defined]
    depth = hits["t_hit"].numpy().reshape(height, width)
    seen = np.isfinite(depth)
    normals = hits["primitive_normals"].numpy().reshape(height, width, 3)[seen]
    # From the camera, whichever side of a triangle it sees.
    facing = np.abs(normals @ camera.rotation[:, 2].astype(np.float32))
    albedo = np.full((len(facing), 3), _GREY, np.float32)
    if mesh.colours is not None:
        faces = hits["primitive_ids"].numpy().reshape(height, width)[seen]
        u, v = (hits["primitive_uvs"].numpy().reshape(height, width, 2)[seen][:, axis] for axis in range(2))
        corners = mesh.colours[mesh.triangles[faces]].astype(np.float32) / 255
        albedo = np.einsum("nk,nkj->nj", np.stack([1 - u - v, u, v], axis=1), corners)
    picture = np.full((height, width, 3), _BACKGROUND, np.float32)
    picture[seen] = albedo * (_AMBIENT + _KEY * facing[:, None])
    pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    posed = PosedCamera(camera.size, camera.matrix, camera.world_from_camera, pixels)
    return ViewOfMesh(posed, np.where(seen, depth, np.nan).astype(np.float32))
