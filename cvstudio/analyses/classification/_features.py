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
"""Side in pixels of the thumbnail whose pixels are compared, as in CIFAR."""


Extract = Callable[[Sequence[Image]], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Describer:
    """Feature extractor of pictures.

    Parameters
    ----------
    key : identity of the extractor: equal keys give equal vectors for equal pictures
    extract : callable (pictures) -> float32 (n, d)
    unit : whether the vectors are normalised to length 1 before they are compared
    """

    key: str
    extract: Extract
    unit: bool


def by_network(network: Any, fingerprints: Fingerprints | None = None) -> Describer:
    """Describer by the features of a `FeatureNetwork`; `fingerprints` caches those of networks."""
    precision = getattr(network, "precision", None)
    network_id = (fingerprints or Fingerprints()).of(network)
    return Describer(f"{network_id}-{getattr(precision, 'dtype', 'float32')}", network.features, unit=True)


def by_pixels() -> Describer:
    """Describer by the pixels of the picture at `SIDE` x `SIDE`."""
    return Describer(f"pixels-{SIDE}", pixel_features, unit=False)


def pixel_features(images: Sequence[Image]) -> NDArray[np.float32]:
    """RGB 0..1 of each picture, stretched to `SIDE` x `SIDE`: float32 (n, 3072)."""
    import cv2

    thumbnails: list[NDArray[np.uint8]] = [
        np.asarray(cv2.resize(image.rgb8, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8) for image in images
    ]
    vectors: NDArray[np.float32] = np.stack(thumbnails).reshape(len(thumbnails), -1).astype(np.float32) / np.float32(
        255
    )
    return vectors


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row (…, d) divided by its length; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    normalised: NDArray[np.float32] = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    return normalised


def fingerprint(network: Any) -> str:
    """Hash of the class and all parameters and buffers of a network, independent of the file they came from.

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
    """Cache of the `fingerprint` of each network, while the network lives. Thread-safe."""

    def __init__(self) -> None:
        self._by_network: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, network: Any) -> str:
        """The `fingerprint` of `network`, computed on first access."""
        with self._lock:
            if network not in self._by_network:
                self._by_network[network] = fingerprint(network)
            digest: str = self._by_network[network]
            return digest
