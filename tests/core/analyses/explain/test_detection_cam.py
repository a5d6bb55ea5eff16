"""Evidence for a detection against finite differences through whole networks, and what a removed tenth does."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor, nn
from torchvision.models import SwinTransformer, detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

import cvstudio
from cvstudio.analyses.explain._candidate_map import (
    BY_MEAN,
    BY_PLACE,
    added,
    candidate_maps,
    candidate_row,
    row_at,
)
from cvstudio.data.geometry import View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.detection._detr import DetrNetwork, DetrParams
from cvstudio.models.detection._detr import build as build_detr
from cvstudio.models.detection._ssd import SsdNetwork
from cvstudio.models.detection._torchvision import TorchvisionDetector, _feature_layer
from cvstudio.models.detection.faster_rcnn import FasterRcnnNetwork
from cvstudio.models.detection.fcos import FcosNetwork
from cvstudio.models.detection.retinanet import RetinaNetwork
from cvstudio.models.detection.yolox import YoloxNetwork
from cvstudio.models.inspection.trace import build_without_numbers
from cvstudio.results.detections import Detections
from tests.benchmarks.explained_objects import drops_of_tenths

PHOTO = Image(np.ascontiguousarray(skimage.data.chelsea()[40:232, 60:316]))


class VisionTransformer(nn.Module):
    """A small trunk of tokens, one for each patch of 16 pixels, behind a class token."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 16, 16)
        self.class_token = nn.Parameter(torch.randn(1, 1, 32))
        layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        maps = self.patches(x)
        n, _, height, width = maps.shape
        tokens = torch.cat([self.class_token.expand(n, -1, -1), maps.flatten(2).transpose(1, 2)], 1)
        tokens = self.encoder(tokens)[:, 1:]
        return OrderedDict({"0": tokens.transpose(1, 2).reshape(n, -1, height, width)})


class Swin(nn.Module):
    """A small Swin, whose maps have their channels last."""

    out_channels = 48

    def __init__(self) -> None:
        super().__init__()
        whole = SwinTransformer([4, 4], 24, [2, 2], [2, 2], [4, 4], stochastic_depth_prob=0.0)
        self.features = whole.features

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return OrderedDict({"0": self.features(x).permute(0, 3, 1, 2)})


def two_stages(backbone: nn.Module) -> nn.Module:
    model: nn.Module = detection.FasterRCNN(
        backbone,
        num_classes=91,
        min_size=128,
        max_size=192,
        rpn_anchor_generator=AnchorGenerator(((32, 64),), ((0.5, 1.0, 2.0),)),
        box_roi_pool=MultiScaleRoIAlign(["0"], 7, 2),
    )
    return model


