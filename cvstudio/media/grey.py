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
_DEPTH_WORDS = ("depth", "disp", "disparity")
_SET_WORDS = frozenset(("gt", "occ", "noc", "map", "maps", "image", "images", "raw", "png", "left", "right", "pred"))
_COLOUR_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
_NARROW_BITS = (10, 12, 14)
"""Bits of cameras whose numbers are stored in 16."""
_GRAIN = 0.004
"""Median second difference of neighbours, as a fraction of the largest number, from which it is noise and texture: of
photographs it is 0.007 and more, of depth maps, which consist of planes and steps, nearly 0."""
_SMALLEST_GRAIN = 32
"""Shorter side in pixels from which the grain of a picture is measured."""
_MANY_LEVELS = 16_384
"""Levels of a 16-bit picture from which it may be a smooth photograph; depth cameras give some hundreds."""
_FEW_PIXELS = 4
_STEEP, _STEEP_PERCENT = 0.25, 99.9
"""Step between neighbours, as a share of the range, that so many percent of a photograph do not reach."""
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
    if header.profile and not header.floating:
        return dataclasses.replace(PICTURE, reason="it has a colour profile, which no depth camera writes")
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
    of_folder = _of_folder(path.parent.name)
    if named is not None or of_folder is None:
        return named
    return dataclasses.replace(of_folder, reason=f"it lies in a folder called {path.parent.name}")


def _of_folder(name: str) -> Reading | None:
    """What a folder called `name` holds: also depth_gt, disp_occ_0 and the like of data sets."""
    words = re.findall(r"[a-z]+", name.lower())
    if len(words) == 1 and words[0] in _FOLDERS:
        return _FOLDERS[words[0]]
    return DEPTH if words and words[0] in _DEPTH_WORDS and _SET_WORDS.issuperset(words[1:]) else None


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


def _smooth_photograph(numbers: NDArray[np.int32], counts: NDArray[np.int64]) -> str:
    """What says that numbers without grain are a blurred or denoised photograph; "" where nothing does.

    It uses most levels of 16 bits, and nowhere jumps by much of its range: things in a depth map do, and those of
    cameras have few levels. A map that was stretched to all 16 bits reaches both ends, at a few places only.

    Parameters
    ----------
    numbers : (H, W), 0..65535
    counts : number of pixels of each level
    """
    levels = np.flatnonzero(counts)
    if len(levels) < _MANY_LEVELS or levels[-1] < 1 << 15:
        return ""
    few = max(_FEW_PIXELS, numbers.size // 10_000)
    if (levels[0], levels[-1]) == (0, 0xFFFF) and max(counts[0], counts[-1]) <= few:
        return ""
    steps = np.abs(numbers[:, 1:] - numbers[:, :-1])
    low, high = np.searchsorted(np.cumsum(counts), [0.005 * numbers.size, 0.995 * numbers.size])
    if np.percentile(steps, _STEEP_PERCENT) > _STEEP * (high - low):
        return ""
    return "it has thousands of levels and no steps, as a smooth photograph has"


def _photograph(numbers: NDArray[Any], white: int) -> tuple[str, int]:
    """What says that 16-bit numbers are brightness, "" where nothing does, and the bits used if only the low ones.

    `white` is that of the header: where the file states it, the bits that are used say nothing.
    """
    if numbers.ndim != 2 or min(numbers.shape) < _SMALLEST_GRAIN or numbers.dtype != np.uint16:
        return "", 0
    top = int(numbers.max())
    counts = np.bincount(numbers.ravel(), minlength=1 << 16)
    n_levels = np.count_nonzero(counts)
    if top > 0xFFF and n_levels >= 16:
        for step, bits in ((257, 8), (64, 10), (16, 12)):
            if not np.any(numbers % step):
                return f"its 16 bits are those of {bits}, stretched, as a camera or a program for pictures writes", 0
    signed = numbers.astype(np.int32)
    bend = np.abs(signed[:, 2:] - 2 * signed[:, 1:-1] + signed[:, :-2])
    # Sparse depth, as of a laser scanner, jumps to 0 and back everywhere but is even where it was measured.
    measured = signed > 0
    measured = measured[:, 2:] & measured[:, 1:-1] & measured[:, :-2]
    if not measured.any() or min(np.median(bend), np.median(bend[measured])) < max(3, _GRAIN * top):
        return _smooth_photograph(signed, counts), 0
    bits = 0 if white else next((bits for bits in _NARROW_BITS if top < 1 << bits), 0)
    used = f"it uses {bits} of its 16 bits and" if bits else "it"
    return f"{used} has the grain of a photograph", bits
