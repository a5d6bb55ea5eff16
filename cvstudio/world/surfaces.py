"""The surfaces of a scene at a time, and what rays meet of them.

Open3D's `RaycastingScene` (Embree) answers with a triangle and a place on it; everything else is looked up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.materials import Material
from cvstudio.world.patterns import NUMBERS
from cvstudio.world.scene import Scene

SELF_HIT_METRES = 2e-3
"""Distance from a surface at which its own shadow rays begin."""


Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Hits:
    """What each of n rays meets first. Vectors stand in columns, which numpy computes several times as fast.

    Parameters
    ----------
    depth : float32 (n,), ray parameter, which for a camera's rays is the depth in metres; infinite for nothing
    triangles : int64 (n,), row of `Surfaces`; 0 for nothing
    places : float32 (2, n), place on the triangle: the weights of its second and third corner
    normals : float32 (3, n), of the flat triangle, outwards, in the world; 0 for nothing
    """

    depth: Floats
    triangles: NDArray[np.int64]
    places: Floats
    normals: Floats

    @property
    def met(self) -> NDArray[np.bool_]:
        """Which rays meet anything, bool (n,)."""
        return np.isfinite(self.depth)

    def take(self, rays: NDArray[np.int64]) -> Hits:
        """Those of some rays."""
        return Hits(self.depth[rays], self.triangles[rays], self.places[:, rays], self.normals[:, rays])

    def corners(self, values: Floats) -> Floats:
        """Values of the corners, see `corner_table`, interpolated to (k, n)."""
        rows = len(values) // 3
        result = np.empty((rows, len(self.depth)), np.float32)
        for row in range(rows):
            result[row] = values[3 * row][self.triangles]
            result[row] += self.places[0] * values[3 * row + 1][self.triangles]
            result[row] += self.places[1] * values[3 * row + 2][self.triangles]
        return result


def corner_table(values: Floats) -> Floats:
    """Values (triangles, 3, k) at corners as (3 k, triangles): of the first corner, then what the others differ by."""
    first = values[:, 0]
    rows = np.stack([first, values[:, 1] - first, values[:, 2] - first])
    return np.ascontiguousarray(rows.transpose(2, 0, 1).reshape(3 * values.shape[2], len(values)))


class _Group:
    """Triangles of some rigid bodies, (body, object, part) each, in their own axes, behind one another."""

    def __init__(self, scene: Scene, bodies: Sequence[tuple[int, int, int]]) -> None:
        meshes = [scene.objects[item].meshes[part] for _, item, part in bodies]
        corners = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)]).tolist()
        faces = np.cumsum([0, *map(len, meshes)]).tolist()
        self.vertices = [mesh.vertices for mesh in meshes]
        numbered = [mesh.triangles + start for mesh, start in zip(meshes, corners[:-1], strict=True)]
        self.triangles = np.concatenate([np.zeros((0, 3), np.int32), *numbered]).astype(np.uint32)
        self.normals = corner_table(np.concatenate([np.zeros((0, 3, 3), np.float32), *(m.normals for m in meshes)]))
        # Body, and where its vertices and triangles begin and end.
        rows = zip(bodies, corners[:-1], corners[1:], faces[:-1], faces[1:], strict=True)
        self.spans = [(body, slice(a, b), slice(c, d)) for (body, _, _), a, b, c, d in rows]


class _Part:
    """A group at a time."""

    def __init__(self, group: _Group, poses: NDArray[np.float64]) -> None:
        import open3d as o3d

        self._scene = o3d.t.geometry.RaycastingScene()
        self.triangles = group.triangles
        self.vertices = np.empty((sum(map(len, group.vertices)), 3), np.float32)
        self.normals = np.empty_like(group.normals)
        turned, own = (table.reshape(3, 3, len(self.triangles)) for table in (self.normals, group.normals))
        for vertices, (body, corners, faces) in zip(group.vertices, group.spans, strict=True):
            rotation, place = poses[body, :3, :3], poses[body, :3, 3]
            self.vertices[corners] = vertices @ rotation.T + place
            turned[:, :, faces] = np.tensordot(rotation.astype(np.float32), own[:, :, faces], 1)
        if len(self.triangles):
            tensor = o3d.core.Tensor.from_numpy
            self._scene.add_triangles(tensor(self.vertices), tensor(self.triangles))

    def __len__(self) -> int:
        return len(self.triangles)

    def cast(self, rays: Floats) -> Hits:
        import open3d as o3d

        found = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays))
        depth = found["t_hit"].numpy()
        triangles = found["primitive_ids"].numpy().astype(np.int64)
        triangles[~np.isfinite(depth)] = 0
        places, normals = found["primitive_uvs"].numpy().T, found["primitive_normals"].numpy().T
        return Hits(depth, triangles, np.ascontiguousarray(places), np.ascontiguousarray(normals))

    def blocked(self, rays: NDArray[np.float32], far: float) -> NDArray[np.bool_]:
        import open3d as o3d

        tensor = o3d.core.Tensor.from_numpy(rays)
        return np.asarray(self._scene.test_occlusions(tensor, tnear=0.0, tfar=far).numpy(), np.bool_)


class Bodies:
    """The rigid bodies of a scene and what of their triangles does not depend on the time.

    Attributes
    ----------
    owners : int32 (bodies,), index into `Scene.objects`
    still, moving : (body, object, part) of those that never move, and of the others
    bodies, slots, parts : body, row of `materials` and part of a figure of each triangle
    materials : float32 (10, materials): dark, light, pattern, period, gloss, glow
    uv : float32 (6, triangles), see `corner_table`
    metres : float32 (2, triangles)
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        bodies = [(item, part) for item, thing in enumerate(scene.objects) for part in range(len(thing.meshes))]
        numbered = [(number, item, part) for number, (item, part) in enumerate(bodies)]
        self.owners = np.array([item for item, _ in bodies], np.int32)
        self.still = [entry for entry in numbered if scene.objects[entry[1]].still]
        self.moving = [entry for entry in numbered if not scene.objects[entry[1]].still]
        self.materials = np.array(
            [_material_row(material) for thing in scene.objects for material in thing.materials], np.float32
        ).reshape(-1, 10)
        self.materials = np.ascontiguousarray(self.materials.T)
        starts = np.cumsum([0, *(len(thing.materials) for thing in scene.objects)])
        order = [*self.still, *self.moving]
        meshes = [scene.objects[item].meshes[part] for _, item, part in order]
        counts = [len(mesh) for mesh in meshes]
        self.bodies = np.repeat(np.array([body for body, _, _ in order], np.int32), counts)
        slots = [mesh.slots + starts[item] for mesh, (_, item, _) in zip(meshes, order, strict=True)]
        self.slots = np.concatenate(slots).astype(np.int32)
        self.parts = np.concatenate([mesh.parts for mesh in meshes])
        self.uv = corner_table(np.concatenate([mesh.uv for mesh in meshes]))
        self.metres = np.ascontiguousarray(np.concatenate([mesh.metres for mesh in meshes]).T)
        self._groups = _Group(scene, self.still), _Group(scene, self.moving)
        self._still: _Part | None = None

    def poses(self, time_secs: float) -> NDArray[np.float64]:
        """World from each body at a time, (bodies, 4, 4)."""
        return np.concatenate([thing.poses(time_secs) for thing in self.scene.objects])

    def at(self, poses: NDArray[np.float64]) -> tuple[_Part, _Part | None]:
        """Those that never move, which are kept, and the others."""
        still, moving = self._groups
        if self._still is None:
            self._still = _Part(still, poses)
        return self._still, _Part(moving, poses) if self.moving else None