def lively(model: Any) -> Any:
    """`model` with random weights of which something reaches the scores."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.backbone.train()
    with torch.no_grad():
        model.backbone(torch.randn(2, 3, *(model.transform.fixed_size or (128, 160))))
    return model.eval()


def calmed(network: Any) -> Any:
    """`network` with class logits that neither saturate nor vanish: a deviation of 1 on the photo."""
    model = network.model
    if hasattr(model, "roi_heads"):
        layers = [model.roi_heads.box_predictor.cls_score]
    elif isinstance(network, DetrNetwork):
        layers = [model.class_labels_classifier]
    elif isinstance(network, YoloxNetwork):
        layers = [*model.head.cls_preds, *model.head.obj_preds]
    else:
        head = model.head.classification_head
        parts = [head.cls_logits] if hasattr(head, "cls_logits") else list(head.module_list)
        layers = [part[-1] if isinstance(part, nn.Sequential) else part for part in parts]
    deviations: dict[Any, float] = {}

    def measure(part: Any, inputs: Any, output: Tensor) -> None:
        deviations.setdefault(part, float(output.std()))

    hooks = [layer.register_forward_hook(measure) for layer in layers]
    with torch.no_grad():
        network.scored(PHOTO, params_of(network), Progress())
        for hook in hooks:
            hook.remove()
        for layer, deviation in deviations.items():
            layer.weight /= max(deviation, 1e-6)
            layer.bias.zero_()
    return network


def torchvision_network(builder: str, network: type[TorchvisionDetector]) -> Any:
    model = lively(getattr(detection, builder)(weights=None, weights_backbone=None, num_classes=91))
    if model.transform.fixed_size is None:
        model.transform.min_size, model.transform.max_size = (128,), 192
    return calmed(network(model, "cpu"))


NETWORKS: dict[str, Callable[[], Any]] = {
    "embedded": lambda: MODELS["pyramid-lite0"].load("cpu", None),
    "five classes": lambda: MODELS["pyramid-5"].load("cpu", None),
    "YOLOX": lambda: yolox(),
    "Faster R-CNN": lambda: torchvision_network("fasterrcnn_mobilenet_v3_large_320_fpn", FasterRcnnNetwork),
    "RetinaNet": lambda: torchvision_network("retinanet_resnet50_fpn", RetinaNetwork),
    "FCOS": lambda: torchvision_network("fcos_resnet50_fpn", FcosNetwork),
    "SSDlite": lambda: torchvision_network("ssdlite320_mobilenet_v3_large", SsdNetwork),
    "ViT": lambda: calmed(FasterRcnnNetwork(lively(two_stages(VisionTransformer())), "cpu")),
    "Swin": lambda: calmed(FasterRcnnNetwork(lively(two_stages(Swin())), "cpu")),
    "DETR": lambda: calmed(DetrNetwork(seeded_detr(), "cpu")),
}


def yolox() -> Any:
    from cvstudio.models.detection.yolox import VARIANTS
    from cvstudio.models.shared.preprocessing import Preparation
    from cvstudio.models.shared.yolox_net import Scale, YoloxNet

    torch.manual_seed(0)
    model = YoloxNet(Scale(0.33, 0.25, depthwise=True), 80)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(torch.rand(2, 3, 160, 160) * 255)
    fill = VARIANTS[0].preparation
    return calmed(YoloxNetwork(model.eval(), Preparation((160, 160), fill.resize, fill.fill, channels="BGR"), "cpu"))


def seeded_detr() -> Any:
    torch.manual_seed(0)
    return build_detr("resnet18", dilation=False)


def params_of(network: Any) -> Any:
    return DetrParams(side=160) if isinstance(network, DetrNetwork) else NoParams()


def ramp(width: int) -> np.ndarray:
    """From 0 at the left edge to 1 at the right one, at the centres of `width` places."""
    return ((np.arange(width) + 0.5) / width).astype(np.float32)


def score_with_scaled_maps(network: Any, layer: str, found: Detections, change: float) -> float:
    """The score of a candidate where all maps that `layer` answers grow by `change` from left to right: a common factor
    would be lost on a normalisation behind them."""
    from torch.utils._pytree import tree_map

    def scaled(module: Any, inputs: Any, output: Any) -> Any:
        def grown(item: Tensor) -> Tensor:
            return item * (1 + change * torch.from_numpy(ramp(item.shape[-1]))) if item.is_floating_point() else item

        return tree_map(grown, output)

    hook = network.model.get_submodule(layer).register_forward_hook(scaled)
    try:
        with torch.no_grad():
            scored = network.scored(PHOTO, params_of(network), Progress())
            return float(scored.scores[candidate_row(scored, found, 0)])
    finally:
        hook.remove()


def one_run_of_proposals(network: Any) -> Any:
    """What the first stage of a network proposes for the photo."""
    kept: list[Any] = []
    plain = network._proposals

    def keeping(*args: Any) -> Any:
        kept.append(plain(*args))
        return kept[-1]

    network._proposals = keeping
    with torch.no_grad():
        network.scored(PHOTO, params_of(network), Progress())
    return kept[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_adds_up_to_what_the_layer_does_for_the_score(name: str) -> None:
    """Each map times its gradient is how the score changes with a factor of the maps, one that grows rightwards."""
    network = NETWORKS[name]()
    layer = network.feature_layer
    found = network.predict(PHOTO, params_of(network), Progress())
    assert len(found)
    maps, scored = candidate_maps(network, PHOTO, params_of(network), layer, found, 0, Progress())
    row = candidate_row(scored, found, 0)
    # Running without gradients, in tiles of a folded network or not, gives the very candidate that was found.
    assert float(scored.scores[row]) == pytest.approx(float(found.scores[0]), abs=1e-4)
    assert np.allclose(np.clip(scored.boxes[row], 0, [*PHOTO.size, *PHOTO.size]), found.boxes[0], atol=0.1)
    if hasattr(network, "_proposals"):
        # The gradient is that of the score of one proposal, which the first stage would move.
        kept = one_run_of_proposals(network)
        network._proposals = lambda *args: kept
    step = 4e-3
    up, down = (score_with_scaled_maps(network, layer, found, sign * step) for sign in (1, -1))
    slope = (up - down) / (2 * step)
    got = float((maps[BY_PLACE] * ramp(maps[BY_PLACE].shape[1])).sum())
    # Levels are enlarged to the finest, which moves a little of them; scores are single precision.
    assert got == pytest.approx(slope, rel=0.05, abs=5e-5)
    assert maps[BY_PLACE].shape == maps[BY_MEAN].shape
    height, width = maps[BY_PLACE].shape
    assert width > 1 < height
    assert scored.rect.width >= PHOTO.size.width - 1
    for module in network.model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in network.model.parameters())
    assert torch.is_grad_enabled()


def test_maps_of_the_embedded_detector_by_a_plain_backward_pass() -> None:
    network: Any = MODELS["pyramid-lite0"].load("cpu", None)
    found = network.predict(PHOTO, NoParams(), Progress())
    maps, scored = candidate_maps(network, PHOTO, NoParams(), "trunk", found, 0, Progress())
    row = candidate_row(scored, found, 0)
    from cvstudio.models.shared.lite_trunk import network_input

    pixels, size, _ = network_input(PHOTO, "cpu")
    with torch.no_grad():
        trunk = network.model.trunk(pixels)
    leaves = [item.clone().requires_grad_() for item in trunk]
    score = network._scores(network.model.from_maps(leaves), leaves[-1], size).flatten()[row]
    score.backward()
    expected = np.zeros(leaves[0].shape[-2:])
    for leaf in leaves:
        assert leaf.grad is not None
        level = (leaf * leaf.grad).sum(1)[0].detach()
        wide = nn.functional.interpolate(level[None, None], expected.shape, mode="bilinear", align_corners=False)
        expected += wide[0, 0].numpy() * level.numel() / expected.size
    np.testing.assert_allclose(maps[BY_PLACE], expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "layer"),
    [("ViT", "backbone.encoder"), ("ViT", "backbone.encoder.layers.0"), ("Swin", "backbone.features.1")],
)
def test_tokens_and_channels_last_are_laid_out(name: str, layer: str) -> None:
    network = NETWORKS[name]()
    found = network.predict(PHOTO, NoParams(), Progress())
    maps, scored = candidate_maps(network, PHOTO, NoParams(), layer, found, 0, Progress())
    stride = 16 if name == "ViT" else 4
    assert maps[BY_PLACE].shape == (scored.input_size[0] // stride, scored.input_size[1] // stride)


@pytest.mark.parametrize("key", ["ssd300", "ssdlite", "faster-rcnn-r50", "fcos", "retinanet-v2"])
def test_the_trunk_of_each_torchvision_detector_is_known(key: str) -> None:
    architecture = MODELS[key].architecture
    assert architecture is not None
    model: Any = build_without_numbers(architecture)
    calls: list[Any] = []
    model.get_submodule(_feature_layer(model.backbone)).register_forward_hook(lambda *call: calls.append(call[2]))
    assert architecture.call is not None
    with torch.no_grad():
        architecture.call(model, torch.empty(1, 3, *architecture.input_size, device="meta"))
    (output,) = calls
    finest = output if isinstance(output, Tensor) else next(iter(output.values()))
    assert finest.ndim == 4
    assert min(finest.shape[-2:]) >= 20


def test_a_layer_without_maps_is_told() -> None:
    network: Any = MODELS["pyramid-lite0"].load("cpu", None)
    found = network.predict(PHOTO, NoParams(), Progress())
    with pytest.raises(ParamsError, match="no layer 'nothing'"):
        candidate_maps(network, PHOTO, NoParams(), "nothing", found, 0, Progress())
    with pytest.raises(ParamsError, match="answers no maps that this score depends on"):
        candidate_maps(network, PHOTO, NoParams(), "prototype_out", found, 0, Progress())


def test_levels_keep_their_totals() -> None:
    fine, coarse = torch.rand(8, 12), torch.rand(2, 3)
    total = added([coarse, fine])
    assert total.shape == (8, 12)
    assert total.sum() == pytest.approx(float(fine.sum() + coarse.sum()), rel=0.1)


class TestAnalysis:
    def test_the_best_object_and_the_one_that_was_clicked(self) -> None:
        best = cvstudio.run("detection-cam", sample_path("street"))
        found = cvstudio.run("detect", sample_path("street"))
        assert (best.label, best.chosen) == (found.label(0), found.ids[0])
        assert best.probability == pytest.approx(float(found.scores[0]))
        np.testing.assert_array_equal(best.objects.boxes, found.boxes)
        for row in range(len(found)):
            x, y = (found.boxes[row, :2] + found.boxes[row, 2:]) / 2
            other = cvstudio.run("detection-cam", sample_path("street"), at=(float(x), float(y)))
            chosen = int(np.flatnonzero(other.objects.ids == other.chosen)[0])
            assert chosen == row_at(found, (float(x), float(y)))
            # The strongest evidence lies in the box, or close to it.
            line, column = np.unravel_index(other.values.argmax(), other.values.shape)
            height, width = other.values.shape
            at = (column + 0.5) / width * other.rect.width, (line + 0.5) / height * other.rect.height
            box = other.objects.boxes[chosen]
            margin = 2 * other.rect.width / width
            assert box[0] - margin <= at[0] <= box[2] + margin
            assert box[1] - margin <= at[1] <= box[3] + margin

    def test_two_objects_of_a_class_have_two_maps(self) -> None:
        found = cvstudio.run("detect", sample_path("street"))
        cars = np.flatnonzero(found.classes == found.labels.index("car"))[:2]
        assert len(cars) == 2
        maps = []
        for row in cars:
            x, y = (found.boxes[row, :2] + found.boxes[row, 2:]) / 2
            maps.append(cvstudio.run("detection-cam", sample_path("street"), at=(float(x), float(y))).values)
        assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] < 0.5

    def test_no_mask_hides_the_map(self) -> None:
        found = cvstudio.run("detection-cam", sample_path("street"))
        assert found.objects is not None
        assert found.objects.masks is not None
        bare = dataclasses.replace(found, objects=dataclasses.replace(found.objects, masks=None))
        drawn = [render(None, [(item, Look())], View.whole(found.size)) for item in (found, bare)]
        np.testing.assert_array_equal(drawn[0], drawn[1])

    def test_where_nothing_is_found_the_map_is_empty(self, tmp_path: Path) -> None:
        import cv2

        cv2.imwrite(str(tmp_path / "grey.png"), np.full((80, 120, 3), 114, np.uint8))
        found = cvstudio.run("detection-cam", tmp_path / "grey.png", score=1.0)
        assert found.values.max() >= 0
        assert len(found.objects) <= 1


def test_a_removed_tenth_lowers_the_score_more_than_a_random_one(data: Callable[..., Path]) -> None:
    """A sample of what `tests/benchmarks/bench_explained_objects.py` measures on a hundred objects."""
    drops = drops_of_tenths(data("coco128", "images"), 6)
    assert len(drops) == 6
    assert drops[:, 0].mean() > drops[:, 1].mean() + 0.15
