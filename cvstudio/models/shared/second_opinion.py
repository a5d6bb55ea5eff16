"""A second opinion on a detector's animals: what the classifier on the same trunk says of their boxes.

A detector that learns from few photographs takes one animal for another, where ImageNet's classifier has seen a million
photographs and knows 398 kinds of them. Both are combined by Bayes' rule, the classifier's evidence tempered, as the
two see the same features: Kittler et al., "On Combining Classifiers", PAMI 20(3), 1998 (product rule). Hoofed animals
are one family here: ImageNet's only horses are sorrels and its only cattle oxen, so that which of them it is stays with
the detector. Persons and things are left alone: a box of them shows many things.

It also has a veto: an animal that it holds for ten times less likely than before its look, or one of the large things
of `VETOED` for half as likely, is hidden at the default score. A mirrored sphere was a toilet, a snowboarder's ramp a
train, a jumping boy a dog.

The constants were chosen on what the captions of Flickr8k's 800 photographs, the detector's training photographs among
them, say is there: of the animals shown at the default score 214 are right and 29 wrong, in place of 184 and 24; at the
score that leaves 18 wrong ones 193 are right. The teacher's boxes could not tell, as it takes dogs for bears, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.models.shared.class_names import IMAGENET_OF_COCO
from cvstudio.models.shared.lite_weights import WEIGHTS, adapted

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.lite_scene import LiteHead

FAMILIES = (("bird",), ("cat",), ("dog",), ("horse", "sheep", "cow"), ("bear",))
"""Animals by COCO's names; within a family the classifier has no say."""

MORE = {"cow": (346, 347)}
"""Classes of ImageNet beside those of the same name: water buffalo and bison are cattle to most."""

N_ANIMALS = 398
"""ImageNet's first classes are animals."""

TRUST = 0.5
"""Exponent of the classifier's evidence: at 0 it has no say, at 1 it counts as independent of the detector's."""

DOUBT = 0.3
"""Share of the prior in the classifier's answer: it is never so sure that a class is excluded."""

LEFT = 0.05
"""Least probability, before the second opinion, that it is none of the animals that the detector knows."""

LEAST = 0.05
"""Score of an animal from which the classifier is asked."""

VETOED = (
    "airplane",
    "train",
    "boat",
    "couch",
    "bed",
    "dining table",
    "toilet",
    "microwave",
    "oven",
    "sink",
    "refrigerator",
)
"""Things of which the classifier has a veto: those that fill their boxes. In rooms it takes a chair for what stands
behind it, and what streets are full of would cost each frame the time of asking."""

THING_VETO, ANIMAL_VETO = 0.5, 0.1
"""Probability that the classifier gives to an answer, as a multiple of what it was before a look at the picture, below
which it vetoes."""

DOUBTED = 0.3
"""Highest score of what is vetoed: below the default one, so that it is hidden and not gone."""

LEAST_SIDE = 64
"""Shorter side, in pixels of the input, from which a box is large enough for a veto: two cells."""

MOST_CELLS = 128
"""Cells that it is asked for at most, those with the best scores."""

STRIDE = 32


def load_head(device: str) -> LiteHead:
    """The published layers behind the trunk, on `device`.

    Raises
    ------
    WeightsError
        The package that carries them is missing or damaged.
    """
    from cvstudio.models.shared.imagenet import imagenet_labels
    from cvstudio.models.shared.lite_scene import LiteHead
    from cvstudio.models.shared.residual import fuse
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    head = LiteHead(len(imagenet_labels()))
    state = adapted(load_state_dict(require_weights(WEIGHTS, None)))
    load_into(head, {name: state[name] for name in head.state_dict()}, "the layers behind the trunk")
    fuse(head)  # in place
    return head.to(device)


