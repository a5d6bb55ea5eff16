"""Chunks of views with everything that training needs of them, on the disk: views are made once.

A chunk holds what the frozen trunk and the teacher make of its views. Boxes that people drew go before the teacher's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.training.detector_loss import assign
from cvstudio.training.detector_views import Target
from cvstudio.training.everyday.data import DistilledView
from cvstudio.training.everyday.teacher import SIZE, DenseTeacher, TeacherOutputs

if TYPE_CHECKING:
    from torch import Tensor

FLOOR = 0.02
"""Objectness from which the classes and the box of a cell are learnt."""

BY_PEOPLE = 0.9
"""Probability of the class that a person drew at the cells of its box."""

INPUTS = ("p3", "p4", "p5")
TAUGHT = ("t3", "t4", "t5")
"""Names of the trunk's maps and of the teacher's fused ones."""

PACKED = 16
"""Views that the networks see together."""


@dataclass(frozen=True, eq=False)
class CellTargets:
    """The teacher's outputs for one view.

    objectness float16 (`CELLS`,); cells int16 (n,): those with an objectness of at least `FLOOR`, their classes
    float16 (n, `N_CLASSES`) and their boxes float32 (n, 4), x1, y1, x2, y2 in pixels of the view.
    """

    objectness: NDArray[np.float16]
    cells: NDArray[np.int16]
    classes: NDArray[np.float16]
    boxes: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Views with their cached maps, float16 (n, h, w, channels) by the names of `INPUTS` and `TAUGHT`; the teacher's
    outputs for each; and the boxes that people drew, with their classes, for each."""

    maps: dict[str, NDArray[np.float16]]
    dense: list[CellTargets]
    boxes: list[NDArray[np.float32]]
    classes: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.dense)


def dense_targets(outputs: TeacherOutputs, row: int, view: DistilledView) -> CellTargets:
    """Targets of the view at `row` of a batch: the teacher's outputs, and people's boxes where they drew some."""
    objectness, classes = outputs.objectness[row].copy(), outputs.classes[row].copy()
    boxes = outputs.boxes[row].copy()
    if len(view.boxes):
        cells, rows, values = _drawn_cells(objectness[:, None] * classes, boxes, view)
        objectness[cells] = np.maximum(objectness[cells], values)
        classes[cells, view.classes[rows]] = np.maximum(classes[cells, view.classes[rows]], BY_PEOPLE)
        boxes[cells] = view.boxes[rows]
    cells = np.flatnonzero(objectness >= FLOOR)
    return CellTargets(
        objectness.astype(np.float16),
        cells.astype(np.int16),
        classes[cells].astype(np.float16),
        np.clip(boxes[cells], 0, SIZE).astype(np.float32),
    )


