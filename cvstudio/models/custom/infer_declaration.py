"""Inference of a first declaration from a file's shapes and metadata, which the user then corrects."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import CustomModelError
from cvstudio.foundation.progress import Progress
from cvstudio.models.custom.declaration import slug
from cvstudio.models.custom.decoders import STRIDES, Outputs
from cvstudio.models.custom.inference import InferenceSession, open_session
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.shared.candidates import grid_count
from cvstudio.models.shared.imagenet import MEAN, STD
from cvstudio.models.shared.labels import COCO_KEYPOINTS, COCO_SKELETON, SETS, SIZES
from cvstudio.models.shared.preprocessing import Layout, Preparation

USUAL_SIDES = (640, 416, 224, 320, 512, 256)
"""Input sides tried in turn where the file does not fix the size, in pixels."""

MOST_QUERIES = 1000
"""Most object queries of a transformer; grids have thousands of cells."""

COCO_FROM_ONE = "coco-90"
"""The set whose first label is COCO's number 1."""

_POINT_COUNTS = (17, 16, 21, 68, 98, 106, 133)
"""Numbers of keypoints in common sets; a segmenter with as many classes is rarer."""


@dataclasses.dataclass(frozen=True)
class _Form:
    """Task and decoder inferred from the outputs' shapes; `count` is the number of labels, 0 where it is unknown."""

    task: str
    decoder: str
    count: int
    coordinates: str = "pixels"


def infer_declaration(path: Path, progress: Progress | None = None) -> CustomModel:
    """Infer a declaration of an ONNX or TorchScript file, for the user to start from.

    Raises
    ------
    CustomModelError
        The file is no network, its only input is no picture, it fails at every usual size, or its outputs have an
        unknown format.
    """
    progress = progress or Progress()
    progress(None, f"opening {path.name}")
    session = open_session(path)
    progress.check()
    layout, size = _layout(session)
    size, outputs = _probe(session, layout, size, progress)
    names = _names(session.metadata)
    form = _form(outputs, size, len(names), session.metadata.get("task", ""))
    labels, label_set = _labels(form, names)
    # Its head returns class numbers, not a score for each class, and the file has no names for them.
    counts_from_one = label_set == COCO_FROM_ONE and form.decoder == "ssd" and not form.count
    return CustomModel(
        file=path.resolve(),
        task=form.task,
        decoder=form.decoder,
        input=_input(form, size, layout, session),
        labels=labels,
        key=slug(path.stem),
        title=path.stem.replace("_", " "),
        licence=session.metadata.get("license", ""),
        coordinates="normalised" if form.coordinates == "normalised" else "pixels",
        first_label=1 if counts_from_one else 0,
        skeleton=COCO_SKELETON if labels == COCO_KEYPOINTS else (),
        regions="pyramid-lite0" if form.task == "keypoints" and labels == COCO_KEYPOINTS else "",
        label_set=label_set,
    )


def _layout(session: InferenceSession) -> tuple[Layout, tuple[int, int] | None]:
    """Order of the axes, and (width, height) where the file fixes them."""
    shape = session.input_shape
    if not shape:
        return "NCHW", None
    has_batch = len(shape) == 4
    picture_shape = shape[1:] if has_batch else shape
    channels_last = picture_shape[2] == 3 and picture_shape[0] != 3
    channels, height, width = (picture_shape[2], picture_shape[0], picture_shape[1]) if channels_last else picture_shape
    if channels not in (3, None):
        shape_text = "x".join("?" if side is None else str(side) for side in shape)
        raise CustomModelError(
            f"Expected a network that takes colour pictures (3 channels), found one that takes {shape_text}."
        )
    layout: Layout = ("NHWC" if has_batch else "HWC") if channels_last else ("NCHW" if has_batch else "CHW")
    imgsz = session.metadata.get("imgsz", "")
    if (height is None or width is None) and imgsz:
        with contextlib.suppress(ValueError, TypeError, SyntaxError):
            height, width = (int(side) for side in ast.literal_eval(imgsz))
    return layout, None if height is None or width is None else (width, height)


def _probe(
    session: InferenceSession, layout: Layout, size: tuple[int, int] | None, progress: Progress
) -> tuple[tuple[int, int], Outputs]:
    """An input size (width, height) that the network accepts, and its outputs for a grey picture."""
    failure: CustomModelError | None = None
    for width, height in [size] if size else [(side, side) for side in USUAL_SIDES]:
        progress(None, f"trying {width} x {height}")
        progress.check()
        shape = (3, height, width) if layout.endswith("CHW") else (height, width, 3)
        grey = np.full(shape, 0.5 if session.input_dtype.kind == "f" else 114)
        try:
            pixels = (grey[None] if layout.startswith("N") else grey).astype(session.input_dtype)
            return (width, height), session.run(pixels)
        except CustomModelError as error:
            failure = error
    assert failure is not None
    raise failure


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Class names in the exporter's metadata: a Python literal, a list or a mapping from numbers."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(names, Mapping):
        names = [names[number] for number in sorted(names, key=int)]
    return tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()


