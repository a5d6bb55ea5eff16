"""Datasets of the recipes: pictures in memory, labels, and the held-out part."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress

HELD_OUT = 10
"""The last of every `HELD_OUT` pictures, by number, is not used for training."""


def require(data: Path, files: Sequence[str]) -> None:
    """Raise UserError, naming a missing file, unless `files` are in the folder `data`."""
    missing = [name for name in files if not (data / name).exists()]
    if missing:
        raise UserError(
            f"Expected {', '.join(files)} in {data}, but {missing[0]} is not there; give the folder that holds the "
            f"sets with --data."
        )


def decode(content: bytes) -> NDArray[np.uint8]:
    """Decode a picture to uint8 RGB (h, w, 3). Raises UserError where it is damaged."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise UserError("Expected a picture, but it cannot be decoded; the set is damaged: get it again.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


@dataclass(frozen=True, eq=False)
class Classes:
    """Pictures with one class each.

    pictures uint8 (n, 64, 64, 3); classes int64 (n,); numbers int64 (n,): of the picture within its class, which
    determine the split.
    """

    pictures: NDArray[np.uint8]
    classes: NDArray[np.int64]
    numbers: NDArray[np.int64]
    labels: tuple[str, ...]

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Mask of the tenth for evaluation."""
        mask: NDArray[np.bool_] = self.numbers % HELD_OUT == HELD_OUT - 1
        return mask

    @property
    def calibration(self) -> NDArray[np.bool_]:
        """Mask of the twentieth for calibration, used neither for training nor for evaluation."""
        mask: NDArray[np.bool_] = self.numbers % 20 == 4
        return mask


def tiny_imagenet(data: Path, progress: Progress, *, limit: int | None = None) -> Classes:
    """Read the classes of `tiny_imagenet`, at most `limit` pictures of each. Raises UserError."""
    content = (data / "tiny_imagenet" / "classes.txt").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in content.splitlines() if line]
    order = {wordnet: number for number, (wordnet, _) in enumerate(rows)}
    pictures, classes, numbers = [], [], []
    with tarfile.open(data / "tiny_imagenet" / "train.tar") as archive:
        for member in archive:
            name = Path(member.name)
            if name.suffix != ".JPEG" or name.parent.name not in order:
                continue
            number = int(name.stem.rpartition("_")[2])
            progress.check()
            file = archive.extractfile(member)
            assert file is not None
            pictures.append(decode(file.read()))
            classes.append(order[name.parent.name])
            numbers.append(number)
    # The archive's order is arbitrary; this one is reproducible.
    by_name = np.lexsort((numbers, classes))
    sorted_classes = np.array(classes, np.int64)[by_name]
    # The archive's numbers have gaps; the positions within a class have none.
    first = np.searchsorted(sorted_classes, np.arange(len(rows)))
    positions = np.arange(len(by_name)) - first[sorted_classes]
    is_kept = positions < (len(by_name) if limit is None else limit)
    return Classes(
        np.stack([pictures[row] for row in by_name[is_kept]]),
        sorted_classes[is_kept],
        positions[is_kept],
        tuple(names.split(",")[0] for _, names in rows),
    )


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph in memory; `number` is its position in its dataset, `index` its ImageNet class, -1 for none."""

    pixels: NDArray[np.uint8]
    number: int
    name: str
    index: int = -1


def photographs(paths: Sequence[Path], progress: Progress, *, long_side: int = 384) -> list[Photo]:
    """Decode photographs; those with a side longer than `long_side` pixels are averaged down to it."""
    import cv2

    photos = []
    for number, path in enumerate(paths):
        progress.check()
        pixels = decode(path.read_bytes())
        scale = long_side / max(pixels.shape[:2])
        if scale < 1:
            size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        photos.append(Photo(pixels, number, path.name))
    return photos


def imagenet_samples(data: Path, progress: Progress) -> list[Photo]:
    """One photograph of each of 250 ImageNet classes, `index` being its class."""
    photos = photographs(sorted((data / "imagenet_samples").glob("*.jpg")), progress)
    return [Photo(photo.pixels, photo.number, photo.name, int(photo.name[:4])) for photo in photos]


def voc5_split(data: Path) -> tuple[list[Path], list[Path]]:
    """Paths of the pictures of `voc5`: the training part, and the held-out tenth."""
    paths = sorted((data / "voc5" / "images").glob("*.jpg"))
    is_held_out = [number % HELD_OUT == HELD_OUT - 1 for number in range(len(paths))]
    training_paths = [path for path, held_out in zip(paths, is_held_out, strict=True) if not held_out]
    return training_paths, [path for path, held_out in zip(paths, is_held_out, strict=True) if held_out]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
