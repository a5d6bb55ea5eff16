"""EfficientNet-Lite0 is timm's, tensor by tensor, and the published weights are in their places."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.classification.efficientnet_lite import LAYERS, build
from cvstudio.models.shared.efficientnet_lite import MAP_WIDTHS, MEAN, STD, LiteTrunk, normalise
from cvstudio.models.shared.lite_weights import WEIGHTS, adapted
from cvstudio.training import sets
from cvstudio.weights.store import load_state_dict, require_weights


@pytest.fixture(scope="module")
def reference() -> torch.nn.Module:
    import timm

    torch.manual_seed(0)
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    return model


@pytest.mark.parametrize("size", [(224, 224), (192, 288)])
def test_it_computes_what_timm_does(reference, size):
    model = build()
    assert list(model.state_dict()) == list(reference.state_dict())
    model.load_state_dict(reference.state_dict())
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = reference(x)
        assert torch.allclose(model(x), expected, atol=1e-4 * float(expected.abs().max()))
        features = reference.forward_head(reference.forward_features(x), pre_logits=True)
        assert torch.allclose(model.features(x), features, atol=1e-4 * float(features.abs().max()))


def test_the_trunks_maps_are_timms_features():
    import timm

    torch.manual_seed(1)
    reference = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(2, 3, 4))
    trunk = LiteTrunk()
    trunk.load_state_dict(reference.state_dict())
    x = torch.randn(1, 3, 96, 160)
    with torch.no_grad():
        maps = trunk.eval()(x)
        expected = reference.eval()(x)
    assert tuple(m.shape[1] for m in maps) == MAP_WIDTHS
    for ours, theirs in zip(maps, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_every_published_tensor_has_its_place():
    published = load_state_dict(require_weights(WEIGHTS, None))
    own = build().state_dict()
    renamed = adapted(published)
    assert {name: tensor.shape for name, tensor in renamed.items()} == {
        name: tensor.shape for name, tensor in own.items()
    }
    # The file's order is that of the network, too: nothing was exchanged for its equal in shape.
    assert list(renamed) == list(own)
    assert adapted(own).keys() == own.keys()


def test_the_preprocessing_is_the_published_one():
    network = MODELS["efficientnet-lite0"].load("cpu", None)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    x, rect = network.preprocess(Image(pixels))
    assert (rect.x, rect.y, rect.width, rect.height) == (16, 16, 224, 224)
    expected = (pixels[16:240, 16:240].astype(np.float64) - MEAN) / STD
    np.testing.assert_allclose(x[0].permute(1, 2, 0).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(normalise(torch.from_numpy(pixels[None]))[0, :, 16:240, 16:240], x[0], atol=1e-6)
    assert tuple(step.name for step in network.steps()) == (*LAYERS, "head")


def test_it_names_photographs_of_imagenet(data):
    folder = data("imagenet_samples")
    network = MODELS["efficientnet-lite0"].load("cpu", None)
    photos = sets.imagenet_samples(folder.parent, Progress())[::8]
    logits = network.logits([Image(photo.pixels) for photo in photos], Progress())
    hits = logits.argmax(axis=1) == [photo.index for photo in photos]
    # 88 % of all 250; of 32 the share has a standard error of 5.7 points.
    assert hits.mean() > 0.75
