"""torchvision's classifiers against torchvision itself: its registry, its pipeline, its networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torchvision import models as tv

from cvstudio.analyses.explain._class_activation import activations, grad_cam, gradient, weighted
from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.data.samples import Image
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.reader_pool import Readers
from cvstudio.models import MODELS
from cvstudio.models.classification._classifier import PhotoClassifier
from cvstudio.models.classification._classifier_layers import layers_of
from cvstudio.models.classification._torchvision_table import build, generate, table
from cvstudio.models.classification.torchvision_classifiers import FAMILIES, adapted
from cvstudio.models.shared.imagenet import CentreCrop, cut_out, imagenet_labels

PHOTOS = ("cat", "coffee", "astronaut")
SMALL = (
    *("squeezenet1-0", "squeezenet1-1", "mobilenet-v2", "mobilenet-v3-small", "shufflenet-v2-x0-5", "mnasnet0-75"),
    *("resnet18", "densenet121", "googlenet", "inception-v3", "efficientnet-b0", "efficientnet-b1", "regnet-y-400mf"),
    *("convnext-tiny", "swin-t", "swin-v2-t", "vgg11-bn", "alexnet", "maxvit-t"),
)
EXACT = ("resnet18", "densenet121", "googlenet", "mobilenet-v2", "shufflenet-v2-x0-5", "mnasnet0-75", "regnet-y-400mf")
"""A global average and one linear layer: CAM and Grad-CAM agree."""


def read(path: Path) -> Image:
    with Readers() as readers:
        image: Image = readers.get(open_media(path)).read()
    return image


def seeded(key: str) -> Any:
    """torchvision's own network with weights that let something through: normalisations vary."""
    torch.manual_seed(3)
    listed = table()[key]
    model = build(listed.builder, listed.side)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
    return model


def wrapped(key: str, model: Any) -> PhotoClassifier:
    return PhotoClassifier(model, imagenet_labels(), "cpu", table()[key].published[0].cut, layers_of(model))


def test_the_table_is_what_torchvision_tells() -> None:
    assert json.loads(resource("classifiers", "torchvision.json").read_text(encoding="utf-8")) == generate()


def test_every_network_and_checkpoint_of_torchvision_is_there() -> None:
    assert {entry.builder for entry in table().values()} == set(tv.list_models(module=tv))
    assert {key for family in FAMILIES for key, _ in family.members} == set(table())
    urls = {weights.url for key in table() for weights in MODELS[key].weights}
    every = [entry for name in tv.list_models(module=tv) for entry in tv.get_model_weights(name)]
    # One checkpoint of VGG-16 holds features only.
    assert urls == {entry.url for entry in every} - {tv.VGG16_Weights.IMAGENET1K_FEATURES.url}
    for key in table():
        assert MODELS[key].defaults == {"threshold": 0.0}


@pytest.mark.parametrize("key", sorted(table()))
def test_figures_are_the_published_ones(key: str) -> None:
    spec, listed = MODELS[key], table()[key]
    by_url = {entry.url: entry for entry in tv.get_model_weights(listed.builder)}
    for weights, published in zip(spec.weights, listed.published, strict=True):
        entry = by_url[weights.url]
        (metrics,) = entry.meta["_metrics"].values()
        assert weights.scores == {"top-1": metrics["acc@1"], "top-5": metrics["acc@5"]}
        assert weights.size_bytes == pytest.approx(entry.meta["_file_size"] * 2**20, rel=1e-3)
        assert (published.cut.mean, published.cut.std) == (
            tuple(entry.transforms().mean),
            tuple(entry.transforms().std),
        )
        # Those that learnt from Instagram's pictures have terms of their own.
        assert ("non-commercial" in weights.licence) is ("license" in entry.meta and "SWAG" in entry.name)
    assert spec.architecture is not None
    meta = by_url[spec.weights[0].url].meta
    assert spec.architecture.macs == pytest.approx(meta["_ops"] * 1e9)
    # torchvision counts Inception's auxiliary classifier, which serves training only.
    if key != "inception-v3":
        assert spec.architecture.parameters == meta["num_params"]


def test_labels_are_torchvisions_and_no_two_alike() -> None:
    assert list(imagenet_labels()) == tv.ResNet18_Weights.DEFAULT.meta["categories"]
    assert len(set(imagenet_labels())) == 1000


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("key", ["squeezenet1-1", "efficientnet-b1", "efficientnet-v2-l", "inception-v3", "swin-v2-t"])
def test_what_is_seen_is_what_torchvisions_own_transforms_make(key: str, photo: str) -> None:
    network = PhotoClassifier(
        torch.nn.Conv2d(3, 1, 1),
        imagenet_labels(),
        "cpu",
        table()[key].published[0].cut,
        layers_of(torch.nn.Identity()),
    )
    image = read(sample_path(photo))
    by_url = {entry.url: entry for entry in tv.get_model_weights(table()[key].builder)}
    expected = by_url[MODELS[key].weights[0].url].transforms()(PIL.Image.fromarray(np.array(image.rgb8)))
    seen, _ = network.preprocess(image)
    np.testing.assert_allclose(seen[0].numpy(), expected.numpy(), atol=1e-6)


