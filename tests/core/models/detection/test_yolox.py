from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.reader_pool import Readers
from cvstudio.models import MODELS
from cvstudio.models.detection.yolox import VARIANTS, YoloxNetwork
from cvstudio.models.shared.candidates import FLOOR, decode_grid
from cvstudio.models.shared.preprocessing import fit, to_input
from cvstudio.models.shared.yolox_net import Scale, YoloxNet
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.everyday.teacher import published

NANO = VARIANTS[0]
PARAMETERS_M = {"nano": 0.91, "tiny": 5.06, "s": 8.97, "m": 25.3, "l": 54.2, "x": 99.1}
"""Of the paper's tables 2 and 4, in millions."""


@pytest.fixture(scope="module")
def checkpoint(data: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights in the form in which they are published, with what training left beside them."""
    path = tmp_path_factory.mktemp("weights") / "yolox_nano.pth"
    state = published(data("weights", "yolox_nano_coco.onnx"))
    torch.save({"start_epoch": 300, "model": state, "optimizer": {"state": {}, "param_groups": []}}, path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> YoloxNetwork:
    return MODELS["yolox-nano"].load("cpu", checkpoint)


@pytest.fixture(scope="module")
def reference(data: Callable[..., Path]) -> Any:
    session = onnxruntime.InferenceSession(data("weights", "yolox_nano_coco.onnx"), providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"images": pixels})[0][0]


def picture(path: Path) -> Image:
    with Readers() as readers:
        return readers.get(open_media(path)).read()


@pytest.mark.parametrize("name", ["dog.jpg", "bus.jpg", "giraffe.jpg", "kite.jpg", "zidane.jpg", "person.jpg"])
def test_the_same_weights_give_the_boxes_of_the_onnx_file(
    name: str, network: YoloxNetwork, reference: Any, data: Callable[..., Path]
) -> None:
    pixels, _ = fit(picture(data("photos", name)).rgb8, NANO.preparation)
    given = to_input(pixels, NANO.preparation)
    expected, found = reference(given), network.raw(given, Progress())
    assert found.shape == expected.shape == (3549, 85)
    assert np.abs(found - expected).max() < 1e-3
    one, other = (decode_grid(values, (416, 416)) for values in (found, expected))
    assert np.abs(one - other).max() < 1e-3 * 416
    likely = (expected[:, 4] * expected[:, 5:].max(axis=1)) > 0.1
    assert likely.any()
    assert np.abs(one - other)[likely].max() < 1e-3


def test_it_finds_what_an_independent_reading_found(network: YoloxNetwork, data: Callable[..., Path]) -> None:
    found = network.predict(picture(data("photos", "dog.jpg")), NoParams(), Progress())
    found = found.take(nms(found.boxes, found.scores, found.classes, 0.45))
    best = {found.label(row): float(found.scores[row]) for row in reversed(range(len(found)))}
    assert best["dog"] == pytest.approx(0.86, abs=0.01)
    assert best["bicycle"] == pytest.approx(0.80, abs=0.01)
    assert best["car"] == pytest.approx(0.80, abs=0.01)


def truth_of(path: Path, image: Image) -> ImageBoxes:
    rows = np.loadtxt(path, ndmin=2) if path.is_file() and path.stat().st_size else np.zeros((0, 5))
    size = np.array([image.size.width, image.size.height] * 2)
    centre, half = rows[:, 1:3], rows[:, 3:5] / 2
    boxes = np.concatenate([centre - half, centre + half], axis=1) * size
    return ImageBoxes(boxes.astype(np.float32), rows[:, 0].astype(np.int64), np.ones(len(rows), np.float32))


def as_boxes(found: Detections, *, one_class: bool) -> ImageBoxes:
    """What non-maximum suppression at .45 leaves; `one_class` keeps the likeliest class of each place alone."""
    if one_class:
        found = found.take(np.sort(np.unique(found.boxes, axis=0, return_index=True)[1]))
    found = found.take(nms(found.boxes, found.scores, found.classes, 0.45))
    return ImageBoxes(found.boxes, found.classes, found.scores)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_its_average_precision_is_what_an_independent_reading_gave(
    network: YoloxNetwork, data: Callable[..., Path]
) -> None:
    labels = data("coco128", "object_detection", "labels", "train2017")
    one, several, truth = [], [], []
    for path in sorted(data("coco128", "images", "train2017").glob("*.jpg")):
        image = picture(path)
        truth.append(truth_of(labels / f"{path.stem}.txt", image))
        found = network.predict(image, NoParams(), Progress())
        one.append(as_boxes(found, one_class=True))
        several.append(as_boxes(found, one_class=False))
    assert len(truth) == 128
    assert np.nanmean(average_precision(one, truth, 80)) == pytest.approx(0.505, abs=0.002)
    assert np.nanmean(average_precision(several, truth, 80)) > 0.505


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_size_has_the_published_number_of_parameters(variant: Any) -> None:
    with torch.device("meta"):
        model = YoloxNet(Scale(variant.depth, variant.width, variant.depthwise), 80)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == variant.parameters
    assert count / 1e6 == pytest.approx(PARAMETERS_M[variant.name], abs=0.05)
    # What the checkpoints call their parts: 85 numbers a place come from these.
    assert {"backbone.backbone.stem.conv.conv.weight", "head.obj_preds.2.bias"} <= set(model.state_dict())
    deep = [name for name in model.state_dict() if name.startswith("backbone.backbone.dark3.1.m.")]
    assert max(int(name.split(".")[5]) for name in deep) + 1 == 3 * max(round(3 * variant.depth), 1)


@pytest.mark.parametrize("variant", VARIANTS[:3], ids=lambda variant: variant.name)
def test_a_size_is_saved_loaded_and_says_the_same(variant: Any, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = YoloxNet(Scale(variant.depth, variant.width, variant.depthwise), 80)
    path = tmp_path / "가중치.pth"
    torch.save({"model": model.state_dict()}, path)
    loaded = MODELS[variant.key].load("cpu", path)
    given = np.random.default_rng(3).uniform(0, 255, (1, 3, 96, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = model.eval()(torch.from_numpy(given))[0].numpy()
    assert np.allclose(loaded.raw(given, Progress()), expected, atol=1e-4)
    found = loaded.predict(Image(np.full((40, 90, 3), 128, np.uint8)), NoParams(), Progress())
    assert len(found) <= MAX_CANDIDATES
    assert np.all(np.diff(found.scores) <= 0)
    assert not len(found) or found.scores.min() >= FLOOR


def test_a_checkpoint_of_another_size_is_refused_with_a_table(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match="YOLOX-Tiny") as told:
        MODELS["yolox-tiny"].load("cpu", checkpoint)
    assert "of another shape" in str(told.value)


def test_it_can_be_stopped_within_the_network_and_leaves_no_hook(network: YoloxNetwork) -> None:
    asked = 0

    class Stops(Progress):
        def check(self) -> None:
            nonlocal asked
            asked += 1
            if asked == 6:
                raise Cancelled

    with pytest.raises(Cancelled):
        network.predict(Image(np.zeros((64, 64, 3), np.uint8)), NoParams(), Stops())
    assert asked == 6
    assert not any(module._forward_pre_hooks for module in network.model.modules())


def test_a_place_of_the_grid_is_decoded_as_worked_out_by_hand() -> None:
    raw = np.zeros((84, 5), np.float32)  # 64 x 64: 8 x 8, 4 x 4 and 2 x 2 places
    raw[9] = [0.5, -0.25, np.log(2), 0, 0]  # x 1, y 1 at stride 8
    raw[83] = [0, 0, 0, np.log(0.5), 0]  # x 1, y 1 at stride 32
    boxes = decode_grid(raw, (64, 64))
    assert boxes[9] == pytest.approx([12 - 8, 6 - 4, 12 + 8, 6 + 4])
    assert boxes[83] == pytest.approx([32 - 16, 32 - 8, 32 + 16, 32 + 8])
