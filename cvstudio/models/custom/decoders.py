"""Decoders of the outputs of custom models: one for each format that exporters of networks write.

Detectors decode to `RawBoxes`, boxes in pixels of the input; the other tasks to an array, as their decoder states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import CustomModelError
from cvstudio.models.shared.candidates import RawBoxes, best_of, corners, decode_grid, grid_count
from cvstudio.models.tasks import TASKS, Task

if TYPE_CHECKING:
    from cvstudio.models.custom.model import CustomModel

Outputs = Mapping[str, NDArray[Any]]
STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Decoder:
    """Decoder of one output format.

    key, title : "yolov8", "YOLOv8, v11"
    task : key of the task of its models
    expects : callable (model) -> expected shapes of the outputs, for the user
    decode : callable (outputs by name, model) -> RawBoxes, or the array of the task
    activation : applied to scores where the declaration names none
    """

    key: str
    title: str
    task: str
    expects: Callable[[CustomModel], str]
    decode: Callable[[Outputs, CustomModel], Any]
    activation: str = "none"


DECODERS: dict[str, Decoder] = {}


def readable_tasks() -> tuple[Task, ...]:
    """Tasks that have a decoder, in the order of `TASKS`."""
    readable = {decoder.task for decoder in DECODERS.values()}
    return tuple(task for task in TASKS.values() if task.key in readable)


def decoder_of(model: CustomModel) -> Decoder:
    """The decoder of `model`. Raises CustomModelError where there is none of that key for its task."""
    decoder = DECODERS.get(model.decoder)
    if decoder is None or decoder.task != model.task:
        known = ", ".join(item.key for item in DECODERS.values() if item.task == model.task)
        raise CustomModelError(
            f"{model.title}: expected one of {known} as 'decoder' for task {model.task}, found '{model.decoder}'."
        )
    return decoder


def decode(outputs: Outputs, model: CustomModel) -> Any:
    """Decode the outputs of `model`.

    Raises
    ------
    CustomModelError
        The shapes of the outputs are not those that the decoder expects.
    """
    return decoder_of(model).decode(outputs, model)


def shapes_text(outputs: Outputs) -> str:
    """Names and shapes of outputs, for messages."""
    return ", ".join(f"{name} {'x'.join(map(str, array.shape)) or 'number'}" for name, array in outputs.items())


def _wrong(outputs: Outputs, model: CustomModel) -> CustomModelError:
    decoder = decoder_of(model)
    return CustomModelError(
        f"{model.title}: decoder '{decoder.key}' with {len(model.labels)} labels expects {decoder.expects(model)}, "
        f"found {shapes_text(outputs)}; choose another decoder, or correct the labels or the input's size."
    )


def _activated(scores: NDArray[Any], model: CustomModel, axis: int = -1) -> NDArray[np.float32]:
    kind = model.activation or decoder_of(model).activation
    scores = scores.astype(np.float32)
    if kind == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -80, 80))), np.float32)
    if kind == "softmax":
        from scipy.special import softmax

        return np.asarray(softmax(scores, axis=axis), np.float32)
    return scores


def _rows(outputs: Outputs, model: CustomModel, columns: int, *, transposed: bool = False) -> NDArray[np.float32]:
    """The only output of shape (n, columns) or (1, n, columns), with `transposed` also (columns, n): (n, columns)."""
    candidates = []
    for array in outputs.values():
        rows = array[0] if array.ndim == 3 and len(array) == 1 else array
        if rows.ndim != 2:
            continue
        is_straight, is_transposed = rows.shape[1] == columns, rows.shape[0] == columns
        if is_straight and not (transposed and is_transposed):
            candidates.append(rows)
        elif transposed and is_transposed:
            candidates.append(rows.T)
    if len(candidates) != 1:
        raise _wrong(outputs, model)
    return np.asarray(candidates[0], np.float32)


# Detectors ----------------------------------------------------------------------------------------------------------


def _yolov5(outputs: Outputs, model: CustomModel) -> RawBoxes:
    rows = _rows(outputs, model, 5 + len(model.labels))
    scores = _activated(rows[:, 4:], model)
    return best_of(corners(rows[:, :4]), scores[:, :1] * scores[:, 1:])


def _yolov8(outputs: Outputs, model: CustomModel) -> RawBoxes:
    rows = _rows(outputs, model, 4 + len(model.labels), transposed=True)
    return best_of(corners(rows[:, :4]), _activated(rows[:, 4:], model))


def _yolox(outputs: Outputs, model: CustomModel) -> RawBoxes:
    rows = _rows(outputs, model, 5 + len(model.labels))
    if len(rows) != grid_count(model.input.size, STRIDES):
        raise _wrong(outputs, model)
    scores = _activated(rows[:, 4:], model)
    return best_of(decode_grid(rows, model.input.size, STRIDES), scores[:, :1] * scores[:, 1:])


def _rows6(outputs: Outputs, model: CustomModel) -> RawBoxes:
    rows = _rows(outputs, model, 6)
    return RawBoxes(_scaled(rows[:, :4], model), rows[:, 4], rows[:, 5].astype(np.int64) - model.first_label)


def _scaled(boxes: NDArray[Any], model: CustomModel) -> NDArray[np.float32]:
    size = np.array([*model.input.size, *model.input.size], np.float32)
    return boxes.astype(np.float32) * (size if model.coordinates == "normalised" else np.float32(1))


def _boxes_of(outputs: Outputs, model: CustomModel) -> NDArray[Any]:
    """The output with boxes: its last axis has length 4; of several, the one whose name contains "box"."""
    candidates = {name: array for name, array in outputs.items() if array.ndim in (2, 3) and array.shape[-1] == 4}
    named = [name for name in candidates if "box" in name.casefold()]
    if len(candidates) != 1 and len(named) != 1:
        raise _wrong(outputs, model)
    return candidates[named[0] if len(named) == 1 else next(iter(candidates))]


def _ssd(outputs: Outputs, model: CustomModel) -> RawBoxes:
    """Boxes with either one score and one label each, or a score for each class.

    Scores for one class more than there are labels begin with the background.
    """
    boxes = _boxes_of(outputs, model)
    box_corners = _scaled(boxes.reshape(-1, 4), model)
    others = {name: array for name, array in outputs.items() if array is not boxes}
    flat = {name: array.reshape(-1) for name, array in others.items() if array.size == len(box_corners)}
    named = [name for name in flat if any(word in name.casefold() for word in ("label", "class", "cls"))]
    integer_names = [name for name in flat if flat[name].dtype.kind in "iu"]
    label = next(iter(integer_names or named), None)
    score = next((name for name in flat if name != label and flat[name].dtype.kind == "f"), None)
    if label is not None and score is not None:
        return RawBoxes(box_corners, flat[score].astype(np.float32), flat[label].astype(np.int64) - model.first_label)
    count = len(model.labels)
    for array in others.values():
        table = array[0] if array.ndim == 3 and len(array) == 1 else array
        if table.ndim == 2 and len(table) == len(box_corners) and table.shape[1] in (count, count + 1):
            return best_of(box_corners, _activated(table, model)[:, table.shape[1] - count :])
    raise _wrong(outputs, model)


def _detr(outputs: Outputs, model: CustomModel) -> RawBoxes:
    """Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020: logits and boxes of each query."""
    boxes = _boxes_of(outputs, model)
    count = len(model.labels)
    class_counts = (count + 1,) if (model.activation or "softmax") == "softmax" else (count, count + 1)
    for logits in outputs.values():
        if logits is boxes or logits.shape[:-1] != boxes.shape[:-1] or logits.shape[-1] not in class_counts:
            continue
        # With softmax the last class is "no object".
        scores = _activated(logits.reshape(-1, logits.shape[-1]), model)[:, :count]
        size = np.array([*model.input.size, *model.input.size], np.float32)
        return best_of(corners(boxes.reshape(-1, 4).astype(np.float32) * size), scores)
    raise _wrong(outputs, model)


# The other tasks ----------------------------------------------------------------------------------------------------


def _classes(outputs: Outputs, model: CustomModel) -> NDArray[np.float32]:
    """Logits float32 (classes,); of probabilities their logarithms, whose softmax are the probabilities."""
    candidates = [array.reshape(-1) for array in outputs.values() if array.size == len(model.labels)]
    if len(candidates) != 1:
        raise _wrong(outputs, model)
    values = candidates[0].astype(np.float32)
    if decoder_of(model).key == "probabilities":
        return np.log(np.clip(values, 1e-12, 1)).astype(np.float32)
    return values


def _maps(outputs: Outputs, model: CustomModel) -> NDArray[np.float32]:
    """Maps float32 (labels, h, w), one for each class or keypoint."""
    count = len(model.labels)
    for array in outputs.values():
        maps = array[0] if array.ndim == 4 and len(array) == 1 else array
        if maps.ndim == 3 and maps.shape[0] == count:
            return np.asarray(maps, np.float32)
        if maps.ndim == 3 and maps.shape[-1] == count:
            return np.ascontiguousarray(maps.transpose(2, 0, 1), np.float32)
    raise _wrong(outputs, model)


def _class_map(outputs: Outputs, model: CustomModel) -> NDArray[np.int64]:
    """Class of each pixel of the map, int64 (h, w)."""
    for array in outputs.values():
        class_map = array.reshape([side for side in array.shape if side != 1] or [1])
        if class_map.ndim == 2 and (class_map.dtype.kind in "iu" or np.array_equal(class_map, np.rint(class_map))):
            classes = class_map.astype(np.int64) - model.first_label
            if classes.min() >= 0 and classes.max() < len(model.labels):
                return classes
            raise CustomModelError(
                f"{model.title}: expected classes from 0 to {len(model.labels) - 1} in the map, found {classes.min()} "
                f"to {classes.max()}; correct the labels or 'first_label'."
            )
    raise _wrong(outputs, model)


def _register(
    key: str,
    title: str,
    task: str,
    expects: Callable[[CustomModel], str],
    read: Callable[[Outputs, CustomModel], Any],
    activation: str = "none",
) -> None:
    DECODERS[key] = Decoder(key, title, task, expects, read, activation)


def _grid(model: CustomModel) -> int:
    return grid_count(model.input.size, STRIDES)


_register(
    *("yolox", "YOLOX: places of a grid", "detect"),
    lambda m: f"1x{_grid(m)}x{5 + len(m.labels)} (places of strides 8, 16 and 32; box, thing, classes)",
    _yolox,
)
_register(
    *("yolov5", "YOLOv5, v7: boxes, thing, classes", "detect"),
    lambda m: f"1xNx{5 + len(m.labels)} (centre, size, thing, classes)",
    _yolov5,
)
_register(
    *("yolov8", "YOLOv8, v9, v11: boxes and classes", "detect"),
    lambda m: f"1x{4 + len(m.labels)}xN (centre, size, classes)",
    _yolov8,
)
_register(
    *("rows", "Rows of x1, y1, x2, y2, score, class", "detect"),
    lambda m: "1xNx6 (x1, y1, x2, y2, score, class)",
    _rows6,
)
_register(
    *("ssd", "SSD, torchvision: boxes, scores, labels", "detect"),
    lambda m: f"boxes Nx4 with scores N and labels N, or with scores Nx{len(m.labels)} (or one more for background)",
    _ssd,
)
_register(
    *("detr", "DETR: logits and boxes of queries", "detect"),
    lambda m: f"logits 1xNx{len(m.labels) + 1} and boxes 1xNx4 (centre, size, 0 to 1)",
    _detr,
    "softmax",
)
_register("logits", "Logits", "classify", lambda m: f"1x{len(m.labels)}", _classes)
_register("probabilities", "Probabilities (after softmax)", "classify", lambda m: f"1x{len(m.labels)}", _classes)
_register("class-logits", "A map of logits for each class", "segment", lambda m: f"1x{len(m.labels)}xHxW", _maps)
_register("class-map", "A map of class numbers", "segment", lambda m: "1xHxW", _class_map)
_register("heat-maps", "A heat map for each point", "keypoints", lambda m: f"1x{len(m.labels)}xHxW", _maps)
