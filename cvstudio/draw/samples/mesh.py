"""Software rendering of meshes and point clouds for an orbiting view, without a graphics card."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.mesh_topology import extent, merge_equal
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.spatial.ray_caster import shaded
from cvstudio.draw.spatial.surface import corner_normals, unit

FIELD_OF_VIEW_DEG = 32.0
NEAREST_ZOOM, FARTHEST_ZOOM = 40.0, 0.2
MOVING_POINTS, STILL_POINTS = 200_000, 2_000_000
"""Largest number of points drawn while the view moves, and at rest: a random sample looks like all points."""
SURFACE = (0.80, 0.82, 0.85)
"""Albedo of a model without colours, RGB 0..1."""

_NOTHING = 1e6
"""Depths from this on mean no point: a model has radius 1."""
_WIDEST_SPLAT = 7

Colour = tuple[int, int, int]
Floats = NDArray[np.float32]


def _view_rotation(yaw_deg: float, pitch_deg: float) -> NDArray[np.float64]:
    return readonly(_about_x(pitch_deg) @ _about_y(yaw_deg))


def _about_x(degrees: float) -> NDArray[np.float64]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> NDArray[np.float64]:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@dataclass(frozen=True, eq=False)
class ViewCamera:
    """Direction and zoom of a view of a model.

    Parameters
    ----------
    rotation : float64 (3, 3)
        camera_from_model: x to the right, y up, z towards the eye.
    zoom : 1 fits the model into the view at every rotation; 2 shows it twice as large
    """

    rotation: NDArray[np.float64] = field(default_factory=lambda: _view_rotation(-30, 18))
    zoom: float = 1.0

    def turned(self, right_deg: float, down_deg: float) -> ViewCamera:
        """A copy with the front of the model rotated to the right and down, in the camera's frame."""
        return replace(self, rotation=readonly(_about_x(down_deg) @ _about_y(right_deg) @ self.rotation))

    def spun(self, degrees: float) -> ViewCamera:
        """A copy rotated about the model's own upright axis."""
        return replace(self, rotation=readonly(self.rotation @ _about_y(degrees)))

    def zoomed(self, factor: float) -> ViewCamera:
        """A copy with the zoom multiplied by `factor`, within `FARTHEST_ZOOM`..`NEAREST_ZOOM`."""
        return replace(self, zoom=min(max(self.zoom * factor, FARTHEST_ZOOM), NEAREST_ZOOM))


class Preview:
    """A model prepared for repeated rendering. To be used by one thread at a time.

    Parameters
    ----------
    sample : mesh or point cloud; an empty one renders the background
    z_up : whether the model's z axis points up, as in surveys and CAD; otherwise its y axis does
    """

    def __init__(self, sample: TriangleMesh | PointCloud, *, z_up: bool = False) -> None:
        points = sample.vertices if isinstance(sample, TriangleMesh) else sample.points
        low, high = extent(points)
        self._radius = float(np.linalg.norm(high - low) / 2) or 1.0
        # Centred and scaled to radius 1, so that float32 is precise enough wherever the model lies.
        placed = ((points - (low + high) / 2) / self._radius).astype(np.float32)
        turn = _about_x(-90) if z_up else np.eye(3)
        placed = (placed @ turn.T.astype(np.float32)).astype(np.float32)
        self._painter: _Surface | _Points
        if isinstance(sample, TriangleMesh) and len(sample.triangles):
            self._painter = _Surface(placed, sample.triangles, _visible(sample.colours))
        else:
            normals = sample.normals if isinstance(sample, PointCloud) else None
            turned = None if normals is None else (normals @ turn.T.astype(np.float32)).astype(np.float32)
            self._painter = _Points(placed, _visible(sample.colours), turned)

    def render(
        self, camera: ViewCamera, size: Size, *, background: Colour = (22, 24, 28), moving: bool = False
    ) -> NDArray[np.uint8]:
        """Render the model.

        Parameters
        ----------
        camera : direction and zoom
        size : size of the picture in pixels
        background : RGB behind the model
        moving : lower quality, several times as fast

        Returns
        -------
        uint8 RGB (height, width, 3)
        """
        import cv2

        # Supersampling at rest; half the resolution while the view moves.
        scale = 0.5 if moving else 2.0 if isinstance(self._painter, _Surface) else 1.0
        inner = Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
        picture = self._painter.paint(camera, inner, (np.array(background) / 255).astype(np.float32), moving)
        pixels: NDArray[np.uint8] = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
        if inner == size:
            return pixels
        mode = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        resized: NDArray[np.uint8] = cv2.resize(pixels, tuple(size), interpolation=mode).astype(np.uint8, copy=False)
        return resized


