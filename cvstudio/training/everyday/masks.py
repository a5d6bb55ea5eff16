"""Masks of the default detector: pictures with masks, and the mask branch trained on a detector that stays as it is.

Masks are people's (87 photographs of VOC, and CamVid's class maps within the teacher's boxes) and GrabCut's within
boxes of people and of the teacher, at a lower weight. Prototypes belong to no class, so that things without a mask in
training get one, too. As nothing in front of the branch learns, what it sees of each view is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress
from cvstudio.training import detector_data, detector_views, sets
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_data import MASK_WEIGHT_OF_BOX, LabelledPicture, MaskCutOut
from cvstudio.training.detector_loss import assign
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.detector_views import Target
from cvstudio.training.everyday import chunks
from cvstudio.training.everyday import data as everyday_data
from cvstudio.training.everyday.teacher import SIZE, DenseTeacher

if TYPE_CHECKING:
    from torch import Tensor

MASK_PARTS = ("coefficients", "prototype_in", "prototype_out")
"""Parts of the network that only masks need."""

VOC_STEP, FLICKR_STEP, CAMVID_STEP = 3, 4, 2
"""Of the photographs of each set every so many-th is taken; of VOC's with masks by people all are."""

TEACHER_SCORE = 0.5
"""Score from which the teacher's box is precise enough for a mask."""

BY_HAND = 5
"""Factor by which VOC's photographs with masks by people are drawn more often."""

CAMVID = {2: 8, 0: 9}
"""Values in CamVid's class maps of cars and pedestrians, by COCO's number."""

FILL = (0.2, 0.95)
"""Share of its box that a mask from a class map fills, for the box to hold one thing."""

LEAST_SIDE = 12.0
"""Shortest side in pixels of a box in a view whose mask is learnt."""

CELLS_OF_BOX = 4
"""Cells that show a thing best, from which its mask is learnt."""

SIDE = 28
"""Side of the grid in a box on which masks are compared."""


def labelled_pictures(
    data: Path, teacher: DenseTeacher, progress: Progress, *, limit: int | None, held_out: bool
) -> list[LabelledPicture]:
    """Photographs with masks, for training or, where `held_out`, of the held-out tenth of each set: people's masks
    alone."""
    wanted = sets.voc5_split(data)[held_out]
    has_mask = [(data / "voc5" / "masks" / f"{path.stem}.png").is_file() for path in wanted]
    by_hand = [path for path, has in zip(wanted, has_mask, strict=True) if has][:limit]
    pictures = [_of_coco(picture) for picture in detector_data.labelled(data, by_hand, progress)]
    streets = _part(sorted((data / "camvid" / "train" / "images").iterdir()), held_out)[::CAMVID_STEP][:limit]
    if held_out:
        return _with_masks(pictures + [_street(path, teacher) for path in streets])
    pictures = pictures * BY_HAND + [_street(path, teacher) for path in streets]
    others = [path for path, has in zip(wanted, has_mask, strict=True) if not has][::VOC_STEP][:limit]
    voc = detector_data.voc5_boxes(data)
    paths = [
        *others,
        *_part(sorted((data / "imagenet_samples").glob("*.jpg")), False)[:limit],
        *_part(sorted((data / "flickr8k" / "images").glob("*.jpg")), False)[::FLICKR_STEP][:limit],
    ]
    for number, path in enumerate(paths):
        progress(number / len(paths), "masks within boxes")
        pixels = sets.decode(path.read_bytes())
        if number < len(others):
            boxes, classes = voc[path.name]
            classes = np.array(COCO_NUMBERS, np.int64)[classes]
        else:
            boxes, classes = _seen(pixels, teacher)
        pictures.append(_cut_out(pixels, boxes, classes))
    return _with_masks(pictures)


def _part(paths: Sequence[Path], held_out: bool) -> list[Path]:
    return [path for number, path in enumerate(paths) if (number % sets.HELD_OUT == sets.HELD_OUT - 1) == held_out]


