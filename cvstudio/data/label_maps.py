"""The class of each pixel, of labels that are drawn in whatever form."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import mask_of
from cvstudio.data.labels import NO_CLASS, Annotation


def class_map(annotations: Iterable[Annotation], size: Size) -> NDArray[np.int32]:
    """The class of each pixel of a picture of `size`, int32 (H, W): objects painted in their order, so that later ones
    lie on top. `NO_CLASS` where there is none; a mere box has no pixels."""
    classes = np.full((size.height, size.width), NO_CLASS, np.int32)
    for item in annotations:
        mask = mask_of(item, size)
        if mask is None:
            continue
        height, width = mask.pixels.shape
        target = classes[max(mask.top, 0) : mask.top + height, max(mask.left, 0) : mask.left + width]
        part = mask.pixels[max(-mask.top, 0) :, max(-mask.left, 0) :][: target.shape[0], : target.shape[1]]
        target[part] = item.category
    return classes
