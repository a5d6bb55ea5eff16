"""PLY, text and binary (Turk, "The PLY Polygon File Format", 1994)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.media.meshes.polygons import triangle_corners
from cvstudio.media.meshes.surfaces import Notes, face_colours_of_vertices, measured, scalar_fields, scaled_colours
from cvstudio.media.meshes.text_meshes import decimal_points, plain_text
from cvstudio.media.meshes.textures import SurfaceMaterial, joined, picture_beside

_HEADER = re.compile(rb"ply\r?\n(.*?\n)end_header[ \t]*\r?\n", re.DOTALL)
_TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4"} | {
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_SPLATS = ("f_dc_0", "f_dc_1", "f_dc_2")
"""Colour of Gaussians: the first coefficient of spherical harmonics (Kerbl et al., "3D Gaussian Splatting", 2023)."""
_HARMONIC = 0.28209479177387814
_NUMBERED = re.compile(r"(.*_)(\d+)")
_STRIPS = "tristrips"
_CORNERS = ("vertex_indices", "vertex_index")
_COLOURS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_NORMALS = (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"))
_PLACES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
"""Names of the place of a vertex in the texture."""
_CORNER_PLACES, _PICTURE_NUMBER = "texcoord", "texnumber"
"""Properties of faces, as MeshLab writes them."""
_TEXTURE_FILE = re.compile(r"(?im)^comment\s+TextureFile\s+(.+?)\s*$")
_QUIET = {"x", "y", "z", "alpha", "diffuse_alpha", "a"}
_GAUSSIAN = ("f_dc_", "f_rest_", "rot_", "scale_")
"""Beginnings of names of what describes a Gaussian, and is no measured value."""


@dataclass(frozen=True)
class _Property:
    name: str
    dtype: str
    count: str = ""
    """dtype of the length of a list; "" for a single value."""


@dataclass(frozen=True)
class _Lists:
    """A column of lists: all values (sum of counts,), and the length of each list."""

    values: NDArray[Any]
    counts: NDArray[np.int64]


_Columns = dict[str, "NDArray[Any] | _Lists"]


def read_ply(content: bytes, folder: Path | None = None) -> TriangleMesh | PointCloud:
    """Read vertices and faces, with colours (8 bits, 16 bits or 0..1), normals, scalars and texture.

    Parameters
    ----------
    folder : in which textures are looked for; None reads none

    Raises
    ------
    ValueError, KeyError
        The file is damaged.
    """
    content = plain_text(content)
    header = _HEADER.match(content)
    if header is None:
        raise ValueError("no PLY header")
    described = header[1].decode("latin-1")
    encoding, elements = _parse(described)
    commas: Notes = {}
    if encoding == "ascii":
        text = decimal_points(content[header.end() :], commas)
        lines = [line for line in text.split(b"\n") if line.strip()]
        elements = _counted(elements, sum(rows for _, rows, _ in elements) - len(lines), commas)
        tables = _read_text(lines, elements)
    else:
        order = ">" if encoding == "binary_big_endian" else "<"
        try:
            tables, _ = _read_binary(content, header.end(), elements, order)
        except ValueError:
            tables, end = _read_binary(content, header.end(), _counted(elements, 1, commas), order)
            if end != len(content):
                raise
    vertex = tables["vertex"]
    points = np.stack([_column(vertex, axis).astype(np.float64) for axis in "xyz"], axis=1)
    normals = next((_stack(vertex, names).astype(np.float32) for names in _NORMALS if vertex.keys() >= {*names}), None)
    colours = _colours(vertex)
    scalars = _scalars(vertex)
    notes = {**commas, **_not_read(tables, {*scalars})}
    fields = tuple(scalars.values())
    corners = next((tables["face"][name] for name in _CORNERS if name in tables.get("face", {})), None)
    strips = next((tables[_STRIPS][name] for name in _CORNERS if name in tables.get(_STRIPS, {})), None)
    if isinstance(strips, _Lists) and len(strips.values):
        faces = _of_strips(strips)
        corners = _Lists(faces.reshape(-1), np.full(len(faces), 3, np.int64))
    if not isinstance(corners, _Lists) or not len(corners.counts):
        return measured(points, None, colours, normals, notes, scalars=fields)
    indices = corners.values.astype(np.int64)
    places, owner = triangle_corners(points, indices, corners.counts)
    triangles = indices[places].astype(np.int32)
    uv = _uv(tables, triangles, places, owner, corners.counts) if strips is None else None
    texture = None
    if uv is not None:
        names = _TEXTURE_FILE.findall(described)
        uv, texture = _textured(names, folder, tables.get("face", {}), owner, uv, notes)
    of_faces = _colours(tables.get("face", {}))
    if colours is None and of_faces is not None and strips is None:
        colours = face_colours_of_vertices(of_faces[owner], triangles, len(points))
        notes["Colours"] = "of faces, assigned to their vertices"
    return measured(points, triangles, colours, normals, notes, uv=uv, texture=texture, scalars=fields)


def _uv(
    tables: dict[str, _Columns],
    triangles: NDArray[np.int32],
    places: NDArray[np.int64],
    owner: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> NDArray[np.float32] | None:
    """Place of each corner of the triangles in the texture, float32 (m, 3, 2): of corners of faces, or of vertices.

    Parameters
    ----------
    places : (m, 3), number of each corner among those of all faces
    owner : (m,), face of each triangle
    counts : corners of each face
    """
    of_faces = tables["face"].get(_CORNER_PLACES) if "face" in tables else None
    if isinstance(of_faces, _Lists) and len(of_faces.counts) == len(counts):
        starts = np.cumsum(of_faces.counts) - of_faces.counts
        first = np.cumsum(counts) - counts
        # Faces without texture have none.
        whole = (of_faces.counts == 2 * counts)[owner]
        at = starts[owner][:, None] + 2 * (places - first[owner][:, None])
        at = np.where(whole[:, None], at, 0)
        values = of_faces.values.astype(np.float32)
        if len(values) < 2:
            return None
        return np.where(whole[:, None, None], np.stack([values[at], values[at + 1]], axis=-1), 0).astype(np.float32)
    names = next((names for names in _PLACES if tables["vertex"].keys() >= {*names}), None)
    if names is None:
        return None
    return np.ascontiguousarray(_stack(tables["vertex"], names).astype(np.float32)[triangles])


def _textured(
    names: list[str],
    folder: Path | None,
    faces: _Columns,
    owner: NDArray[np.int64],
    uv: NDArray[np.float32],
    notes: Notes,
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Places in the texture, and the texture: several pictures are joined."""
    materials = [SurfaceMaterial(picture_beside(folder, name.encode("latin-1"), notes)) for name in names]
    if not materials or all(material.picture is None for material in materials):
        return uv, None
    numbers = faces.get(_PICTURE_NUMBER)
    of_faces = np.zeros(len(owner), np.int64)
    if isinstance(numbers, np.ndarray):
        of_faces = np.clip(numbers.astype(np.int64)[owner], 0, len(materials) - 1)
    return joined(materials, of_faces, uv) or (uv, None)