def _material_row(material: Material) -> tuple[float, ...]:
    return (*material.dark, *material.light, NUMBERS[material.pattern], material.period, material.gloss, material.glow)


class Surfaces:
    """The surfaces of a scene at one time.

    Attributes
    ----------
    poses : float64 (bodies, 4, 4), world from each body
    normals : float32 (9, triangles), smooth normals in the world, see `corner_table`
    """

    def __init__(self, bodies: Bodies, time_secs: float) -> None:
        self.of = bodies
        self.poses = bodies.poses(time_secs)
        self._still, self._moving = bodies.at(self.poses)
        still = self._still.normals
        self.normals = still if self._moving is None else np.concatenate([still, self._moving.normals], 1)

    def cast(self, origins: NDArray[np.floating], directions: NDArray[np.floating]) -> Hits:
        """What rays from an origin (3,) in directions (3, n) meet first."""
        rays = _rays(origins, directions)
        hits = self._still.cast(rays)
        if self._moving is None:
            return hits
        other = self._moving.cast(rays)
        nearer = np.flatnonzero(other.depth < hits.depth)
        depth, triangles = hits.depth.copy(), hits.triangles
        depth[nearer] = other.depth[nearer]
        triangles[nearer] = other.triangles[nearer] + len(self._still)
        hits.places[:, nearer] = other.places[:, nearer]
        hits.normals[:, nearer] = other.normals[:, nearer]
        return Hits(depth, triangles, hits.places, hits.normals)

    def blocked(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating], far: float = float("inf")
    ) -> NDArray[np.bool_]:
        """Whether rays from (3,) or (3, n) in directions (3, n) meet anything before the parameter `far`, bool (n,)."""
        rays = _rays(origins, directions)
        result = self._still.blocked(rays, far)
        return result if self._moving is None else result | self._moving.blocked(rays, far)


def _rays(origins: NDArray[np.floating], directions: NDArray[np.floating]) -> Floats:
    rays = np.empty((directions.shape[1], 6), np.float32)
    rays[:, :3] = origins.T
    rays[:, 3:] = directions.T
    return rays
