"""Rendering: a picture of a scene at a time, with its labels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.srgb import srgb8
from cvstudio.world.cameras import PinholeCamera
from cvstudio.world.categories import NUMBERS
from cvstudio.world.scene import Scene
from cvstudio.world.shading import shaded
from cvstudio.world.surfaces import Bodies, Hits, Surfaces

USUAL_SIZE = Size(256, 256)
PANOPTIC_RADIX = 1000
"""A panoptic number is this times the class, counted from 1, plus the identity."""
_SAMPLES = np.array([(0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875)], np.float32)
"""Places of the four samples in a pixel: a rotated grid."""
_HIDDEN = 2e-3
"""By what part of its distance a point must lie behind another to count as hidden: float32 rays are not exact."""
_SKY_METRES = 1e6
"""Distance of the sky."""


@dataclass(frozen=True, eq=False)
class Flow:
    """Forward optical flow: where each point that is seen is a moment later.

    Parameters
    ----------
    vectors : float32 (H, W, 2)
        Displacement to the right and down in pixels, from the motion of the object and that of the camera; NaN where
        the point comes behind the camera.
    occluded : bool (H, W)
        Whether the point is then outside of the picture or hidden.
    """

    vectors: NDArray[np.float32]
    occluded: NDArray[np.bool_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", readonly(self.vectors))
        object.__setattr__(self, "occluded", readonly(self.occluded))


@dataclass(frozen=True, eq=False)
class RenderedView:
    """A picture with its labels, which hold at the centres of the pixels.

    Parameters
    ----------
    time_secs : time in the scene
    camera : size, intrinsics and pose
    light : float32 (H, W, 3)
        Linear RGB; 1 is the white of the display, highlights are brighter.
    depth : float32 (H, W)
        Metres along the optical axis; 0 for the sky.
    normals : float32 (H, W, 3)
        Of the triangle that is seen, of unit length, in the camera's axes (x right, y down, z away); 0 for the sky.
    classes : int32 (H, W)
        Index into `categories.CATEGORIES`.
    instances : int32 (H, W)
        Identity of the thing, the same in all frames; 0 for surroundings.
    parts : uint8 (H, W)
        Part of a figure, from 1 in the order of `categories.PARTS`; 0 for anything else.
    uv : float32 (H, W, 2)
        Position on the surface of the solid that is seen, 0..1; NaN for the sky.
    flow : forward flow; None where it was not asked for
    """

    time_secs: float
    camera: PinholeCamera
    light: NDArray[np.float32]
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    classes: NDArray[np.int32]
    instances: NDArray[np.int32]
    parts: NDArray[np.uint8]
    uv: NDArray[np.float32]
    flow: Flow | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, readonly(value))

    @property
    def size(self) -> Size:
        return self.camera.size

    @cached_property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture as sRGB, uint8 (H, W, 3)."""
        return readonly(srgb8(self.light))

    @cached_property
    def panoptic(self) -> NDArray[np.int32]:
        """Class and identity in one number, int32 (H, W); see `PANOPTIC_RADIX`."""
        return readonly((self.classes + 1) * PANOPTIC_RADIX + self.instances)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """What is seen, in the world, float64 (H, W, 3) in metres; NaN for the sky."""
        rows, columns = np.mgrid[0 : self.size.height, 0 : self.size.width] + 0.5
        directions = np.moveaxis(self.camera.directions(columns, rows).astype(np.float64), 0, -1)
        points = self.camera.position + directions * self.depth[..., None]
        return readonly(np.where(self.depth[..., None] > 0, points, np.nan))