def _scalars(vertex: _Columns) -> dict[str, ScalarField]:
    """Measured values of the vertices, by the name of their column."""
    known = _QUIET | {*_SPLATS} | {name for names in (*_COLOURS, *_NORMALS, *_PLACES) for name in names}
    columns = {
        name: values
        for name, values in vertex.items()
        if isinstance(values, np.ndarray) and name not in known and " (" not in name and not name.startswith(_GAUSSIAN)
    }
    return scalar_fields(columns)


def _parse(header: str) -> tuple[str, list[tuple[str, int, list[_Property]]]]:
    encoding, elements = "", list[tuple[str, int, list[_Property]]]()
    for words in (line.split() for line in header.splitlines()):
        if words[:1] == ["format"]:
            encoding = words[1]
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:2] == ["property", "list"]:
            name = _own_name(words[4], elements[-1][2])
            elements[-1][2].append(_Property(name, _TYPES[words[3]], _TYPES[words[2]]))
        elif words[:1] == ["property"]:
            name = _own_name(words[2], elements[-1][2])
            elements[-1][2].append(_Property(name, _TYPES[words[1]]))
    if encoding not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(f"a format '{encoding}'")
    return encoding, elements


def _own_name(name: str, properties: list[_Property]) -> str:
    """`name`, or another where a property before has it: the first of a name counts, as for MeshLab."""
    known = {entry.name for entry in properties}
    others = (name, *(f"{name} ({number})" for number in range(2, len(known) + 2)))
    return next(other for other in others if other not in known)


