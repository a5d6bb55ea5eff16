"""Point Cloud Data of the Point Cloud Library, version 0.7: plain, binary and compressed."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud
from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import damaged, decoding, quoted
from cvstudio.media.meshes.surfaces import measured, scalar_fields, scaled_colours

_MAGIC = re.compile(rb"(?:\s*#[^\n]*\n)*\s*VERSION\s+\.?\d")
_DATA = re.compile(rb"^DATA\s+(\w+)[ \t\r]*\n", re.MULTILINE)
_TYPES = {"F4": "<f4", "F8": "<f8", "U1": "<u1", "U2": "<u2", "U4": "<u4", "U8": "<u8"} | {
    f"I{size}": f"<i{size}" for size in (1, 2, 4, 8)
}
HEADER_BYTES = 65_536
_AT_ORIGIN = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
_SEPARATE = (("r", "g", "b"), ("red", "green", "blue"))
_READ = {"x", "y", "z", "normal_x", "normal_y", "normal_z", "rgb", "rgba", "a", "alpha"}.union(*_SEPARATE)


@dataclass(frozen=True)
class PcdHeader:
    """Header of a PCD file.

    Parameters
    ----------
    record : dtype of one point, with a field for each column
    points : number of points
    data : "ascii", "binary" or "binary_compressed"
    start : offset of the data in bytes
    viewpoint : position of the sensor and its rotation as a quaternion (w, x, y, z)
    """

    record: np.dtype[Any]
    points: int
    data: str
    start: int
    viewpoint: tuple[float, ...] = _AT_ORIGIN


def is_pcd(head: bytes) -> bool:
    """Whether a file that begins with `head` is PCD."""
    return _MAGIC.match(head) is not None


def pcd_header(path: Path) -> PcdHeader:
    """Read and check the header. Raises MediaError where it is invalid, or the file is shorter than it states."""
    with decoding(path), path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        data = _DATA.search(head)
        if data is None:
            raise damaged(path)
        lines = (line.split() for line in head[: data.start()].decode("ascii", "replace").splitlines())
        entries = {line[0].upper(): line[1:] for line in lines if line and not line[0].startswith("#")}
        names, sizes, kinds = entries["FIELDS"], entries["SIZE"], entries["TYPE"]
        counts = [int(count) for count in entries.get("COUNT", ["1"] * len(names))]
        fields = []
        for number, (name, size, kind, count) in enumerate(zip(names, sizes, kinds, counts, strict=True)):
            if not 1 <= count <= 4096:
                raise ValueError("a field without values")
            # All fields for padding are named "_".
            fields.append((name if name != "_" else f"_{number}", _TYPES[f"{kind}{size}"], (count,)))
        record, points = np.dtype(fields), int(entries["POINTS"][0])
        viewpoint = _viewpoint(entries.get("VIEWPOINT", []))
        encoding = data[1].decode().lower()
        row_bytes = {"ascii": 2 * len(names), "binary": record.itemsize}.get(encoding, 0)
        if points < 0 or data.end() + points * row_bytes > path.stat().st_size + 1:
            raise damaged(path)
    if encoding not in ("ascii", "binary", "binary_compressed"):
        raise MediaError(f"{quoted(path)} stores its points as '{encoding}', which is not known; save it as binary.")
    if not {"x", "y", "z"} <= set(names):
        raise MediaError(f"{quoted(path)} has no x, y and z; choose a file with points.")
    return PcdHeader(record, points, encoding, data.end(), viewpoint)


def _viewpoint(words: list[str]) -> tuple[float, ...]:
    """Position and rotation of the sensor; at the origin where a program wrote something else."""
    try:
        numbers = tuple(map(float, words))
    except ValueError:
        return _AT_ORIGIN
    return numbers if len(numbers) == len(_AT_ORIGIN) else _AT_ORIGIN


def read_pcd(path: Path) -> PointCloud:
    """Read points, with colours and normals where there are any; points that were not measured (NaN) are left out.

    Raises
    ------
    MediaError
        The file is damaged or was removed, or has no x, y and z.
    """
    header = pcd_header(path)
    with decoding(path), path.open("rb") as file:
        file.seek(header.start)
        content = file.read()
        columns = _columns(header, content)
        points = np.stack([columns[axis].reshape(-1) for axis in ("x", "y", "z")], axis=1).astype(np.float64)
        normals = None
        if {"normal_x", "normal_y", "normal_z"} <= columns.keys():
            normals = np.stack([columns[f"normal_{axis}"].reshape(-1) for axis in "xyz"], axis=1).astype(np.float32)
        others = {name: values for name, values in columns.items() if name not in _READ and not name.startswith("_")}
        single = {name: values.reshape(-1) for name, values in others.items() if values.size == len(points)}
        scalars = scalar_fields(single)
        left = [name for name in others if name not in scalars]
        if header.viewpoint != _AT_ORIGIN:
            left.append(f"viewpoint ({', '.join(f'{number:.6g}' for number in header.viewpoint)})")
        notes = {"Not read": ", ".join(left)} if left else {}
        cloud = measured(points, None, _colours(columns), normals, notes, scalars=tuple(scalars.values()))
    assert isinstance(cloud, PointCloud)
    return cloud


def _columns(header: PcdHeader, content: bytes) -> dict[str, NDArray[Any]]:
    """Values of each field by name, (points, count)."""
    names = header.record.names or ()
    if header.data == "binary":
        table = np.frombuffer(content, header.record, header.points)
        return {name: table[name] for name in names}
    if header.data == "binary_compressed":
        packed, length = struct.unpack_from("<II", content)
        if length != header.points * header.record.itemsize or packed + 8 > len(content):
            raise ValueError("the compressed points are not all there")
        plain = lzf_decompress(content[8 : 8 + packed], length)
        columns, start = {}, 0
        for name in names:
            # Compressed data are stored field after field, as like values compress better.
            base, (count,) = header.record[name].subdtype or (header.record[name], (1,))
            columns[name] = np.frombuffer(plain, base, header.points * count, start).reshape(header.points, count)
            start += header.points * header.record[name].itemsize
        return columns
    rows = np.array([line.split() for line in content.splitlines()[: header.points]], np.float64)
    columns, start = {}, 0
    for name in names:
        base, (count,) = header.record[name].subdtype or (header.record[name], (1,))
        values = rows[:, start : start + count]
        # An integer may be written for the float that shares its bits, or be rounded by being read as one. NaN says
        # that it was not measured.
        columns[name] = values.astype(base) if base.kind == "f" else np.nan_to_num(values).astype(np.int64).astype(base)
        start += count
    if start != rows.shape[1] or len(rows) != header.points:
        raise ValueError("rows of another length")
    return columns


def _colours(columns: dict[str, NDArray[Any]]) -> NDArray[np.uint8] | None:
    """RGB uint8 (points, 3), from fields of their own or unpacked from the four bytes of an integer or float field;
    None without colours."""
    names = next((names for names in _SEPARATE if columns.keys() >= {*names}), None)
    if names is not None:
        return scaled_colours(np.stack([columns[name].reshape(-1) for name in names], axis=1))
    packed = columns.get("rgb", columns.get("rgba"))
    if packed is None or packed.dtype.itemsize != 4:
        return None
    bits = np.ascontiguousarray(packed.reshape(-1)).view(np.uint32)
    return np.stack([bits >> 16 & 255, bits >> 8 & 255, bits & 255], axis=1).astype(np.uint8)


def lzf_decompress(data: bytes, length: int) -> bytes:
    """Decompress data of Marc Lehmann's LibLZF.

    Raises
    ------
    ValueError
        The data are damaged, or do not decompress to `length` bytes.
    """
    out = bytearray()
    position, end = 0, len(data)
    while position < end:
        control = data[position]
        position += 1
        if control < 32:  # a literal run of `control` + 1 bytes
            out += data[position : position + control + 1]
            position += control + 1
            continue
        count = control >> 5
        if count == 7:
            count += data[position]
            position += 1
        start = len(out) - ((control & 31) << 8) - data[position] - 1
        position += 1
        count += 2
        if start < 0 or len(out) + count > length:
            raise ValueError("a reference to what is not there")
        if start + count <= len(out):
            out += out[start : start + count]
        else:  # the reference overlaps its own output
            piece = out[start:]
            out += (piece * (count // len(piece) + 1))[:count]
    if len(out) != length:
        raise ValueError(f"expected {length} bytes, found {len(out)}")
    return bytes(out)
