"""A first declaration of a file, from its shapes and what its exporter wrote into it; the user corrects the rest."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import OwnModelError
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
"""Tried in turn where the file leaves the size free."""

MOST_QUERIES = 1000
"""Places of a transformer are few; grids have thousands."""

COCO_FROM_ONE = "coco-90"
"""The set whose first label is COCO's number 1."""

_POINT_COUNTS = (17, 16, 21, 68, 98, 106, 133)
"""Of key points in the usual sets; a segmenter with as many classes is rarer."""


@dataclasses.dataclass(frozen=True)
class _Form:
    """What the shapes of the outputs tell; `count` is the number of labels, 0 where they do not tell it."""

    task: str
    decoder: str
    count: int
    coordinates: str = "pixels"


def infer_declaration(path: Path, progress: Progress | None = None) -> CustomModel:
    """A declaration of an ONNX or TorchScript file that a user can start from.

    Raises
    ------
    OwnModelError
        The file is no network, has no picture as its only input, or fails on every usual size.
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
    # Its head tells numbers, not scores of each class, and names for them are not in the file.
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
        regions="pyramid-5" if form.task == "keypoints" and labels == COCO_KEYPOINTS else "",
        label_set=label_set,
    )


def _layout(session: InferenceSession) -> tuple[Layout, tuple[int, int] | None]:
    """Order of the axes, and width and height where the file fixes them."""
    shape = session.input_shape
    if not shape:
        return "NCHW", None
    batch = len(shape) == 4
    tail = shape[1:] if batch else shape
    last = tail[2] == 3 and tail[0] != 3
    channels, height, width = (tail[2], tail[0], tail[1]) if last else tail
    if channels not in (3, None):
        told = "x".join("?" if side is None else str(side) for side in shape)
        raise OwnModelError(f"Expected a network that takes colour pictures (3 channels), found one that takes {told}.")
    layout: Layout = ("NHWC" if batch else "HWC") if last else ("NCHW" if batch else "CHW")
    imgsz = session.metadata.get("imgsz", "")
    if (height is None or width is None) and imgsz:
        with contextlib.suppress(ValueError, TypeError, SyntaxError):
            height, width = (int(side) for side in ast.literal_eval(imgsz))
    return layout, None if height is None or width is None else (width, height)


def _probe(
    session: InferenceSession, layout: Layout, size: tuple[int, int] | None, progress: Progress
) -> tuple[tuple[int, int], Outputs]:
    """A size that the network takes, and its outputs on grey."""
    failure: OwnModelError | None = None
    for width, height in [size] if size else [(side, side) for side in USUAL_SIDES]:
        progress(None, f"trying {width} x {height}")
        progress.check()
        shape = (3, height, width) if layout.endswith("CHW") else (height, width, 3)
        grey = np.full(shape, 0.5 if session.input_dtype.kind == "f" else 114)
        try:
            given = (grey[None] if layout.startswith("N") else grey).astype(session.input_dtype)
            return (width, height), session.run(given)
        except OwnModelError as error:
            failure = error
    assert failure is not None
    raise failure


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the classes that the exporter wrote: a mapping from numbers or a list, as Python writes them."""
    try:
        found = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(found, Mapping):
        found = [found[number] for number in sorted(found, key=int)]
    return tuple(str(name) for name in found) if isinstance(found, list | tuple) else ()


