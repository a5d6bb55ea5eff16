"""Training data of the detector: labelled photographs, pseudo-labels, and masks derived from boxes.

Results of long work are kept in the run's folder.
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
"""Weight of a mask derived from a box; an annotated one has 1."""

TILE = 208
"""Side in pixels to which a 64-pixel picture is enlarged; the teacher gets four of them in one picture."""


@dataclass(frozen=True, eq=False)
class MaskCutOut:
    """Part of a mask: uint8 (h, w) of 0 and 1, its top left corner at (left, top) of the picture; 0 outside of it."""

    left: int
    top: int
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """A training picture with boxes and masks.

    Parameters
    ----------
    pixels : uint8 RGB (h, w, 3)
    boxes : float32 (n, 4) x1, y1, x2, y2 in pixels
    classes : int64 (n,), index into `LABELS`
    weights : float32 (n,)
        1 for a label, the teacher's score for a pseudo-label; 0 for a region that is ignored in training, neither
        object nor background.
    masks : by row of `boxes`; rows without a mask are missing
    mask_weights : float32 (n,), 0 where there is no mask
    """

    pixels: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]
    masks: dict[int, MaskCutOut]
    mask_weights: NDArray[np.float32]


def voc5_boxes(data: Path) -> dict[str, tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Boxes float32 (n, 4) x1, y1, x2, y2 and classes int64 (n,) of each picture of `voc5`, by file name."""
    content: Any = sets.read_json(data / "voc5" / "instances.json")
    class_of = {category["id"]: LABELS.index(category["name"]) for category in content["categories"]}
    rows: dict[int, list[tuple[list[float], int]]] = {image["id"]: [] for image in content["images"]}
    for entry in content["annotations"]:
        x, y, w, h = entry["bbox"]
        rows[entry["image_id"]].append(([x, y, x + w, y + h], class_of[entry["category_id"]]))
    return {
        image["file_name"]: (
            np.array([box for box, _ in rows[image["id"]]], np.float32).reshape(-1, 4),
            np.array([class_index for _, class_index in rows[image["id"]]], np.int64),
        )
        for image in content["images"]
    }


VOC_NUMBERS = (15, 7, 8, 6, 19)
"""Values of `LABELS` in the masks of PASCAL VOC; 255 is the border, which belongs to no object."""


