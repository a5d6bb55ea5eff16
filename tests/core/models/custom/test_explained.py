"""Explanations of networks without gradients, such as ONNX files: what works, and why the rest does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import PIL.Image
import pytest
from onnx import TensorProto, helper

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.explain._without_gradients import AnsweringNetwork
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.custom.store import add
from cvstudio.running.runner import Runner, make_instance

COLOURS = ["red", "green", "blue"]


@pytest.fixture
def classifier(tmp_path: Path, declare: Callable[..., Path]) -> str:
    """A network whose logits are the mean red, green and blue of its input, 0..255, over 8."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Mul", ["flat", "eighth"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 64, 64))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 3))],
        [helper.make_tensor("eighth", TensorProto.FLOAT, (), [0.125])],
    )
    path = tmp_path / "means.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return add(declare(path, "classify", "logits", COLOURS)).key


@pytest.fixture
def half_red(tmp_path: Path) -> Path:
    """A picture of 128 x 128, red on the left and black on the right."""
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[:, :64, 0] = 255
    path = tmp_path / "half.png"
    PIL.Image.fromarray(pixels).save(path)
    return path


def run(key: str, picture: Path, model: str, **values: Any) -> Any:
    with Runner() as runner:
        return runner.result(make_instance(key, {"picture": picture}, model=model, values=values))


def test_covering_the_red_takes_the_red_away(classifier: str, half_red: Path) -> None:
    found = run("occlusion", half_red, classifier, window=32, stride=32, fill="black")
    assert found.label == "red"
    assert found.values.shape == (128, 128)
    # Of 16 windows, each takes a sixteenth of the mean where it is red: 255 / 16 / 8.
    np.testing.assert_allclose(found.values[:, :64], 255 / 16 / 8, rtol=0.02)
    np.testing.assert_allclose(found.values[:, 64:], 0, atol=0.01)


def test_pixels_are_inserted_and_deleted(classifier: str, half_red: Path) -> None:
    heat = make_instance("occlusion", {"picture": half_red}, model=classifier, values={"window": 32, "stride": 32})
    inputs = {"picture": half_red, "map": heat}
    values = {"steps": 10, "deleted_to": "black", "inserted_on": "black"}
    with Runner() as runner:
        curves = runner.result(make_instance("insertion-deletion", inputs, model=classifier, values=values))
    insertion, deletion, by_chance, _ = curves.areas()
    assert insertion > by_chance
    assert deletion < insertion


def test_the_input_is_the_picture(classifier: str) -> None:
    network = AnsweringNetwork(MODELS[classifier].load("cpu", None))
    image = Image(np.random.default_rng(0).integers(0, 256, (90, 400, 3), np.uint8))
    pixels, rect = network.preprocess(image)
    assert tuple(pixels.shape) == (1, 3, 58, 256)
    assert (rect.width, rect.height) == (400, 90)
    logits = network.forward(pixels)
    expected = MODELS[classifier].load("cpu", None).predict(image, None, Progress()).values
    np.testing.assert_allclose(logits[0].numpy(), expected, atol=0.5)


def test_the_rest_says_why_not(classifier: str, half_red: Path) -> None:
    for key in ("grad-cam", "saliency", "activations", "class-visualisation", "randomised-weights", "filters"):
        assert MODELS[classifier] not in ANALYSES[key].models
        told = r"as it does not run through PyTorch \(what works with it: .*Occlusion map"
        with pytest.raises(BindingError, match=told):
            make_instance(key, {"picture": half_red}, model=classifier)
    for key in ("occlusion", "insertion-deletion"):
        assert MODELS[classifier] in ANALYSES[key].models