class SceneRenderer:
    """Renders a scene. Used by one thread only; the surfaces of the last moments are kept.

    Parameters
    ----------
    scene : what is rendered
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._bodies = Bodies(scene)
        self._recent: dict[float, Surfaces] = {}
        self._categories = np.array([item.category for item in scene.objects], np.int32)
        self._identities = np.array([item.identity for item in scene.objects], np.int32)
        self._moves = np.zeros(len(self._bodies.owners), bool)
        self._moves[[body for body, _, _ in self._bodies.moving]] = True

    def surfaces(self, time_secs: float) -> Surfaces:
        """The surfaces at a time."""
        if not self._bodies.moving:
            time_secs = 0.0
        if time_secs not in self._recent:
            while len(self._recent) > 1:
                del self._recent[next(iter(self._recent))]
            self._recent[time_secs] = Surfaces(self._bodies, time_secs)
        return self._recent[time_secs]

    def render(
        self,
        time_secs: float = 0.0,
        size: Size = USUAL_SIZE,
        *,
        samples: int = 1,
        flow_secs: float | None = None,
        camera: PinholeCamera | None = None,
    ) -> RenderedView:
        """Render the scene at a time.

        Parameters
        ----------
        time_secs : time in the scene, in seconds
        size : of the picture in pixels
        samples : rays of colour in each pixel: 1, or 4 for smooth edges and soft shadows
        flow_secs : time until which `flow` is followed, in seconds; None leaves it out
        camera : another camera than that of the scene's path

        Raises
        ------
        ValueError
            `samples` is neither 1 nor 4.
        """
        if samples not in (1, 4):
            raise ValueError(f"expected 1 or 4 samples, found {samples}")
        camera = camera or self.scene.path.camera(time_secs, size)
        width, height = camera.size
        surfaces = self.surfaces(time_secs)
        rows, columns = (grid.ravel() for grid in np.mgrid[0:height, 0:width].astype(np.float32))
        directions = camera.directions(columns + np.float32(0.5), rows + np.float32(0.5))
        hits = surfaces.cast(camera.position, directions)
        if samples == 1:
            light = shaded(surfaces, hits, camera.position, directions, 1 / camera.focal_px, 1)
        else:
            places = [camera.directions(columns + x, rows + y) for x, y in _SAMPLES]
            finer = np.concatenate(places, 1)
            sampled = surfaces.cast(camera.position, finer)
            light = shaded(surfaces, sampled, camera.position, finer, 0.5 / camera.focal_px, samples)
            light = light.reshape(3, samples, -1).mean(1)
        met = hits.met
        owners = self._bodies.owners[self._bodies.bodies[hits.triangles]]
        flow = None if flow_secs is None else self._flow(camera, surfaces, hits, directions, time_secs, flow_secs)
        # The axes of the camera are the columns of its rotation.
        normals = camera.rotation.T.astype(np.float32) @ hits.normals

        def image(values: NDArray[Any]) -> NDArray[Any]:
            return np.moveaxis(values, 0, -1).reshape(height, width, *values.shape[:-1])

        return RenderedView(
            time_secs,
            camera,
            image(light),
            image(np.where(met, hits.depth, np.float32(0))),
            image(np.where(met, normals, np.float32(0))),
            image(np.where(met, self._categories[owners], np.int32(NUMBERS["sky"]))),
            image(np.where(met, self._identities[owners], np.int32(0))),
            image(np.where(met, self._bodies.parts[hits.triangles], np.uint8(0))),
            image(np.where(met, hits.corners(self._bodies.uv), np.float32(np.nan))),
            flow,
        )

    def _flow(
        self,
        camera: PinholeCamera,
        surfaces: Surfaces,
        hits: Hits,
        directions: NDArray[np.float32],
        time_secs: float,
        later_secs: float,
    ) -> Flow:
        width, height = camera.size
        later = self.scene.path.camera(later_secs, camera.size)
        after = self.surfaces(later_secs)
        met = hits.met
        far = np.where(met, hits.depth, np.float32(1)).astype(np.float64)
        rays = directions.astype(np.float64)
        points = rays * far + camera.position[:, None]
        seen = self._bodies.bodies[hits.triangles]
        chosen = np.flatnonzero(met & self._moves[seen])
        if len(chosen):
            motions = after.poses @ np.linalg.inv(surfaces.poses)
            moved = motions[seen[chosen]]
            points[:, chosen] = np.einsum("nij,jn->in", moved[:, :3, :3], points[:, chosen]) + moved[:, :3, 3].T
        # The sky is so far away that only the camera's turning moves it.
        points = np.where(met, points, rays * _SKY_METRES + later.position[:, None])
        local = later.rotation.T @ (points - later.position[:, None])
        ahead = local[2] > 0
        depth = np.where(ahead, local[2], np.nan)
        x, y = (local[axis] / depth * later.focal_px + later.size[axis] / 2 for axis in (0, 1))
        rows, columns = (grid.ravel() + 0.5 for grid in np.mgrid[0:height, 0:width])
        occluded = ~((x >= 0) & (x < width) & (y >= 0) & (y < height))
        looked = np.flatnonzero(~occluded)
        occluded[looked] = after.blocked(later.position, points[:, looked] - later.position[:, None], 1 - _HIDDEN)
        vectors = np.stack([x - columns, y - rows], -1).astype(np.float32)
        return Flow(vectors.reshape(height, width, 2), occluded.reshape(height, width))
