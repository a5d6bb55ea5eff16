"""The default depth network: alone, on the trunk of the detector, and what it says of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.training import sets


@pytest.fixture(scope="module")
def network() -> Any:
    return MODELS["depth-lite0"].load("cpu", None)


@pytest.fixture
def photo(data: Any) -> Image:
    return Image(sets.decode(data("photos", "dog.jpg").read_bytes()))


def test_the_map_covers_the_picture_and_is_positive(network: Any, photo: Image) -> None:
    nearness = network.predict(photo, NoParams(), Progress())
    assert nearness.size == photo.size
    height, width = nearness.values.shape
    assert max(height, width) == 104
    assert width / height == pytest.approx(photo.size.width / photo.size.height, rel=0.02)
    assert nearness.values.min() > 0
    assert np.median(nearness.values) == pytest.approx(1, rel=0.05)


def test_the_detectors_trunk_gives_the_same(network: Any, photo: Image) -> None:
    detector: Any = MODELS["pyramid-lite0"].load("cpu", None)
    maps = detector.trunk_features(photo, NoParams(), Progress())
    shared = network.predict_from(maps, photo, NoParams(), Progress())
    alone = network.predict(photo, NoParams(), Progress())
    np.testing.assert_allclose(shared.values, alone.values, rtol=1e-3)


def test_the_same_trunk_is_in_memory_once(network: Any) -> None:
    other: Any = MODELS["depth-lite0"].load("cpu", None)
    assert other.model.trunk is network.model.trunk


def test_the_ground_comes_nearer_towards_the_bottom(network: Any, data: Any) -> None:
    street = Image(sets.decode(sorted(data("camvid", "val", "images").glob("*.jpg"))[0].read_bytes()))
    values = network.predict(street, NoParams(), Progress()).values
    rows = len(values)
    bottom, middle, top = (values[int(rows * part), 40:64].mean() for part in (0.95, 0.6, 0.05))
    assert bottom > middle > top
