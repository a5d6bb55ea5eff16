"""Views as the frozen trunk sees them, on the disk: its maps are made once for each view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.training.depth.views import MOST_PAIRS, DepthView

if TYPE_CHECKING:
    from torch import Tensor

MAPS = ("p3", "p4", "p5")
PACKED = 8
"""Views that the trunk sees together."""

Maps = list[NDArray[np.float16]]
"""The trunk's maps of one view, float16 (h, w, channels) of strides 8, 16 and 32."""


@dataclass(frozen=True, eq=False)
class ViewFeatures:
    """Views of one shape.

    maps : float16 (n, h, w, channels) each, on the disk; depth : float16 (n, h, w), 0 where it is not known; pairs :
    int16 (n, `MOST_PAIRS`, 4), -1 where there is none; see `DepthView`
    """

    maps: list[NDArray[np.float16]]
    depth: NDArray[np.float16]
    pairs: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.depth)


def with_maps(trunk: Any, views: Iterable[DepthView], device: str) -> Iterator[tuple[DepthView, Maps]]:
    """Views with what `trunk`, a fused `LiteTrunk` on `device`, makes of them."""
    import torch

    from cvstudio.models.shared.efficientnet_lite import normalise

    for batch in _batches(views):
        pixels = torch.from_numpy(np.stack([view.pixels for view in batch])).to(device)
        with torch.inference_mode(), torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            maps = [_packed(values) for values in trunk(normalise(pixels))]
        for row, view in enumerate(batch):
            yield view, [values[row] for values in maps]


def _batches(views: Iterable[DepthView]) -> Iterator[list[DepthView]]:
    """Batches of views of one shape."""
    waiting: dict[bool, list[DepthView]] = {False: [], True: []}
    for view in views:
        batch = waiting[view.is_upright]
        batch.append(view)
        if len(batch) == PACKED:
            yield list(batch)
            batch.clear()
    yield from (batch for batch in waiting.values() if batch)


def _packed(maps: Tensor) -> NDArray[np.float16]:
    import torch

    packed: NDArray[np.float16] = maps.permute(0, 2, 3, 1).to(torch.float16).cpu().numpy()
    return packed


def save(folder: Path, name: str, views: Iterable[tuple[DepthView, Maps]]) -> None:
    """Write the views of a set, those of each shape in files of their own; the list of them last."""
    shapes: dict[str, list[tuple[DepthView, Maps]]] = {"wide": [], "upright": []}
    for view, maps in views:
        shapes["upright" if view.is_upright else "wide"].append((view, maps))
    for shape, members in shapes.items():
        if not members:
            continue
        for number, key in enumerate(MAPS):
            _write(folder / f"{name}-{shape}-{key}.npy", np.stack([maps[number] for _, maps in members]))
        _write(folder / f"{name}-{shape}-depth.npy", np.stack([_half(view.depth) for view, _ in members]))
        _write(folder / f"{name}-{shape}-pairs.npy", np.stack([_padded(view.pairs) for view, _ in members]))
    with atomic_path(folder / f"{name}.txt") as path:
        path.write_text("".join(f"{shape}\n" for shape, members in shapes.items() if members), encoding="utf-8")


def load(folder: Path, name: str) -> list[ViewFeatures] | None:
    """Read the views of a set, by shape; None where they are not there or not whole."""
    listed = folder / f"{name}.txt"
    if not listed.is_file():
        return None
    return [
        ViewFeatures(
            [np.load(folder / f"{name}-{shape}-{key}.npy", mmap_mode="r") for key in MAPS],
            np.load(folder / f"{name}-{shape}-depth.npy"),
            np.load(folder / f"{name}-{shape}-pairs.npy"),
        )
        for shape in listed.read_text(encoding="utf-8").split()
    ]


def _write(path: Path, array: NDArray[Any]) -> None:
    with atomic_path(path) as temporary:
        np.save(temporary, array)


def _half(depth: NDArray[np.float32]) -> NDArray[np.float16]:
    return depth.astype(np.float16)


def _padded(pairs: NDArray[np.int16]) -> NDArray[np.int16]:
    padded = np.full((MOST_PAIRS, 4), -1, np.int16)
    padded[: len(pairs)] = pairs[:MOST_PAIRS]
    return padded


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """A batch on the device: maps float (n, channels, h, w), depth float (n, h, w), pairs int64 (n, p, 4)."""

    maps: list[Tensor]
    depth: Tensor
    pairs: Tensor


def collate(picks: Sequence[tuple[ViewFeatures, int]], device: str) -> FeatureBatch:
    """A batch of views of one shape, each as its set and row there."""
    import torch

    def stacked(parts: list[NDArray[Any]]) -> Tensor:
        return torch.from_numpy(np.stack(parts)).to(device)

    maps = [
        stacked([features.maps[number][row] for features, row in picks]).permute(0, 3, 1, 2).float()
        for number in range(len(MAPS))
    ]
    depth = stacked([features.depth[row] for features, row in picks]).float()
    return FeatureBatch(maps, depth, stacked([features.pairs[row] for features, row in picks]).long())
