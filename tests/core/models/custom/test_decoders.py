from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import CustomModelError
from cvstudio.models.custom.decoders import DECODERS, decode
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.shared.candidates import FLOOR, RawBoxes, to_detections
from cvstudio.models.shared.preprocessing import InputPlacement, Preparation
from cvstudio.models.spec import MAX_CANDIDATES

DETECTOR = CustomModel(Path("net.onnx"), "detect", "yolov5", Preparation((64, 64)), ("cat", "dog"), "net", "Net")


def model(decoder: str, **more: Any) -> CustomModel:
    return dataclasses.replace(DETECTOR, decoder=decoder, task=DECODERS[decoder].task, **more)


def f32(*values: Any) -> np.ndarray:
    return np.array(values, np.float32)


def rows(found: RawBoxes) -> list[tuple[list[float], float, int]]:
    order = np.argsort(-found.scores, kind="stable")
    return [
        (found.boxes[row].tolist(), pytest.approx(float(found.scores[row]), abs=1e-6), int(found.classes[row]))
        for row in order
    ]


BOX = [10.0, 16.0, 20.0, 8.0]
"""Centre and size; its corners are 0, 12, 20, 20."""

CORNERS = [0.0, 12.0, 20.0, 20.0]


def test_yolov5_multiplies_thing_and_class() -> None:
    found = decode({"out": f32([[*BOX, 0.5, 0.8, 0.1], [*BOX, 0.001, 0.9, 0.9]])}, model("yolov5"))
    assert rows(found) == [(CORNERS, 0.4, 0), (CORNERS, 0.05, 1)]


@pytest.mark.parametrize("turned", [False, True])
def test_yolov8_has_no_thing_and_lies_either_way(turned: bool) -> None:
    table = f32([*BOX, 0.3, 0.7], [*BOX, 0.0, 0.0], [*BOX, 0.0, 0.0])
    found = decode({"out": (table if turned else table.T)[None]}, model("yolov8"))
    assert rows(found) == [(CORNERS, 0.7, 1), (CORNERS, 0.3, 0)]


def test_yolox_adds_the_grid() -> None:
    table = np.zeros((1, 84, 7), np.float32)
    # Of the coarsest level (places 80..83) the second: x 1, y 0; a stride is 32.
    table[0, 81] = [-0.5, 0.5, np.log(0.5), np.log(0.25), 0.9, 0.0, 1.0]
    found = decode({"out": table}, model("yolox"))
    assert rows(found) == [([8.0, 12.0, 24.0, 20.0], 0.9, 1)]


def test_rows_are_taken_as_they_are() -> None:
    found = decode({"out": f32([[1, 2, 3, 4, 0.9, 1], [5, 6, 7, 8, 0.5, 0]])}, model("rows"))
    assert rows(found) == [([1, 2, 3, 4], 0.9, 1), ([5, 6, 7, 8], 0.5, 0)]
    half = decode({"out": f32([[0, 0, 0.5, 1, 0.9, 1]])}, model("rows", coordinates="normalised", first_label=1))
    assert rows(half) == [([0, 0, 32, 64], 0.9, 0)]


def test_ssd_takes_scores_with_labels_in_any_order() -> None:
    outputs = {"labels": np.array([2, 1]), "scores": f32(0.9, 0.4), "boxes": f32([1, 2, 3, 4], [5, 6, 7, 8])}
    assert rows(decode(outputs, model("ssd", first_label=1))) == [([1, 2, 3, 4], 0.9, 1), ([5, 6, 7, 8], 0.4, 0)]
    # Numbers of classes as floats, told by their name.
    outputs["labels"] = outputs["labels"].astype(np.float32)
    assert rows(decode(dict(reversed(outputs.items())), model("ssd", first_label=1)))[0][2] == 1


def test_ssd_takes_a_table_of_scores_and_drops_the_background() -> None:
    outputs = {"boxes": f32([[0, 0, 0.5, 0.25]]), "scores": f32([[0.7, 0.1, 0.2]])}
    found = decode(outputs, model("ssd", coordinates="normalised"))
    assert rows(found) == [([0, 0, 32, 16], 0.2, 1), ([0, 0, 32, 16], 0.1, 0)]
    logits = {"boxes": outputs["boxes"], "scores": np.log(outputs["scores"])}
    assert rows(decode(logits, model("ssd", coordinates="normalised", activation="softmax"))) == rows(found)


