"""The default detector's network against YOLOX, whose pyramid and head it has, and its masks against their formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from safetensors.torch import save_file
from torchvision.ops import box_iou

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection._cells import SAME_BOX, SURE, box_forms, candidates_of, without_second_names
from cvstudio.models.detection.pyramid_lite import SIZE, LitePyramidNetwork
from cvstudio.models.shared import coco
from cvstudio.models.shared.candidates import decode_grid
from cvstudio.models.shared.efficientnet_lite import normalise
from cvstudio.models.shared.lite_detector import ELLIPSE, N_PROTOTYPES, SCALE, LiteDetector, LiteRaw
from cvstudio.models.shared.preprocessing import fit_long_side
from cvstudio.models.shared.pyramid import decode, places
from cvstudio.models.shared.yolox_net import YoloxNet
from cvstudio.results.detections import Detections
from cvstudio.training import sets

HORSE = "109202756_b97fcdc62c.jpg"
ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "bear")
PHOTO = skimage.data.astronaut()


@pytest.fixture(scope="module")
def reference() -> LiteDetector:
    """A network with seeded weights that sees something."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = LiteDetector(len(coco.LABELS))
        for layer in (*model.head.obj_preds, *model.head.cls_preds):
            torch.nn.init.normal_(layer.weight, std=2.0)
        for layer in model.head.reg_preds:
            torch.nn.init.normal_(layer.weight, std=0.3)
        with torch.no_grad():
            model.train()
            # A pass in training mode, that the normalisations have statistics of what comes.
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = None
            model(normalise(torch.from_numpy(PHOTO[None, :416, :416].copy())))
    return model.eval()


@pytest.fixture(scope="module")
def checkpoint(reference: LiteDetector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "seeded.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in reference.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> LitePyramidNetwork:
    return MODELS["pyramid-lite0"].load("cpu", checkpoint)


def test_behind_the_adapters_it_is_yolox() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        yolox = YoloxNet(SCALE, 80).eval()
        x = torch.rand(1, 3, 96, 128) * 255
    student = LiteDetector(80).eval()
    behind = {name: tensor for name, tensor in yolox.backbone.state_dict().items() if not name.startswith("backbone.")}
    student.pyramid.load_state_dict(behind)
    student.head.load_state_dict(yolox.head.state_dict())
    with torch.inference_mode():
        expected = yolox(x)[0]
        objectness, classes, distances, _ = student.outputs(student.pyramid(yolox.backbone.backbone(x)))
        centres, strides = places(96, 128)
        boxes = decode(distances[0], centres, strides).numpy()
    scores = (objectness.sigmoid() * classes.sigmoid())[0]
    torch.testing.assert_close(scores, expected[:, 4:5] * expected[:, 5:])
    np.testing.assert_allclose(boxes, decode_grid(expected.numpy(), (128, 96)), atol=1e-3)


def test_candidates_are_those_of_the_plain_network(reference: LiteDetector, network: LitePyramidNetwork) -> None:
    image = Image(PHOTO)
    found = network.predict(image, NoParams(), Progress())
    pixels, scale = fit_long_side(image, SIZE)
    with torch.inference_mode():
        raw = reference(normalise(torch.from_numpy(pixels[None])))
    every = candidates_of(raw.scores[0], raw, pixels.shape[:2], scale, coco.LABELS, image.size)
    expected = without_second_names(every, ANIMALS)
    assert len(found) == len(expected) > 20
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-3)
    np.testing.assert_allclose(np.sort(found.boxes.sum(axis=1)), np.sort(expected.boxes.sum(axis=1)), rtol=1e-2)


def test_classes_that_are_not_answered_change_nothing_for_the_others(checkpoint: Path) -> None:
    network = MODELS["pyramid-lite0"].load("cpu", checkpoint)
    image = Image(PHOTO)
    everything = network.predict(image, NoParams(), Progress())
    # All animals, as one of them takes another's name away.
    known = ("person", *ANIMALS, "tv")
    network.restrict(known)
    some = network.predict(image, NoParams(), Progress())
    assert some.labels == known
    for label in known:
        mine = some.scores[some.classes == known.index(label)]
        theirs = everything.scores[everything.classes == coco.LABELS.index(label)]
        np.testing.assert_allclose(mine[: len(theirs)], theirs, atol=1e-4)
    network.restrict(coco.LABELS)
    np.testing.assert_allclose(network.predict(image, NoParams(), Progress()).scores, everything.scores, atol=1e-4)


