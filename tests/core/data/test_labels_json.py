"""Labels as JSON, as projects and recipes keep them: what a stranger's file may hold."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import numpy as np
import pytest

from cvstudio.data.labels import LabelMap, PictureLabels
from cvstudio.data.labels_json import labels_from_json, labels_to_json

MAP = PictureLabels(label_map=LabelMap(np.arange(12, dtype=np.int32).reshape(3, 4)))


def test_a_map_of_classes_reads_back_equal() -> None:
    assert labels_from_json(labels_to_json(MAP)) == MAP


@pytest.mark.parametrize("size", [[0, 4], [-3, -4], [1 << 20, 1 << 20], [3, 5]])
def test_a_map_of_another_size_is_damaged(size: list[int]) -> None:
    saved = labels_to_json(MAP)
    saved["label_map"]["size"] = size
    with pytest.raises(ValueError, match=r"."):
        labels_from_json(saved)


def test_a_map_unpacks_no_more_than_its_pixels() -> None:
    saved = labels_to_json(MAP)
    saved["label_map"]["classes"] = base64.b64encode(zlib.compress(bytes(64 << 20))).decode("ascii")
    tracemalloc.start()
    try:
        labels_from_json(saved)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
