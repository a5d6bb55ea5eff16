"""STL, text and binary, with the colours that two families of programs keep in it."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.mesh_topology import merge_equal
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.names import counted
from cvstudio.media.meshes.surfaces import Notes, face_colours_of_vertices, measured
from cvstudio.media.meshes.text_meshes import decimal_points, plain_text

STL_HEAD, STL_ROW = 84, 50
"""Bytes of the header with the number of triangles, and of a triangle."""
STL_TEXT = re.compile(rb"\s*solid\b[^\n]*\n\s*(?:facet\s+normal|endsolid)\b", re.IGNORECASE)
_PARTED_END = re.compile(rb"\bend[ \t]+(?=solid|facet|loop)", re.IGNORECASE)
_ROW = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_MARKED, _FIVE_BITS = 0x8000, 31


def stl_count(head: bytes, length: int) -> int | None:
    """Number of triangles of a binary STL file of `length` bytes: as stated, or as there are where none are stated.

    None where they do not fit into the file.
    """
    if len(head) < STL_HEAD:
        return None
    stated, there = int.from_bytes(head[80:84], "little"), (length - STL_HEAD) // STL_ROW
    if stated in (0, 0xFFFFFFFF) and there and (length - STL_HEAD) % STL_ROW == 0:
        return there
    return stated if stated <= there else None


def read_stl(content: bytes) -> TriangleMesh | PointCloud:
    """Read the triangles; equal vertices, which STL repeats for each of them, are merged.

    Raises
    ------
    ValueError
        The file is damaged.
    """
    notes: Notes = {}
    colours = None
    count = stl_count(content, len(content))
    text = plain_text(content)
    if STL_TEXT.match(text) and len(content) != STL_HEAD + STL_ROW * (count or 0):
        vertices, triangles = _read_text(decimal_points(text, notes))
    elif count is None:
        raise ValueError("fewer triangles than the header states")
    else:
        rows = np.frombuffer(content, _ROW, count, STL_HEAD)
        vertices = rows["corners"].reshape(-1, 3).astype(np.float64)
        triangles = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
        colours = _colours(content[:80], rows["attribute"])
        if count != int.from_bytes(content[80:84], "little"):
            notes["Read"] = f"{counted(count, 'triangle')}, of which the header states none"
        elif len(content) > STL_HEAD + STL_ROW * count:
            notes["Not read"] = f"{len(content) - STL_HEAD - STL_ROW * count:,} bytes behind the last triangle"
    first, index = merge_equal(vertices)
    corners = index[triangles].astype(np.int32)
    of_vertices = None
    if colours is not None:
        of_vertices = face_colours_of_vertices(colours, corners, len(first))
        notes["Colours"] = "of faces, assigned to their vertices"
    return measured(vertices[first], corners, of_vertices, None, notes)


def _read_text(content: bytes) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    import trimesh

    # Some programs write "end loop" and "end solid".
    content = _PARTED_END.sub(b"end", content)
    loaded: Any = trimesh.load(io.BytesIO(content), file_type="stl_ascii", process=False)
    if isinstance(loaded, trimesh.Scene):
        loaded = loaded.to_mesh()
    return np.array(loaded.vertices, np.float64), np.array(loaded.faces, np.int32)


def _colours(header: bytes, attributes: NDArray[np.uint16]) -> NDArray[np.uint8] | None:
    """Colours of the triangles, uint8 (n, 3), of five bits a channel; None where there are none.

    Materialise Magics names a colour of the whole in the header, which holds for triangles that are marked; the others
    have their own, red in the lowest bits. For VisCAM and SolidView marked ones have their own, blue in the lowest.
    """
    bits = np.stack([attributes >> shift & _FIVE_BITS for shift in (0, 5, 10)], axis=1)
    own = np.rint(bits * (255 / _FIVE_BITS)).astype(np.uint8)
    marked = (attributes & _MARKED > 0)[:, None]
    place = header.find(b"COLOR=")
    if place >= 0 and len(header) >= place + 9:
        whole = np.frombuffer(header, np.uint8, 3, place + 6)
        return np.where(marked | (not attributes.any()), whole, own).astype(np.uint8)
    return np.where(marked, own[:, ::-1], 255).astype(np.uint8) if marked.any() else None
