"""Wavefront OBJ, with the materials (MTL) and textures that stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.media.meshes.polygons import triangle_corners
from cvstudio.media.meshes.surfaces import Notes, measured, scaled_colours
from cvstudio.media.meshes.text_meshes import decimal_points, joined_lines, plain_text
from cvstudio.media.meshes.textures import SurfaceMaterial, joined, picture_beside, read_beside, spellings

_WHITE = 255
_PICTURES = (b"map_kd", b"map_ka")
"""Statements that name a texture, the better one first."""
_VECTORS = (b"-o", b"-s", b"-t")
"""Options of a texture that are followed by up to three numbers."""
_PAIR = b"-mm"


@dataclass(eq=False)
class _Statements:
    """The statements of a file, in their order."""

    positions: list[list[bytes]] = field(default_factory=list)
    places: list[list[bytes]] = field(default_factory=list)
    normals: list[list[bytes]] = field(default_factory=list)
    corners: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    known: list[tuple[int, int, int]] = field(default_factory=list)
    """How many positions, places and normals stand before each face."""
    owners: list[int] = field(default_factory=list)
    """SurfaceMaterial of each face."""
    names: dict[bytes, int] = field(default_factory=lambda: {b"": 0})
    libraries: list[bytes] = field(default_factory=list)
    lines: int = 0
    curves: int = 0


def read_obj(content: bytes, folder: Path | None = None) -> TriangleMesh | PointCloud:
    """Read all objects of a file as one mesh; lines and curves are left out.

    Parameters
    ----------
    folder : in which materials and textures are looked for; None reads none

    Raises
    ------
    ValueError
        A statement has too few numbers, or a face names a vertex that is not there.
    """
    notes: Notes = {}
    found = _statements(joined_lines(decimal_points(plain_text(content), notes)))
    vertices, colours = _vertices(found.positions, notes)
    left = [
        f"{count:,} {name}{'s' * (count != 1)}"
        for name, count in (("line", found.lines), ("curve", found.curves))
        if count
    ]
    if left:
        notes["Not read"] = ", ".join(left)
    if not found.counts:
        return measured(vertices, None, colours, None, notes)
    counts, known = np.array(found.counts, np.int64), np.array(found.known, np.int64)
    words = [corner.split(b"/") for corner in found.corners]
    indices = _numbers([word[0] for word in words], np.repeat(known[:, 0], counts))
    if (indices < 0).any():
        raise ValueError("a corner 0: vertices are numbered from 1")
    corners, face = triangle_corners(vertices, indices, counts)
    triangles = indices[corners].astype(np.int32)
    places = _table(found.places, 2)
    uv = None
    if len(places):
        numbers = _numbers([word[1] if len(word) > 1 else b"" for word in words], np.repeat(known[:, 1], counts))
        at = numbers[corners]
        there = (at >= 0) & (at < len(places))
        uv = np.where(there[..., None], places[np.where(there, at, 0)], 0).astype(np.float32)
    owner = np.array(found.owners, np.int64)[face]
    painted = _painted(found, folder, owner, uv, len(triangles), notes)
    normals = None
    if found.normals:
        numbers = _numbers([word[2] if len(word) > 2 else b"" for word in words], np.repeat(known[:, 2], counts))
        normals = _of_vertices(_table(found.normals, 3), numbers, indices, len(vertices), notes)
    if isinstance(painted, SurfaceMaterial):
        # One grey for all is what programs write where nothing was chosen.
        if colours is None and painted.colour is not None and len({*painted.colour}) > 1:
            colours = np.tile(np.array(painted.colour, np.uint8), (len(vertices), 1))
        return measured(vertices, triangles, colours, normals, notes, uv=uv)
    return measured(vertices, triangles, colours, normals, notes, uv=painted[0], texture=painted[1])


def _statements(content: bytes) -> _Statements:
    found = _Statements()
    material = 0
    for line in content.split(b"\n"):
        words = line.split(b"#", 1)[0].split()
        if not words:
            continue
        if words[0] == b"v":
            found.positions.append(words[1:])
        elif words[0] == b"vt":
            found.places.append(words[1:])
        elif words[0] == b"vn":
            found.normals.append(words[1:])
        elif words[0] == b"f":
            found.corners += words[1:]
            found.counts.append(len(words) - 1)
            found.known.append((len(found.positions), len(found.places), len(found.normals)))
            found.owners.append(material)
        elif words[0] == b"usemtl":
            name = line.split(None, 1)[1].strip() if len(words) > 1 else b""
            material = found.names.setdefault(name, len(found.names))
        elif words[0] == b"mtllib" and len(words) > 1:
            found.libraries.append(line.split(None, 1)[1].strip())
        found.lines += words[0] == b"l"
        found.curves += words[0] in (b"curv", b"curv2", b"surf")
    return found


def _numbers(words: Sequence[bytes], before: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices from 0; -1 where there is none. Negative numbers count back from those read so far (`before`)."""
    numbers = np.array([word or b"0" for word in words]).astype(np.int64)
    return np.where(numbers < 0, before + numbers, numbers - 1)


