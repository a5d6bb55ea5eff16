"""Meshes whose measures are known, for the tests of conversions."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh

from cvstudio.data.samples import TriangleMesh

FAR = np.array([412_345.678, 5_650_000.125, 99.5])
"""A place in UTM coordinates."""


def sample(mesh: Any) -> TriangleMesh:
    """A mesh of trimesh as ours."""
    return TriangleMesh(np.array(mesh.vertices, np.float64), np.array(mesh.faces, np.int32))


def ball(subdivisions: int = 4) -> TriangleMesh:
    """A ball of radius 1 about the origin."""
    return sample(trimesh.creation.icosphere(subdivisions))


def box(*sides: float) -> TriangleMesh:
    """A box about the origin."""
    return sample(trimesh.creation.box(sides))


def moved(mesh: TriangleMesh, offset: Any) -> TriangleMesh:
    """The mesh elsewhere."""
    return TriangleMesh(mesh.vertices + np.asarray(offset), mesh.triangles, mesh.colours)


def joined(*meshes: TriangleMesh) -> TriangleMesh:
    """Several meshes as one; they may overlap."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.triangles + start for mesh, start in zip(meshes, starts[:-1].tolist(), strict=True)]
    return TriangleMesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces).astype(np.int32))


def opened(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh without one of its triangles."""
    return TriangleMesh(mesh.vertices, mesh.triangles[1:])
