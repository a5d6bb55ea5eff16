"""Colours at the vertices of meshes that have a texture instead, for what knows no textures."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import TriangleMesh

_WHITE = 255


def vertex_colours(mesh: TriangleMesh) -> NDArray[np.uint8] | None:
    """Colours of the vertices, uint8 (n, 3): their own, or else the mean of the texture at their corners; None without.

    Vertices without a triangle are white there.
    """
    if mesh.colours is not None or mesh.texture is None or mesh.uv is None:
        return mesh.colours
    height, width = mesh.texture.shape[:2]
    places = mesh.uv.reshape(-1, 2)
    places = places - np.floor(places)
    columns = np.minimum((places[:, 0] * width).astype(np.int64), width - 1)
    rows = np.minimum(((1 - places[:, 1]) * height).astype(np.int64), height - 1)
    texels, corners = mesh.texture[rows, columns], mesh.triangles.reshape(-1)
    count = np.bincount(corners, minlength=len(mesh.vertices))
    sums = [np.bincount(corners, texels[:, channel], len(mesh.vertices)) for channel in range(3)]
    means = np.stack(sums, axis=1) / np.maximum(count, 1)[:, None]
    return np.where(count[:, None] > 0, np.rint(means), _WHITE).astype(np.uint8)


def without_texture(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh with colours at its vertices in place of its texture."""
    if mesh.texture is None:
        return mesh
    return dataclasses.replace(mesh, colours=vertex_colours(mesh), uv=None, texture=None)
