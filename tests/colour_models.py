"""Networks that find rectangles by their colour, and pictures on which they err in a known way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledSet, PictureLabels
from cvstudio.data.samples import Image
from cvstudio.models.spec import ModelSpec
from cvstudio.results.classification import Logits
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.masks import PrototypeMasks
from cvstudio.results.segmentation import ClassMaps

NAMES = ("red", "green", "blue")
LABELS = ("Red", "GREEN", "blue", "violet")
"""Labels of the models: the same classes in other spellings, and one that no picture shows."""
SIZE = Size(120, 80)
GREY = 90
RIGHT, MOVED, RENAMED = 255, 200, 150
"""Brightness of a rectangle: found as it is; half its width further right; called the next colour."""

CALLS: list[str] = []
"""A network's name for each picture that it saw."""


@dataclasses.dataclass(frozen=True)
class Rectangle:
    """A rectangle of a picture: index of its colour, x, y, width, height, brightness."""

    colour: int
    x: int
    y: int
    width: int = 20
    height: int = 16
    brightness: int = RIGHT

    @property
    def annotation(self) -> Annotation:
        x2, y2 = self.x + self.width, self.y + self.height
        outline = ((self.x, self.y), (x2, self.y), (x2, y2), (self.x, y2))
        return Annotation(self.colour, (self.x, self.y, x2, y2), polygons=(outline,), keypoints=((self.x, self.y, 2),))


def painted(rectangles: Sequence[Rectangle]) -> np.ndarray:
    """The picture, uint8 RGB (80, 120, 3)."""
    pixels = np.full((SIZE.height, SIZE.width, 3), GREY, np.uint8)
    for item in rectangles:
        pixels[item.y : item.y + item.height, item.x : item.x + item.width] = 0
        pixels[item.y : item.y + item.height, item.x : item.x + item.width, item.colour] = item.brightness
    return pixels


def rectangles_in(image: Image) -> list[Rectangle]:
    """The rectangles of a picture, by colour and place."""
    pixels = image.rgb8
    found = []
    for colour in range(3):
        others = [other for other in range(3) if other != colour]
        for brightness in (RIGHT, MOVED, RENAMED):
            mask = (pixels[..., colour] == brightness) & (pixels[..., others] == 0).all(axis=2)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
            found += [Rectangle(colour, *map(int, row[:4]), brightness) for row in stats[1:]]
    return found


class _Network:
    labels = LABELS

    def __init__(self, predict: Callable[[Image], Any], name: str) -> None:
        self._predict, self._name = predict, name

    def predict(self, image: Image, params: Any, progress: Any) -> Any:
        CALLS.append(self._name)
        return self._predict(image)


def detections(image: Image, *, masks: bool = False) -> Detections:
    """Larger rectangles have higher scores."""
    boxes, classes, scores = [], [], []
    for item in rectangles_in(image):
        shift = item.width // 2 + 1 if item.brightness == MOVED else 0
        boxes.append((item.x + shift, item.y, item.x + item.width + shift, item.y + item.height))
        classes.append((item.colour + 1) % 3 if item.brightness == RENAMED else item.colour)
        scores.append(min(0.99, item.width * item.height / 640))
    order = np.argsort(-np.array(scores), kind="stable")
    corners = np.array(boxes, np.float32).reshape(-1, 4)[order]
    prototypes = np.full((max(1, len(corners)), SIZE.height, SIZE.width), -1, np.float32)
    for row, (x1, y1, x2, y2) in enumerate(corners.astype(int)):
        prototypes[row, y1:y2, x1:x2] = 1
    coefficients = np.eye(len(corners), len(prototypes), dtype=np.float32)
    return Detections(
        corners,
        np.array(scores, np.float32)[order],
        np.array(classes, np.int64)[order],
        LABELS,
        np.arange(len(corners)),
        image.size,
        masks=PrototypeMasks(prototypes, coefficients, (1.0, 1.0)) if masks else None,
    )


def logits(image: Image) -> Logits:
    """By the area of each colour."""
    areas = np.zeros(len(LABELS), np.float32)
    for item in rectangles_in(image):
        areas[(item.colour + (item.brightness == RENAMED)) % 3] += item.width * item.height / 200
    return Logits(areas, LABELS, image.size)


def class_maps(image: Image) -> ClassMaps:
    """The class of each pixel as `detections` has it; violet elsewhere."""
    classes = np.full((SIZE.height, SIZE.width), 3, np.int64)
    found = detections(image)
    for box, kind in zip(found.boxes.astype(int), found.classes, strict=True):
        classes[box[1] : box[3], box[0] : box[2]] = kind
    return ClassMaps(classes, LABELS, (0.0, 0.0, float(SIZE.width), float(SIZE.height)), image.size)


def keypoints(image: Image) -> Keypoints:
    """The top left corner of each red rectangle."""
    found = [item for item in rectangles_in(image) if item.colour == 0]
    shifts = [5 if item.brightness == MOVED else 0 for item in found]
    points = np.array([(item.x + shift, item.y) for item, shift in zip(found, shifts, strict=True)], np.float32)
    scores = np.linspace(0.9, 0.5, len(found), dtype=np.float32)[:, None]
    return Keypoints(points.reshape(-1, 1, 2), scores, ("corner",), np.arange(len(found)), image.size)


def _model(key: str, task: str, predict: Callable[[Image], Any]) -> ModelSpec:
    return ModelSpec(
        key,
        key.replace("-", " ").title(),
        task,
        "Colours",
        "",
        2026,
        lambda device, checkpoint: _Network(predict, key),
        labels=LABELS,
        defaults={"score": 0.3} if task == "detect" else {},
        capabilities=frozenset({"logits"} if task == "classify" else ()),
    )


BOXES = _model("colour-boxes", "detect", detections)
MASKS = _model("colour-masks", "detect", lambda image: detections(image, masks=True))
CLASSES = _model("colour-classes", "classify", logits)
MAPS = _model("colour-maps", "segment", class_maps)
POINTS = _model("colour-points", "keypoints", keypoints)
ALL = (BOXES, MASKS, CLASSES, MAPS, POINTS)


def labelled_set(folder: Path, pictures: Sequence[Sequence[Rectangle]]) -> LabelledSet:
    """Pictures in `folder`, with their rectangles as labels."""
    folder.mkdir(parents=True, exist_ok=True)
    labels, paths = {}, {}
    for number, rectangles in enumerate(pictures):
        name = f"{number:03}.png"
        paths[name] = folder / name
        cv2.imwrite(str(paths[name]), painted(rectangles)[..., ::-1])
        labels[name] = PictureLabels(SIZE, tuple(item.annotation for item in rectangles))
    categories = tuple(Category(name, keypoints=("corner",) if name == "red" else ()) for name in NAMES)
    return LabelledSet(folder / "labels.json", "coco", categories, tuple(labels), paths, labels.__getitem__)