def _visible(colours: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """`colours`, or None where all are black: programs write zeros for a model without colours."""
    return colours if colours is not None and colours.any() else None


def _distance() -> float:
    """Distance from the eye to the centre of a model of radius 1 that fits the shorter side of the view."""
    return 1.04 / math.sin(math.radians(FIELD_OF_VIEW_DEG) / 2)


def _focal(size: Size, zoom: float) -> float:
    """Focal length in pixels."""
    return min(size) / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2) * zoom


def _shaded(normals: Floats, albedo: Floats) -> Floats:
    """Shaded RGB 0..1 from `normals` (n, 3) in the camera's frame, flipped towards the eye, and RGB `albedo`."""
    return shaded(np.where(normals[:, 2:] < 0, -normals, normals), albedo)


class _Surface:
    """A mesh, rendered by casting a ray for each pixel (Embree)."""

    def __init__(self, vertices: Floats, triangles: NDArray[np.int32], colours: NDArray[np.uint8] | None) -> None:
        import open3d

        self._open3d: Any = open3d
        self._triangles = triangles
        self._colours = None if colours is None else colours.astype(np.float32) / 255
        self._normals = corner_normals(vertices, triangles, merge_equal(vertices.astype(np.float64))[1])
        self._scene = open3d.t.geometry.RaycastingScene()
        tensor: Any = open3d.core.Tensor
        self._scene.add_triangles(tensor(np.ascontiguousarray(vertices)), tensor(triangles.astype(np.uint32)))

    def paint(self, camera: ViewCamera, size: Size, background: Floats, moving: bool) -> Floats:
        rotation = camera.rotation.astype(np.float32)
        rays = np.empty((size.height, size.width, 6), np.float32)
        rays[..., :3] = rotation.T @ np.array([0, 0, _distance()], np.float32)
        focal = _focal(size, camera.zoom)
        x = (np.arange(size.width, dtype=np.float32) + 0.5 - size.width / 2) / focal
        y = (size.height / 2 - np.arange(size.height, dtype=np.float32) - 0.5) / focal
        # direction = x * right + y * up - towards the eye, in the model's frame
        rays[..., 3:] = x[None, :, None] * rotation[0] + y[:, None, None] * rotation[1] - rotation[2]
        hits = self._scene.cast_rays(self._open3d.core.Tensor(rays))
        hit = np.isfinite(hits["t_hit"].numpy())
        picture = np.broadcast_to(background, (size.height, size.width, 3)).astype(np.float32)
        if not hit.any():
            return picture
        faces = hits["primitive_ids"].numpy()[hit].astype(np.int64)
        u, v = hits["primitive_uvs"].numpy()[hit].T
        weights = np.stack([1 - u - v, u, v], axis=1)[..., None]
        normals = unit((self._normals[faces] * weights).sum(axis=1))
        albedo = np.array(SURFACE, np.float32)
        if self._colours is not None:
            albedo = (self._colours[self._triangles[faces]] * weights).sum(axis=1)
        picture[hit] = _shaded((normals @ rotation.T).astype(np.float32), albedo)
        return picture


