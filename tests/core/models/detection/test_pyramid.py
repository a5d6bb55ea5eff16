"""The embedded detector against torchvision's FCOS coder, torch's own interpolation and its network before fusing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from safetensors.torch import save_file
from torch.nn import functional
from torchvision.models.detection._utils import BoxLinearCoder

import cvstudio
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.detection.pyramid import KEY, LABELS, SIZE, PyramidNetwork
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.shared.imagenet import GREY, MEAN, STD
from cvstudio.models.shared.preprocessing import fit_long_side
from cvstudio.models.shared.pyramid import LEVELS, DetectorNet
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.weights.embedded import card, embedded_path

SPEC = MODELS[KEY]
PHOTO = skimage.data.astronaut()
PICTURES = {
    "square": PHOTO,
    "wide": np.ascontiguousarray(PHOTO[100:260]),
    "tall": np.ascontiguousarray(PHOTO[:, 100:199]),
    "large": cv2.resize(PHOTO, (1921, 1080)),
    "network's own size": cv2.resize(PHOTO, (416, 320)),
    "one pixel": np.full((1, 1, 3), 200, np.uint8),
}


@pytest.fixture(scope="module")
def reference() -> DetectorNet:
    """A network with seeded weights that sees something: one pass in training mode gives its normalisations
    statistics, and biases make classes likely."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = DetectorNet(len(LABELS))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.uniform_(module.bias, -0.5, 0.5)
        for layer in (model.classes, model.distances, model.coefficients):
            torch.nn.init.normal_(layer.weight, std=0.05)
        torch.nn.init.constant_(model.classes.bias, -1.0)
        torch.nn.init.uniform_(model.scales, 0.5, 1.5)
        with torch.no_grad():
            model.train()
            model(network_input(cv2.resize(PHOTO, (416, 416))))
    return model.eval()


