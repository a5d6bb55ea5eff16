"""What the numbers of a picture with one channel may be: brightness, depth or labels."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import MediaKind, Reading
from cvstudio.media.file_identity import HEAD_BYTES
from cvstudio.media.pictures.headers import Header, read_header

PICTURE = Reading("picture", MediaKind.IMAGE, "Picture", "The numbers are brightness.")
DEPTH = Reading("depth", MediaKind.DEPTH, "Depth map", "The numbers are distances or disparities.")
LABELS = Reading(
    "labels",
    MediaKind.IMAGE,
    "Labels",
    "Each number stands for a class or an object and has a colour of its own.",
)

_NAMES = (
    (re.compile(r"(?:^|_)(?:depth(?:_?map)?|disp(?:arity)?)$"), DEPTH),
    # Also Cityscapes' labelIds, labelTrainIds and instanceIds.
    (re.compile(r"(?:^|_)(?:labels?(?:_(?:train_)?ids)?|instance_ids|masks?|seg(?:mentation)?)$"), LABELS),
)
_NUMBER_TYPE = re.compile(r"[_-]?(?:u?int|u|f|float)?(?:8|16|32|64)(?:[_-]?bits?)?$", re.IGNORECASE)
"""The type of the numbers behind what a file is called: depth_16bit, labels_u32."""
_FOLDERS = {"depth": DEPTH, "disparity": DEPTH, "labels": LABELS, "masks": LABELS}
_COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
_NARROW_BITS = (10, 12, 14)
"""Bits of cameras whose numbers are stored in 16."""
_GRAIN = 0.004
"""Median second difference of neighbours, as a fraction of the largest number, from which it is noise and texture: of
photographs it is 0.007 and more, of depth maps, which consist of planes and steps, nearly 0."""
_SMALLEST_GRAIN = 32
"""Shorter side in pixels from which the grain of a picture is measured."""
_MOST_LABELS = 64


def grey_readings(path: Path, header: Header, numbers: Callable[[], NDArray[Any]]) -> tuple[Reading, ...]:
    """What a picture file may be read as, the likeliest first; empty where its header leaves nothing open.

    Parameters
    ----------
    path : of the file
    header : its header
    numbers : callable () -> the numbers as they stand in the file, (H, W); raises MediaError. Called only where
        neither the name nor the header tells

    Raises
    ------
    MediaError
        Through `numbers`.
    """
    if header.indexed and not header.animated:
        return (PICTURE, LABELS)
    if header.channels != 1 or header.animated:
        return ()
    readings = [PICTURE]
    if header.bits == 16 and not (header.floating or header.photograph):
        readings += map(narrow_picture, _NARROW_BITS)
    if header.colors != "palette":
        readings.append(DEPTH)
    if not header.floating and header.format != "JPEG":
        # Compression of a JPEG mixes the numbers of neighbours.
        readings.append(LABELS)
    likeliest = PICTURE if header.photograph else _likeliest(path, header, numbers)
    if likeliest.key not in [reading.key for reading in readings]:
        likeliest = PICTURE
    return (likeliest, *(reading for reading in readings if reading.key != likeliest.key))


def picture_readings(path: Path, header: Header, numbers: Callable[[], NDArray[Any]]) -> tuple[Reading, ...]:
    """`grey_readings` of the usual page of a picture file, then what its other pages may be read as."""
    readings = list(grey_readings(path, header, numbers))
    if header.others and not readings:
        readings.append(PICTURE)
    for page in header.others:
        place = f"Page {page.number}, {page.size.width} × {page.size.height} pixels"
        names = (PICTURE, DEPTH, LABELS) if page.grey and not page.floating else (PICTURE, DEPTH)
        for reading in names if page.grey else (PICTURE,):
            key, title = f"{reading.key}={page.number}", f"{reading.title}: page {page.number}"
            summary = f"{place}: {reading.summary[0].lower()}{reading.summary[1:]}"
            readings.append(dataclasses.replace(reading, key=key, title=title, summary=summary))
    return tuple(readings)


def count_labels(numbers: NDArray[Any]) -> str:
    """Number and range of the labels in integers, as a fact."""
    labels = np.unique(numbers)
    labels = labels[labels > 0]
    return f"{len(labels):,}, {labels[0]:,} to {labels[-1]:,}" if len(labels) else "none"


def page_of(reading: Reading | None) -> int:
    """The number of the page that a reading of a picture file means; 0 for the usual one."""
    return int(reading.part) if reading is not None and reading.part.isdecimal() else 0


def narrow_picture(bits: int) -> Reading:
    """The reading of a picture whose white is the largest number of `bits` bits."""
    white = (1 << bits) - 1
    summary = f"The numbers are brightness, and {white:,} is white."
    return Reading(f"picture={bits}-bit", MediaKind.IMAGE, f"Picture of {bits} bits", summary)


def narrow_bits(part: str) -> int:
    """The bits in the part of a `narrow_picture`; 0 for another."""
    match = re.fullmatch(r"(\d+)-bit", part)
    return int(match[1]) if match else 0


def _likeliest(path: Path, header: Header, numbers: Callable[[], NDArray[Any]]) -> Reading:
    """The likeliest reading, with its reason."""
    named = _by_name(path)
    if named is not None:
        return named
    sibling = _sibling(path, header)
    if not header.holds_depth:
        if header.bits > 16 and not header.floating and _even(numbers()):
            reason = f"neighbours have mostly the same number, and no picture has {header.bits} bits"
            return dataclasses.replace(LABELS, reason=reason)
        if sibling and header.format != "JPEG" and _few_patches(numbers()):
            reason = f"it has few numbers, in patches, and {sibling.name} has the same size"
            return dataclasses.replace(LABELS, reason=reason)
        return PICTURE
    if header.floating:
        reason = "floats in one channel are what stereo programs and renderers write"
    elif sibling:
        reason = f"{sibling.name} has the same size"
    elif header.others:
        return dataclasses.replace(PICTURE, reason="it has several pages, as microscopes and scanners write")
    else:
        values = numbers()
        if values.dtype.kind == "i" and values.size and values.min() < 0:
            return dataclasses.replace(PICTURE, reason="it has negative numbers, which no depth has")
        photograph, bits = _photograph(values, header.white)
        if photograph:
            return dataclasses.replace(narrow_picture(bits) if bits else PICTURE, reason=photograph)
        reason = "16 bits in one channel are what depth cameras write"
    return dataclasses.replace(DEPTH, reason=reason)


def reading_of_name(name: str) -> Reading | None:
    """What the ending of a name, without its suffix, says, with that as its reason; None where it says nothing."""
    name = _NUMBER_TYPE.sub("", name)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    words = re.sub(r"[^a-z]+", "_", words).strip("_")
    for pattern, reading in _NAMES:
        if match := pattern.search(words):
            return dataclasses.replace(reading, reason=f"its name ends in {match[0].strip('_').replace('_', ' ')}")
    return None


def _by_name(path: Path) -> Reading | None:
    """What the ending of the name says, or else the folder."""
    named = reading_of_name(path.stem)
    of_folder = _FOLDERS.get(path.parent.name.lower())
    if named is not None or of_folder is None:
        return named
    return dataclasses.replace(of_folder, reason=f"it lies in a folder called {path.parent.name}")


def _sibling(path: Path, header: Header) -> Path | None:
    """The colour picture of the same name and size beside the file, such as the photograph of an RGB-D pair."""
    for suffix in _COLOUR_SUFFIXES:
        other = path.with_suffix(suffix)
        if other.name == path.name or not other.is_file():
            continue
        try:
            with other.open("rb") as file:
                found = read_header(other, file.read(HEAD_BYTES))
        except (MediaError, OSError):
            continue
        if found is not None and found.channels >= 3 and found.size == header.size:
            return other
    return None


def _few_patches(numbers: NDArray[Any]) -> bool:
    """Whether there are few different numbers, and neighbours are mostly equal."""
    return numbers.ndim == 2 and len(np.unique(numbers)) <= _MOST_LABELS and _even(numbers)


def _even(numbers: NDArray[Any]) -> bool:
    """Whether there are different numbers, but neighbours are mostly equal."""
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        return False
    equal = numbers[:, 1:] == numbers[:, :-1]
    return bool(equal.mean() > 0.8 and np.ptp(numbers) > 0)


def _photograph(numbers: NDArray[Any], white: int) -> tuple[str, int]:
    """What says that 16-bit numbers are brightness, "" where nothing does, and the bits used if only the low ones.

    `white` is that of the header: where the file states it, the bits that are used say nothing.
    """
    if numbers.ndim != 2 or min(numbers.shape) < _SMALLEST_GRAIN or numbers.dtype != np.uint16:
        return "", 0
    top = int(numbers.max())
    if top > 0xFFF and len(np.unique(numbers)) >= 16:
        for step, bits in ((257, 8), (64, 10), (16, 12)):
            if not np.any(numbers % step):
                return f"its 16 bits are those of {bits}, stretched, as a camera or a program for pictures writes", 0
    signed = numbers.astype(np.int32)
    bend = np.abs(signed[:, 2:] - 2 * signed[:, 1:-1] + signed[:, :-2])
    # Sparse depth, as of a laser scanner, jumps to 0 and back everywhere but is even where it was measured.
    measured = signed > 0
    measured = measured[:, 2:] & measured[:, 1:-1] & measured[:, :-2]
    if not measured.any() or min(np.median(bend), np.median(bend[measured])) < max(3, _GRAIN * top):
        return "", 0
    bits = 0 if white else next((bits for bits in _NARROW_BITS if top < 1 << bits), 0)
    used = f"it uses {bits} of its 16 bits and" if bits else "it"
    return f"{used} has the grain of a photograph", bits