def masks_by_hand(
    path: Path, size: tuple[int, int], boxes: NDArray[np.float32], classes: NDArray[np.int64]
) -> dict[int, MaskCutOut]:
    """Masks of boxes, by row, from an annotated class map: a pixel belongs to the smallest box of its class around it.

    `size` is (width, height) of the picture in whose pixels the boxes are.
    """
    import cv2

    class_map = palette_indices(path)
    class_map = np.asarray(cv2.resize(class_map, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    masks = {}
    is_assigned = np.zeros(class_map.shape, bool)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for row in np.argsort(area):
        x1, y1, x2, y2 = _outer(boxes[row], size)
        mask = (class_map[y1:y2, x1:x2] == VOC_NUMBERS[classes[row]]) & ~is_assigned[y1:y2, x1:x2]
        is_assigned[y1:y2, x1:x2] |= mask
        if mask.any():
            masks[int(row)] = MaskCutOut(x1, y1, mask.astype(np.uint8))
    return masks


def palette_indices(path: Path) -> Pixels:
    """Indices uint8 (h, w) of a picture with a palette, or the values of a grey one."""
    from PIL import Image as PillowImage

    # OpenCV would return colours in place of palette indices.
    with PillowImage.open(path) as picture:
        return np.array(picture, np.uint8)


def _outer(box: NDArray[np.floating], size: tuple[int, int]) -> tuple[int, int, int, int]:
    x1, y1 = np.floor(np.maximum(box[:2], 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(box[2:], size)).astype(int)
    return int(x1), int(y1), int(x2), int(y2)


def mask_from_box(pixels: Pixels, box: NDArray[np.float32]) -> MaskCutOut | None:
    """Mask of the object in a box by GrabCut; None where the result is implausible.

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
    surroundings = pixels[top:bottom, left:right]
    scale = min(1.0, 144 / max(surroundings.shape[:2]))
    small = cv2.resize(surroundings, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box_in_small = [round((x1 - left) * scale), round((y1 - top) * scale), round(w * scale), round(h * scale)]
    if box_in_small[2] >= small.shape[1] - 1 and box_in_small[3] >= small.shape[0] - 1:
        # There is no background around it to learn from.
        return None
    labels = np.zeros(small.shape[:2], np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, box_in_small, np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_RECT)
    foreground = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    full_size = cv2.resize(foreground, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    mask = np.ascontiguousarray(full_size[y1 - top : y2 - top, x1 - left : x2 - left])
    fills_box = mask.any(axis=0).mean() > 0.8 and mask.any(axis=1).mean() > 0.8
    return MaskCutOut(x1, y1, mask) if fills_box and 0.25 < mask.mean() < 0.95 else None


def labelled(
    data: Path, paths: Sequence[Path], progress: Progress, *, mask_file: Path | None = None
) -> list[LabelledPicture]:
    """Pictures of `voc5` with their boxes and annotated masks.

    With `mask_file`, boxes of pictures without annotated masks get derived ones, which are kept in that file.
    """
    boxes_of = voc5_boxes(data)
    stored = load_cuts(mask_file) if mask_file is not None and mask_file.is_file() else None
    derived: dict[tuple[int, int], MaskCutOut] = {}
    samples = []
    for number, path in enumerate(paths):
        progress((number + 1) / len(paths), "labelled pictures")
        pixels = sets.decode(path.read_bytes())
        boxes, classes = boxes_of[path.name]
        annotated = data / "voc5" / "masks" / f"{path.stem}.png"
        weights = np.zeros(len(boxes), np.float32)
        masks: dict[int, MaskCutOut] = {}
        if annotated.is_file():
            masks = masks_by_hand(annotated, (pixels.shape[1], pixels.shape[0]), boxes, classes)
            weights[list(masks)] = 1
        elif mask_file is not None:
            for row, box in enumerate(boxes):
                mask = mask_from_box(pixels, box) if stored is None else stored.get((number, row))
                if mask is not None:
                    masks[row], weights[row] = mask, MASK_WEIGHT_OF_BOX
                    derived[number, row] = mask
        samples.append(LabelledPicture(pixels, boxes, classes, np.ones(len(boxes), np.float32), masks, weights))
    if mask_file is not None and stored is None:
        save_cuts(mask_file, derived)
    return samples


def save_cuts(path: Path, cuts: Mapping[tuple[int, int], MaskCutOut]) -> None:
    """Write masks, by (picture number, row), to an NPZ file."""
    table = [(*key, cut.left, cut.top, *cut.pixels.shape) for key, cut in cuts.items()]
    bits = [np.packbits(cut.pixels) for cut in cuts.values()]
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            table=np.array(table, np.int64).reshape(-1, 6),
            bits=np.concatenate(bits) if bits else np.zeros(0, np.uint8),
        )


def load_cuts(path: Path) -> dict[tuple[int, int], MaskCutOut]:
    """Read masks written by `save_cuts`."""
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
"""Teacher's score from which a box is a label; from a third of it on, its region is ignored."""


def pseudo_labels(
    teacher_boxes: TeacherBoxes, pixels: Pixels, *, expected: int | None = None, coarse: bool = False
) -> LabelledPicture:
    """A training picture from the teacher's boxes.

    For the class `expected`, which the picture is known to show, half of the score suffices. In a picture of 64 pixels
    (`coarse`) only that class is accepted, and persons with a high score.
    """
    is_label = teacher_boxes.scores >= SURE
    if coarse:
        is_label = (teacher_boxes.classes == LABELS.index("person")) & (teacher_boxes.scores >= 1.3 * SURE)
    if expected is not None:
        is_label |= (teacher_boxes.classes == expected) & (teacher_boxes.scores >= SURE / 2)
    is_ignored = ~is_label & (teacher_boxes.scores >= SURE / 3)
    boxes = teacher_boxes.take(is_label | is_ignored)
    weights = np.where(is_label[is_label | is_ignored], np.maximum(boxes.scores, 0.5), 0).astype(np.float32)
    return LabelledPicture(pixels, boxes.boxes, boxes.classes, weights, {}, np.zeros(len(boxes.boxes), np.float32))


def tiny_classes(labels: Sequence[str]) -> dict[int, int]:
    """Index in `LABELS` of the classes of `tiny_imagenet` that show one, by their index."""
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
    small: sets.Classes, teacher: Teacher, boxes_file: Path, progress: Progress, *, limit: int | None
) -> list[LabelledPicture]:
    """Pictures of 64 pixels with pseudo-labels; the teacher's boxes are kept in `boxes_file`."""
    import cv2

    expected = tiny_classes(small.labels)
    # Of classes that show none of `LABELS` a quarter is enough, as background.
    is_used = np.isin(small.classes, list(expected)) | (small.numbers % 4 == 0)
    rows = np.flatnonzero(~small.held_out & is_used)
    if limit is not None:
        rows = rows[: 4 * limit]
    rows = rows[: len(rows) // 4 * 4]
    if not boxes_file.is_file():
        boxes: list[NDArray[np.float32]] = []
        for start in range(0, len(rows), 4):
            progress(start / len(rows), "the teacher looks at small pictures")
            canvas = np.empty((2 * TILE, 2 * TILE, 3), np.uint8)
            for tile, row in enumerate(rows[start : start + 4]):
                y, x = divmod(tile, 2)
                large = cv2.resize(small.pictures[row], (TILE, TILE), interpolation=cv2.INTER_CUBIC)
                canvas[y * TILE : (y + 1) * TILE, x * TILE : (x + 1) * TILE] = large
            teacher_boxes = teacher(canvas)
            for tile, row in enumerate(rows[start : start + 4]):
                boxes.append(_of_tile(teacher_boxes, tile, int(row)))
        with atomic_path(boxes_file) as path:
            np.savez(path, rows=np.concatenate(boxes) if boxes else np.zeros((0, 7), np.float32))
    with np.load(boxes_file) as content:
        table = content["rows"]
    by_row: dict[int, list[NDArray[np.float32]]] = {int(row): [] for row in rows}
    for entry in table:
        by_row[int(entry[0])].append(entry)
    samples = []
    for row, entries in by_row.items():
        values = np.array(entries, np.float32).reshape(-1, 7)
        teacher_boxes = TeacherBoxes(values[:, 1:5], values[:, 5].astype(np.int64), values[:, 6])
        class_index = expected.get(int(small.classes[row]))
        samples.append(pseudo_labels(teacher_boxes, small.pictures[row], expected=class_index, coarse=True))
    return samples


def _of_tile(boxes_of_canvas: TeacherBoxes, tile: int, row: int) -> NDArray[np.float32]:
    """Table float32 (n, 7): row, x1, y1, x2, y2, class, score of the boxes centred in a tile, in pixels of 64."""
    y, x = divmod(tile, 2)
    corner = np.array([x, y, x, y], np.float32) * TILE
    centres = (boxes_of_canvas.boxes[:, :2] + boxes_of_canvas.boxes[:, 2:]) / 2
    in_tile = ((centres // TILE) == (x, y)).all(axis=1)
    boxes = np.clip(boxes_of_canvas.boxes[in_tile] - corner, 0, TILE) * (64 / TILE)
    numbers = np.full((len(boxes), 1), row, np.float32)
    return np.concatenate(
        [
            numbers,
            boxes,
            boxes_of_canvas.classes[in_tile, None].astype(np.float32),
            boxes_of_canvas.scores[in_tile, None],
        ],
        axis=1,
    )
