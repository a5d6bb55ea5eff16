"""Point clouds from columns of numbers: coordinates, and what the columns behind them may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud
from cvstudio.media.meshes.surfaces import measured

_TRIPLES = (("r", "g", "b"), ("red", "green", "blue"), ("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"))


def cloud_of_columns(table: NDArray[np.float64], names: tuple[str, ...], suffix: str = "") -> PointCloud:
    """A cloud from columns x y z; further ones are taken as a normal or a colour in 0..1 or 0..255 by the names above
    them, or without names by their number and range; others are left out, which the notes tell.

    Parameters
    ----------
    table : float64 (n, columns), at least three
    names : of the columns; may be empty
    suffix : of the file, which tells the order of some columns
    """
    places = {axis: names.index(axis) for axis in "xyz"} if {*"xyz"} <= {*names} else {"x": 0, "y": 1, "z": 2}
    points = np.ascontiguousarray(table[:, list(places.values())])
    measured_rows = table[np.isfinite(points).all(axis=1)]
    colours = normals = None
    used = {*places.values()}
    for triple in _triples(names, table.shape[1], used, suffix):
        values = measured_rows[:, triple]
        if used & {*triple} or not len(values) or not np.isfinite(values).all():
            continue
        unit = np.allclose(np.linalg.norm(values[:1000], axis=1), 1, atol=0.01) and suffix != ".xyzrgb"
        if unit and normals is None:
            normals = table[:, triple].astype(np.float32)
        elif not unit and colours is None and _are_colours(values, whole=table.shape[1] > 6):
            scale = 255 if values.max() <= 1 else 1
            colours = np.rint(np.nan_to_num(table[:, triple]) * scale).clip(0, 255).astype(np.uint8)
        else:
            continue
        used |= {*triple}
    left = table.shape[1] - len(used)
    notes = {"Not read": f"{left} of {table.shape[1]} columns"} if left else {}
    cloud = measured(points, None, colours, normals, notes)
    assert isinstance(cloud, PointCloud)
    return cloud


def _triples(names: tuple[str, ...], count: int, used: set[int], suffix: str) -> list[list[int]]:
    """Columns that may be a colour or a normal, the likeliest first."""
    named = [[names.index(name) for name in triple] for triple in _TRIPLES if {*triple} <= {*names}]
    if named or count - len(used) not in (3, 4, 6):
        return named
    # PTS has an intensity in front of the colour, CloudCompare writes it behind.
    orders = {3: [3], 4: [4, 3] if suffix == ".pts" else [3, 4], 6: [3, 6]}
    return [[first, first + 1, first + 2] for first in orders[count - len(used)]]


def _are_colours(values: NDArray[np.float64], *, whole: bool) -> bool:
    """Whether `values` (n, 3) may be colours: 0..1 or 0..255, the latter only `whole` numbers where asked for."""
    low, high = values.min(), values.max()
    return bool(low >= 0 and (high <= 1 or (high <= 255 and (not whole or (values == np.rint(values)).all()))))
