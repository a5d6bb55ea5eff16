from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cvstudio.foundation.errors import CustomModelError
from cvstudio.models.custom.declaration import from_mapping, read_declaration, slug, to_mapping, write_declaration
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.shared.preprocessing import Preparation

PLAIN: dict[str, Any] = {
    "cvstudio-model": 1,
    "file": "net.onnx",
    "task": "detect",
    "decoder": "yolov8",
    "labels": ["cat", "dog"],
    "input": {"size": [320, 256]},
}


def read(tmp_path: Path, **changed: Any) -> CustomModel:
    values = {name: value for name, value in {**PLAIN, **changed}.items() if value is not None}
    return from_mapping(values, tmp_path, "net.yaml")


def test_what_is_not_said_is_the_usual(tmp_path: Path) -> None:
    model = read(tmp_path)
    assert model.file == (tmp_path / "net.onnx").resolve()
    assert (model.key, model.title, model.labels) == ("net", "net", ("cat", "dog"))
    assert model.input == Preparation((320, 256))
    assert (model.score, model.iou, model.licence) == (0.3, 0.45, "")


def test_a_declaration_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "이름.txt").write_text("머리\n\n left wrist \n", encoding="utf-8-sig")
    given = {
        **PLAIN,
        "task": "keypoints",
        "decoder": "heat-maps",
        "labels": "이름.txt",
        "input": {
            "size": [192, 256],
            "resize": "corner",
            "fill": 0,
            "channels": "BGR",
            "scale": 1 / 255,
            "mean": [0.1, 0.2, 0.3],
            "std": [1, 2, 3],
            "layout": "NHWC",
            "interpolation": "area",
        },
        "skeleton": [["머리", "left wrist"], [1, 0]],
        "regions": "pyramid-5",
        "region_margin": 1.5,
        "title": "손목 찾기",
        "key": "Wrist Finder",
        "licence": "MIT",
        "year": 2021,
    }
    model = from_mapping(given, tmp_path, "net.yaml")
    assert model.labels == ("머리", "left wrist")
    assert model.skeleton == ((0, 1), (1, 0))
    assert model.key == "wrist-finder"
    path = tmp_path / "다시.yaml"
    write_declaration(path, model)
    assert read_declaration(path) == model
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["file"] == "net.onnx"


@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("coco-80", 80, "person"),
        ("voc-21", 21, "background"),
        ("coco-90", 90, "person"),
        ("imagenet-1000", 1000, "tench"),
    ],
)
def test_known_labels_have_a_name(name: str, count: int, first: str, tmp_path: Path) -> None:
    model = read(tmp_path, labels=name)
    assert (len(model.labels), model.labels[0]) == (count, first)
    assert to_mapping(model, tmp_path)["labels"] == name


def test_cocos_numbers_keep_their_gaps(tmp_path: Path) -> None:
    labels = read(tmp_path, labels="coco-90").labels
    # From the published list of categories: 13 is "stop sign", 18 "dog", 90 "toothbrush".
    assert (labels[12], labels[17], labels[89], labels[11]) == ("stop sign", "dog", "toothbrush", "unused")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cvstudio-model": 2}, "update the program"),
        ({"cvstudio-model": None}, "begins with 'cvstudio-model: 1'"),
        ({"task": "translate"}, "one of detect, classify"),
        ({"decoder": "yolo99"}, "one of yolox, yolov5"),
        ({"decoder": "logits"}, "one of yolox, yolov5"),
        ({"labels": "missing.txt"}, "cannot be read"),
        ({"labels": []}, "a list of names"),
        ({"labels": None}, "'labels' as a list, a text file, or one of coco-80"),
        ({"input": {"size": [0, 32]}}, "width and height in pixels"),
        ({"input": {"size": "large"}}, "2 numbers"),
        ({"input": {"size": [10**400, 32]}}, "2 numbers"),
        ({"input": {"size": [32, 32], "mean": [0, float("nan"), 0]}}, "3 numbers"),
        ({"file": "a\0b.onnx"}, "as 'file'"),
        ({"input": None}, "size of the network's input"),
        ({"input": {"size": [32, 32], "std": [1, 0, 1]}}, "other than 0"),
        ({"input": {"size": [32, 32], "fill": 300}}, "0 to 255"),
        ({"input": {"size": [32, 32], "channel": "RGB"}}, "did you mean 'channels'"),
        ({"input": {"size": [32, 32], "layout": "NWHC"}}, "one of NCHW"),
        ({"scores": 0.5}, "did you mean 'score'"),
        ({"score": "high"}, "a number from 0.01 to 1"),
        ({"score": True}, "a number"),
        ({"file": None}, "the name of an ONNX"),
        ({"skeleton": [["cat", "bird"]]}, "pairs of labels"),
    ],
)
def test_each_mistake_is_told_in_a_sentence(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(CustomModelError) as error:
        read(tmp_path, **changed)
    assert told in str(error.value)
    assert "net.yaml" in str(error.value)


def test_a_segmenter_is_not_cropped(tmp_path: Path) -> None:
    with pytest.raises(CustomModelError, match="for a segmenter"):
        read(tmp_path, task="segment", decoder="class-logits", input={"size": [32, 32], "resize": "crop"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2", "not valid YAML"),
        ("!!python/object/apply:os.system ['touch hacked']", "not valid YAML"),
        ("just words", "begins with 'cvstudio-model: 1'"),
        ("", "begins with 'cvstudio-model: 1'"),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CustomModelError, match=told):
        read_declaration(path)
    assert not (tmp_path / "hacked").exists()
    with pytest.raises(CustomModelError, match="cannot be read"):
        read_declaration(tmp_path / "other.yaml")


def test_keys_are_plain() -> None:
    assert slug("YOLOX Nano (COCO)") == "yolox-nano-coco"
    assert slug("한글") == "model"