def _with_masks(pictures: list[LabelledPicture]) -> list[LabelledPicture]:
    return [picture for picture in pictures if picture.mask_weights.any()]


def _of_coco(picture: LabelledPicture) -> LabelledPicture:
    classes = np.array(COCO_NUMBERS, np.int64)[picture.classes]
    return _picture(picture.pixels, picture.boxes, classes, picture.masks, 1.0)


def _picture(
    pixels: Pixels,
    boxes: NDArray[np.float32],
    classes: NDArray[np.int64],
    masks: dict[int, MaskCutOut],
    weight: float,
) -> LabelledPicture:
    weights = np.zeros(len(boxes), np.float32)
    weights[list(masks)] = weight
    return LabelledPicture(pixels, boxes, classes, np.ones(len(boxes), np.float32), masks, weights)


def _seen(pixels: Pixels, teacher: DenseTeacher) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Boxes that the teacher is sure of in a picture, and their classes."""
    view, scale = everyday_data.whole_view(pixels)
    seen = teacher(view, floor=TEACHER_SCORE)
    return (seen.boxes / np.float32(scale)).astype(np.float32), seen.classes


def _cut_out(pixels: Pixels, boxes: NDArray[np.float32], classes: NDArray[np.int64]) -> LabelledPicture:
    masks = {}
    for row, box in enumerate(boxes):
        mask = detector_data.mask_from_box(pixels, box)
        if mask is not None:
            masks[row] = mask
    return _picture(pixels, boxes, classes, masks, MASK_WEIGHT_OF_BOX)


def _street(path: Path, teacher: DenseTeacher) -> LabelledPicture:
    """A photograph of CamVid: its class map within the teacher's boxes, a pixel belonging to the smallest box."""
    pixels = sets.decode(path.read_bytes())
    class_map = detector_data.palette_indices(path.parents[1] / "labels" / f"{path.stem}.png")
    boxes, classes = _seen(pixels, teacher)
    masks = {}
    is_assigned = np.zeros(class_map.shape, bool)
    for row in np.argsort(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable"):
        value = CAMVID.get(int(classes[row]))
        x1, y1, x2, y2 = np.rint(boxes[row]).astype(int)
        part = class_map[y1:y2, x1:x2]
        if value is None or not part.size:
            continue
        mask = (part == value) & ~is_assigned[y1:y2, x1:x2]
        if FILL[0] < mask.mean() < FILL[1]:
            masks[int(row)] = MaskCutOut(int(x1), int(y1), mask.astype(np.uint8))
            is_assigned[y1:y2, x1:x2] |= mask
    return _picture(pixels, boxes, classes, masks, 1.0)


@dataclass(frozen=True, eq=False)
class MaskView:
    """A view with its things that have a mask."""

    pixels: Pixels
    target: Target


def views(seed: Sequence[int], pictures: list[LabelledPicture], count: int) -> Iterator[MaskView]:
    """Random views of single pictures, each with a mask at least."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        picture = pictures[int(rng.integers(len(pictures)))]
        view = _view(*detector_views.single(rng, picture, SIZE))
        if view is not None:
            made += 1
            yield view


def whole_views(pictures: Sequence[LabelledPicture]) -> Iterator[MaskView]:
    """Whole pictures, without those in which no mask is large enough."""
    for picture in pictures:
        view = _view(*detector_views.whole(picture, SIZE))
        if view is not None:
            yield view


def _view(pixels: Pixels, target: Target) -> MaskView | None:
    is_large = (target.boxes[:, 2:] - target.boxes[:, :2]).min(axis=1, initial=np.inf) >= LEAST_SIDE
    rows = np.flatnonzero((target.mask_weights > 0) & is_large)
    if not len(rows):
        return None
    kept = Target(
        target.boxes[rows], target.classes[rows], target.weights[rows], target.masks[rows], target.mask_weights[rows]
    )
    return MaskView(pixels, kept)


def save(path: Path, views_with_masks: Sequence[MaskView]) -> None:
    """Write views as one file."""
    targets = [view.target for view in views_with_masks]
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            pixels=np.stack([view.pixels for view in views_with_masks]),
            counts=np.array([len(target.boxes) for target in targets]),
            boxes=np.concatenate([target.boxes for target in targets]),
            classes=np.concatenate([target.classes for target in targets]),
            masks=np.packbits(np.concatenate([target.masks for target in targets]), axis=None),
            mask_weights=np.concatenate([target.mask_weights for target in targets]),
        )


def load(path: Path) -> list[MaskView]:
    """Read views written by `save`."""
    with np.load(path) as content:
        table = {key: content[key] for key in content.files}
    total, side = int(table["counts"].sum()), SIZE // detector_views.MASK_STRIDE
    table["masks"] = np.unpackbits(table["masks"], count=total * side * side).reshape(total, side, side)
    ends = table["counts"].cumsum()[:-1]
    parts = zip(*(np.split(table[key], ends) for key in ("boxes", "classes", "masks", "mask_weights")), strict=True)
    return [
        MaskView(pixels, Target(boxes, classes, np.ones(len(boxes), np.float32), masks, weights))
        for pixels, (boxes, classes, masks, weights) in zip(table["pixels"], parts, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class MaskSet:
    """What the mask branch sees and shall say.

    finest : float16 (n, h, w, channels), the finest fused map of each view
    views, levels : int64 (k,), the view and the level of each cell that shows a thing with a mask
    features float32 (k, channels), of boxes, there; boxes float32 (k, 4), predicted there
    targets float32 (k, `SIDE`, `SIDE`), the share of each place of the box that the mask covers; weights float32 (k,)
    """

    finest: NDArray[np.float16]
    views: Tensor
    levels: Tensor
    features: Tensor
    boxes: Tensor
    targets: Tensor
    weights: Tensor


def mask_set(network: Any, trunk: Any, views_with_masks: Sequence[MaskView], device: str) -> MaskSet:
    """What the detector `network` computes of views, by the fused trunk `trunk`."""
    import torch

    from cvstudio.models.shared.pyramid import decode, places

    centres, strides = places(SIZE, SIZE, device)
    finest: list[NDArray[np.float16]] = []
    rows: list[tuple[Tensor, ...]] = []
    pending: list[MaskView] = []

    def flush() -> None:
        maps = chunks.trunk_maps(trunk, np.stack([view.pixels for view in pending]), device)
        with torch.no_grad():
            levels = network.fused([m.float() for m in maps])
            objectness, classes, distances, features = network.outputs(levels)
            boxes = decode(distances, centres, strides)
            scores = objectness.sigmoid() * classes.sigmoid()
            columns = torch.cat([f.flatten(2) for f in features], dim=2).transpose(1, 2)
            sizes = [f[0, 0].numel() for f in features]
            level_of = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(device)
            for index, view in enumerate(pending):
                cells, things = _best_cells(scores[index], boxes[index], centres, strides, view.target)
                number = torch.full((len(cells),), len(finest) * chunks.PACKED + index)
                target = _sampled(view.target, things, boxes[index, cells])
                weights = torch.from_numpy(view.target.mask_weights).to(device)[things]
                kept = (number, level_of[cells], columns[index, cells], boxes[index, cells], target, weights)
                rows.append(tuple(column.clone() for column in kept))
        finest.append(levels[0].permute(0, 2, 3, 1).to(torch.float16).cpu().numpy())
        pending.clear()

    for view in views_with_masks:
        pending.append(view)
        if len(pending) == chunks.PACKED:
            flush()
    if pending:
        flush()
    return MaskSet(np.concatenate(finest), *(torch.cat(column).to(device) for column in zip(*rows, strict=True)))


def _best_cells(
    scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, target: Target
) -> tuple[Tensor, Tensor]:
    """The cells that show each thing best, at most `CELLS_OF_BOX` of it, and its row in `target`."""
    import torch

    assigned = assign(scores, boxes, centres, strides, target)
    cells, things = [], []
    for row in range(len(target.boxes)):
        own = torch.nonzero((assigned.rows == row) & (assigned.target_scores > 0.3)).flatten()
        best = own[scores[own, int(target.classes[row])].argsort(descending=True)[:CELLS_OF_BOX]]
        cells.append(best)
        things.append(torch.full_like(best, row))
    return torch.cat(cells), torch.cat(things)


def _sampled(target: Target, things: Tensor, boxes: Tensor) -> Tensor:
    """Masks of `things` on the grid within `boxes`."""
    import torch
    from torchvision.ops import roi_align

    masks = torch.from_numpy(target.masks).to(boxes.device, torch.float32)[:, None]
    regions = torch.cat([things[:, None].to(boxes.dtype), boxes], dim=1)
    sampled: Tensor = roi_align(masks, regions, SIDE, 1 / detector_views.MASK_STRIDE, 2, aligned=True)[:, 0]
    return sampled


def logits(network: Any, masks: MaskSet, numbers: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Mask logits (k, `SIDE`, `SIDE`) of the things in the views `numbers`, and their rows in `masks`."""
    import torch
    from torchvision.ops import roi_align

    device = masks.views.device
    position = torch.full((len(masks.finest),), -1, device=device)
    position[torch.from_numpy(numbers).to(device)] = torch.arange(len(numbers), device=device)
    rows = torch.nonzero(position[masks.views] >= 0).flatten()
    prototypes = network.prototypes(chunks.on_device(masks.finest[numbers], str(device)))
    coefficients = torch.zeros(len(rows), network.coefficients[0].out_channels, device=device)
    for level, layer in enumerate(network.coefficients):
        own = torch.nonzero(masks.levels[rows] == level).flatten()
        values = torch.nn.functional.conv2d(masks.features[rows[own], :, None, None], layer.weight, layer.bias)
        coefficients = coefficients.index_add(0, own, values[:, :, 0, 0])
    regions = torch.cat([position[masks.views[rows]][:, None].float(), masks.boxes[rows]], dim=1)
    sampled = roi_align(prototypes, regions, SIDE, 1 / detector_views.MASK_STRIDE, 1, aligned=True)
    u = (torch.arange(SIDE, device=device) + 0.5) / SIDE * 2 - 1
    v, u = torch.meshgrid(u, u, indexing="ij")
    form = torch.stack([torch.ones_like(u), u, v, u * u, v * v])
    count = prototypes.shape[1]
    of_prototypes = torch.einsum("nk,nkhw->nhw", coefficients[:, :count], sampled)
    return of_prototypes + torch.einsum("nk,khw->nhw", coefficients[:, count:], form), rows


def loss_of(values: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy and Dice loss of mask logits (k, h, w), the things weighted (Milletari et al., "V-Net", 3DV 2016).

    Every thing counts the same, whatever its size, as in the IoU of masks.
    """
    from torch.nn import functional

    cross_entropy = functional.binary_cross_entropy_with_logits(values, targets, reduction="none").mean(dim=(1, 2))
    probability = values.sigmoid()
    common = (probability * targets).sum(dim=(1, 2))
    dice = 1 - (2 * common + 1) / ((probability + targets).sum(dim=(1, 2)) + 1)
    return ((cross_entropy + dice) * weights).sum() / weights.sum().clamp_min(1e-6)


def mean_iou(network: Any, masks: MaskSet) -> float:
    """Mean IoU within the predicted boxes over the cells of a set."""
    import torch

    ious = []
    for start in range(0, len(masks.finest), chunks.PACKED):
        with torch.inference_mode():
            numbers = np.arange(start, min(start + chunks.PACKED, len(masks.finest)))
            values, rows = logits(network, masks, numbers)
            own, true = values > 0, masks.targets[rows] > 0.5
            ious.append((own & true).sum(dim=(1, 2)) / (own | true).sum(dim=(1, 2)).clamp_min(1))
    return float(torch.cat(ious).mean()) if ious else 0.0
