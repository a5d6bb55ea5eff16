"""What the detector learns from: labelled photographs, pseudo-labels, and masks drawn from boxes.

Everything that takes long is done once and kept in the run's folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_teacher import LABELS, Teacher, TeacherBoxes

MASK_WEIGHT_OF_BOX = 0.4
"""How much a mask that was drawn from a box counts against one drawn by hand."""

TILE = 208
"""Pixels that a picture of 64 is enlarged to before the teacher looks at four of them at once."""


@dataclass(frozen=True, eq=False)
class MaskCutOut:
    """A mask, uint8 (h, w) of 0 and 1, whose top left corner is at (left, top) of its picture; 0 outside of it."""

    left: int
    top: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A picture with boxes.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    boxes : float32 (n, 4), pixels
    classes : int64 (n,), index into `LABELS`
    weights : float32 (n,)
        1 for a label, the teacher's score for a pseudo-label; 0 where nothing is to be learnt, neither that
        something is there nor that nothing is.
    masks : by row; rows without a mask are missing
    mask_weights : float32 (n,), 0 where there is no mask
    """

    pixels: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]
    masks: dict[int, MaskCutOut]
    mask_weights: NDArray[np.float32]


def voc5_boxes(data: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Boxes (n, 4) as corners and classes (n,) of each picture of `voc5` by file name."""
    content: Any = sets.read_json(data / "voc5" / "instances.json")
    number = {category["id"]: LABELS.index(category["name"]) for category in content["categories"]}
    rows: dict[int, list[tuple[list[float], int]]] = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        x, y, w, h = entry["bbox"]
        rows[entry["image_id"]].append(([x, y, x + w, y + h], number[entry["category_id"]]))
    return {
        image["file_name"]: (
            np.array([box for box, _ in rows[image["id"]]], np.float32).reshape(-1, 4),
            np.array([kind for _, kind in rows[image["id"]]], np.int64),
        )
        for image in content["images"]
    }


VOC_NUMBERS = (15, 7, 8, 6, 19)
"""Of `LABELS` in the masks of PASCAL VOC; 255 is the border, which belongs to nobody."""


def masks_by_hand(
    path: Path, size: tuple[int, int], boxes: NDArray[np.float32], classes: NDArray[np.int64]
) -> dict[int, MaskCutOut]:
    """Masks of boxes from a mask of classes: a pixel belongs to the smallest box of its class around it.

    `size` is width and height of the picture that the boxes are measured in.
    """
    import cv2

    drawn = _palette(path)
    drawn = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    masks = {}
    taken = np.zeros(drawn.shape, bool)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for row in np.argsort(area):
        x1, y1, x2, y2 = _outer(boxes[row], size)
        mask = (drawn[y1:y2, x1:x2] == VOC_NUMBERS[classes[row]]) & ~taken[y1:y2, x1:x2]
        taken[y1:y2, x1:x2] |= mask
        if mask.any():
            masks[int(row)] = MaskCutOut(x1, y1, mask.astype(np.uint8))
    return masks


def _palette(path: Path) -> Pixels:
    from PIL import Image as PillowImage

    # OpenCV would give colours in place of the palette's numbers.
    with PillowImage.open(path) as picture:
        return np.array(picture, np.uint8)


def _outer(box: NDArray[np.floating], size: tuple[int, int]) -> tuple[int, int, int, int]:
    x1, y1 = np.floor(np.maximum(box[:2], 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(box[2:], size)).astype(int)
    return int(x1), int(y1), int(x2), int(y2)


def mask_from_box(pixels: Pixels, box: NDArray[np.float32]) -> MaskCutOut | None:
    """The thing in a box by GrabCut; None where the outcome is not to be believed.

    Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts", SIGGRAPH 2004.
    """
    import cv2

    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = _outer(box, (width, height))
    w, h = x2 - x1, y2 - y1
    if min(w, h) < 20:
        return None
    margin = max(6, round(0.2 * max(w, h)))
    left, top = max(0, x1 - margin), max(0, y1 - margin)
    right, bottom = min(width, x2 + margin), min(height, y2 + margin)
    part = pixels[top:bottom, left:right]
    scale = min(1.0, 144 / max(part.shape[:2]))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = [round((x1 - left) * scale), round((y1 - top) * scale), round(w * scale), round(h * scale)]
    if inner[2] >= small.shape[1] - 1 and inner[3] >= small.shape[0] - 1:
        # Nothing around it tells what the background looks like.
        return None
    labels = np.zeros(small.shape[:2], np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, inner, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    whole = cv2.resize(found, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    inside = np.ascontiguousarray(whole[y1 - top : y2 - top, x1 - left : x2 - left])
    spans = inside.any(axis=0).mean() > 0.8 and inside.any(axis=1).mean() > 0.8
    return MaskCutOut(x1, y1, inside) if spans and 0.25 < inside.mean() < 0.95 else None


def labelled(
    data: Path, paths: Sequence[Path], progress: Progress, *, kept: Path | None = None
) -> list[LabelledPicture]:
    """Pictures of `voc5` with their boxes.

    Where the file `kept` is given, those without masks by hand get masks from boxes, which are kept in it.
    """
    boxes_of = voc5_boxes(data)
    drawn = load_cuts(kept) if kept is not None and kept.is_file() else None
    made: dict[tuple[int, int], MaskCutOut] = {}
    found = []
    for number, path in enumerate(paths):
        progress((number + 1) / len(paths), "labelled pictures")
        pixels = sets.decode(path.read_bytes())
        boxes, classes = boxes_of[path.name]
        by_hand = data / "voc5" / "masks" / f"{path.stem}.png"
        weights = np.zeros(len(boxes), np.float32)
        masks: dict[int, MaskCutOut] = {}
        if by_hand.is_file():
            masks = masks_by_hand(by_hand, (pixels.shape[1], pixels.shape[0]), boxes, classes)
            weights[list(masks)] = 1
        elif kept is not None:
            for row, box in enumerate(boxes):
                mask = mask_from_box(pixels, box) if drawn is None else drawn.get((number, row))
                if mask is not None:
                    masks[row], weights[row] = mask, MASK_WEIGHT_OF_BOX
                    made[number, row] = mask
        found.append(LabelledPicture(pixels, boxes, classes, np.ones(len(boxes), np.float32), masks, weights))
    if kept is not None and drawn is None:
        save_cuts(kept, made)
    return found


def save_cuts(path: Path, cuts: Mapping[tuple[int, int], MaskCutOut]) -> None:
    """Write masks by picture and row to an NPZ file."""
    table = [(*key, cut.left, cut.top, *cut.pixels.shape) for key, cut in cuts.items()]
    bits = [np.packbits(cut.pixels) for cut in cuts.values()]
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            table=np.array(table, np.int64).reshape(-1, 6),
            bits=np.concatenate(bits) if bits else np.zeros(0, np.uint8),
        )


def load_cuts(path: Path) -> dict[tuple[int, int], MaskCutOut]:
    """What `save_cuts` wrote."""
    cuts = {}
    with np.load(path) as content:
        bits, start = content["bits"], 0
        for picture, row, left, top, height, width in content["table"].tolist():
            stop = start + (height * width + 7) // 8
            pixels = np.unpackbits(bits[start:stop], count=height * width).reshape(height, width)
            cuts[picture, row] = MaskCutOut(left, top, pixels)
            start = stop
    return cuts


SURE = 0.45
"""Teacher's score from which a box is a label; between a third of it and this, nothing is learnt there."""


def pseudo_labels(
    found: TeacherBoxes, pixels: Pixels, *, expected: int | None = None, coarse: bool = False
) -> LabelledPicture:
    """A sample from what the teacher found.

    Where the picture is known to show the class `expected`, the teacher is believed sooner for that class; in one of
    64 pixels (`coarse`) it is believed for no other, save for persons that it is very sure of.
    """
    sure = found.scores >= SURE
    if coarse:
        sure = (found.classes == LABELS.index("person")) & (found.scores >= 1.3 * SURE)
    if expected is not None:
        sure |= (found.classes == expected) & (found.scores >= SURE / 2)
    doubtful = ~sure & (found.scores >= SURE / 3)
    kept = found.take(sure | doubtful)
    weights = np.where(sure[sure | doubtful], np.maximum(kept.scores, 0.5), 0).astype(np.float32)
    return LabelledPicture(pixels, kept.boxes, kept.classes, weights, {}, np.zeros(len(kept.boxes), np.float32))


def tiny_classes(labels: Sequence[str]) -> dict[int, int]:
    """Which of `LABELS` a class of `tiny_imagenet` shows, by the numbers of both."""
    kinds = {
        "convertible": "car",
        "sports car": "car",
        "police van": "car",
        "school bus": "bus",
        "trolleybus": "bus",
        "bullet train": "train",
        "freight car": "train",
        "tabby": "cat",
        "Egyptian cat": "cat",
    }
    return {number: LABELS.index(kinds[label]) for number, label in enumerate(labels) if label in kinds}


def tiny_samples(
    small: sets.Classes, teacher: Teacher, kept: Path, progress: Progress, *, limit: int | None
) -> list[LabelledPicture]:
    """Pictures of 64 pixels with pseudo-labels; the teacher's boxes are kept in the file `kept`."""
    import cv2

    expected = tiny_classes(small.labels)
    # Of classes that show none of what is looked for, a quarter is enough: they only say what is not there.
    wanted = np.isin(small.classes, list(expected)) | (small.numbers % 4 == 0)
    rows = np.flatnonzero(~small.held_out & wanted)
    if limit is not None:
        rows = rows[: 4 * limit]
    rows = rows[: len(rows) // 4 * 4]
    if not kept.is_file():
        boxes: list[NDArray[np.float32]] = []
        for start in range(0, len(rows), 4):
            progress(start / len(rows), "the teacher looks at small pictures")
            canvas = np.empty((2 * TILE, 2 * TILE, 3), np.uint8)
            for place, row in enumerate(rows[start : start + 4]):
                y, x = divmod(place, 2)
                large = cv2.resize(small.pictures[row], (TILE, TILE), interpolation=cv2.INTER_CUBIC)
                canvas[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] = large
            found = teacher(canvas)
            for place, row in enumerate(rows[start : start + 4]):
                boxes.append(_of_tile(found, place, int(row)))
        with atomic_path(kept) as path:
            np.savez(path, rows=np.concatenate(boxes) if boxes else np.zeros((0, 7), np.float32))
    with np.load(kept) as content:
        table = content["rows"]
    by_row: dict[int, list[NDArray[np.float32]]] = {int(row): [] for row in rows}
    for entry in table:
        by_row[int(entry[0])].append(entry)
    samples = []
    for row, entries in by_row.items():
        part = np.array(entries, np.float32).reshape(-1, 7)
        found = TeacherBoxes(part[:, 1:5], part[:, 5].astype(np.int64), part[:, 6])
        kind = expected.get(int(small.classes[row]))
        samples.append(pseudo_labels(found, small.pictures[row], expected=kind, coarse=True))
    return samples


def _of_tile(found: TeacherBoxes, place: int, row: int) -> NDArray[np.float32]:
    """Rows (row, x1, y1, x2, y2, class, score) of the boxes whose middle lies in the tile, in pixels of 64."""
    y, x = divmod(place, 2)
    corner = np.array([x, y, x, y], np.float32) * TILE
    middle = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    mine = ((middle // TILE) == (x, y)).all(axis=1)
    boxes = np.clip(found.boxes[mine] - corner, 0, TILE) * (64 / TILE)
    numbers = np.full((len(boxes), 1), row, np.float32)
    return np.concatenate(
        [numbers, boxes, found.classes[mine, None].astype(np.float32), found.scores[mine, None]], axis=1
    )
