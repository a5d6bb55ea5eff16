"""Class names of a model and of a set: what is mapped by itself, what is left, and what a file changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cvstudio.evaluation.class_mapping import suggested_mapping
from cvstudio.foundation.errors import ParamsError
from cvstudio.models.shared.class_names import IMAGENET_OF_COCO
from cvstudio.models.shared.coco import LABELS
from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.models.shared.labels import VOC_21

VOC_FILES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The names in the XML files of PASCAL VOC."""


@pytest.mark.parametrize("names", [VOC_FILES, VOC_21[1:]])
def test_all_of_voc_is_in_coco(names: tuple[str, ...]) -> None:
    mapping = suggested_mapping(LABELS, names)
    assert mapping.unmatched_categories == ()
    assert len(mapping.unmatched_labels) == 60
    assert {label: category for label, category in mapping.pairs.items() if label != category}["tv"] == names[-1]
    back = suggested_mapping(names, LABELS)
    assert back.pairs == {category: label for label, category in mapping.pairs.items()}


def test_imagenets_dogs_are_coco_s_dog() -> None:
    mapping = suggested_mapping(imagenet_labels(), LABELS)
    indices = mapping.indices()
    for index, label in enumerate(imagenet_labels()):
        names = [name for name, classes in IMAGENET_OF_COCO.items() if index in classes]
        assert mapping.pairs.get(label) in (names or [None])
    assert (indices == LABELS.index("dog")).sum() == 118
    assert "person" in mapping.unmatched_categories
    assert "tench" in mapping.unmatched_labels
    # ImageNet's kite is a bird of prey, COCO's flies on a string.
    assert mapping.pairs["kite"] == "bird"
    assert suggested_mapping(LABELS, ("kite", "cat", "dog")).pairs["kite"] == "kite"


def test_a_set_of_imagenets_classes_gets_a_classifier_of_imagenet() -> None:
    mapping = suggested_mapping(imagenet_labels(), ("hen", "tench", "kite", "studio couch"))
    assert set(mapping.pairs.values()) == {"hen", "tench", "kite", "studio couch"}
    assert len(mapping.pairs) == 4


def test_spellings_do_not_matter_and_equal_names_come_first() -> None:
    mapping = suggested_mapping(
        ("Potted_Plant", "traffic-light", "tv", "x"), ("traffic light", "potted plant", "TV", "tv")
    )
    assert mapping.pairs == {"Potted_Plant": "potted plant", "traffic-light": "traffic light", "tv": "tv"}
    assert mapping.indices().tolist() == [1, 0, 3, -1]
    assert mapping.known == (0, 1, 3)


def test_the_number_in_wordnet_before_a_name_does_not_matter() -> None:
    mapping = suggested_mapping(imagenet_labels(), ("n02085620-Chihuahua", "n01440764_tench", "n02123045", "n1_hen"))
    assert mapping.pairs == {"Chihuahua": "n02085620-Chihuahua", "tench": "n01440764_tench"}


def test_a_file_changes_the_mapping_and_reads_back(tmp_path: Path) -> None:
    mapping = suggested_mapping(("cat", "dog", "cow"), ("cat", "animal"))
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"dog": "animal", "cat": None}), encoding="utf-8")
    changed = mapping.with_file(path)
    assert changed.pairs == {"dog": "animal"}
    assert (changed.unmatched_labels, changed.unmatched_categories) == (("cat", "cow"), ("cat",))
    changed.save(path)
    assert mapping.with_file(path) == changed
    assert np.array_equal(changed.indices(), [-1, 1, -1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no json", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ("[1]", "something else"),
        ('{"cat": 3}', "something else"),
        ('{"lion": "cat"}', "'lion', which the model does not have"),
        ('{"cat": "lion"}', "'lion', which the labelled set does not have"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError, match=sentence):
        suggested_mapping(("cat",), ("cat",)).with_file(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"gone\.json' cannot be read"):
        suggested_mapping(("cat",), ("cat",)).with_file(tmp_path / "gone.json")