def test_detr_drops_no_object_and_scales_to_the_input() -> None:
    shares = f32([0.6, 0.3, 0.1])
    outputs = {"logits": np.log(shares)[None], "pred_boxes": f32([[0.5, 0.5, 1, 0.5]])}
    assert rows(decode(outputs, model("detr"))) == [([0, 16, 64, 48], 0.6, 0), ([0, 16, 64, 48], 0.3, 1)]
    sigmoid = {"logits": f32([[0.0, -100.0]]), "pred_boxes": outputs["pred_boxes"]}
    assert rows(decode(sigmoid, model("detr", activation="sigmoid"))) == [([0, 16, 64, 48], 0.5, 0)]


def test_detr_with_as_many_classes_as_a_box_has_sides_goes_by_names() -> None:
    labels = ("a", "b", "c")
    outputs = {"logits": f32([[9, 0, 0, 0]]), "pred_boxes": f32([[0.5, 0.5, 1, 1]])}
    assert rows(decode(outputs, model("detr", labels=labels)))[0][::2] == ([0, 0, 64, 64], 0)


def test_probabilities_come_back_from_their_logarithms() -> None:
    shares = f32([0.9, 0.1])
    values = decode({"out": shares}, model("probabilities"))
    power = np.exp(values)
    assert power / power.sum() == pytest.approx(shares[0])
    assert decode({"out": f32([3, -1])}, model("logits")).tolist() == [3, -1]


def test_maps_lie_either_way() -> None:
    maps = np.arange(2 * 3 * 5, dtype=np.float32).reshape(1, 2, 3, 5)
    for key in ("class-logits", "heat-maps"):
        assert np.array_equal(decode({"out": maps}, model(key)), maps[0])
        assert np.array_equal(decode({"out": maps.transpose(0, 2, 3, 1)}, model(key)), maps[0])


def test_a_map_of_classes_may_hold_floats_and_has_to_keep_to_the_labels() -> None:
    classes = np.array([[[0, 1], [1, 1]]])
    for array in (classes, classes[None].astype(np.float32), classes.astype(np.uint8)):
        assert decode({"out": array}, model("class-map")).tolist() == [[0, 1], [1, 1]]
    with pytest.raises(CustomModelError, match="found 0 to 2"):
        decode({"out": classes * 2}, model("class-map"))


@pytest.mark.parametrize("key", DECODERS)
def test_another_form_is_told_with_both_shapes(key: str) -> None:
    with pytest.raises(CustomModelError) as error:
        decode({"weird": np.zeros((2, 9, 11, 7), np.float32)}, model(key))
    told = str(error.value)
    assert "weird 2x9x11x7" in told
    assert DECODERS[key].expects(model(key)) in told
    assert told.endswith("correct the labels or the input's size.")


def test_candidates_are_the_best_and_lie_on_the_picture() -> None:
    n = MAX_CANDIDATES + 50
    scores = np.linspace(0, 1, n, dtype=np.float32)
    boxes = np.tile(f32(-20, 0, 900, 30), (n, 1))
    boxes[-1] = np.nan
    found = to_detections(
        RawBoxes(boxes, scores, np.zeros(n, np.int64)),
        InputPlacement((0.5, 0.5), (0.0, 10.0)),
        ("cat",),
        Size(200, 100),
    )
    assert len(found) <= MAX_CANDIDATES
    assert found.scores[0] == scores[-2]
    assert found.scores.min() >= FLOOR
    assert np.all(np.diff(found.scores) <= 0)
    # y: (0 - 10) / .5 is above the picture, (30 - 10) / .5 = 40.
    assert found.boxes[0].tolist() == [0, 0, 200, 40]


def test_the_best_of_many_are_kept_whatever_their_order() -> None:
    random = np.random.default_rng(5)
    scores = random.uniform(0, 1, (4000, 3)).astype(np.float32)
    found = decode(
        {"out": np.concatenate([np.tile(f32(BOX), (4000, 1)), scores], axis=1).T[None]},
        model("yolov8", labels=("a", "b", "c")),
    )
    expected = np.sort(scores.ravel())[-MAX_CANDIDATES:]
    assert np.array_equal(np.sort(found.scores), expected)
