"""Recognition of geometry formats by content, and checks of the sizes that their headers claim."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding, quoted
from cvstudio.media.meshes.gltf import check_extensions, parse
from cvstudio.media.meshes.pcd import is_pcd, pcd_header
from cvstudio.media.meshes.stl import STL_HEAD, STL_ROW, STL_TEXT, stl_count
from cvstudio.media.meshes.text_meshes import OFF_HEADER, joined_lines, plain_text

MAX_ROWS = 100_000_000
"""Most vertices, faces or points that are read."""
PLAIN_POINTS = (".xyz", ".xyzn", ".xyzrgb", ".pts", ".asc")
"""Suffixes of plain points: columns of numbers, which only the name of the file identifies."""
_MOST_COLUMNS = 9
"""Coordinates, colour and normal."""
_WIDE_ROWS_BYTES = 1 << 16

SCAN = ".bin"
"""Suffix of scans, which only the name of the file and their values identify."""
_KITTI_WIDTH, _NUSCENES_WIDTH = 4, 5
_FARTHEST_METRES, _LEAST_METRES = 1000.0, 1e-3

_NUMBER = rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PLY = re.compile(rb"ply\r?\n")
_PLY_HEADER = re.compile(rb"ply\r?\n(.*?\n)end_header[ \t]*\r?\n", re.DOTALL)
_PLY_SIZES = {"char": 1, "uchar": 1, "short": 2, "ushort": 2, "int": 4, "uint": 4, "float": 4, "double": 8} | {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "float32": 4, "float64": 8
}  # fmt: skip
_GLTF_ASSET = re.compile(rb'"asset"\s*:\s*\{')
_OBJ_NUMBER = rb"(?:[-+]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?|(?i:[-+]?(?:nan|inf)))"
_OBJ_LINE = re.compile(
    rb"\s*(?:#.*|(?:v|vn|vt|vp)(?:\s+" + _OBJ_NUMBER + rb"){1,8}|(?:f|l|p)(?:\s+-?\d+(?:/-?\d*){0,2})+"
    rb"|(?:o|g|s|mtllib|usemtl|usemap|mg|lod|bevel|c_interp|d_interp)(?:\s.*)?|)\s*"
)
_OBJ_VERTEX = re.compile(rb"^[ \t]*v(?:\s+" + _OBJ_NUMBER + rb"){3}", re.MULTILINE)
_OBJ_OTHER = re.compile(rb"\s*[A-Za-z_]\w*(?:\s.*)?")
"""Statements of curves and surfaces, and those that programs add to the format."""
_VALUE = re.compile(_NUMBER + rb"|[-+]?(?:nan|inf)", re.IGNORECASE)


def recognise(path: Path, head: bytes, *, forced: bool) -> str | None:
    """Recognise the format of a geometry file.

    Parameters
    ----------
    head : the first `HEAD_BYTES` of the file
    forced : whether the user calls it geometry: columns of numbers are points then, whatever the name

    Returns
    -------
    "ply", "stl", "glb", "gltf", "off", "pcd", "obj", "xyz" or "bin"; None where it is none of them

    Raises
    ------
    MediaError
        The file is shorter than its header states, or the header states too many rows.
    """
    head = plain_text(head)
    for key, test, check in _FORMATS:
        if test(path, head):
            check(path, head)
            return key
    named = path.suffix.lower() in PLAIN_POINTS
    if (forced or named) and _plain_points(path, head, path.stat().st_size, named=named):
        return "xyz"
    if (forced or path.suffix.lower() == SCAN) and scan_width(path, head):
        return "bin"
    return None


def scan_width(path: Path, head: bytes) -> int:
    """Values of each point of a scan of KITTI (x, y, z, reflectance) or nuScenes (and ring), float32 without a header;
    0 for any other file.

    Only values that a laser measures and, for those of nuScenes, their whole numbers tell.
    """
    for width in (_NUSCENES_WIDTH, _KITTI_WIDTH):
        if path.stat().st_size % (4 * width):
            continue
        points = np.frombuffer(head[: len(head) // (4 * width) * 4 * width], "<f4").reshape(-1, width)
        if not len(points) or not np.isfinite(points).all() or np.abs(points[:, :3]).max() > _FARTHEST_METRES:
            continue
        reflectance, rings = points[:, 3], points[:, 4:]
        # Numbers of other kinds taken for floats are tiny or huge.
        plain = (np.abs(points[:, :3]) > _LEAST_METRES).any(axis=1).mean() > 0.9
        if plain and reflectance.min() >= 0 and reflectance.max() <= 255 and (rings == np.floor(rings)).all():
            return width
    return 0


def _check_rows(path: Path, rows: int) -> None:
    if rows > MAX_ROWS:
        raise MediaError(
            f"{quoted(path)} claims to hold {rows:,} vertices, faces or points; at most {MAX_ROWS:,} can be opened, so "
            "thin it out first."
        )


def _check_ply(path: Path, head: bytes) -> None:
    """Raise MediaError where a PLY is shorter than the smallest rows of the elements in its header (Turk, "The PLY
    Polygon File Format", 1994)."""
    with decoding(path), path.open("rb") as file:
        header = _PLY_HEADER.match(plain_text(file.read(1 << 16)))
    if header is None:
        raise damaged(path)
    text = header[1].decode("ascii", "replace").split("\n")
    needed, lines, rows, binary, element = 0, 0, 0, False, ""
    with decoding(path):
        for words in (line.split() for line in text):
            if words[:1] == ["format"]:
                binary = words[1] != "ascii"
            elif words[:1] == ["element"]:
                element, rows = words[1], int(words[2])
                lines += rows
                _check_rows(path, rows)
                if rows < 0:
                    raise damaged(path)
            elif words[:1] == ["property"]:
                # In text a value takes at least a digit and a space; an empty list is its length alone.
                needed += rows * (_PLY_SIZES[words[2] if words[1] == "list" else words[1]] if binary else 2)
    if header.end() + needed > path.stat().st_size + 1:
        raise damaged(path)
    # Some programs state one face too many.
    if not binary and _lines(path, header.end()) < lines - (element == "face"):
        raise damaged(path)


def _lines(path: Path, start: int) -> int:
    """Number of non-blank lines from byte `start` on."""
    with decoding(path), path.open("rb") as file:
        file.seek(start)
        return sum(1 for line in plain_text(file.read()).split(b"\n") if line.strip())


def _is_stl(path: Path, head: bytes) -> bool:
    if STL_TEXT.match(head) or _binary_length(path, head):
        return True
    # Only its length identifies a binary STL; where it is another one, the name of the file does.
    return path.suffix.lower() == ".stl" and len(head) >= STL_HEAD and b"\0" in head


def _check_stl(path: Path, head: bytes) -> None:
    if STL_TEXT.match(head) and not _binary_length(path, head):
        with decoding(path), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 512))
            if not re.search(rb"end\s*solid", file.read(), re.IGNORECASE):
                raise damaged(path)
        return
    count = stl_count(head, path.stat().st_size)
    _check_rows(path, int.from_bytes(head[80:84], "little") if count is None else count)
    if not count:
        raise damaged(path)


