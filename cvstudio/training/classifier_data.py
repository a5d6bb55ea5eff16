"""Training batches of the classifier: small labelled pictures, and photographs for distillation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress
from cvstudio.training import augment, sets
from cvstudio.training.augment import Affine, Pixels

if TYPE_CHECKING:
    from torch import Tensor


def imagenet_indices(labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Index of each label among ImageNet's 1000 classes, int64 (n,)."""
    from torchvision.models import SqueezeNet1_1_Weights

    categories = SqueezeNet1_1_Weights.DEFAULT.meta["categories"]
    return np.array([categories.index(label) for label in labels], np.int64)


def strangers(photos: list[sets.Photo], known: NDArray[np.int64]) -> tuple[list[sets.Photo], list[sets.Photo]]:
    """Split photographs of classes outside `known` (indices) into those for training and those for evaluation."""
    outside = [photo for photo in photos if photo.index not in set(known.tolist())]
    return outside[::2], outside[1::2]


class Data:
    """Datasets of the classifier's recipe.

    small : labelled pictures; photos : photographs for distillation; targets : class of each photograph, -1 where it
    shows none of the classes, -2 where its class is unknown; unknown : photographs of other classes, for evaluation
    only; rows : training part of `small`
    """

    def __init__(self, data: Path, progress: Progress, *, limit: int | None = None) -> None:
        self.small = sets.tiny_imagenet(data, progress, limit=limit)
        self.indices = imagenet_indices(self.small.labels)
        samples = sets.imagenet_samples(data, progress)
        outside, self.unknown = strangers(samples, self.indices)
        class_of = {int(index): row for row, index in enumerate(self.indices)}
        inside = [photo for photo in samples if photo.index in class_of]
        scenes = sets.photographs(sets.voc5_split(data)[0][:limit], progress)
        self.photos = [*inside, *outside, *scenes]
        self.targets = np.array(
            [*(class_of[photo.index] for photo in inside), *(-1 for _ in outside), *(-2 for _ in scenes)], np.int64
        )
        is_training = ~(self.small.held_out | self.small.calibration)
        self.rows = np.flatnonzero(is_training)


def batch(
    rng: np.random.Generator, data: Data, rows: NDArray[np.int64], photo_rows: NDArray[np.int64], size: int
) -> tuple[Tensor, Tensor]:
    """Augmented pictures uint8 (n, size, size, 3), the small ones first, and targets float32 (n, classes).

    A target of zeros is for an unknown class; a uniform one for a picture of none of the classes.
    """
    import torch

    pictures = [small_view(rng, data.small.pictures[row], size) for row in rows]
    pictures += [photo_view(rng, data.photos[row].pixels, size) for row in photo_rows]
    classes = len(data.small.labels)
    targets = np.zeros((len(pictures), classes), np.float32)
    targets[np.arange(len(rows)), data.small.classes[rows]] = 1
    for index, row in enumerate(photo_rows, start=len(rows)):
        if data.targets[row] >= 0:
            targets[index, data.targets[row]] = 1
        elif data.targets[row] == -1:
            targets[index] = 1 / classes
    return torch.from_numpy(np.stack(pictures)), torch.from_numpy(targets)


def small_view(rng: np.random.Generator, picture: Pixels, size: int) -> Pixels:
    """An augmented view (size, size, 3) of a 64-pixel picture; blur and sharpening prepare for photographs."""
    import cv2

    if rng.random() < 0.5:
        picture = augment.rand_augment(rng, picture, count=2, magnitude=5)
    else:
        picture = augment.colour_jitter(rng, picture, 0.3)
    transform = _view(rng, picture, size, area=(0.35, 1.0))
    kernel = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[int(rng.integers(4))]
    return _focus(rng, transform.warp(picture, size, size, interpolation=kernel))


def photo_view(rng: np.random.Generator, picture: Pixels, size: int) -> Pixels:
    """An augmented view (size, size, 3) of a photograph; some have the resolution of the small pictures."""
    transform = _view(rng, picture, size, area=(0.2, 1.0))
    if rng.random() < 0.4:
        coarse = transform.then(augment.scaling(64 / size, 64 / size)).warp(picture, 64, 64)
        view = augment.scaling(size / 64, size / 64).warp(coarse, size, size)
    else:
        view = transform.warp(picture, size, size)
    return _focus(rng, augment.colour_jitter(rng, view, 0.3))


def _view(rng: np.random.Generator, picture: Pixels, size: int, *, area: tuple[float, float]) -> Affine:
    height, width = picture.shape[:2]
    transform = augment.rotation(float(rng.normal(0, 6)), width, height)
    transform = transform.then(augment.crop(*augment.random_crop(rng, width, height, area=area), size, size))
    return transform.then(augment.flip(size)) if rng.random() < 0.5 else transform


def _focus(rng: np.random.Generator, picture: Pixels) -> Pixels:
    draw = rng.random()
    if draw < 0.2:
        return augment.blur(picture, float(rng.uniform(0.3, 1.5)))
    if draw < 0.4:
        return augment.sharpness(picture, float(rng.uniform(1.2, 2.5)))
    return picture


def squeezenet(path: Path, device: str) -> Any:
    """Load the published teacher: SqueezeNet 1.1 with its 1000 classes."""
    from torchvision.models import squeezenet1_1

    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict

    network = squeezenet1_1()
    load_into(network, load_state_dict(path), "SqueezeNet 1.1")
    return network.to(device)
