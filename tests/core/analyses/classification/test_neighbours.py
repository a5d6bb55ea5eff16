"""Distances and votes against scikit-learn, features against the network itself."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch import nn

from cvstudio.analyses.classification._features import by_network, by_pixels, fingerprint, pixel_features, unit_length
from cvstudio.analyses.classification._nearest import BY_DISTANCE, EQUAL, distances_to, nearest, vote_fractions
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.models import MODELS
from cvstudio.models.classification._features import last_layer, pooled
from cvstudio.models.classification.residual import ResidualNetwork, prepare
from cvstudio.results.neighbours import METRICS, Neighbours

NAMES = {"cosine": "cosine", "L2": "euclidean", "L1": "manhattan"}
RANDOM = np.random.default_rng(4)
VECTORS = RANDOM.normal(size=(700, 24)).astype(np.float32)
QUERIES = RANDOM.normal(size=(20, 24)).astype(np.float32)
CLASSES = RANDOM.integers(0, 5, 700)


@pytest.fixture(scope="module")
def network() -> ResidualNetwork:
    loaded: ResidualNetwork = MODELS["residual-60"].load("cpu", None)
    return loaded


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    found = []
    for shape in ((60, 90), (128, 128), (200, 40)):
        small = RANDOM.integers(0, 256, (6, 6, 3), np.uint8)
        found.append(Image(np.asarray(cv2.resize(small, shape, interpolation=cv2.INTER_CUBIC))))
    return found


@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_are_those_of_scikit_learn(metric: str) -> None:
    reference = NearestNeighbors(n_neighbors=15, metric=NAMES[metric], algorithm="brute").fit(VECTORS)
    away, rows = reference.kneighbors(QUERIES)
    for query, expected, expected_rows in zip(QUERIES, away, rows, strict=True):
        found = distances_to(query, VECTORS, metric)
        order = nearest(found, 15)
        np.testing.assert_allclose(found[order], expected, atol=1e-5)
        assert order.tolist() == expected_rows.tolist()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("weighting", [EQUAL, BY_DISTANCE])
@pytest.mark.parametrize("k", [1, 5, 12, 50])
def test_the_vote_is_that_of_scikit_learn(metric: str, weighting: str, k: int) -> None:
    weights = "uniform" if weighting == EQUAL else "distance"
    reference = KNeighborsClassifier(k, weights=weights, metric=NAMES[metric], algorithm="brute").fit(VECTORS, CLASSES)
    # The last one is a vector of the gallery itself: it is at no distance, and alone has a say by nearness.
    for query in (*QUERIES, VECTORS[3]):
        away = distances_to(query, VECTORS, metric)
        rows = nearest(away, k)
        # Of a vector and itself, rounding leaves about 1e-7 of the cosine, by which scikit-learn divides.
        near = away[rows] if away[rows[0]] > 1e-5 else np.where(np.arange(k) == 0, np.float32(0), away[rows])
        found = vote_fractions(near, CLASSES[rows], 5, weighting)
        expected = reference.predict_proba(query[None])[0]
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert found.argmax() == reference.predict(query[None])[0] or np.ptp(np.sort(expected)[-2:]) < 1e-6


def test_equal_distances_keep_the_order_of_the_folder() -> None:
    away = np.array([2, 1, 3, 1, 1, 0.5, 1], np.float32)
    assert nearest(away, 3).tolist() == [5, 1, 3]
    assert nearest(away, 99).tolist() == [5, 1, 3, 4, 6, 0, 2]


def test_what_has_no_class_has_no_vote() -> None:
    away = np.array([0.1, 0.2, 0.4], np.float32)
    assert vote_fractions(away, np.array([-1, 1, 1]), 2, EQUAL).tolist() == [0, 1]
    assert vote_fractions(away, np.array([-1, -1, -1]), 2, EQUAL).tolist() == [0, 0]
    assert vote_fractions(away, np.array([-1, 0, 1]), 2, BY_DISTANCE) == pytest.approx([2 / 3, 1 / 3])


def test_a_vector_of_zeros_is_far_from_everything_by_the_cosine() -> None:
    zero = np.zeros(24, np.float32)
    assert distances_to(zero, VECTORS, "cosine") == pytest.approx(1)
    assert not unit_length(zero).any()
    assert np.linalg.norm(unit_length(VECTORS), axis=1) == pytest.approx(1, abs=1e-6)


def test_a_long_gallery_is_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {metric: distances_to(QUERIES[0], VECTORS, metric) for metric in METRICS}
    monkeypatch.setattr("cvstudio.results.neighbours._BLOCK", 24 * 11)
    for metric, expected in whole.items():
        np.testing.assert_allclose(distances_to(QUERIES[0], VECTORS, metric), expected, atol=1e-6)


def test_features_are_what_the_linear_layer_is_given(network: ResidualNetwork, pictures: list[Image]) -> None:
    found = network.features(pictures)
    assert (found.shape, found.dtype) == ((3, 320), np.float32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = torch.from_numpy(np.stack([prepare(picture) for picture in pictures])).float() / 255
    with torch.no_grad():
        expected = network.model.features(((pixels - mean) / std).permute(0, 3, 1, 2))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    weights, bias = network.model.head.weight.detach().numpy(), network.model.head.bias.detach().numpy()
    np.testing.assert_allclose(found @ weights.T + bias, network.logits(pictures), atol=1e-3)
    assert not any(part._forward_pre_hooks for part in network.model.modules())


class Tokens(nn.Module):
    """Ends as a transformer without a class token does."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.patch(x).flatten(2).transpose(1, 2)).mean(dim=1)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2)),
        # As SqueezeNet ends: a convolution says the classes, and its answer is averaged.
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Tokens(),
    ],
    ids=["linear", "convolution", "tokens"],
)
def test_features_of_other_endings(model: Any) -> None:
    model = model.eval()
    pixels = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        found = pooled(model, pixels)
        last = last_layer(model)
        assert found.shape == (3, 6)
        # Averaging and a linear layer may change places.
        np.testing.assert_allclose(found @ last.weight.flatten(1).T + last.bias, model(pixels), atol=1e-5)