def _drawn_cells(
    scores: NDArray[np.float32], boxes: NDArray[np.float32], view: DistilledView
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Cells that show a box drawn by people, its row, and its score there: those where the teacher sees it best."""
    import torch

    from cvstudio.models.shared.pyramid import places

    ones = np.ones(len(view.boxes), np.float32)
    target = Target(view.boxes, view.classes, ones, np.zeros((len(view.boxes), 0, 0), np.uint8), 0 * ones)
    assigned = assign(torch.from_numpy(scores), torch.from_numpy(boxes), *places(SIZE, SIZE), target)
    cells = np.flatnonzero(assigned.rows.numpy() >= 0)
    return cells, assigned.rows.numpy()[cells], assigned.target_scores.numpy()[cells]


def make(views: Iterable[DistilledView], trunk: Any, teacher: DenseTeacher, device: str) -> Chunk:
    """What `trunk`, a fused `LiteTrunk` on `device`, and the teacher make of views."""
    maps: dict[str, list[NDArray[np.float16]]] = {name: [] for name in (*INPUTS, *TAUGHT)}
    dense, boxes, classes = [], [], []
    for batch in _batches(views):
        pixels = np.stack([view.pixels for view in batch])
        outputs = teacher.outputs(pixels)
        for name, values in zip((*INPUTS, *TAUGHT), [*trunk_maps(trunk, pixels, device), *outputs.maps], strict=True):
            maps[name].append(_packed(values))
        for row, view in enumerate(batch):
            dense.append(dense_targets(outputs, row, view))
            boxes.append(view.boxes)
            classes.append(view.classes)
    return Chunk({name: np.concatenate(parts) for name, parts in maps.items()}, dense, boxes, classes)


def _batches(views: Iterable[DistilledView]) -> Iterable[list[DistilledView]]:
    pending: list[DistilledView] = []
    for view in views:
        pending.append(view)
        if len(pending) == PACKED:
            yield pending
            pending = []
    if pending:
        yield pending


def trunk_maps(trunk: Any, pixels: NDArray[np.uint8], device: str) -> list[Tensor]:
    """Maps of the trunk for views uint8 (n, `SIZE`, `SIZE`, 3)."""
    import torch

    from cvstudio.models.shared.efficientnet_lite import normalise

    with torch.inference_mode(), torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
        maps: list[Tensor] = trunk(normalise(torch.from_numpy(pixels).to(device)))
    return maps


def _packed(maps: Tensor) -> NDArray[np.float16]:
    import torch

    packed: NDArray[np.float16] = maps.permute(0, 2, 3, 1).to(torch.float16).cpu().numpy()
    return packed


def save(folder: Path, name: str, chunk: Chunk) -> None:
    """Write a chunk as seven files; the table last, so that a chunk with a table is whole."""
    for key, array in chunk.maps.items():
        with atomic_path(folder / f"{name}-{key}.npy") as path:
            np.save(path, array)
    with atomic_path(folder / f"{name}.npz") as path:
        np.savez(
            path,
            objectness=np.stack([dense.objectness for dense in chunk.dense]),
            cells=np.concatenate([dense.cells for dense in chunk.dense]),
            classes=np.concatenate([dense.classes for dense in chunk.dense]),
            boxes=np.concatenate([dense.boxes for dense in chunk.dense]),
            n_cells=np.array([len(dense.cells) for dense in chunk.dense]),
            drawn=np.concatenate(chunk.boxes),
            drawn_classes=np.concatenate(chunk.classes),
            n_drawn=np.array([len(boxes) for boxes in chunk.boxes]),
        )


def load(folder: Path, name: str) -> Chunk | None:
    """Read a chunk, whose maps stay on the disk; None where it is not there or not whole."""
    if not (folder / f"{name}.npz").is_file():
        return None
    with np.load(folder / f"{name}.npz") as content:
        table = {key: content[key] for key in content.files}

    def parts(key: str, count: str) -> list[NDArray[Any]]:
        return np.split(table[key], table[f"n_{count}"].cumsum()[:-1])

    columns = (table["objectness"], *(parts(key, "cells") for key in ("cells", "classes", "boxes")))
    return Chunk(
        {key: np.load(folder / f"{name}-{key}.npy", mmap_mode="r") for key in (*INPUTS, *TAUGHT)},
        [CellTargets(*values) for values in zip(*columns, strict=True)],
        parts("drawn", "drawn"),
        parts("drawn_classes", "drawn"),
    )


@dataclass(frozen=True, eq=False)
class DenseBatch:
    """Maps and targets of a batch on the device.

    inputs, taught : float (n, channels, h, w), the finest first
    objectness : (n, `CELLS`)
    view, cell : int64 (k,), where classes (k, `N_CLASSES`) and boxes (k, 4) are learnt
    """

    inputs: list[Tensor]
    taught: list[Tensor]
    objectness: Tensor
    view: Tensor
    cell: Tensor
    classes: Tensor
    boxes: Tensor


def collate(picks: Sequence[tuple[Chunk, int]], device: str) -> DenseBatch:
    """A batch of views, each as its chunk and row there."""
    import torch

    def stacked(key: str) -> Tensor:
        return on_device(np.stack([chunk.maps[key][row] for chunk, row in picks]), device)

    def joined(values: list[NDArray[Any]], dtype: Any) -> Tensor:
        return torch.from_numpy(np.concatenate(values).astype(dtype)).to(device)

    dense = [chunk.dense[row] for chunk, row in picks]
    return DenseBatch(
        [stacked(key) for key in INPUTS],
        [stacked(key) for key in TAUGHT],
        torch.from_numpy(np.stack([d.objectness for d in dense]).astype(np.float32)).to(device),
        joined([np.full(len(d.cells), number) for number, d in enumerate(dense)], np.int64),
        joined([d.cells for d in dense], np.int64),
        joined([d.classes for d in dense], np.float32),
        joined([d.boxes for d in dense], np.float32),
    )


def on_device(maps: NDArray[np.float16], device: str) -> Tensor:
    """Cached maps (n, h, w, channels) as float (n, channels, h, w) on the device."""
    import torch

    return torch.from_numpy(np.array(maps)).to(device).permute(0, 3, 1, 2).float()