def _counted(
    elements: list[tuple[str, int, list[_Property]]], lacking: int, notes: Notes
) -> list[tuple[str, int, list[_Property]]]:
    """`elements` with one face less where one is lacking at the end of the file: some programs count one too many."""
    name, rows, properties = elements[-1] if elements else ("", 0, [])
    if lacking != 1 or name != "face" or rows < 2:
        return elements
    notes["Faces stated"] = f"{rows:,}, but there is one less"
    return [*elements[:-1], (name, rows - 1, properties)]


def _read_binary(
    content: bytes, start: int, elements: list[tuple[str, int, list[_Property]]], order: str
) -> tuple[dict[str, _Columns], int]:
    """Columns by element, and where they end in `content`."""
    tables: dict[str, _Columns] = {}
    for name, rows, properties in elements:
        columns, start = _same_lengths(content, start, rows, properties, order) or _any_lengths(
            content, start, rows, properties, order
        )
        tables[name] = columns
    return tables, start


def _same_lengths(
    content: bytes, start: int, rows: int, properties: list[_Property], order: str
) -> tuple[_Columns, int] | None:
    """Read an element whose lists are as long as those of its first row; None where they are not."""
    fields, at = list[tuple[Any, ...]](), start
    for number, entry in enumerate(properties):
        dtype = np.dtype(order + entry.dtype)
        if entry.count and rows:
            count = np.frombuffer(content, order + entry.count, 1, at)[0]
            fields += [(f"count {number}", order + entry.count), (f"value {number}", dtype, (int(count),))]
            at += count.itemsize + int(count) * dtype.itemsize
        else:
            fields.append((f"value {number}", dtype))
            at += dtype.itemsize
    record = np.dtype(fields)
    if start + rows * record.itemsize > len(content):
        return None
    table = np.frombuffer(content, record, rows, start)
    columns: _Columns = {}
    for number, entry in enumerate(properties):
        values = table[f"value {number}"]
        if entry.count and rows:
            counts = table[f"count {number}"].astype(np.int64)
            if (counts != values.shape[1]).any():
                return None
            columns[entry.name] = _Lists(values.reshape(-1), counts)
        else:
            columns[entry.name] = _Lists(values, np.zeros(0, np.int64)) if entry.count else values
    return columns, start + rows * record.itemsize


def _any_lengths(
    content: bytes, start: int, rows: int, properties: list[_Property], order: str
) -> tuple[_Columns, int]:
    at = start

    def take(entry: _Property, count: int | None) -> NDArray[Any]:
        nonlocal at
        dtype = np.dtype(order + (entry.dtype if count is not None else entry.count))
        values = np.frombuffer(content, dtype, 1 if count is None else count, at)
        at += values.nbytes
        return values

    def row() -> list[NDArray[Any]]:
        return [take(entry, int(take(entry, None)[0]) if entry.count else 1) for entry in properties]

    return _columns(row, rows, properties), at


def _columns(row: Callable[[], list[NDArray[Any]]], rows: int, properties: list[_Property]) -> _Columns:
    """Columns of `rows` calls of `row`, which gives the values of each property."""
    cells: list[list[NDArray[Any]]] = [[] for _ in properties]
    for _ in range(rows):
        for column, values in zip(cells, row(), strict=True):
            column.append(values)
    columns: _Columns = {}
    for entry, column in zip(properties, cells, strict=True):
        values = np.concatenate(column) if column else np.zeros(0, entry.dtype)
        columns[entry.name] = (
            _Lists(values, np.array([len(cell) for cell in column], np.int64)) if entry.count else values
        )
    return columns


