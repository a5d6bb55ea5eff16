"""Pictures and label maps in NumPy files; depth maps in them are those of `depth`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import listed
from cvstudio.media.arrays import array_readings, chosen_array, is_npy, is_npz, list_arrays, read_array
from cvstudio.media.base import Format, Media, MediaKind, Reading
from cvstudio.media.file_identity import check_size, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.grey import LABELS, PICTURE, count_labels


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not (is_npy(head) or is_npz(path, head)):
        return None
    readings = array_readings(path, list_arrays(path))
    fitting = [reading for reading in readings if reading.kind is MediaKind.IMAGE]
    if not fitting or not (forced or fitting[0] is readings[0]):
        return None
    return Media(
        identity, path, MediaKind.IMAGE, details={"format": "NPY" if is_npy(head) else "NPZ"}, readings=readings
    )


def _read_as(media: Media) -> Media:
    assert media.reading is not None
    arrays = list_arrays(media.path)
    chosen = chosen_array(arrays, media.reading)
    assert chosen.size is not None
    check_size(media.path, chosen.size)
    details = {**media.details, "values": "yes or no" if chosen.dtype == np.bool_ else str(chosen.dtype)}
    if len(arrays) > 1:
        details["source"] = f"array {chosen.name}"
        details["left"] = listed([array.text for array in arrays if array is not chosen])
    return dataclasses.replace(media, size=chosen.size, details=details)


def _read(path: Path, reading: Reading) -> Image:
    """Decode the array of `reading`: labels in their colours, grey as RGB; a fourth channel is opacity."""
    values = read_array(path, chosen_array(list_arrays(path), reading).name)
    if reading.name == LABELS.name:
        from cvstudio.draw.samples.labels import label_picture

        return Image(label_picture(values))
    if values.dtype not in (np.uint8, np.uint16):
        raise MediaError(f"{quoted(path)} holds values of {values.dtype}; a picture is of 8 or 16-bit integers.")
    if values.ndim == 2:
        return Image(np.repeat(values[..., None], 3, 2))
    alpha = np.ascontiguousarray(values[..., 3]) if values.shape[2] == 4 else None
    return Image(np.ascontiguousarray(values[..., :3]), alpha)


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    if media.reading is not None and media.reading.name == LABELS.name:
        values = read_array(media.path, chosen_array(list_arrays(media.path), media.reading).name)
        yield "Labels", count_labels(values.astype(np.uint8) if values.dtype == np.bool_ else values)


def _reader(media: Media) -> WholeReader[Image]:
    reading = media.reading or PICTURE
    return WholeReader(media, lambda path: _read(path, reading))


FORMATS.register(
    Format(
        key="array",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(),  # those of depth maps, which most are
        probe=_probe,
        reader=_reader,
        facts=_facts,
        offers=(PICTURE.name, LABELS.name),
        read_as=_read_as,
        order=21,
    )
)
