"""Labels that were read are not read again, in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.labels import LabelMap, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations import _recent
from cvstudio.media.annotations._recent import MOST_PICTURES, RecentLabels


def test_labels_are_read_once():
    read = []

    def labels(name):
        read.append(name)
        return PictureLabels()

    recent = RecentLabels(labels)
    assert recent("a") is recent("a")
    for number in range(MOST_PICTURES - 1):
        recent(str(number))
    recent("a")
    assert read.count("a") == 1
    recent("one more")
    recent("0")
    assert (read.count("a"), read.count("0")) == (1, 2), "the least recently used one goes first"


def test_maps_are_kept_within_a_budget(monkeypatch):
    monkeypatch.setattr(_recent, "MOST_BYTES", 1000)
    read = []

    def labels(name):
        read.append(name)
        return PictureLabels(label_map=LabelMap(np.zeros((10, 10), np.int32)))

    recent = RecentLabels(labels)
    for name in ("a", "b", "b", "c", "b", "a", "a"):
        recent(name)
    assert read == ["a", "b", "c", "a"]
    assert len(recent._kept) == 2


def test_an_error_is_not_kept():
    calls = []

    def labels(name):
        calls.append(name)
        if len(calls) == 1:
            raise MediaError("gone")
        return PictureLabels()

    recent = RecentLabels(labels)
    with pytest.raises(MediaError):
        recent("a")
    assert recent("a") == PictureLabels()


def test_two_layers_of_a_picture_parse_its_labels_once(tmp_path, monkeypatch):
    import json

    from cvstudio.media.annotations import ANNOTATION_FORMATS
    from cvstudio.media.annotations._json_spans import JsonObject

    path = tmp_path / "labels.json"
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}]
    path.write_text(json.dumps({"images": images, "annotations": [box], "categories": [{"id": 1, "name": "cat"}]}))
    labelled = ANNOTATION_FORMATS["coco"].read(path)
    labels = labelled.labels("a.png")
    monkeypatch.delattr(JsonObject, "parsed")
    assert labelled.labels("a.png") is labels