def _read_text(lines: list[bytes], elements: list[tuple[str, int, list[_Property]]]) -> dict[str, _Columns]:
    """Read the elements from `lines` that are not blank."""
    tables: dict[str, _Columns] = {}
    start = 0
    for name, rows, properties in elements:
        block = lines[start : start + rows]
        start += rows
        if len(block) < rows:
            raise ValueError("fewer rows than the header states")
        if not any(entry.count for entry in properties):
            table = np.array([line.split() for line in block]).astype(np.float64).reshape(rows, -1)
            if rows and table.shape[1] < len(properties):
                raise ValueError("rows with fewer values than the header states")
            # NaN may stand where an integer is expected: it says that nothing was measured.
            tables[name] = {
                entry.name: _cast(table[:, at], entry.dtype) if rows else np.zeros(0, entry.dtype)
                for at, entry in enumerate(properties)
            }
        else:
            tables[name] = _text_lists(block, properties)
    return tables


def _text_lists(block: list[bytes], properties: list[_Property]) -> _Columns:
    remaining = iter(block)

    def row() -> list[NDArray[Any]]:
        words, at, values = next(remaining).split(), 0, []
        for entry in properties:
            count = 1
            if entry.count:
                count, at = int(float(words[at])), at + 1
            cell = words[at : at + count]
            if len(cell) < count or count < 0:
                raise ValueError("a list shorter than it states")
            values.append(_cast(np.array([float(word) for word in cell]), entry.dtype))
            at += count
        return values

    return _columns(row, len(block), properties)


def _cast(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    return np.nan_to_num(values).astype(dtype) if dtype[0] in "iu" else values.astype(dtype)


def _column(table: _Columns, name: str) -> NDArray[Any]:
    column = table[name]
    if isinstance(column, _Lists):
        raise ValueError(f"lists in {name}")
    return column


def _stack(table: _Columns, names: tuple[str, ...]) -> NDArray[Any]:
    return np.stack([_column(table, name) for name in names], axis=1)


def _colours(table: _Columns) -> NDArray[np.uint8] | None:
    """Colours of an element, uint8 (rows, 3)."""
    names = next((names for names in _COLOURS if table.keys() >= {*names}), None)
    if names is None and table.keys() >= {*_SPLATS}:
        levels = 0.5 + _HARMONIC * _stack(table, _SPLATS).astype(np.float64)
        return np.rint(np.clip(np.nan_to_num(levels), 0, 1) * 255).astype(np.uint8)
    if names is None:
        return None
    return scaled_colours(_stack(table, names))


def _not_read(tables: dict[str, _Columns], scalars: set[str]) -> Notes:
    """A note of the columns that no sample keeps."""
    known = _QUIET | {*_SPLATS} | {name for names in (*_COLOURS, *_NORMALS, *_PLACES) for name in names}
    known |= {*_CORNERS, _CORNER_PLACES, _PICTURE_NUMBER} | scalars
    left = [name for element in ("vertex", "face") for name in tables.get(element, {}) if name not in known]
    left += [name for name in tables if name not in ("vertex", "face", _STRIPS)]
    return {"Not read": ", ".join(_shortened(left))} if left else {}


def _shortened(names: list[str]) -> list[str]:
    """`names` with those that differ in their number only as "f_0 to f_44"."""
    groups: dict[str, list[str]] = {}
    for name in names:
        numbered = _NUMBERED.fullmatch(name)
        groups.setdefault(numbered[1] if numbered else name, []).append(name)
    return [text for group in groups.values() for text in ([f"{group[0]} to {group[-1]}"] if len(group) > 2 else group)]


def _of_strips(strips: _Lists) -> NDArray[np.int64]:
    """Triangles (m, 3) of strips, whose sense alternates; -1 ends a strip within a list."""
    ends = np.cumsum(strips.counts)
    corners = np.insert(strips.values.astype(np.int64), ends, -1)
    places = np.arange(len(corners))
    begins = np.maximum.accumulate(np.where(corners < 0, places + 1, 0))
    triangles = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
    odd = (places - begins)[:-2] % 2 == 1
    triangles[odd] = triangles[odd][:, [1, 0, 2]]
    a, b, c = triangles.T
    return np.asarray(triangles[(triangles >= 0).all(axis=1) & (a != b) & (b != c) & (a != c)])
