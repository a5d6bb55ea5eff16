"""Anchors and proposals against torchvision's own generators and networks, on the same random weights every time."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from cvstudio.analyses import ANALYSES
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.exporters import EXPORTERS, export
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection._torchvision import TorchvisionDetector
from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.results.proposals import Level, Proposals
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance, run

BUILDERS = {
    "ssd300": "ssd300_vgg16",
    "ssdlite": "ssdlite320_mobilenet_v3_large",
    "retinanet": "retinanet_resnet50_fpn",
    "faster-rcnn-mobile-320": "fasterrcnn_mobilenet_v3_large_320_fpn",
}
PICTURE = np.ascontiguousarray(skimage.data.chelsea()[60:260, 50:350])


@pytest.fixture(scope="module", params=list(BUILDERS))
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def reference(key: str) -> Any:
    """torchvision's network; its heads are told apart by more than they are at the start of a training."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = getattr(detection, BUILDERS[key])(weights=None, weights_backbone=None).eval()
        for name, parameter in model.named_parameters():
            if "head" in name or "predictor" in name:
                # Boxes move a little, classes differ much.
                parameter.data += torch.randn_like(parameter) * (0.02 if "cls" in name or "class" in name else 0.001)
    return model.to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def checkpoint(key: str, reference: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / f"{key}.pth"
    torch.save(reference.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def network(key: str, checkpoint: Path, unfilled: Any) -> TorchvisionDetector:
    with unfilled():
        loaded: TorchvisionDetector = MODELS[key].load("cpu", checkpoint)
    if loaded.model.transform.min_size == (800,):
        # A quarter of the pixels; torchvision's network is shown the same batch.
        loaded.model.transform.min_size, loaded.model.transform.max_size = (400,), 667
    return loaded


@pytest.fixture(scope="module")
def inside(network: TorchvisionDetector) -> Proposals:
    return network.inside(Image(PICTURE), Progress())


def seen(reference: Any, network: TorchvisionDetector) -> tuple[ImageList, dict[str, torch.Tensor]]:
    """The picture as both see it, and torchvision's maps of features."""
    batch: ImageList = network._batch(Image(PICTURE))
    return batch, reference.backbone(batch.tensors)


def on_picture(boxes: torch.Tensor, batch: ImageList) -> np.ndarray:
    height, width = batch.image_sizes[0]
    across, down = PICTURE.shape[1] / width, PICTURE.shape[0] / height
    scaled: np.ndarray = boxes.numpy() * np.array([across, down, across, down], np.float32)
    return scaled


@torch.inference_mode()
def test_anchors_are_those_of_torchvisions_generator_level_by_level(
    key: str, reference: Any, network: TorchvisionDetector, inside: Proposals
) -> None:
    batch, features = seen(reference, network)
    maps = list(features.values())
    own = reference.rpn.anchor_generator if hasattr(reference, "rpn") else reference.anchor_generator
    # Made anew from its settings, so that nothing that ours may have done to it counts.
    if isinstance(own, AnchorGenerator):
        made: Any = AnchorGenerator(own.sizes, own.aspect_ratios)
    else:
        made = DefaultBoxGenerator(own.aspect_ratios, scales=own.scales, steps=own.steps, clip=own.clip)
    (expected,) = made(batch, maps)
    assert inside.anchors == pytest.approx(on_picture(expected, batch), abs=1e-3)
    assert [(level.rows, level.columns) for level in inside.levels] == [tuple(item.shape[-2:]) for item in maps]
    assert [level.per_place for level in inside.levels] == made.num_anchors_per_location()
    for level in inside.levels:
        boxes = inside.anchors[level.first : level.first + level.count].reshape(level.rows, level.columns, -1, 4)
        for row, column in ((0, 0), (level.rows - 1, level.columns // 2), (level.rows // 2, level.columns - 1)):
            middles = (boxes[row, column, :, :2] + boxes[row, column, :, 2:]) / 2
            assert middles == pytest.approx(np.tile(level.middle(row, column), (level.per_place, 1)), abs=0.01)
            assert level.nearest(*level.middle(row, column)) == (row, column)


def test_a_place_has_the_anchors_whose_middle_is_nearest(inside: Proposals) -> None:
    x, y = 140.0, 77.0
    middles = (inside.anchors[:, :2] + inside.anchors[:, 2:]) / 2
    for level, rows in zip(inside.levels, inside.anchors_at(x, y), strict=True):
        here = slice(level.first, level.first + level.count)
        # Places lie on a grid: the nearest in x and in y.
        far = np.abs(middles[here] - [x, y])
        nearest = far.min(axis=0)
        assert np.abs(middles[rows] - [x, y]) == pytest.approx(np.tile(nearest, (len(rows), 1)), abs=0.01)
        assert len(rows) == level.per_place
    outside = inside.anchors_at(-1e6, 1e6)
    assert [int(rows[0]) for rows in outside] == [
        level.first + (level.rows - 1) * level.columns * level.per_place for level in inside.levels
    ]


@torch.inference_mode()
def test_proposals_are_those_of_the_networks_own_proposal_network(
    key: str, reference: Any, network: TorchvisionDetector, inside: Proposals
) -> None:
    if not hasattr(reference, "rpn"):
        # A single-shot network has none: its last step looks at anchors.
        assert not inside.two_stages
        known = {tuple(row) for row in inside.anchors.tolist()}
        assert {tuple(row) for row in inside.proposal_boxes.tolist()} <= known
        return
    batch, features = seen(reference, network)
    (expected,), _ = reference.rpn(batch, features)
    assert inside.two_stages
    assert len(inside.proposal_boxes) == len(expected) > 50
    # The same ones, ours by objectness; torchvision has them by what its suppression keeps first, which is the same.
    assert inside.proposal_boxes == pytest.approx(on_picture(expected, batch), abs=1e-2)
    assert (np.diff(inside.objectness) <= 0).all()
    assert 0 <= inside.objectness.min() <= inside.objectness.max() <= 1


@torch.inference_mode()
def test_after_the_head_each_is_where_torchvision_puts_it(
    key: str, reference: Any, network: TorchvisionDetector, inside: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.argsort(-inside.scores, kind="stable")[:40]
    part = reference.roi_heads if hasattr(reference, "roi_heads") else reference
    # Everything that likely, suppressing nothing: among it is each of these regions with its likeliest class.
    monkeypatch.setattr(part, "score_thresh", float(inside.scores[rows].min()) - 1e-5)
    monkeypatch.setattr(part, "nms_thresh", 1.0)
    monkeypatch.setattr(part, "detections_per_img", 10**7)
    if hasattr(part, "topk_candidates"):
        monkeypatch.setattr(part, "topk_candidates", 10**7)
    batch = network._batch(Image(PICTURE))
    monkeypatch.setattr(reference.transform, "forward", lambda images, targets: (batch, targets))
    (found,) = reference([torch.from_numpy(PICTURE.copy()).permute(2, 0, 1) / 255])
    compared = 0
    for row in rows.tolist():
        side = inside.refined_boxes[row, 2:] - inside.refined_boxes[row, :2]
        if min(side) < 0.5:
            continue  # torchvision leaves out what is too small to be a box
        compared += 1
        same = found["labels"] == OUTPUTS[LABELS.index(inside.label(row))]
        boxes, scores = found["boxes"][same], found["scores"][same]
        near = (boxes - torch.from_numpy(inside.refined_boxes[row].copy())).abs().amax(dim=1) < 0.05
        assert near.any(), row
        assert (scores[near] - float(inside.scores[row])).abs().min() < 1e-4
    assert compared >= 20


def test_the_likeliest_class_is_one_that_has_a_name(inside: Proposals) -> None:
    assert inside.labels == LABELS
    assert 0 <= inside.classes.min() <= inside.classes.max() < len(LABELS)
    assert (inside.scores > 0).all()
    size = [inside.size.width, inside.size.height] * 2
    assert (inside.refined_boxes >= -1e-3).all()
    assert (inside.refined_boxes <= np.array(size) + 1e-3).all()


def test_looking_inside_leaves_nothing_behind_and_says_the_same_again(
    network: TorchvisionDetector, inside: Proposals
) -> None:
    again = network.inside(Image(PICTURE), Progress())
    for name in ("anchors", "proposal_boxes", "objectness", "refined_boxes", "scores", "classes"):
        assert np.array_equal(getattr(again, name), getattr(inside, name))
    assert not any(module._forward_pre_hooks for module in network.model.modules())


@pytest.mark.parametrize("show", ["anchors", "before", "after", "both"])
def test_the_screen_is_a_crop_of_the_file(inside: Proposals, show: str) -> None:
    base = Image(PICTURE)
    shown = inside.shown(show=show, place=(100.0, 80.0), level=0, count=12)
    whole = render(base, [(shown, Look())], View.whole(base.size))
    assert not np.array_equal(whole, PICTURE)
    part = render(base, [(shown, Look())], View(Rect(60, 30, 150, 90), 1.0))
    assert np.array_equal(part, whole[30:120, 60:210])
    one = render(base, [(shown.shown(level=1), Look())], View.whole(base.size))
    assert np.array_equal(one, whole) == (show != "anchors")


def test_the_analysis_takes_a_place_a_level_and_a_count_and_writes_every_region(
    key: str, checkpoint: Path, network: TorchvisionDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "chelsea.png"
    import PIL.Image

    PIL.Image.fromarray(PICTURE).save(picture)
    values = {"show": "after", "place": (10.0, 20.0), "level": 99, "count": 7}
    with Runner() as runner:
        # From the same checkpoint, and loaded once.
        monkeypatch.setattr(runner.host, "network", lambda *_: network)
        instance = make_instance("anchors", {"picture": picture}, model=key, weights=checkpoint, values=values)
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
    result: Proposals = item.result
    assert result.level == len(result.levels)
    assert result.place == (10.0, 20.0)
    rows = result.regions()
    assert len(rows) == 7
    assert result.scores[rows].tolist() == sorted(result.scores.tolist(), reverse=True)[:7]
    assert result.source.media_id == item.media.id
    spec = ANALYSES["anchors"]
    assert spec.input_facts is not None
    assert spec.input_facts(result, {}).ranges["level"].high == len(result.levels)
    assert spec.pick is not None
    assert spec.pick(result, 400.0, -3.0) == {"place": (300.0, 0.0)}
    path = tmp_path / "regions.csv"
    export(EXPORTERS["csv"], path, item, Progress())
    table = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert len(table) == len(result.proposal_boxes)
    read = np.array([[float(line[name]) for name in ("x1", "y1", "x2", "y2")] for line in table], np.float32)
    assert np.array_equal(read, result.refined_boxes)


def test_ssd300_has_the_boxes_of_its_paper() -> None:
    # Liu et al., section 2.2: six maps of 38, 19, 10, 5, 3 and 1; 4 or 6 boxes a place; 8732 in all.
    levels = []
    first = 0
    for side, count in ((38, 4), (19, 6), (10, 6), (5, 6), (3, 4), (1, 4)):
        levels.append(Level(side, side, count, (0.0, 0.0), (300 / side, 300 / side), first))
        first += side * side * count
    assert first == sum(level.count for level in levels) == 8732
    with torch.device("meta"):
        model = detection.ssd300_vgg16(weights=None, weights_backbone=None)
    assert model.anchor_generator.num_anchors_per_location() == [level.per_place for level in levels]


def test_only_networks_with_anchors_can_be_picked(tmp_path: Path) -> None:
    spec = ANALYSES["anchors"]
    keys = {model.key for model in spec.models}
    assert set(BUILDERS) <= keys
    assert not keys & {"pyramid-5", "fcos", "hog", "haar-face", "yolox-nano"}
    assert spec.first_model in keys
    picture = tmp_path / "cat.png"
    import PIL.Image

    PIL.Image.fromarray(PICTURE).save(picture)
    with pytest.raises(BindingError, match="cannot use the model 'pyramid-5'"):
        run("anchors", picture, model="pyramid-5")


def test_a_picture_too_thin_to_be_seen_is_told() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None)
    from cvstudio.models.detection.faster_rcnn import FasterRcnnNetwork

    with pytest.raises(MediaError, match="sees nothing"):
        FasterRcnnNetwork(model, "cpu").inside(Image(np.zeros((1, 2000, 3), np.uint8)), Progress())


def test_shapes_are_checked() -> None:
    nothing = np.zeros((0, 4), np.float32)
    with pytest.raises(ValueError, match="expected anchors as float32"):
        Proposals(
            np.zeros((3, 4), np.float32),
            (Level(1, 1, 2, (0, 0), (1, 1), 0),),
            nothing,
            np.zeros(0, np.float32),
            nothing,
            np.zeros(0, np.float32),
            np.zeros(0, np.int64),
            ("a",),
            Size(9, 9),
            two_stages=False,
        )