def _binary_length(path: Path, head: bytes) -> bool:
    return len(head) >= STL_HEAD and STL_HEAD + STL_ROW * int.from_bytes(head[80:84], "little") == path.stat().st_size


def _check_glb(path: Path, head: bytes) -> None:
    """Check version and length in the header of a GLB (glTF 2.0, section 4.4). Raises MediaError."""
    version, length = struct.unpack_from("<II", head.ljust(12, b"\0"), 4)
    if version != 2:
        raise MediaError(f"{quoted(path)} is glTF {version}, and 2 is needed; save it again from a newer program.")
    if length > path.stat().st_size or length < 20:
        raise damaged(path)
    with decoding(path):
        document = parse(path.read_bytes())[0]
        check_extensions(path, document)
        _check_accessors(path, document)


def _check_accessors(path: Path, document: dict[str, Any]) -> None:
    """Raise MediaError where accessors state too many values: those without a buffer take no room in the file."""
    for accessor in document.get("accessors", ()):
        _check_rows(path, int(accessor["count"]))


def _is_gltf(path: Path, head: bytes) -> bool:
    return head.lstrip().startswith(b"{") and bool(_GLTF_ASSET.search(head) or path.suffix.lower() == ".gltf")


def _check_gltf(path: Path, head: bytes) -> None:
    with decoding(path):
        document = json.loads(path.read_bytes())
        names = [entry.get("uri", "") for key in ("buffers", "images") for entry in document.get(key, ())]
        outside = next((name for name in names if name and not name.startswith("data:")), None)
        if outside is None:
            check_extensions(path, document)
            _check_accessors(path, document)
    if outside is not None:
        raise MediaError(f"{quoted(path)} refers to another file ({outside}); save it as GLB, which holds everything.")


def _check_off(path: Path, head: bytes) -> None:
    match = OFF_HEADER.match(head)
    assert match is not None
    vertices, faces = int(match[2]), int(match[3])
    _check_rows(path, max(vertices, faces))
    # A line for each vertex and face.
    if match.end() + 4 * vertices + 2 * faces > path.stat().st_size + 2 or _lines(path, match.end()) < vertices + faces:
        raise damaged(path)