def _form(outputs: Outputs, size: tuple[int, int], count: int, told: str) -> _Form:
    """Task and decoder by the shapes of the outputs. Raises OwnModelError where they fit none."""
    arrays = list(outputs.values())
    boxes = [array for array in arrays if array.ndim in (2, 3) and array.shape[-1] == 4]
    if len(arrays) >= 2 and boxes:
        return _pair(outputs, boxes[0], count)
    array = arrays[0]
    rows = array.ndim == 3 and len(array) == 1 and min(array.shape[1:]) >= 5 and array.dtype.kind == "f"
    if rows and told in ("", "detect"):
        return _rows(array.shape[1], array.shape[2], size)
    squeezed = [side for side in array.shape if side != 1]
    if len(squeezed) <= 1:
        return _Form("classify", "probabilities" if _sums_to_one(array) else "logits", array.size)
    if array.dtype.kind in "iu" or (len(squeezed) == 2 and array.ndim >= 3):
        return _Form("segment", "class-map", count)
    if array.ndim == 4 and len(array) == 1:
        channels = array.shape[1]
        portrait = size[1] > size[0]
        if channels in _POINT_COUNTS and (portrait or channels == len(COCO_KEYPOINTS)):
            return _Form("keypoints", "heat-maps", channels)
        return _Form("segment", "class-logits", channels)
    shapes = ", ".join(f"{name} {'x'.join(map(str, item.shape))}" for name, item in outputs.items())
    raise OwnModelError(f"The outputs ({shapes}) are of no form that is known; write a declaration by hand.")


def _pair(outputs: Outputs, boxes: NDArray[Any], count: int) -> _Form:
    rest = [array for array in outputs.values() if array is not boxes]
    flat = [array for array in rest if array.size == np.prod(boxes.shape[:-1])]
    tables = [array for array in rest if array.ndim == boxes.ndim and array.shape[:-1] == boxes.shape[:-1]]
    if tables and not (len(flat) >= 2):
        classes = tables[0].shape[-1]
        queries = any(word in name.casefold() for name in outputs for word in ("logit", "pred"))
        if queries or (boxes.shape[-2] <= MOST_QUERIES and boxes.max(initial=0) <= 1.5):
            return _Form("detect", "detr", count or classes - 1)
        return _Form("detect", "ssd", count or classes - 1, "normalised" if boxes.max(initial=0) <= 2 else "pixels")
    return _Form("detect", "ssd", count)


def _rows(one: int, other: int, size: tuple[int, int]) -> _Form:
    """A detector of one output by its two lengths: places, and what is said of each."""
    cells = grid_count(size, STRIDES)
    if other == 6 and one <= MOST_QUERIES:
        return _Form("detect", "rows", 0)
    if one == cells and other != cells:
        return _Form("detect", "yolox", other - 5)
    if one > other:
        return _Form("detect", "yolov5", other - 5)
    return _Form("detect", "yolov8", one - 4)


def _sums_to_one(array: NDArray[Any]) -> bool:
    return bool(array.min() >= 0 and abs(float(array.sum()) - 1) < 1e-3)


def _labels(form: _Form, names: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The exporter's names, a known set of as many, or numbers."""
    if names and len(names) == (form.count or len(names)):
        return names, ""
    sets = {count: name for name, count in SIZES.items() if (name == "coco-keypoints") == (form.task == "keypoints")}
    # A head of no size of its own is most often one of torchvision's, which counts COCO's numbers from 1.
    known = sets.get(form.count or {"ssd": SIZES[COCO_FROM_ONE], "rows": 80}.get(form.decoder, 21))
    if known:
        return SETS[known](), known
    word = "point" if form.task == "keypoints" else "class"
    return tuple(f"{word} {number}" for number in range(form.count)), ""


def _input(form: _Form, size: tuple[int, int], layout: Layout, session: InferenceSession) -> Preparation:
    """The usual preparation of networks that answer so."""
    plain = Preparation(size, layout=layout)
    if form.decoder == "yolox":
        return dataclasses.replace(plain, resize="corner", channels="BGR")
    scaled = dataclasses.replace(plain, scale=1.0 if session.input_dtype == np.uint8 else 1 / 255)
    if form.task == "detect" and form.decoder != "detr":
        return dataclasses.replace(scaled, resize="stretch" if form.decoder == "ssd" else "letterbox")
    usual = dataclasses.replace(scaled, resize="stretch", interpolation="area")
    if session.input_dtype != np.uint8:
        usual = dataclasses.replace(usual, mean=MEAN, std=STD)
    return dataclasses.replace(usual, resize="crop", crop=0.875) if form.task == "classify" else usual