def _form(outputs: Outputs, size: tuple[int, int], count: int, task: str) -> _Form:
    """Task and decoder that match the shapes of the outputs. Raises CustomModelError where none does."""
    arrays = list(outputs.values())
    boxes = [first_output for first_output in arrays if first_output.ndim in (2, 3) and first_output.shape[-1] == 4]
    if len(arrays) >= 2 and boxes:
        return _boxes_form(outputs, boxes[0], count)
    first_output = arrays[0]
    is_table = (
        first_output.ndim == 3
        and len(first_output) == 1
        and min(first_output.shape[1:]) >= 5
        and first_output.dtype.kind == "f"
    )
    if is_table and task in ("", "detect"):
        return _table_form(first_output.shape[1], first_output.shape[2], size)
    squeezed = [side for side in first_output.shape if side != 1]
    if len(squeezed) <= 1:
        return _Form("classify", "probabilities" if _sums_to_one(first_output) else "logits", first_output.size)
    if first_output.dtype.kind in "iu" or (len(squeezed) == 2 and first_output.ndim >= 3):
        return _Form("segment", "class-map", count)
    if first_output.ndim == 4 and len(first_output) == 1:
        channels = first_output.shape[1]
        portrait = size[1] > size[0]
        if channels in _POINT_COUNTS and (portrait or channels == len(COCO_KEYPOINTS)):
            return _Form("keypoints", "heat-maps", channels)
        return _Form("segment", "class-logits", channels)
    shapes = ", ".join(f"{name} {'x'.join(map(str, item.shape))}" for name, item in outputs.items())
    raise CustomModelError(f"The outputs ({shapes}) are of no form that is known; write a declaration by hand.")


def _boxes_form(outputs: Outputs, boxes: NDArray[Any], count: int) -> _Form:
    """Decoder of a detector with boxes and other outputs."""
    others = [array for array in outputs.values() if array is not boxes]
    one_per_box = [array for array in others if array.size == np.prod(boxes.shape[:-1])]
    tables = [array for array in others if array.ndim == boxes.ndim and array.shape[:-1] == boxes.shape[:-1]]
    if tables and not (len(one_per_box) >= 2):
        classes = tables[0].shape[-1]
        has_query_names = any(word in name.casefold() for name in outputs for word in ("logit", "pred"))
        if has_query_names or (boxes.shape[-2] <= MOST_QUERIES and boxes.max(initial=0) <= 1.5):
            return _Form("detect", "detr", count or classes - 1)
        return _Form("detect", "ssd", count or classes - 1, "normalised" if boxes.max(initial=0) <= 2 else "pixels")
    return _Form("detect", "ssd", count)


def _table_form(n_rows: int, n_columns: int, size: tuple[int, int]) -> _Form:
    """Decoder of a detector with one output table, by the lengths of its two axes: boxes, and values of each."""
    cells = grid_count(size, STRIDES)
    if n_columns == 6 and n_rows <= MOST_QUERIES:
        return _Form("detect", "rows", 0)
    if n_rows == cells and n_columns != cells:
        return _Form("detect", "yolox", n_columns - 5)
    if n_rows > n_columns:
        return _Form("detect", "yolov5", n_columns - 5)
    return _Form("detect", "yolov8", n_rows - 4)


def _sums_to_one(array: NDArray[Any]) -> bool:
    return bool(array.min() >= 0 and abs(float(array.sum()) - 1) < 1e-3)


def _labels(form: _Form, names: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Labels, and the name of their set: the exporter's names, else a known set of that length, else numbered names."""
    if names and len(names) == (form.count or len(names)):
        return names, ""
    sets = {count: name for name, count in SIZES.items() if (name == "coco-keypoints") == (form.task == "keypoints")}
    # A head without a class axis is mostly torchvision's, which counts COCO's numbers from 1.
    label_set = sets.get(form.count or {"ssd": SIZES[COCO_FROM_ONE], "rows": 80}.get(form.decoder, 21))
    if label_set:
        return SETS[label_set](), label_set
    word = "point" if form.task == "keypoints" else "class"
    return tuple(f"{word} {number}" for number in range(form.count)), ""


def _input(form: _Form, size: tuple[int, int], layout: Layout, session: InferenceSession) -> Preparation:
    """The usual preprocessing of networks with this decoder."""
    default = Preparation(size, layout=layout)
    if form.decoder == "yolox":
        return dataclasses.replace(default, resize="corner", channels="BGR")
    scaled = dataclasses.replace(default, scale=1.0 if session.input_dtype == np.uint8 else 1 / 255)
    if form.task == "detect" and form.decoder != "detr":
        return dataclasses.replace(scaled, resize="stretch" if form.decoder == "ssd" else "letterbox")
    stretched = dataclasses.replace(scaled, resize="stretch", interpolation="area")
    if session.input_dtype != np.uint8:
        stretched = dataclasses.replace(stretched, mean=MEAN, std=STD)
    return dataclasses.replace(stretched, resize="crop", crop=0.875) if form.task == "classify" else stretched
