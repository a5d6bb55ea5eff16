"""Point clouds in NumPy files: arrays with a row for each point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.samples import PointCloud
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import listed
from cvstudio.media.arrays import POINTS, array_readings, chosen_array, is_npy, is_npz, list_arrays, read_points
from cvstudio.media.base import Format, Media, MediaKind, Reading
from cvstudio.media.file_identity import decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.formats.geometry import geometry_facts
from cvstudio.media.meshes.columns import cloud_of_columns


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not (is_npy(head) or is_npz(path, head)):
        return None
    readings = array_readings(path, list_arrays(path))
    fitting = [reading for reading in readings if reading.kind is MediaKind.GEOMETRY]
    if not fitting or not (forced or fitting[0] is readings[0]):
        return None
    details = {"format": "NPY" if is_npy(head) else "NPZ", "up": "z"}
    return Media(identity, path, MediaKind.GEOMETRY, details=details, readings=readings)


def _read_as(media: Media) -> Media:
    assert media.reading is not None
    arrays = list_arrays(media.path)
    chosen = chosen_array(arrays, media.reading)
    details = {**media.details, "values": str(chosen.dtype)}
    if len(arrays) > 1:
        details["source"] = f"array {chosen.name}"
        details["left"] = listed([array.text for array in arrays if array is not chosen])
    return dataclasses.replace(media, details=details)


def _read(path: Path, reading: Reading) -> PointCloud:
    table = read_points(path, chosen_array(list_arrays(path), reading).name)
    with decoding(path):
        cloud = cloud_of_columns(table.astype(np.float64), ())
    if not len(cloud.points):
        raise MediaError(f"{quoted(path)} holds no point that was measured; choose another file.")
    return cloud


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    return geometry_facts(sample if sample is not None else _read(media.path, media.reading or POINTS))


def _reader(media: Media) -> WholeReader[PointCloud]:
    reading = media.reading or POINTS
    return WholeReader(media, lambda path: _read(path, reading))


FORMATS.register(
    Format(
        key="point-array",
        kind=MediaKind.GEOMETRY,
        title="point cloud",
        suffixes=(),  # those of depth maps, which most are
        probe=_probe,
        reader=_reader,
        facts=_facts,
        read_as=_read_as,
        order=34,
    )
)
