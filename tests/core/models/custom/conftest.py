from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cvstudio.models import MODELS
from cvstudio.models.custom.store import FAMILY

KINDS = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


@pytest.fixture
def constant(tmp_path: Path) -> Callable[..., Path]:
    """Writes an ONNX file that answers the same whatever it is shown."""

    def write(
        outputs: Mapping[str, np.ndarray],
        shape: tuple[Any, ...] = (1, 3, 64, 64),
        *,
        name: str = "net 망.onnx",
        metadata: Mapping[str, str] | None = None,
        kind: int = TensorProto.FLOAT,
    ) -> Path:
        nodes = [
            helper.make_node("Constant", [], [key], value=numpy_helper.from_array(value, key))
            for key, value in outputs.items()
        ]
        told = [helper.make_tensor_value_info(key, KINDS[value.dtype], value.shape) for key, value in outputs.items()]
        graph = helper.make_graph(nodes, "fixed", [helper.make_tensor_value_info("images", kind, shape)], told)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        helper.set_model_props(model, dict(metadata or {}))
        path = tmp_path / name
        onnx.save(model, path)
        return path

    return write


@pytest.fixture
def by_colour(tmp_path: Path) -> Path:
    """A network (1, 3, 64, 64) -> (1, 3, 16, 16): the mean red, green and blue of 4 x 4 pixels, as logits."""
    weight = np.zeros((3, 3, 4, 4), np.float32)
    for channel in range(3):
        weight[channel, channel] = 1 / 16
    graph = helper.make_graph(
        [helper.make_node("Conv", ["images", "weight"], ["logits"], strides=[4, 4], kernel_shape=[4, 4])],
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 64, 64))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 3, 16, 16))],
        [numpy_helper.from_array(weight, "weight")],
    )
    path = tmp_path / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def declare(tmp_path: Path) -> Callable[..., Path]:
    """Writes a declaration and returns its path; `input` has a size of 64 x 64 unless it says otherwise."""
    import yaml

    def write(file: Path, task: str, decoder: str, labels: Any, *, name: str = "", **more: Any) -> Path:
        given = {"size": [64, 64], "resize": "stretch", **more.pop("input", {})}
        content = {"cvstudio-model": 1, "file": file.name, "task": task, "decoder": decoder}
        content |= {"labels": labels, "input": given, **more}
        path = tmp_path / (name or f"{file.stem}.yaml")
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return path

    return write


@pytest.fixture(autouse=True)
def forget_own_models() -> Any:
    """The registry outlives a test, its own models do not."""
    before = {model.key for model in MODELS}
    with MODELS.lend():
        yield
        assert not [model.key for model in MODELS if model.family == FAMILY and model.key in before]