def test_features_are_of_this_thread_s_picture() -> None:
    """An exported video describes a frame in each thread, with one network."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Linear(5, 2)).eval()
    pixels, others = torch.rand(1, 3, 2, 2), torch.rand(1, 3, 2, 2)
    describing = threading.Thread(target=lambda: pooled(model, others))

    def meanwhile(module: Any, inputs: Any, output: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            describing.start()
            describing.join()

    hook = model[2].register_forward_hook(meanwhile)
    found = pooled(model, pixels)
    hook.remove()
    assert describing.ident is not None
    assert torch.equal(found, model[1](pixels.flatten(1)))


def test_a_network_without_a_last_layer_is_told() -> None:
    with pytest.raises(ValueError, match="linear layer"):
        last_layer(nn.Sequential(nn.ReLU()))


def test_pixels_as_opencv_shrinks_them(pictures: list[Image]) -> None:
    found = pixel_features(pictures)
    assert found.shape == (3, 3072)
    small = cv2.resize(pictures[2].rgb8, (32, 32), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(found[2].reshape(32, 32, 3), small / 255, atol=1e-6)
    assert not by_pixels().unit


def test_another_number_is_another_network(network: ResidualNetwork) -> None:
    again = MODELS["residual-60"].load("cpu", None)
    assert fingerprint(again) == fingerprint(network)
    other = MODELS["residual-60"].load("cpu", None)
    with torch.no_grad():
        other.model.head.bias[0] += 1e-3
    assert fingerprint(other) != fingerprint(network)
    assert by_network(network).key.endswith("-float32")


def test_neighbours_are_checked() -> None:
    good: dict[str, Any] = {
        "distances": np.zeros(2, np.float32), "classes": np.zeros(2, np.int64), "labels": ("a",), "folder": Path(),
        "names": ("1", "2"), "thumbnails": (None, None), "metric": "L1", "votes": None, "size": Size(4, 4),
        "compared": 2, "total": 2,
    }  # fmt: skip
    assert len(Neighbours(**good)) == 2
    for bad in ({"distances": np.zeros(2)}, {"classes": np.zeros(3, np.int64)}, {"thumbnails": ()}):
        with pytest.raises(ValueError, match="expected"):
            Neighbours(**{**good, **bad})