def _is_obj(path: Path, head: bytes) -> bool:
    """Whether every line is a statement of Wavefront OBJ, and one of them a vertex."""
    if b"\0" in head:
        return False
    lines = joined_lines(head).split(b"\n")
    if path.stat().st_size > HEAD_BYTES:
        lines.pop()  # truncated
    named = path.suffix.lower() == ".obj"
    if not all(_OBJ_LINE.fullmatch(line) or (named and _OBJ_OTHER.fullmatch(line)) for line in lines):
        return False
    with path.open("rb") as file:
        # Comments before the first vertex may be longer than `head`.
        return _OBJ_VERTEX.search(joined_lines(plain_text(file.read(1 << 16)))) is not None


def number_rows(lines: list[bytes]) -> tuple[list[list[bytes]], list[int]]:
    """Rows of words in plain points, and the number of the line (from 1) of each.

    Words are parted by spaces, tabs, commas or semicolons, and may be quoted; numbers may have a decimal comma where
    they are not parted by commas. Comments, the number of points and the names of the columns before the first row are
    left out.
    """
    rows, numbers = list[list[bytes]](), list[int]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith((b"#", b"//")):
            continue
        line = line.replace(b'"', b" ")
        if b";" in line:
            words = line.replace(b",", b".").replace(b";", b" ").split()
        else:
            words = line.replace(b",", b" ").split()
        if not rows and (len(words) == 1 or not any(_VALUE.fullmatch(word) for word in words)):
            continue  # the number of points, or the names of the columns
        rows.append(words)
        numbers.append(number)
    return rows, numbers


def column_names(lines: list[bytes], count: int) -> tuple[str, ...]:
    """Names in the first line of plain points, in small letters; empty where it does not name `count` columns."""
    first = next((line.strip() for line in lines if line.strip()), b"").lstrip(b"#/ \t")
    words = re.sub(rb"[;,\"]", b" ", first).decode("ascii", "replace").lower().split()
    return tuple(words) if len(words) == count and not _VALUE.fullmatch(words[0].encode()) else ()


def _wrong_rows(rows: list[list[bytes]]) -> list[int]:
    """Indices of the rows that are not numbers, as many as in the first."""
    return [at for at, row in enumerate(rows) if len(row) != len(rows[0]) or not all(map(_VALUE.fullmatch, row))]


def check_rows(path: Path, rows: list[list[bytes]], numbers: list[int]) -> None:
    """Raise MediaError, which says the line, where a row differs from the first; see `number_rows`."""
    wrong = next(iter(_wrong_rows(rows)), None)
    if wrong is not None:
        found = b" ".join(rows[wrong])[:40].decode("utf-8", "replace")
        raise MediaError(
            f"Line {numbers[wrong]} of {quoted(path)} is '{found}', and {len(rows[0])} numbers were expected as in the "
            "first row; correct or remove that line."
        )


def _plain_points(path: Path, head: bytes, length: int, *, named: bool) -> bool:
    """Whether all lines hold the same count of numbers, three to nine, or more where the name says what they are.

    Raises MediaError, which says the line, where the name of the file says that they should (`named`) and most do.
    """
    if named and length > len(head):
        # A row of hundreds of columns is longer than a head.
        with path.open("rb") as file:
            head = plain_text(file.read(_WIDE_ROWS_BYTES))
    lines = head.split(b"\n")
    if length > len(head):
        lines.pop()
    rows, numbers = number_rows(lines)
    if not rows or len(rows[0]) < 3 or (len(rows[0]) > _MOST_COLUMNS and not named):
        return False
    wrong = _wrong_rows(rows)
    if named and len(wrong) <= len(rows) // 2:
        check_rows(path, rows, numbers)
    return not wrong


def _no_check(path: Path, head: bytes) -> None:
    """No check: the length of a text format is known only after reading."""


_FORMATS: tuple[tuple[str, Callable[[Path, bytes], bool], Callable[[Path, bytes], None]], ...] = (
    ("ply", lambda _, head: _PLY.match(head) is not None, _check_ply),
    ("glb", lambda _, head: head.startswith(b"glTF"), _check_glb),
    ("pcd", lambda _, head: is_pcd(head), lambda path, _: _check_rows(path, pcd_header(path).points)),
    ("off", lambda _, head: OFF_HEADER.match(head) is not None, _check_off),
    ("stl", _is_stl, _check_stl),
    ("gltf", _is_gltf, _check_gltf),
    ("obj", _is_obj, _no_check),
)
