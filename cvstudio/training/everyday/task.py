"""Training of the default detector by distillation on everyday photographs.

The trunk stays as published, so that its maps are made once for each view; the pyramid and the head start as the
teacher's. New views are made before each epoch until there are enough, and training draws from all views so far.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.foundation.concurrency import map_ordered
from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.base import Report, Settings
from cvstudio.training.descent import descend
from cvstudio.training.ema import Ema
from cvstudio.training.everyday import chunks
from cvstudio.training.everyday import data as everyday_data
from cvstudio.training.everyday import masks as everyday_masks
from cvstudio.training.everyday.chunks import Chunk, DenseBatch
from cvstudio.training.everyday.data import DistilledView, Photograph, Views
from cvstudio.training.everyday.distillation import map_loss, output_losses
from cvstudio.training.everyday.masks import MaskSet
from cvstudio.training.everyday.teacher import N_CLASSES, SIZE, DenseTeacher, under
from cvstudio.training.schedule import warm_cosine, warm_hold_decay
from cvstudio.training.transfer import parameter_groups

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS, DECAY_EPOCHS = 21, 6
"""Epochs of the detector, and those at their end in which the learning rate falls: before, it is constant."""

BATCH = 16
STEPS = 64
"""Steps of an epoch."""

FIRST, FRESH, FRESH_EPOCHS = 1536, 256, 14
"""New views before the first epoch, and before each of the next `FRESH_EPOCHS`."""

RATE, INHERITED_RATE = 2e-3, 5e-4
"""Learning rates of the adapters, and of what starts as the teacher's."""

WEIGHT_DECAY = 0.02
EMA_DECAY = 0.995
WEIGHTS = {"object": 1.0, "class": 1.0, "box": 2.0, "maps": 2.0}
"""Of the losses."""

MASK_EPOCHS, MASK_STEPS, MASK_RATE = 5, 100, 3e-3
MASK_VIEWS = 1200

VALIDATE_EVERY = 4
LEAST_TRUTH = 8
"""Fewest true boxes of a class in the held-out photographs for its figure to count."""

MEASURED = 256
"""Views of the first chunk whose maps tell the deviation of each channel."""


