"""The labels of the pictures that were read last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from cvstudio.data.labels import PictureLabels

MOST_PICTURES, MOST_BYTES = 32, 64 << 20
"""Pictures that are kept, and bytes of their masks and maps."""


class RecentLabels:
    """Callable (name) -> labels: reads those of a picture once, as each layer, each edit and the step back ask for
    them again. Thread-safe.

    Parameters
    ----------
    read : callable (name) -> labels of a picture. Raises MediaError, which is not kept
    """

    def __init__(self, read: Callable[[str], PictureLabels]) -> None:
        self._read = read
        self._kept: OrderedDict[str, tuple[PictureLabels, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._bytes = 0

    def __call__(self, name: str) -> PictureLabels:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name][0]
        labels = self._read(name)
        size = _array_bytes(labels)
        with self._lock:
            self._bytes += size - self._kept.pop(name, (labels, 0))[1]
            self._kept[name] = labels, size
            while len(self._kept) > 1 and (self._bytes > MOST_BYTES or len(self._kept) > MOST_PICTURES):
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return labels


def _array_bytes(labels: PictureLabels) -> int:
    height, width = labels.label_map.shape if labels.label_map is not None else (0, 0)
    masks = sum(item.mask.pixels.nbytes for item in labels.annotations if item.mask is not None)
    return masks + height * width * np.dtype(np.int32).itemsize
