"""Feature vectors of pictures, by a network or from their pixels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image

SIDE = 32
"""Of the small picture whose pixels are compared, as of CIFAR's."""


Extract = Callable[[Sequence[Image]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Describer:
    """How pictures become vectors.

    Parameters
    ----------
    key : what the vectors depend on beside the picture; the same key always gives the same vectors
    extract : callable (pictures) -> float32 (n, d)
    unit : whether the vectors are brought to length 1 before they are compared
    """

    key: str
    extract: Extract
    unit: bool


def by_network(network: Any, fingerprints: Fingerprints | None = None) -> Describer:
    """By the features of a `FeatureNetwork`; `fingerprints` know those that were made before."""
    precision = getattr(network, "precision", None)
    known = (fingerprints or Fingerprints()).of(network)
    return Describer(f"{known}-{getattr(precision, 'dtype', 'float32')}", network.features, unit=True)


def by_pixels() -> Describer:
    """By the pixels of the picture at `SIDE` x `SIDE`."""
    return Describer(f"pixels-{SIDE}", pixel_features, unit=False)


def pixel_features(images: Sequence[Image]) -> NDArray[np.float32]:
    """RGB 0..1 of each picture, stretched to `SIDE` x `SIDE`: float32 (n, 3072)."""
    import cv2

    small: list[NDArray[np.uint8]] = [
        np.asarray(cv2.resize(image.rgb8, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) for image in images
    ]
    found: NDArray[np.float32] = np.stack(small).reshape(len(small), -1).astype(np.float32) / np.float32(255)
    return found


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row (…, d) divided by its length; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: NDArray[np.float32] = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return found


def fingerprint(network: Any) -> str:
    """A hash of what kind of network it is and of all its numbers, whichever file they came from.

    `network` has its torch module as `model`.
    """
    import torch
    import xxhash

    digest = xxhash.xxh3_128(f"{type(network).__qualname__} {type(network.model).__qualname__}".encode())
    for name, tensor in network.model.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


class Fingerprints:
    """The `fingerprint` of each network, made once while it lives; any thread may ask."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._asking = threading.Lock()

    def of(self, network: Any) -> str:
        with self._asking:
            if network not in self._known:
                self._known[network] = fingerprint(network)
            known: str = self._known[network]
            return known
