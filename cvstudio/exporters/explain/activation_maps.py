"""Feature maps of a layer: as an array, and as a picture of all of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from cvstudio.draw.base import Look
from cvstudio.draw.explain.activation_maps import TileGrid, activation_tiles
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.activation_maps import ActivationMaps

TILE = 64
BLACK = (0, 0, 0)


def _write_npy(path: Path, item: ExportItem, progress: Progress) -> None:
    progress.check()
    with path.open("wb") as file:
        np.save(file, item.result.maps, allow_pickle=False)


def _write_grid(path: Path, item: ExportItem, progress: Progress) -> None:
    import cv2

    result: ActivationMaps = item.result
    colour_map = str(item.look.get("colour_map", Look().colour_map))
    columns = math.ceil(math.sqrt(len(result)))
    tiles = activation_tiles(result, TileGrid(len(result), columns, TILE), colour_map, BLACK)
    progress.check()
    _, content = cv2.imencode(".png", tiles[..., ::-1])
    path.write_bytes(content.tobytes())


EXPORTERS.register(
    Exporter(
        "npy-activations",
        "NumPy array",
        ".npy",
        of(ActivationMaps),
        _write_npy,
        "All feature maps of the layer, units first, for numpy.load.",
        keywords=("넘파이", "특징 맵 배열"),
    )
)
EXPORTERS.register(
    Exporter(
        "png-activations",
        "Grid of feature maps",
        ".png",
        of(ActivationMaps),
        _write_grid,
        "All feature maps of the layer as tiles in the order of the list.",
        keywords=("특징 맵", "활성화 격자"),
    )
)