def _table(rows: list[list[bytes]], width: int) -> NDArray[np.float64]:
    """The first `width` numbers of each row; those that are missing are 0."""
    return np.array([(row + [b"0"] * width)[:width] for row in rows]).astype(np.float64).reshape(-1, width)


def _vertices(rows: list[list[bytes]], notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.uint8] | None]:
    """Positions, and colours where at least one vertex has one: three numbers behind its position."""
    if any(len(row) < 3 for row in rows):
        raise ValueError("a vertex of fewer than three numbers")
    vertices = np.array([row[:3] for row in rows]).astype(np.float64).reshape(-1, 3)
    coloured = np.array([len(row) >= 6 for row in rows], bool)
    if not coloured.any():
        return vertices, None
    values = np.array([row[3:6] for row in rows if len(row) >= 6]).astype(np.float64)
    colours = np.full(vertices.shape, _WHITE, np.uint8)
    colours[coloured] = scaled_colours(values)
    if not coloured.all():
        notes["Colours"] = f"of {coloured.sum():,} of {len(rows):,} vertices; the others are white"
    return vertices, colours


def _of_vertices(
    normals: NDArray[np.float64],
    numbers: NDArray[np.int64],
    indices: NDArray[np.int64],
    count: int,
    notes: Notes,
) -> NDArray[np.float32] | None:
    """Normals float32 (count, 3) where each vertex has one in all of its faces; None where not, as at sharp edges,
    which are found from the faces."""
    if not len(numbers) or (numbers < 0).any() or (numbers >= len(normals)).any():
        return None
    of_vertices = np.zeros((count, 3), np.float32)
    of_vertices[indices] = normals[numbers]
    if not np.allclose(of_vertices[indices], normals[numbers], atol=1e-4):
        notes["Normals"] = "of corners; those of the faces are shown"
        return None
    return of_vertices


# Materials ----------------------------------------------------------------------------------------------------------


def _painted(
    found: _Statements,
    folder: Path | None,
    owner: NDArray[np.int64],
    uv: NDArray[np.float32] | None,
    count: int,
    notes: Notes,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]] | SurfaceMaterial:
    """Places and texture of all materials, or the one colour that all have."""
    plain = SurfaceMaterial()
    if len(found.names) == 1 or not found.libraries:
        return plain
    known: dict[bytes, SurfaceMaterial] = {}
    for library in found.libraries:
        text = read_beside(folder, library)
        if text is None:
            texts = [read_beside(folder, name) for name in library.split()]
            text = b"\n".join(part for part in texts if part is not None)
        known |= _materials(text, folder, notes)
    if not known:
        names = ", ".join(spellings(library)[0] for library in found.libraries)
        notes["Materials"] = f"{names} was not found beside the file"
        return plain
    materials = [known.get(name, plain) for name in found.names]
    if uv is None:
        uv = np.zeros((count, 3, 2), np.float32)
        materials = [replace(material, picture=None) for material in materials]
    painted = joined(materials, owner, uv)
    return painted if painted is not None else materials[int(owner[0]) if len(owner) else 0]


def _materials(text: bytes, folder: Path | None, notes: Notes) -> dict[bytes, SurfaceMaterial]:
    """The materials of an MTL file by their names."""
    materials: dict[bytes, SurfaceMaterial] = {}
    pictures: dict[bytes, dict[bytes, bytes]] = {}
    name = None
    for line in plain_text(text).splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith(b"#"):
            continue
        statement = words[0].lower()
        if statement == b"newmtl":
            name = line.split(None, 1)[1].strip()
            materials[name], pictures[name] = SurfaceMaterial(), {}
        elif name is None:
            continue
        elif statement == b"kd":
            materials[name] = SurfaceMaterial(colour=_colour(words[1:]))
        elif statement in _PICTURES:
            pictures[name][statement] = _file_name(words[1:])
    read: dict[bytes, NDArray[np.uint8] | None] = {}
    for name, named in pictures.items():
        file = next((named[statement] for statement in _PICTURES if statement in named), b"")
        if not file:
            continue
        if file not in read:
            read[file] = picture_beside(folder, file, notes)
        materials[name] = replace(materials[name], picture=read[file])
    return materials


def _colour(words: list[bytes]) -> tuple[int, int, int] | None:
    """The colour of three numbers 0..1; None where they are none."""
    try:
        red, green, blue = (round(255 * min(max(float(word), 0.0), 1.0)) for word in words[:3])
    except ValueError:
        return None
    return red, green, blue


def _file_name(words: list[bytes]) -> bytes:
    """The name of a texture behind its options, such as ``-s 1 1 1 -clamp on wood.png``."""
    while words and words[0].startswith(b"-") and len(words) > 1:
        option, words = words[0].lower(), words[1:]
        if option in _VECTORS:
            for _ in range(3):
                if len(words) > 1 and _is_number(words[0]):
                    words = words[1:]
        else:
            words = words[1 + (option == _PAIR) :] or words[-1:]
    return b" ".join(words)


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
