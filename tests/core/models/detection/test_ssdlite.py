from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torchvision.models.detection import SSDLite320_MobileNet_V3_Large_Weights, ssdlite320_mobilenet_v3_large
from torchvision.ops import box_iou

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection._ssd import SsdNetwork
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections

SPEC = MODELS["ssdlite"]
SEEN = ("square", "wide", "tall")
PICTURES = {
    "square": np.ascontiguousarray(skimage.data.chelsea()[:, 300:0:-1]),
    "wide": skimage.data.chelsea(),
    "tall": np.ascontiguousarray(skimage.data.chelsea()[::-1, 120:260]),
    "one pixel": np.full((1, 1, 3), 200, np.uint8),
}


@pytest.fixture(scope="module")
def reference() -> Any:
    """torchvision's own network with seeded weights that see something.

    One pass in training mode gives the normalisation layers statistics, without which nothing reaches the head;
    the head's biases then make a few classes likely.
    """
    random = torch.Generator().manual_seed(7)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
        pictures = [torch.from_numpy(PICTURES[name]).permute(2, 0, 1)[None] / 127.5 - 1 for name in SEEN]
        batch = torch.cat([torch.nn.functional.interpolate(picture, (320, 320)) for picture in pictures])
        model.train()
        model.head(list(model.backbone(batch).values()))
        model.eval()
        for block in model.head.classification_head.module_list:
            convolution = block[-1]
            convolution.weight += torch.randn(convolution.weight.shape, generator=random) * 0.05
            bias = torch.randn((convolution.out_channels // 91, 91), generator=random) * 0.3
            bias[:, 0] += 9.5
            bias[:, [1, 3, 17, 18, 44, 90]] += 3.5
            convolution.bias += bias.flatten()
        for block in model.head.regression_head.module_list:
            block[-1].weight += torch.randn(block[-1].weight.shape, generator=random) * 0.05
    return model


@pytest.fixture(scope="module")
def checkpoint(reference: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "seeded 가중치.pth"
    torch.save(reference.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> SsdNetwork:
    return SPEC.load("cpu", checkpoint)


@pytest.mark.parametrize("name", PICTURES)
def test_the_chain_agrees_with_torchvision(
    name: str, reference: Any, checkpoint: Path, detect: Callable[..., Detections]
) -> None:
    pixels = PICTURES[name]
    with torch.inference_mode():
        (expected,) = reference([torch.from_numpy(pixels).permute(2, 0, 1) / 255])
    column = {output: row for row, output in enumerate(OUTPUTS)}
    wanted = [
        row
        for row, (label, score) in enumerate(zip(expected["labels"].tolist(), expected["scores"].tolist(), strict=True))
        if score > 0.05 and label in column
    ]
    # The seeded network has to find something, and less than torchvision's limit of 300 would cut.
    assert len(wanted) > 20 or name == "one pixel"
    assert expected["scores"][-1] < 0.05
    found = detect(Image(pixels), "ssdlite", checkpoint, score=0.05, iou=0.55, max_count=300)
    assert len(found) == len(wanted)
    # Equal scores may come in either order, so boxes are matched by class and place.
    boxes, scores = expected["boxes"][wanted].numpy(), expected["scores"][wanted].numpy()
    classes = np.array([column[label] for label in expected["labels"][wanted].tolist()])
    left = set(range(len(wanted)))
    for box, score, label in zip(found.boxes, found.scores, found.classes, strict=True):
        distances = {row: np.abs(boxes[row] - box).max() for row in left if classes[row] == label}
        row = min(distances, key=lambda row: distances[row])
        assert distances[row] < 1e-2
        assert abs(scores[row] - score) < 1e-4
        left.remove(row)


def test_candidates(network: SsdNetwork) -> None:
    image = Image(PICTURES["wide"])
    before = image.pixels.copy()
    found = network.predict(image, NoParams(), Progress())
    np.testing.assert_array_equal(image.pixels, before)
    assert 0 < len(found) <= MAX_CANDIDATES
    assert found.scores.min() >= FLOOR
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids.tolist() == list(range(len(found)))
    assert found.labels == network.labels == SPEC.labels
    assert found.boxes.min() >= 0
    assert (found.boxes.max(axis=0) <= [image.size.width, image.size.height] * 2).all()
    # Before suppression: boxes of one class still lie on each other.
    first = torch.from_numpy(found.boxes[found.classes == found.classes[0]])
    assert (box_iou(first, first).triu(1) > 0.8).any()


def test_the_best_candidates_of_all_anchors_and_classes(reference: Any, network: SsdNetwork) -> None:
    """The scores are those of a softmax over the head, whatever anchor and class they belong to."""
    pixels = PICTURES["square"]
    scores = []

    def keep(head: Any, inputs: Any, outputs: dict[str, torch.Tensor]) -> None:
        scores.append(outputs["cls_logits"][0].softmax(-1)[:, list(OUTPUTS)].flatten())

    hook = reference.head.register_forward_hook(keep)
    try:
        with torch.inference_mode():
            reference([torch.from_numpy(pixels).permute(2, 0, 1) / 255])
    finally:
        hook.remove()
    expected = np.sort(scores[0].numpy())[::-1][:MAX_CANDIDATES]
    found = network.predict(Image(pixels), NoParams(), Progress())
    np.testing.assert_allclose(found.scores, expected[expected >= FLOOR], atol=1e-5)


def test_published_facts_are_torchvisions_own() -> None:
    (weights,) = SPEC.weights
    official = SSDLite320_MobileNet_V3_Large_Weights.DEFAULT
    categories = official.meta["categories"]
    assert weights.url == official.url
    assert weights.file_name == official.url.rpartition("/")[2]
    assert weights.sha256 == weights.file_name.removesuffix(".pth").rpartition("-")[2]
    assert abs(weights.size_bytes / 2**20 - official.meta["_file_size"]) < 0.001
    assert f"{official.meta['_metrics']['COCO-val2017']['box_map']}" in weights.metrics
    assert tuple(categories[output] for output in OUTPUTS) == LABELS == weights.labels
    assert {name for row, name in enumerate(categories) if row not in OUTPUTS} == {"__background__", "N/A"}


def test_it_stops_between_backbone_and_head(network: SsdNetwork) -> None:
    progress = Progress()
    model: Any = network.model
    ran: list[str] = []
    hooks = [
        model.backbone.register_forward_hook(lambda *_: progress.cancel()),
        model.head.register_forward_hook(lambda *_: ran.append("head")),
    ]
    try:
        with pytest.raises(Cancelled):
            network.predict(Image(PICTURES["square"]), NoParams(), progress)
    finally:
        for hook in hooks:
            hook.remove()
    assert ran == []


def test_parameters_can_be_differentiated(network: SsdNetwork) -> None:
    """Built outside of inference mode: a later analysis asks this network for gradients."""
    assert not any(parameter.is_inference() for parameter in network.model.parameters())
    assert not network.model.training


def test_missing_weights_say_where_to_get_them(home: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        SPEC.load("cpu", None)
    text = str(caught.value)
    for fact in (SPEC.weights[0].file_name, "14.1 MB", "BSD-3-Clause", SPEC.weights[0].url, str(home / "torch")):
        assert fact in text
    assert "choose a local file" in text


def test_another_networks_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), path)
    with pytest.raises(WeightsError, match="Expected a checkpoint of SSDlite320"):
        SPEC.load("cpu", path)


def test_a_checkpoint_with_other_classes(reference: Any, tmp_path: Path) -> None:
    path = tmp_path / "five classes.pth"
    torch.save(ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5).state_dict(), path)
    with pytest.raises(WeightsError) as caught:
        SPEC.load("cpu", path)
    sentence, header, *rows = str(caught.value).split("\n")
    assert "12 of another shape" in sentence
    assert header.split() == ["tensor", "expected", "found"]
    assert any("546" in row and "30" in row for row in rows)
