from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import CustomModelError
from cvstudio.foundation.progress import Progress
from cvstudio.models.custom.infer_declaration import infer_declaration
from cvstudio.models.custom.networks import load

CELLS = 16 * 16 + 8 * 8 + 4 * 4
"""Places of an input of 128 x 128 at strides 8, 16 and 32."""


def zeros(*shape: int, kind: Any = np.float32) -> np.ndarray:
    return np.zeros(shape, kind)


@pytest.mark.parametrize(
    ("outputs", "task", "decoder", "count"),
    [
        ({"o": zeros(1, CELLS, 85)}, "detect", "yolox", 80),
        ({"o": zeros(1, CELLS * 3, 7)}, "detect", "yolov5", 2),
        ({"o": zeros(1, 10, CELLS)}, "detect", "yolov8", 6),
        ({"o": zeros(1, 300, 6)}, "detect", "rows", 80),
        ({"logits": zeros(1, 100, 4), "pred_boxes": zeros(1, 100, 4)}, "detect", "detr", 3),
        ({"b": zeros(40, 4), "s": zeros(40), "l": zeros(40, kind=np.int64)}, "detect", "ssd", 90),
        ({"boxes": zeros(1, 3000, 4), "scores": zeros(1, 3000, 21)}, "detect", "ssd", 20),
        ({"o": zeros(1, 1000)}, "classify", "logits", 1000),
        ({"o": zeros(1, 4) + 0.25}, "classify", "probabilities", 4),
        ({"o": zeros(1, 21, 16, 16)}, "segment", "class-logits", 21),
        ({"o": zeros(1, 128, 128, kind=np.int64)}, "segment", "class-map", 21),
        ({"o": zeros(1, 17, 32, 32)}, "keypoints", "heat-maps", 17),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else str(value),
)
def test_the_form_is_told_by_the_shapes(
    outputs: dict[str, np.ndarray], task: str, decoder: str, count: int, constant: Callable[..., Path]
) -> None:
    model = infer_declaration(constant(outputs, (1, 3, 128, 128)))
    assert (model.task, model.decoder, len(model.labels)) == (task, decoder, count)
    assert model.input.size == (128, 128)


def test_numbers_of_torchvision_s_detectors_have_coco_s_names(constant: Callable[..., Path]) -> None:
    """COCO calls 1 a person and 90 a toothbrush, and torchvision's 0 is the background, which is never told."""
    boxes = np.array([[0, 0, 8, 8], [8, 8, 64, 64]], np.float32)
    outputs = {"boxes": boxes, "scores": np.array([0.9, 0.8], np.float32), "labels": np.array([1, 90])}
    model = infer_declaration(constant(outputs, (1, 3, 128, 128)))
    found = load(model, "cpu").predict(Image(np.zeros((128, 128, 3), np.uint8)), None, Progress())
    assert [found.label(row) for row in range(2)] == ["person", "toothbrush"]


def test_what_ultralytics_writes_into_its_files_is_used(constant: Callable[..., Path]) -> None:
    metadata = {"names": "{0: 'cat', 1: 'black dog'}", "stride": "32", "task": "detect", "imgsz": "[96, 160]"}
    outputs = {"output0": zeros(1, 6, 2000)}
    model = infer_declaration(
        constant(outputs, ("batch", 3, "height", "width"), metadata={**metadata, "license": "AGPL-3.0"})
    )
    assert model.labels == ("cat", "black dog")
    assert model.input.size == (160, 96)
    assert (model.decoder, model.input.resize, model.input.channels) == ("yolov8", "letterbox", "RGB")
    assert model.input.scale == pytest.approx(1 / 255)
    assert model.licence == "AGPL-3.0"


def test_names_that_would_run_code_are_no_names(constant: Callable[..., Path], tmp_path: Path) -> None:
    metadata = {"names": f"__import__('pathlib').Path('{tmp_path / 'hacked'}').touch()"}
    model = infer_declaration(constant({"o": zeros(1, 3)}, metadata=metadata))
    assert model.labels == ("class 0", "class 1", "class 2")
    assert not (tmp_path / "hacked").exists()


def test_the_layout_and_the_preparation_follow(constant: Callable[..., Path]) -> None:
    last = infer_declaration(constant({"o": zeros(1, 1000)}, (1, 224, 192, 3), kind=TensorProto.UINT8))
    assert (last.input.layout, last.input.size, last.input.scale) == ("NHWC", (192, 224), 1)
    assert (last.input.mean, last.input.resize) == ((0, 0, 0), "crop")
    alone = infer_declaration(constant({"o": zeros(1, 1000)}, (3, "h", "w"), name="alone.onnx"))
    assert alone.input.layout == "CHW"
    assert alone.input.mean == (0.485, 0.456, 0.406)
    yolox = infer_declaration(constant({"o": zeros(1, 84, 85)}, name="yolox.onnx"))
    assert (yolox.input.channels, yolox.input.resize, yolox.input.scale) == ("BGR", "corner", 1)


@pytest.mark.parametrize(
    ("shape", "told"),
    [((1, 1, 64, 64), "colour pictures"), ((1, 128), "one input of 3 or 4 axes"), ((2, 3, 64, 64), "2x3x64x64")],
)
def test_a_network_without_a_picture_is_told(shape: tuple[int, ...], told: str, constant: Callable[..., Path]) -> None:
    with pytest.raises(CustomModelError, match=told):
        infer_declaration(constant({"o": zeros(1, 10)}, shape))


def test_outputs_of_no_known_form_are_told(constant: Callable[..., Path]) -> None:
    with pytest.raises(CustomModelError, match=r"o 2x3x4x5x6\) are of no form that is known"):
        infer_declaration(constant({"o": zeros(2, 3, 4, 5, 6)}))