def test_where_the_cut_lies_in_the_picture() -> None:
    # 300 x 600: the shorter side becomes 256 and 224 of it are kept, so 300 * 224 / 256 pixels, in the middle.
    pixels, rect = cut_out(Image(np.zeros((300, 600, 3), np.uint8)), CentreCrop(256, 224))
    assert pixels.shape == (224, 224, 3)
    assert (rect.x, rect.y, rect.width, rect.height) == pytest.approx((168.75, 18.75, 262.5, 262.5))


@pytest.mark.parametrize("shape", [(4, 100_000, 3), (100_000, 4, 3), (1, 1, 3)])
def test_pictures_of_any_shape_are_seen(shape: tuple[int, int, int]) -> None:
    pixels, rect = cut_out(Image(np.full(shape, 90, np.uint8)), CentreCrop(256, 224))
    assert pixels.shape == (224, 224, 3)
    assert (pixels == 90).all()
    assert rect.x >= 0
    assert rect.y + rect.height <= shape[0]


@pytest.mark.parametrize("key", SMALL)
def test_logits_and_layers_are_those_of_the_network_itself(key: str) -> None:
    model = seeded(key)
    network = wrapped(key, model)
    image = read(sample_path("cat"))
    entry = next(e for e in tv.get_model_weights(table()[key].builder) if e.url == MODELS[key].weights[0].url)
    with torch.inference_mode():
        expected = model(entry.transforms()(PIL.Image.fromarray(np.array(image.rgb8)))[None])[0].numpy()
    got = network.predict(image, None, Progress()).values
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got, expected, atol=1e-3 * max(scale, 1))
    found = activations(network, image, Progress())
    assert tuple(found.maps) == MODELS[key].options["layers"]
    np.testing.assert_allclose(found.logits, got, atol=1e-4 * max(scale, 1))
    # None is changed by the layers behind it, which may work in place: run again, one gives the next.
    steps = network.steps()
    for before, step in zip(list(found.maps), steps[1:], strict=True):
        with torch.no_grad():
            x = step.run(torch.from_numpy(found.maps[before].copy())[None])[0].numpy()
        after = found.maps.get(step.name, found.logits)
        np.testing.assert_allclose(x, after, atol=1e-4 * max(1.0, float(np.abs(after).max())))


@pytest.mark.parametrize("key", EXACT)
def test_cam_and_grad_cam_agree_where_theory_says_so(key: str) -> None:
    network = wrapped(key, seeded(key))
    found = activations(network, read(sample_path("cat")), Progress())
    target, layer = int(found.logits.argmax()), list(found.maps)[-1]
    weights = network.class_weights()
    assert weights is not None
    cam = weighted(found.maps[layer], weights[target])
    leaf = torch.from_numpy(found.maps[layer].copy())[None].requires_grad_()
    (backward,) = torch.autograd.grad(network.steps()[-1].run(leaf.clone())[0, target], leaf)
    places = cam.size
    tolerance = 1e-4 * np.abs(cam).max()
    np.testing.assert_allclose(grad_cam(found.maps[layer], backward[0].numpy()) * places, cam, atol=tolerance)
    # So nothing has to be run for it.
    explained = ExplainedClass(target, None, "", 0.0)
    slope = gradient(network, layer, found.maps[layer], explained, Progress())
    np.testing.assert_allclose(slope, backward[0].numpy(), atol=1e-6 * np.abs(slope).max(), rtol=1e-4)


def test_old_names_of_published_checkpoints_are_known() -> None:
    model = seeded("densenet121")
    old = {name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): t for name, t in model.state_dict().items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert set(adapted(old)) == set(model.state_dict())
    now = build("vit_b_32", 224).state_dict()
    then = {name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): t for name, t in now.items()}
    assert set(then) != set(now)
    assert set(adapted(then)) == set(now)


@pytest.mark.parametrize("key", ["googlenet", "inception-v3", "mnasnet0-75"])
def test_a_state_dict_of_torchvisions_own_network_loads(key: str, tmp_path: Path) -> None:
    """With the auxiliary classifiers that the published ones have."""
    builder = table()[key].builder
    options = {} if key == "mnasnet0-75" else {"aux_logits": True, "init_weights": False, "transform_input": True}
    torch.manual_seed(0)
    model = getattr(tv, builder)(weights=None, **options).eval()
    torch.save(model.state_dict(), tmp_path / "published.pth")
    network = MODELS[key].load("cpu", tmp_path / "published.pth")
    image = read(sample_path("coffee"))
    x, _ = network.preprocess(image)
    with torch.inference_mode():
        expected = model(x)[0].numpy()
    np.testing.assert_allclose(network.predict(image, None, Progress()).values, expected, atol=1e-4)


def test_a_known_checkpoint_brings_its_own_way_of_cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 of ResNet-50 was measured on another cut than version 2."""
    from cvstudio.models.classification import torchvision_classifiers

    first, second = table()["resnet50"].published
    assert first.cut != second.cut
    path = tmp_path / "resnet50.pth"
    path.write_bytes(b"something")
    assert torchvision_classifiers.cut_for(table()["resnet50"], path) == first.cut
    monkeypatch.setattr("cvstudio.weights.store.file_sha256", lambda _: second.weights.sha256 + "0" * 56)
    assert torchvision_classifiers.cut_for(table()["resnet50"], path) == second.cut