def test_what_is_named_twice_keeps_its_best_name() -> None:
    """Against torchvision's overlaps and the rule pair by pair, on boxes that are many to each of a few places."""
    rng = np.random.default_rng(3)
    centres = rng.uniform(50, 250, (6, 2))[rng.integers(6, size=300)] + rng.normal(0, 1.5, (300, 2))
    sides = rng.uniform(38, 42, (300, 2))
    boxes = np.concatenate([centres - sides, centres + sides], axis=1).astype(np.float32)
    scores = np.sort(rng.uniform(0.05, 0.9, 300).astype(np.float32))[::-1]
    classes = rng.integers(4, size=300)
    labels = ("dog", "person", "cat", "cow")
    candidates = Detections(boxes, scores, classes, labels, np.arange(300), Size(300, 300))
    left = without_second_names(candidates, ("cat", "dog", "cow"))
    ious = box_iou(torch.from_numpy(boxes), torch.from_numpy(boxes)).numpy()
    expected: list[int] = []
    for row in range(300):
        others = [best for best in expected if classes[best] not in (classes[row], 1) and scores[best] >= SURE]
        if classes[row] == 1 or not any(ious[best, row] >= SAME_BOX for best in others):
            expected.append(row)
    assert 50 < len(expected) < 250
    np.testing.assert_array_equal(left.boxes, boxes[expected])
    np.testing.assert_array_equal(left.scores, scores[expected])
    assert left.ids.tolist() == list(range(len(expected)))
    assert without_second_names(candidates, ("dog",)) is candidates


def test_an_animal_has_one_name(data: Callable[..., Path]) -> None:
    """A dog that is a cat, too, and a horse that is a cow, too, in one and the same box."""
    network = MODELS["pyramid-lite0"].load("cpu", None)
    score = MODELS["pyramid-lite0"].defaults["score"]
    for place, name in (
        (("coco128", "images", "train2017", "000000000307.jpg"), "dog"),
        (("flickr8k", "images", HORSE), "horse"),
    ):
        found = network.predict(Image(sets.decode(data(*place).read_bytes())), NoParams(), Progress())
        best = next(row for row in range(len(found)) if found.label(row) == name)
        ious = box_iou(torch.tensor(found.boxes[best : best + 1]), torch.tensor(found.boxes))[0].numpy()
        doubles = {found.label(row) for row in np.flatnonzero((ious >= SAME_BOX) & (found.scores >= score))}
        assert doubles == {name}


def test_forms_in_boxes_are_what_they_say() -> None:
    rng = np.random.default_rng(0)
    prototypes = rng.normal(size=(3, 20, 30)).astype(np.float32)
    coefficients = rng.normal(size=(2, 8)).astype(np.float32)
    boxes = np.array([[3, 2, 9, 17], [27.5, 18.2, 29.5, 19.9]], np.float32)
    shared, combined = box_forms(prototypes, coefficients, boxes)
    found = np.einsum("nk,khw->nhw", combined, shared)
    y, x = np.mgrid[:20, :30] + 0.5
    for row, (left, top, right, bottom) in enumerate(boxes):
        u, v = (2 * x - left - right) / (right - left), (2 * y - top - bottom) / (bottom - top)
        expected = np.einsum("k,khw->hw", coefficients[row, :3], prototypes)
        expected += np.einsum("k,khw->hw", coefficients[row, 3:], np.stack([np.ones_like(u), u, v, u * u, v * v]))
        inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
        np.testing.assert_allclose(found[row][inside], expected[inside], atol=5e-3)


def test_a_mask_before_training_is_the_ellipse_in_its_box() -> None:
    distances, coefficients = torch.full((1, 1, 4), 4.0), torch.zeros(1, 1, N_PROTOTYPES + len(ELLIPSE))
    coefficients[..., N_PROTOTYPES:] = torch.tensor(ELLIPSE)
    # One cell of the finest level in the middle of its picture: a box of 64 pixels around it.
    cells = sum((96 // stride) ** 2 for stride in (8, 16, 32))
    scores = torch.zeros(cells, 1)
    middle = 6 * 12 + 6
    scores[middle] = 0.9
    raw = LiteRaw(
        torch.zeros(1, cells, 1),
        torch.zeros(1, cells, 1),
        distances.expand(1, cells, 4),
        coefficients.expand(1, cells, -1),
        torch.zeros(1, N_PROTOTYPES, 24, 24),
    )
    image = Image(np.zeros((96, 96, 3), np.uint8))
    found = candidates_of(scores, raw, (96, 96), (1.0, 1.0), ("thing",), image.size)
    assert found.boxes.tolist() == [[20, 20, 84, 84]]
    assert found.masks is not None
    mask = found.masks.full(0, found.boxes[0], image.size)
    assert mask.sum() == pytest.approx(np.pi * 32**2, rel=0.02)
    assert mask[52, 21:83].all()
    assert not mask[22, 22]
