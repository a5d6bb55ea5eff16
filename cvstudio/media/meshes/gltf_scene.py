"""The scene of a glTF file as one mesh, with one texture of all materials, or as one cloud."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.srgb import decode_srgb, srgb8
from cvstudio.media.meshes.gltf import parse
from cvstudio.media.meshes.surfaces import Notes, measured
from cvstudio.media.meshes.textures import SurfaceMaterial, joined


def read_gltf(content: bytes, notes: Notes) -> TriangleMesh | PointCloud:
    """Read a GLB in which all is plain (`plain_glb`).

    Raises
    ------
    ValueError
        The file is damaged.
    """
    import trimesh

    # From memory, so that no file that this one names is opened.
    scene: Any = trimesh.load(io.BytesIO(content), file_type="glb", process=False)
    meshes = [
        (scene.geometry[name], matrix) for matrix, name in _placed(scene) if hasattr(scene.geometry[name], "faces")
    ]
    if not meshes:
        return measured(*_points(scene), None, notes)
    materials = [_material(mesh) for mesh, _ in meshes]
    normals = _normals(content, meshes)
    if all(material.picture is None for material in materials):
        loaded = scene.to_mesh()
        vertices, triangles = np.array(loaded.vertices, np.float64), np.array(loaded.faces, np.int32)
        whole = normals if normals is not None and len(normals) == len(vertices) else None
        return measured(vertices, triangles, _colours(loaded), whole, notes)
    vertices, triangles = _joined(meshes)
    owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh, _ in meshes])
    uv = np.concatenate([_uv(mesh) for mesh, _ in meshes])
    painted = joined(materials, owner, uv)
    assert painted is not None
    if any(mesh.visual.kind == "vertex" for mesh, _ in meshes):
        notes["Colours"] = "of vertices, not read beside textures"
    return measured(vertices, triangles, None, normals, notes, uv=painted[0], texture=painted[1])


def _placed(scene: Any) -> list[tuple[NDArray[np.float64], str]]:
    """Matrix and name of the geometry of each node."""
    return [scene.graph[node] for node in scene.graph.nodes_geometry]


def _joined(meshes: list[tuple[Any, NDArray[np.float64]]]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    vertices, triangles, first = [], [], 0
    for mesh, matrix in meshes:
        points = np.array(mesh.vertices, np.float64)
        vertices.append(points @ matrix[:3, :3].T + matrix[:3, 3])
        faces = np.array(mesh.faces, np.int64) + first
        # A mirrored part would be inside out.
        triangles.append(faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces)
        first += len(points)
    return np.concatenate(vertices), np.concatenate(triangles).astype(np.int32)


def _uv(mesh: Any) -> NDArray[np.float32]:
    """Place of each corner in the picture of its material, float32 (m, 3, 2)."""
    faces = np.array(mesh.faces, np.int64)
    uv = getattr(mesh.visual, "uv", None)
    if uv is None or len(uv) != len(mesh.vertices):
        return np.zeros((len(faces), 3, 2), np.float32)
    return np.asarray(np.asarray(uv, np.float32)[faces])


def _material(mesh: Any) -> SurfaceMaterial:
    material = getattr(mesh.visual, "material", None) if mesh.visual.kind == "texture" else None
    if material is None:
        return SurfaceMaterial()
    picture = getattr(material, "baseColorTexture", getattr(material, "image", None))
    factor = getattr(material, "baseColorFactor", None)
    light = np.ones(3) if factor is None else np.asarray(factor, np.float64)[:3] / 255
    red, green, blue = srgb8(light.astype(np.float32)).tolist()
    if picture is None or getattr(mesh.visual, "uv", None) is None:
        return SurfaceMaterial(colour=(red, green, blue))
    pixels = np.array(picture.convert("RGB"), np.uint8)
    if (light < 1).any():
        # Texture and factor are multiplied in linear light (glTF 2.0, section 3.9.2).
        pixels = srgb8((decode_srgb(pixels.astype(np.float32) / 255) * light).astype(np.float32))
    return SurfaceMaterial(pixels, (red, green, blue))


def _normals(content: bytes, meshes: list[tuple[Any, NDArray[np.float64]]]) -> NDArray[np.float32] | None:
    """Normals of all vertices where the file has them; without, glTF asks for flat triangles (section 3.7.2.1)."""
    primitives = [primitive for mesh in parse(content)[0].get("meshes", ()) for primitive in mesh["primitives"]]
    if not all("NORMAL" in primitive["attributes"] for primitive in primitives):
        return None
    turned = [np.asarray(mesh.vertex_normals) @ np.linalg.inv(matrix[:3, :3]) for mesh, matrix in meshes]
    return np.concatenate(turned).astype(np.float32)


def _points(scene: Any) -> tuple[NDArray[np.float64], None, NDArray[np.uint8] | None]:
    """Points of all clouds of a scene, each moved by its node, no triangles, and colours where every cloud has some."""
    points, colours = [np.zeros((0, 3))], list[NDArray[np.uint8] | None]()
    for matrix, name in _placed(scene):
        cloud = scene.geometry[name]
        vertices = np.array(cloud.vertices, np.float64)
        points.append(vertices @ matrix[:3, :3].T + matrix[:3, 3])
        colours.append(_rgb(getattr(cloud, "colors", None), len(vertices)))
    known = [colour for colour in colours if colour is not None]
    return np.concatenate(points), None, np.concatenate(known) if known and len(known) == len(colours) else None


def _colours(mesh: Any) -> NDArray[np.uint8] | None:
    visual = mesh.visual
    if visual.kind == "texture":
        if getattr(visual, "material", None) is None:
            return None
        visual = visual.to_color()
    return _rgb(visual.vertex_colors, len(mesh.vertices)) if visual.kind in ("vertex", "face") else None


def _rgb(colours: Any, count: int) -> NDArray[np.uint8] | None:
    if colours is None or np.shape(colours) not in ((count, 4), (count, 3)) or not count:
        return None
    return np.ascontiguousarray(np.asarray(colours, np.uint8)[:, :3])
