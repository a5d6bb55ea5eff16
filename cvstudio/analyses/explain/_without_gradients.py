"""Networks that answer and no more, such as ONNX files: as inputs whose parts can be covered and replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.imagenet import GREY

if TYPE_CHECKING:
    from torch import Tensor

LONGEST = 256
"""Longer side in pixels of the picture whose parts are covered."""


class AnsweringNetwork:
    """A classifier of which nothing but `predict` is used; its input is the picture itself, less its mean colour.

    Parameters
    ----------
    network : ``predict(image, params, progress)`` returns `Logits`
    """

    device = "cpu"
    temperature = 1.0

    def __init__(self, network: Any) -> None:
        self._network = network
        self.labels: tuple[str, ...] = tuple(network.labels)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Context without gradients: there are none."""
        import torch

        with torch.no_grad():
            yield

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """The whole picture, made smaller where it is large: float32 (1, 3, h, w), and its rectangle."""
        import cv2
        import torch

        width, height = image.size
        scale = min(1.0, LONGEST / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = image.rgb8 if scale == 1 else np.asarray(cv2.resize(image.rgb8, size, interpolation=cv2.INTER_AREA))
        values = pixels.astype(np.float32) - np.array(GREY, np.float32)
        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))[None]
        return tensor, Rect(0.0, 0.0, float(width), float(height))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (n, classes) of inputs (n, 3, h, w), one after the other."""
        import torch

        logits = []
        for picture in pixels:
            values = picture.permute(1, 2, 0).numpy() + np.array(GREY, np.float32)
            image = Image(np.ascontiguousarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)))
            logits.append(self._network.predict(image, NoParams(), Progress()).values)
        return torch.from_numpy(np.stack(logits).astype(np.float32))


def coverable(network: Any) -> Any:
    """The network itself where its input can be prepared, else as an `AnsweringNetwork`."""
    return network if hasattr(network, "preprocess") else AnsweringNetwork(network)
