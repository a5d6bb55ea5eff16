"""Results of semantic segmentation: the class of each pixel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvstudio.results import Source
from cvstudio.types import Size, readonly


@dataclass(frozen=True, eq=False)
class ClassMaps:
    """What a segmenter says before anything is decided.

    Parameters
    ----------
    logits : float32 (classes, h, w), or int64 (h, w) where the network tells the class of each place at once
    labels : names of the classes by index
    window : left, top, right, bottom of the picture in cells of the maps; beyond it lies padding
    size : of the picture
    """

    logits: NDArray[np.float32] | NDArray[np.int64]
    labels: tuple[str, ...]
    window: tuple[float, float, float, float]
    size: Size
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        wanted = {3: np.float32, 2: np.int64}.get(self.logits.ndim)
        if self.logits.dtype != wanted or (self.logits.ndim == 3 and len(self.logits) != len(self.labels)):
            expected = f"float32 ({len(self.labels)}, h, w) or int64 (h, w)"
            raise ValueError(f"expected logits as {expected}, found {self.logits.dtype} {self.logits.shape}")
        object.__setattr__(self, "logits", readonly(self.logits))


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The class of each pixel.

    Parameters
    ----------
    classes : int16 (h, w)
        Index into `labels`, -1 where none is believed; the map covers the whole picture and may be smaller than it.
    labels : names of all classes that the model knows
    size : of the picture
    background : index of the class that is not drawn; -1 where there is none
    """

    classes: NDArray[np.int16]
    labels: tuple[str, ...]
    size: Size
    background: int = -1
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if self.classes.dtype != np.int16 or self.classes.ndim != 2 or 0 in self.classes.shape:
            raise ValueError(f"expected classes as int16 (h, w), found {self.classes.dtype} {self.classes.shape}")
        object.__setattr__(self, "classes", readonly(self.classes))

    def shares(self) -> list[tuple[int, float]]:
        """Class and share 0..1 of the picture, the largest first, of the classes that occur."""
        counts = np.bincount(self.classes.ravel().astype(np.int64) + 1, minlength=len(self.labels) + 1)[1:]
        order = np.argsort(-counts, kind="stable")
        return [(int(number), float(counts[number] / self.classes.size)) for number in order if counts[number]]