@pytest.fixture(scope="module")
def checkpoint(reference: DetectorNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "seeded 가중치.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in reference.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint: Path) -> PyramidNetwork:
    return SPEC.load("cpu", checkpoint)


def network_input(pixels: np.ndarray) -> torch.Tensor:
    """float (1, 3, h, w), normalised as ImageNet's networks want it."""
    scaled = torch.from_numpy(pixels.astype(np.float32) / 255)
    return ((scaled - torch.tensor(MEAN)) / torch.tensor(STD)).permute(2, 0, 1)[None]


def by_hand(reference: DetectorNet, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """Boxes in network pixels (places, 4), scores (places, classes), mask logits' coefficients and prototypes."""
    with torch.inference_mode():
        raw = reference(network_input(pixels))
    height, width = pixels.shape[:2]
    cells = []
    for stride in LEVELS:
        for row in range(height // stride):
            for column in range(width // stride):
                cells.append((column * stride, row * stride, (column + 1) * stride, (row + 1) * stride))
    coder = BoxLinearCoder(normalize_by_size=True)
    boxes = coder.decode(raw.distances[0], torch.tensor(cells, dtype=torch.float32)).numpy()
    return boxes, raw.logits[0].sigmoid().numpy(), raw.coefficients[0].numpy(), raw.prototypes[0]


@pytest.mark.parametrize("name", PICTURES)
def test_candidates_are_those_of_the_plain_network(name: str, reference: DetectorNet, network: PyramidNetwork) -> None:
    image = Image(PICTURES[name])
    before = image.pixels.copy()
    found = network.predict(image, NoParams(), Progress())
    np.testing.assert_array_equal(image.pixels, before)
    pixels, scale = fit_long_side(image, SIZE)
    boxes, scores, coefficients, _ = by_hand(reference, pixels)
    order = np.argsort(-scores.ravel(), kind="stable")[:MAX_CANDIDATES]
    order = order[scores.ravel()[order] >= FLOOR]
    assert len(order) > 20
    assert len(found) == len(order)
    np.testing.assert_allclose(found.scores, scores.ravel()[order], atol=1e-4)
    assert (np.diff(found.scores) <= 0).all()
    assert found.ids.tolist() == list(range(len(found)))
    # Nearly equal scores may come in either order, so candidates are found again by class and place.
    width, height = image.size
    wanted = boxes / np.tile(scale, 2)
    wanted = np.clip(wanted, 0, [width, height, width, height])
    assert found.masks is not None
    for row in range(0, len(found), 37):
        same = np.flatnonzero(np.abs(scores[:, found.classes[row]] - found.scores[row]) < 1e-4)
        distance = np.abs(wanted[same] - found.boxes[row]).max(axis=1)
        place = same[distance.argmin()]
        assert distance.min() < 1e-3 * max(width, height)
        np.testing.assert_allclose(found.masks.coefficients[row], coefficients[place], atol=1e-3)


def test_what_is_under_the_floor_is_not_kept(reference: DetectorNet, tmp_path: Path) -> None:
    state = {name: tensor.clone().contiguous() for name, tensor in reference.state_dict().items()}
    image = Image(PICTURES["wide"])
    _, scores, _, _ = by_hand(reference, fit_long_side(image, SIZE)[0])
    # So much that the 500th best comes to lie at the floor.
    logits = np.sort(np.log(scores / (1 - scores)).ravel())[::-1]
    state["classes.bias"] -= float(logits[500]) - np.log(FLOOR / (1 - FLOOR))
    save_file(state, tmp_path / "unsure.safetensors")
    found = SPEC.load("cpu", tmp_path / "unsure.safetensors").predict(image, NoParams(), Progress())
    assert len(found) == pytest.approx(500, abs=3)
    assert found.scores.min() >= FLOOR


def test_masks_are_yolacts(reference: DetectorNet, network: PyramidNetwork) -> None:
    """sigmoid(prototypes . coefficients), enlarged to the network's input, above one half, cropped by the box."""
    image = Image(PICTURES["network's own size"])
    found = network.predict(image, NoParams(), Progress())
    assert found.masks is not None
    prototypes = by_hand(reference, image.pixels)[3]
    shares = []
    for row in range(0, len(found), 97):
        mixed = torch.einsum("k,kyx->yx", torch.from_numpy(found.masks.coefficients[row].copy()), prototypes)
        logits = functional.interpolate(mixed[None, None], scale_factor=4, mode="bilinear", align_corners=False)[0, 0]
        wanted = np.zeros((320, 416), bool)
        x1, y1, x2, y2 = np.rint(found.boxes[row]).astype(int)
        wanted[y1:y2, x1:x2] = (logits.numpy() > 0)[y1:y2, x1:x2]
        near = np.abs(logits.numpy()) < 1e-3
        np.testing.assert_array_equal(found.masks.full(row, found.boxes[row], found.size) | near, wanted | near)
        shares.append(wanted.sum() / max(1, (x2 - x1) * (y2 - y1)))
    assert min(shares) < 0.9
    assert max(shares) > 0.1


def test_masks_lie_on_the_picture_whatever_its_size(network: PyramidNetwork) -> None:
    """A picture twice as large has the same masks, twice as large."""
    small = Image(PICTURES["network's own size"])
    large = Image(np.repeat(np.repeat(small.pixels, 2, axis=0), 2, axis=1))
    one, two = (network.predict(image, NoParams(), Progress()) for image in (small, large))
    np.testing.assert_allclose(two.boxes, 2 * one.boxes, atol=0.01)
    assert one.masks is not None
    assert two.masks is not None
    for row in range(0, len(one), 211):
        mask = two.masks.full(row, two.boxes[row], two.size)
        cells = mask.reshape(320, 2, 416, 2).mean(axis=(1, 3))
        same = (cells > 0.5) == one.masks.full(row, one.boxes[row], one.size)
        # Only where the edge crosses a pixel of the small picture may they differ.
        assert same[(cells == 0) | (cells == 1)].mean() > 0.999


@pytest.mark.parametrize(
    ("width", "height", "inner", "padded"),
    [
        (1920, 1080, (416, 234), (416, 256)),
        (1080, 1920, (234, 416), (256, 416)),
        (384, 256, (416, 277), (416, 288)),
        (416, 320, (416, 320), (416, 320)),
        (3000, 2, (416, 1), (416, 32)),
        (1, 1, (416, 416), (416, 416)),
    ],
)
def test_the_picture_is_scaled_and_filled_up(
    width: int, height: int, inner: tuple[int, int], padded: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    pixels = cv2.GaussianBlur(pixels, (0, 0), 4) if min(width, height) > 20 else pixels
    shown, scale = fit_long_side(Image(pixels), SIZE)
    assert shown.shape == (padded[1], padded[0], 3)
    assert scale == (inner[0] / width, inner[1] / height)
    assert max(inner) == SIZE
    assert (shown[inner[1] :] == GREY).all()
    assert (shown[:, inner[0] :] == GREY).all()
    kernel = cv2.INTER_AREA if width > SIZE or height > SIZE else cv2.INTER_LINEAR
    wanted = cv2.resize(pixels, inner, interpolation=kernel).astype(int)
    # Exact where nothing is halved before; averages of averages are no further off than a level or two.
    assert np.abs(shown[: inner[1], : inner[0]] - wanted).max() <= (2 if max(width, height) >= 4 * SIZE else 0)


def test_a_large_pictures_halves_shift_nothing() -> None:
    """The centre of mass of a blob stays where exact averaging has it."""
    y, x = np.mgrid[:2160, :3840]
    for centre in ((700, 500), (3100, 1900)):
        blob = 255 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 40**2))
        shown, scale = fit_long_side(Image(np.repeat(blob.astype(np.uint8)[..., None], 3, axis=2)), SIZE)
        part = shown[:234, :, 0].astype(float)
        rows, columns = np.indices(part.shape)
        found = np.array([(columns * part).sum(), (rows * part).sum()]) / part.sum() + 0.5
        np.testing.assert_allclose(found / scale, np.array(centre) + 0.5, atol=0.5)


def test_one_road_for_python_and_the_chain(
    checkpoint: Path, network: PyramidNetwork, tmp_path: Path, detect: Callable[..., Detections]
) -> None:
    path = tmp_path / "사진.png"
    cv2.imwrite(str(path), PICTURES["wide"][..., ::-1])
    values: dict[str, Any] = {"score": 0.3, "iou": 0.5}
    runs = [
        cvstudio.run("detect", path, model=KEY, weights=checkpoint, device="cpu", **values),
        detect(Image(PICTURES["wide"]), KEY, checkpoint, **values),
    ]
    raw = network.predict(Image(PICTURES["wide"]), NoParams(), Progress())
    for found in runs:
        assert 1 < len(found) < len(raw)
        kept = raw.take(found.ids)
        np.testing.assert_array_equal(found.boxes, kept.boxes)
        assert found.masks is not None
        assert kept.masks is not None
        for row in range(len(found)):
            np.testing.assert_array_equal(
                found.masks.full(row, found.boxes[row], found.size), kept.masks.full(row, kept.boxes[row], kept.size)
            )


def test_warm_up_and_memory(network: PyramidNetwork) -> None:
    network.warm_up(Progress())
    parameters = sum(parameter.numel() for parameter in network.model.parameters())
    assert network.nbytes >= 4 * parameters > 4_000_000


def test_it_can_be_cancelled(network: PyramidNetwork) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        network.predict(Image(PICTURES["wide"]), NoParams(), progress)


def test_parameters_can_be_differentiated(network: PyramidNetwork) -> None:
    """Built outside of inference mode: a later analysis asks this network for gradients."""
    assert not any(parameter.is_inference() for parameter in network.model.parameters())
    assert not network.model.training


def test_another_networks_checkpoint_and_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(dict(torch.nn.Linear(3, 4).state_dict()), path)
    with pytest.raises(WeightsError, match="the embedded detector"):
        SPEC.load("cpu", path)
    with pytest.raises(WeightsError, match="there is no such file"):
        SPEC.load("cpu", tmp_path / "gone.safetensors")


@pytest.mark.skipif(embedded_path(KEY) is None, reason="needs the embedded detector's weights")
def test_what_is_shipped_is_what_its_card_says() -> None:
    known = card(KEY)
    assert known is not None
    assert known.labels == LABELS
    assert known.settings["size"] == SIZE
    assert SPEC.defaults["score"] == known.settings["score"]
    assert SPEC.weights[0].labels == LABELS
    network = SPEC.load("cpu", None)
    found = network.predict(Image(skimage.data.chelsea()), NoParams(), Progress())
    assert found.label(0) == "cat"
