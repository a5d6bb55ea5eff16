"""Meshes as text: what their readers share, and the Object File Format (OFF)."""

from __future__ import annotations

import re

import numpy as np

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.media.meshes.polygons import triangulate
from cvstudio.media.meshes.surfaces import Notes, face_colours_of_vertices, measured, scaled_colours

_CONTINUED = re.compile(rb"(?m)(^[ \t]*#[^\n]*\n)|\\[ \t]*\r?\n")
"""A comment, or else the end of a line that is continued. A comment may end in a folder's name of Windows."""
OFF_HEADER = re.compile(
    rb"\s*(?P<kind>(?:ST)?[CN]{0,2}4?)OFF(?!\w)(?:\s|#[^\n]*\n)*(\d{1,10})\s+(\d{1,10})(?:[ \t]+\d{1,10})?\s"
)


_DECIMAL_COMMA = re.compile(rb"(?<=\d),(?=\d)")
_NAMES = re.compile(rb"(?m)^[ \t]*(?:#|[a-eg-uw-z]|vp\b|solid|endsolid|comment)[^\n]*$|#[^\n]*$")
"""What holds no coordinates: comments, and statements whose names and file names may have commas."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def plain_text(content: bytes) -> bytes:
    """`content` without a mark in front of it (UTF-8), and with its lines parted by LF where they are by CR alone.

    Binary content stays as it is.
    """
    content = content.removeprefix(_BYTE_ORDER_MARK)
    if b"\r" in content and b"\n" not in content and b"\0" not in content:
        return content.replace(b"\r", b"\n")
    return content


def decimal_points(content: bytes, notes: Notes) -> bytes:
    """`content` with points for the decimal commas that programs write in some countries, which `notes` tell."""
    if _DECIMAL_COMMA.search(content) is None or _DECIMAL_COMMA.search(_NAMES.sub(b"", content)) is None:
        return content
    notes["Numbers"] = "with decimal commas"
    return _DECIMAL_COMMA.sub(b".", content)


def joined_lines(content: bytes) -> bytes:
    """`content` with every line that ends in a backslash joined to the next, as OBJ continues lines."""
    return _CONTINUED.sub(lambda match: match[1] or b" ", content) if b"\\" in content else content


def read_off(content: bytes) -> TriangleMesh | PointCloud:
    """Read an OFF file of any prefix (C: colours, N: normals, ST: texture coordinates, 4: homogeneous coordinates).

    Raises
    ------
    ValueError
        The rows are not those that the header states.
    """
    content = plain_text(content)
    header = OFF_HEADER.match(content)
    if header is None:
        raise ValueError("no OFF header")
    kind, (n_vertices, n_faces) = header["kind"], (int(header[2]), int(header[3]))
    lines = (line.split(b"#", 1)[0].split() for line in content[header.end() :].splitlines())
    rows = [line for line in lines if line]
    if len(rows) < n_vertices + n_faces:
        raise ValueError("fewer rows than the header states")
    table = np.array(rows[:n_vertices]).astype(np.float64).reshape(n_vertices, -1)
    width = 4 if b"4" in kind else 3
    vertices = table[:, :3] / table[:, 3:4] if width == 4 else table[:, :3]
    normals = None
    if b"N" in kind:
        normals, width = table[:, width : width + 3].astype(np.float32), width + 3
    rest = table[:, width : table.shape[1] - (2 if b"ST" in kind else 0)]
    # Many programs write OFF and colours behind it.
    colours = scaled_colours(rest[:, :3]) if rest.shape[1] in (3, 4) else None
    faces = rows[n_vertices : n_vertices + n_faces]
    counts = np.array([int(face[0]) for face in faces], np.int64)
    if any(len(face) <= count for face, count in zip(faces, counts, strict=True)):
        raise ValueError("a face with fewer corners than it states")
    indices = np.array([corner for face in faces for corner in face[1 : int(face[0]) + 1]]).astype(np.int64)
    triangles, owner = triangulate(vertices, indices, counts)
    notes: Notes = {}
    behind = [face[1 + count :] for face, count in zip(faces, counts, strict=True)]
    if colours is None and any(len(words) >= 3 for words in behind):
        painted = np.array([words[:3] if len(words) >= 3 else [b"1", b"1", b"1"] for words in behind]).astype(
            np.float64
        )
        colours = face_colours_of_vertices(scaled_colours(painted)[owner], triangles, n_vertices)
        notes["Colours"] = "of faces, assigned to their vertices"
    return measured(vertices, triangles if len(triangles) else None, colours, normals, notes)