class EverydayTask:
    """See `cvstudio.training.base.TrainingTask`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epochs = EPOCHS + MASK_EPOCHS if settings.epochs is None else settings.epochs
        self.box_epochs = self.epochs - min(MASK_EPOCHS, self.epochs // 3)

    def prepare(self, progress: Progress) -> None:
        import torch

        from cvstudio.models.shared.lite_detector import LiteDetector
        from cvstudio.models.shared.residual import fuse

        settings = self.settings
        sets.require(settings.data, everyday_data.FILES)
        torch.manual_seed(settings.seed)
        self._teacher = DenseTeacher(settings.data / everyday_data.FILES[-1], settings.device)
        network = LiteDetector(N_CLASSES)
        _start_from_classifier(network)
        network.pyramid.load_state_dict(_without_trunk(under(self._teacher.state, "backbone")))
        network.head.load_state_dict(under(self._teacher.state, "head"))
        network.trunk.requires_grad_(False)
        self.network = network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = parameter_groups(
            self.network, ("adapters",), rate=RATE, trunk_rate=INHERITED_RATE, weight_decay=WEIGHT_DECAY
        )
        self._rates = [group["lr"] for group in groups]
        self.optimiser = torch.optim.AdamW(groups)
        self.ema = Ema(self.network, EMA_DECAY)
        self._mask_parts = [getattr(self.network, name) for name in everyday_masks.MASK_PARTS]
        self.mask_optimiser = torch.optim.AdamW(
            [parameter for part in self._mask_parts for parameter in part.parameters()],
            MASK_RATE,
            weight_decay=WEIGHT_DECAY,
        )
        self._masks: MaskSet | None = None
        self._held_out_masks: MaskSet | None = None
        self._frozen: Any = fuse(copy.deepcopy(self.network.trunk))
        self._read(progress)

    def _read(self, progress: Progress) -> None:
        data, folder, limit = self.settings.data, self.settings.folder, self.settings.limit
        training, held_out = everyday_data.photographs(data, limit)
        counts = everyday_data.kept_counts(folder, training, self._teacher, progress)
        if not (folder / everyday_data.COUNTS).is_file():
            np.save(folder / everyday_data.COUNTS, counts)
        self._training, self._weights = training, everyday_data.drawing_weights(counts)
        self._views: Views | None = None
        self._held_out = self._held_out_part(held_out, progress)
        self._truth = [
            ImageBoxes(boxes, classes, np.ones(len(boxes), np.float32))
            for boxes, classes in zip(self._held_out.boxes, self._held_out.classes, strict=True)
        ]
        self._chunks: list[Chunk] = []
        self._deviations: list[Tensor] = []

    def _held_out_part(self, photographs: list[Photograph], progress: Progress) -> Chunk:
        """Held-out photographs with their true boxes."""

        def views() -> Iterator[DistilledView]:
            for number, photograph in enumerate(photographs):
                progress(number / len(photographs), "held-out photographs")
                yield everyday_data.labelled_view(photograph, self._teacher)[0]

        return self._chunk("held-out", views())

    def _chunk(self, name: str, views: Iterator[DistilledView]) -> Chunk:
        """The chunk `name` of the run's folder, made from `views` where it is not there."""
        chunk = chunks.load(self.settings.folder, name)
        if chunk is None:
            chunks.save(
                self.settings.folder, name, chunks.make(views, self._frozen, self._teacher, self.settings.device)
            )
            chunk = chunks.load(self.settings.folder, name)
            assert chunk is not None
        return chunk

    def _make_views(self, number: int, count: int, progress: Progress) -> Iterator[DistilledView]:
        """New views, each from random numbers of its own, so that they can be made at the same time."""
        if self._views is None:
            small = everyday_data.small_pictures(self.settings.data, progress, limit=self.settings.limit)
            self._views = Views(self._training, self._weights, small)
        views = self._views

        def make(index: int) -> DistilledView:
            return views.make(np.random.default_rng((self.settings.seed, 1, number, index)))

        for index, view in enumerate(map_ordered(range(count), make, max(1, (os.cpu_count() or 2) - 1))):
            progress(None, f"epoch {number + 1}: new views, {index} of {count}")
            yield view

    def _add_views(self, epoch: int, progress: Progress) -> None:
        """Make sure that the chunks of all epochs up to `epoch` are there."""
        import torch

        for number in range(len(self._chunks), min(epoch, FRESH_EPOCHS) + 1):
            count = FRESH if number else FIRST
            if self.settings.limit is not None:
                count = 2 * BATCH
            self._chunks.append(self._chunk(f"views-{number:03}", self._make_views(number, count, progress)))
        if not self._deviations:
            for key in chunks.TAUGHT:
                values = chunks.on_device(self._chunks[0].maps[key][:MEASURED], self.settings.device)
                self._deviations.append(torch.std(values, dim=(0, 2, 3)) + 1e-3)

    def _batch(self, rng: np.random.Generator) -> DenseBatch:
        sizes = np.array([len(chunk) for chunk in self._chunks])
        ends = sizes.cumsum()
        picks = []
        for row in rng.integers(int(ends[-1]), size=BATCH):
            number = int(np.searchsorted(ends, row, side="right"))
            picks.append((self._chunks[number], int(row - (ends[number] - sizes[number]))))
        return chunks.collate(picks, self.settings.device)

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        import torch

        from cvstudio.models.shared.pyramid import decode, places

        if epoch >= self.box_epochs:
            return self._train_masks(epoch, report, progress)
        self._add_views(epoch, progress)
        rng = np.random.default_rng((self.settings.seed, 2, epoch))
        steps = STEPS if self.settings.limit is None else 4
        total = self.box_epochs * steps
        decay = min(DECAY_EPOCHS, self.box_epochs / 2) * steps
        centres, strides = places(SIZE, SIZE, self.settings.device)
        # The normalisations of the published parts keep their statistics.
        self.network.eval()
        self.network.adapters.train()

        def losses_of(batch: DenseBatch) -> Mapping[str, Tensor]:
            # In half precision forward: on a CPU three quarters of the time.
            with torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16):
                levels = self.network.fused(batch.inputs)
                objectness, classes, distances, _ = self.network.outputs(levels)
            levels = [level.float() for level in levels]
            terms = output_losses(objectness, classes, decode(distances, centres, strides), batch)
            terms["maps"] = map_loss(levels, batch, self._deviations)
            loss = sum((WEIGHTS[name] * term for name, term in terms.items()), objectness.new_zeros(()))
            return {"loss": loss, **terms}

        return descend(
            (self._batch(rng) for _ in range(steps)),
            losses_of,
            self.optimiser,
            self._rates,
            lambda step: warm_hold_decay(epoch * steps + step, total, steps, decay, 0.01),
            report,
            progress,
            steps=steps,
            clipped=self.network,
            after_step=lambda: self.ema.update(self.network),
        )

    def _train_masks(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        """Train the mask branch for one epoch on the averaged detector, which stays as it is."""
        network = self.network
        if epoch == self.box_epochs:
            network.load_state_dict(self.ema.network.state_dict())
        network.requires_grad_(False)
        network.eval()
        if self._masks is None:
            self._masks = self._mask_set("training", progress)
        masks = self._masks
        for part in self._mask_parts:
            part.requires_grad_(True).train()
        rng = np.random.default_rng((self.settings.seed, 3, epoch))
        steps = MASK_STEPS if self.settings.limit is None else 4
        done = (epoch - self.box_epochs) * steps
        total = (self.epochs - self.box_epochs) * steps
        count = len(masks.finest)

        def loss_of(numbers: NDArray[np.int64]) -> Mapping[str, Tensor]:
            values, rows = everyday_masks.logits(network, masks, numbers)
            return {"mask": everyday_masks.loss_of(values, masks.targets[rows], masks.weights[rows])}

        means = descend(
            (rng.choice(count, min(BATCH, count), replace=False) for _ in range(steps)),
            loss_of,
            self.mask_optimiser,
            [MASK_RATE],
            lambda step: warm_cosine(done + step, total, 0.05 * total, 0.01),
            report,
            progress,
            steps=steps,
        )
        # So few steps would leave the average near its beginning; the decreasing rate averages instead.
        self.ema.network.load_state_dict(network.state_dict())
        return means

    def _mask_set(self, part: str, progress: Progress) -> MaskSet:
        """What the mask branch learns from, or is measured on: `part` is "training" or "held-out"."""
        path = self.settings.folder / f"masks-{part}.npz"
        if not path.is_file():
            self._write_mask_views(part, path, progress)
        return everyday_masks.mask_set(self.ema.network, self._frozen, everyday_masks.load(path), self.settings.device)

    def _write_mask_views(self, part: str, path: Path, progress: Progress) -> None:
        settings, held_out = self.settings, part == "held-out"
        pictures = everyday_masks.labelled_pictures(
            settings.data, self._teacher, progress, limit=settings.limit, held_out=held_out
        )
        count = MASK_VIEWS if settings.limit is None else 2 * BATCH
        seed = (settings.seed, 4)
        views = everyday_masks.whole_views(pictures) if held_out else everyday_masks.views(seed, pictures, count)
        everyday_masks.save(path, list(views))

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        if (epoch + 1) % VALIDATE_EVERY and epoch + 1 not in (self.box_epochs, self.epochs):
            return {}
        precision = average_precision(self._predictions(progress), self._truth, N_CLASSES)
        counts = np.bincount(np.concatenate([t.classes for t in self._truth]), minlength=N_CLASSES)
        counted = counts >= LEAST_TRUTH
        figures = {
            "mAP50": float(np.nanmean(np.where(counted, precision, np.nan))) if counted.any() else 0.0,
            "AP50 person": float(np.nan_to_num(precision[0])),
            "classes": float(counted.sum()),
        }
        if epoch >= self.box_epochs:
            if self._held_out_masks is None:
                self._held_out_masks = self._mask_set("held-out", progress)
            figures["mask IoU"] = everyday_masks.mean_iou(self.ema.network, self._held_out_masks)
        return figures

    def _predictions(self, progress: Progress) -> list[ImageBoxes]:
        import torch

        from cvstudio.models.shared.pyramid import decode, places

        predictions = []
        network: Any = self.ema.network
        centres, strides = places(SIZE, SIZE, self.settings.device)
        for start in range(0, len(self._held_out), BATCH):
            progress.check()
            rows = slice(start, start + BATCH)
            maps = [chunks.on_device(self._held_out.maps[key][rows], self.settings.device) for key in chunks.INPUTS]
            with torch.inference_mode():
                objectness, classes, distances, _ = network.outputs(network.fused(maps))
                boxes = decode(distances, centres, strides).cpu().numpy()
                scores = (objectness.sigmoid() * classes.sigmoid()).cpu().numpy()
            predictions += [best_boxes(*pair) for pair in zip(boxes, scores, strict=True)]
        return predictions

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state_dict(),
            "mask optimiser": self.mask_optimiser.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema.load_state_dict(state["ema"])
        self.mask_optimiser.load_state_dict(state.get("mask optimiser", self.mask_optimiser.state_dict()))

    def tensors(self) -> Mapping[str, Any]:
        return self.ema.network.state_dict()


def best_boxes(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], floor: float = 0.02, iou: float = 0.6
) -> ImageBoxes:
    """Boxes (cells, 4) and scores (cells, classes) of one picture after NMS within each class, best first."""
    rows, classes = np.nonzero(scores >= floor)
    values = scores[rows, classes]
    order = np.argsort(-values, kind="stable")[:1000]
    candidates, kinds = boxes[rows[order]].astype(np.float32), classes[order].astype(np.int64)
    kept = nms(candidates, values[order].astype(np.float32), kinds, iou)
    return ImageBoxes(candidates[kept], kinds[kept], values[order][kept].astype(np.float32))


def _without_trunk(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("backbone.")}


def _start_from_classifier(network: Any) -> None:
    """Initialise the trunk with the published weights. Raises WeightsError where their package is missing."""
    from cvstudio.models.shared.lite_weights import WEIGHTS, adapted
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    state = adapted(load_state_dict(require_weights(WEIGHTS, None)))
    load_into(network.trunk, {name: state[name] for name in network.trunk.state_dict()}, "the trunk")