class _Points:
    """A point cloud, rendered as splats on a depth buffer, with eye-dome lighting (Boucheny, thesis, Grenoble 2009)."""

    def __init__(self, points: Floats, colours: NDArray[np.uint8] | None, normals: Floats | None) -> None:
        order = np.random.default_rng(0).permutation(len(points))[:STILL_POINTS]
        self._points = points[order]
        self._normals = None if normals is None else normals[order]
        self._colours = None if colours is None else colours[order].astype(np.float32) / 255

    def paint(self, camera: ViewCamera, size: Size, background: Floats, moving: bool) -> Floats:
        count = min(len(self._points), MOVING_POINTS if moving else STILL_POINTS)
        rotation = camera.rotation.astype(np.float32)
        placed = self._points[:count] @ rotation.T
        depth = _distance() - placed[:, 2]
        focal = _focal(size, camera.zoom)
        with np.errstate(divide="ignore", invalid="ignore"):
            x = size.width / 2 + focal * placed[:, 0] / depth
            y = size.height / 2 - focal * placed[:, 1] / depth
        visible = (depth > 0.01) & (x >= 0) & (x < size.width) & (y >= 0) & (y < size.height)
        rows = np.flatnonzero(visible)
        nearest = np.full(size.height * size.width, np.inf, np.float32)
        owner = np.full(size.height * size.width, -1, np.int64)
        # Far to near, so that the nearest point is written last.
        rows = rows[np.argsort(-depth[rows], kind="stable")]
        column, row = x[rows].astype(np.int64), y[rows].astype(np.int64)
        splat = _splat(size, count, camera.zoom)
        for dx, dy in splat:
            inside = (column + dx >= 0) & (column + dx < size.width) & (row + dy >= 0) & (row + dy < size.height)
            cell = (row[inside] + dy) * size.width + column[inside] + dx
            nearer = depth[rows[inside]] < nearest[cell]
            nearest[cell[nearer]] = depth[rows[inside][nearer]]
            owner[cell[nearer]] = rows[inside][nearer]
        picture = np.broadcast_to(background, (len(nearest), 3)).astype(np.float32)
        hit = owner >= 0
        albedo = np.broadcast_to(np.array(SURFACE, np.float32), (int(hit.sum()), 3))
        if self._colours is not None:
            albedo = self._colours[owner[hit]].astype(np.float32)
        surface = _close_gaps(nearest.reshape(size.height, size.width))
        if self._normals is not None:
            albedo = _shaded((self._normals[owner[hit]] @ rotation.T).astype(np.float32), albedo)
        elif self._colours is None and len(splat) < _WIDEST_SPLAT**2 // 2:
            # Widely spaced points have no visible surface.
            albedo = _shaded(_normals_of(surface, focal).reshape(-1, 3)[hit], albedo)
        picture[hit] = albedo * _eye_dome(surface).reshape(-1)[hit, None]
        return picture.reshape(size.height, size.width, 3)


def _close_gaps(depth: Floats) -> Floats:
    """`depth` with small gaps between the points closed, so that the background does not shine through."""
    import cv2

    return cv2.erode(depth, np.ones((3, 3), np.uint8)).astype(np.float32, copy=False)


def _normals_of(depth: Floats, focal: float) -> Floats:
    """Normals in the camera's frame, float32 (H, W, 3), from the gradient of the smoothed depth."""
    import cv2

    has_depth = depth < _NOTHING
    weight = cv2.GaussianBlur(has_depth.astype(np.float32), (0, 0), 2.0)
    smooth = cv2.GaussianBlur(np.where(has_depth, depth, 0).astype(np.float32), (0, 0), 2.0) / np.maximum(weight, 1e-6)
    per_pixel = smooth / focal
    x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125) / np.maximum(per_pixel, 1e-6)
    y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125) / np.maximum(per_pixel, 1e-6)
    return unit(np.dstack([x, -y, np.ones_like(x)]).astype(np.float32))


def _splat(size: Size, count: int, zoom: float) -> list[tuple[int, int]]:
    """Pixel offsets (dx, dy) of the splat of a point: a disc that grows as the density of points falls."""
    diameter = math.sqrt(2 * min(size) ** 2 * zoom**2 / max(count, 1))
    side = min(max(math.ceil(diameter), 1), _WIDEST_SPLAT)
    middle = (side - 1) / 2
    offsets_1d = range(side)
    reach = (side / 2) ** 2 + 0.1
    offsets = [(dx, dy) for dy in offsets_1d for dx in offsets_1d if (dx - middle) ** 2 + (dy - middle) ** 2 <= reach]
    return [(dx - side // 2, dy - side // 2) for dx, dy in offsets]


def _eye_dome(depth: Floats) -> Floats:
    """Eye-dome lighting, a factor 0..1: darkens pixels behind their neighbours, which shows shape without normals."""
    has_depth = depth < _NOTHING
    log = np.where(has_depth, np.log2(np.where(has_depth, depth, 1)), 100).astype(np.float32)
    total = np.zeros_like(log)
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        total += np.maximum(0, log - np.roll(log, shift, axis))
    return np.asarray(0.3 + 0.7 * np.exp(-4.5 * np.minimum(total, 1.0)), np.float32)