class SecondOpinion:
    """The classifier's evidence for the animals among `labels`.

    Parameters
    ----------
    head : layers behind the trunk
    labels : classes of the detector, by COCO's names
    """

    def __init__(self, head: LiteHead, labels: Sequence[str]) -> None:
        import torch

        self._head = head
        families = [[name for name in family if name in labels] for family in FAMILIES]
        families = [family for family in families if family]
        device = head.classifier.weight.device
        names = [name for family in families for name in family]
        self._columns = torch.tensor([labels.index(name) for name in names], dtype=torch.int64, device=device)
        # Of each animal, then of other animals and of what is none, the column of the evidence.
        numbers = [number for number, family in enumerate(families) for _ in family]
        self._evidence_of = torch.tensor([*numbers, len(families), len(families) + 1], device=device)
        group = np.full(head.classifier.out_features, len(families) + 1)
        group[:N_ANIMALS] = len(families)
        for number, family in enumerate(families):
            group[self._imagenet(family)] = number
        self._groups = torch.eye(len(families) + 2, device=device)[torch.from_numpy(group).to(device)]
        self._prior = self._groups.mean(dim=0)
        vetoable = [(name, self._imagenet(family)) for family in families for name in family]
        vetoable += [(name, self._imagenet([name])) for name in VETOED if name in labels]
        self._vetoable = torch.tensor([labels.index(name) for name, _ in vetoable], dtype=torch.int64, device=device)
        self._means = torch.zeros(head.classifier.out_features, len(vetoable), device=device)
        for column, (_, numbers) in enumerate(vetoable):
            # A class's probability as a multiple of what it was before a look at the picture.
            self._means[numbers, column] = head.classifier.out_features / len(numbers)
        n_animals = len(self._columns)
        self._least = torch.tensor(
            [ANIMAL_VETO] * n_animals + [THING_VETO] * (len(vetoable) - n_animals), device=device
        )

    @staticmethod
    def _imagenet(names: Iterable[str]) -> list[int]:
        """ImageNet's classes that are one of COCO's `names`."""
        return [number for name in names for number in (*IMAGENET_OF_COCO[name], *MORE.get(name, ()))]

    def revised(self, objectness: Tensor, classes: Tensor, boxes: Tensor, coarsest: Tensor) -> Tensor:
        """Scores (cells, classes), 0..1, of a picture.

        Parameters
        ----------
        objectness : (cells, 1), 0..1
        classes : (cells, classes), 0..1
        boxes : (cells, 4) in pixels of the input
        coarsest : the trunk's map (1, channels, h, w) of stride 32
        """
        import torch

        scores = objectness * classes
        rows = _best_rows(scores[:, self._columns], LEAST)
        maps = None
        if len(rows):
            maps = self._last_maps(coarsest)
            ratio = self._shares(boxes[rows], maps) @ self._groups / self._prior
            likelihood = (((ratio + DOUBT) / (1 + DOUBT)) ** TRUST)[:, self._evidence_of]
            animals = classes[rows][:, self._columns]
            none = (1 - animals.sum(dim=1, keepdim=True)).clamp_min(LEFT) / 2
            joint = torch.cat([animals, none, none], dim=1) * likelihood
            posterior = joint[:, : len(self._columns)] / joint.sum(dim=1, keepdim=True)
            scores[rows[:, None], self._columns] = objectness[rows] * posterior
        rows = _best_rows(scores[:, self._vetoable], DOUBTED)
        if len(rows):
            ratio = self._shares(boxes[rows], self._last_maps(coarsest) if maps is None else maps) @ self._means
            is_large = (boxes[rows, 2:] - boxes[rows, :2]).amin(dim=1, keepdim=True) >= LEAST_SIDE
            answers = scores[rows[:, None], self._vetoable]
            vetoed = torch.where((ratio < self._least) & is_large, answers.clamp_max(DOUBTED), answers)
            scores[rows[:, None], self._vetoable] = vetoed
        return scores

    def _last_maps(self, coarsest: Tensor) -> Tensor:
        import torch

        with torch.autocast(coarsest.device.type, enabled=False):
            return self._head.last_maps(coarsest.float())[0]

    def _shares(self, boxes: Tensor, maps: Tensor) -> Tensor:
        """The classifier's probabilities (n, 1000) for what is in boxes (n, 4), from its last maps."""
        import torch

        with torch.autocast(maps.device.type, enabled=False):
            shares: Tensor = self._head.classifier(means_in(boxes / STRIDE, maps)).softmax(dim=1)
        return shares


def _best_rows(scores: Tensor, least: float) -> Tensor:
    """Rows of scores (cells, classes) of which one class has `least` or more: those with the best, `MOST_CELLS`."""
    import torch

    if not scores.shape[1]:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    best = scores.amax(dim=1)
    rows = best.topk(min(MOST_CELLS, len(best))).indices
    return rows[best[rows] >= least]


def means_in(boxes: Tensor, maps: Tensor) -> Tensor:
    """Means (n, channels) of maps (channels, h, w) over boxes (n, 4), x1, y1, x2, y2 in cells: a cell counts by the
    part of it that lies within."""
    import torch

    def overlap(low: Tensor, high: Tensor, count: int) -> Tensor:
        cells = torch.arange(count, device=maps.device)
        return (torch.minimum(high[:, None], cells + 1) - torch.maximum(low[:, None], cells)).clamp_min(0)

    height, width = maps.shape[-2:]
    shares = overlap(boxes[:, 1], boxes[:, 3], height)[:, :, None] * overlap(boxes[:, 0], boxes[:, 2], width)[:, None]
    shares = shares.flatten(1)
    return (shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-6)) @ maps.flatten(1).T
