"""Training of the default detector by distillation on everyday photographs.

The part of the trunk up to stride 16 stays as published, so that its maps are made once for each view. New views are
made in every epoch, and training draws from all views so far. First the pyramid and the head learn alone, then the
trunk's last stages with them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.base import Report, Settings
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.ema import Ema
from cvstudio.training.everyday import data as everyday_data
from cvstudio.training.everyday import masks as everyday_masks
from cvstudio.training.everyday.data import Chunk, DistilledView, Photograph, Views
from cvstudio.training.everyday.distillation import DenseBatch, collate, dense_losses
from cvstudio.training.everyday.masks import MaskChunk
from cvstudio.training.everyday.teacher import N_CLASSES, SIZE, DenseTeacher
from cvstudio.training.prefetch import prefetch
from cvstudio.training.schedule import warm_cosine
from cvstudio.training.transfer import parameter_groups

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS = 24
BATCH = 16
STEPS = 100
"""Steps of an epoch."""

FRESH, FIRST = 160, 1024
"""New views in each epoch, and in the first."""

TRUNK_FROM = 0.5
"""Part of the epochs after which the trunk's last stages learn, too; not on a CPU, where that doubles the time."""

RATE, TRUNK_RATE = 2.5e-3, 5e-4
WEIGHT_DECAY = 0.03
EMA_DECAY = 0.998
BOX_WEIGHT = 2.0
MASK_EPOCHS, MASK_STEPS, MASK_BATCH, MASK_VIEWS = 12, 80, 8, 480
MASK_RATE = 4e-3
VALIDATE_EVERY = 4
TRUTH_FLOOR = 0.35
"""Score from which the teacher's box of a held-out photograph counts as true."""

LEAST_TRUTH = 8
"""Fewest true boxes of a class in the held-out photographs for its figure to count."""

FROZEN_STAGES = 5
"""Stages of the trunk that are never trained: those up to the map of stride 16."""


class EverydayTask:
    """See `cvstudio.training.base.TrainingTask`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epochs = EPOCHS + MASK_EPOCHS if settings.epochs is None else settings.epochs
        self.box_epochs = self.epochs - min(MASK_EPOCHS, self.epochs // 3)

    def prepare(self, progress: Progress) -> None:
        import torch

        from cvstudio.models.shared.lite_pyramid import LiteDetector
        from cvstudio.models.shared.residual import fuse

        settings = self.settings
        sets.require(settings.data, everyday_data.FILES)
        torch.manual_seed(settings.seed)
        network = LiteDetector(N_CLASSES)
        _start_from_classifier(network)
        network.trunk.requires_grad_(False)
        for stage in network.trunk.blocks[FROZEN_STAGES:]:
            stage.requires_grad_(True)
        mask_parts = [getattr(network, name) for name in everyday_masks.MASK_PARTS]
        for part in mask_parts:
            part.requires_grad_(False)
        self.network = network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        head = ("pyramid", "class_branch", "box_branch", "classes", "distances", "scales")
        groups = parameter_groups(self.network, head, rate=RATE, trunk_rate=TRUNK_RATE, weight_decay=WEIGHT_DECAY)
        self._rates = [group["lr"] for group in groups]
        self.optimiser = torch.optim.AdamW(groups)
        self.ema = Ema(self.network, EMA_DECAY)
        self.mask_optimiser = torch.optim.AdamW(
            [parameter for part in mask_parts for parameter in part.parameters()], MASK_RATE, weight_decay=WEIGHT_DECAY
        )
        self._frozen: Any = fuse(copy.deepcopy(self.network.trunk))
        self._read(progress)

    def _read(self, progress: Progress) -> None:
        data, folder, limit = self.settings.data, self.settings.folder, self.settings.limit
        self._teacher = DenseTeacher(data / everyday_data.FILES[-1])
        training, held_out = everyday_data.photographs(data, limit)
        counts_file = folder / "counts.npy"
        if not counts_file.is_file():
            counts = np.zeros((len(training), N_CLASSES), np.int64)
            for number, photograph in enumerate(training):
                progress(number / len(training), "the teacher looks at photographs")
                view, _ = everyday_data.whole_view(sets.decode(photograph.content))
                found = self._teacher(view, floor=TRUTH_FLOOR)
                counts[number] = np.bincount(found.classes, minlength=N_CLASSES)
            np.save(counts_file, counts)
        self._training, self._weights = training, everyday_data.drawing_weights(np.load(counts_file))
        self._views: Views | None = None
        self._held_out = self._held_out_part(held_out, progress)
        self._truth = [
            ImageBoxes(boxes, classes, np.ones(len(boxes), np.float32))
            for boxes, classes in zip(self._held_out.boxes, self._held_out.classes, strict=True)
        ]
        self._chunks: list[Chunk] = []
        self._masks: MaskChunk | None = None

    def _held_out_part(self, photographs: list[Photograph], progress: Progress) -> Chunk:
        """Held-out photographs with their true boxes: people's for the classes that they drew, else the teacher's."""

        def views() -> Iterator[DistilledView]:
            for number, photograph in enumerate(photographs):
                progress(number / len(photographs), "held-out photographs")
                view, scale = everyday_data.whole_view(sets.decode(photograph.content))
                found = self._teacher(view, floor=TRUTH_FLOOR)
                by_people = np.isin(found.classes, COCO_NUMBERS) & photograph.is_labelled
                boxes = np.concatenate([found.boxes[~by_people], photograph.boxes * np.float32(scale)])
                classes = np.concatenate([found.classes[~by_people], photograph.classes])
                yield DistilledView(view, self._teacher.dense(view), boxes, classes)

        return self._chunk("held-out", views(), progress)

    def _view(self, rng: np.random.Generator, progress: Progress) -> DistilledView:
        if self._views is None:
            small = everyday_data.small_pictures(self.settings.data, progress, limit=self.settings.limit)
            self._views = Views(self._training, self._weights, small, self._teacher)
        return self._views.make(rng)

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16)

    def _maps(self, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        import torch

        from cvstudio.models.shared.efficientnet_lite import normalise

        with torch.no_grad(), self._autocast():
            p3 = self._frozen.first(normalise(torch.from_numpy(pictures).to(self.settings.device)))
            p4 = self._frozen.blocks[3:FROZEN_STAGES](p3)
        p3_half, p4_half = (m.permute(0, 2, 3, 1).to(torch.float16).cpu().numpy() for m in (p3, p4))
        return p3_half, p4_half

    def _chunk(self, name: str, views: Iterator[DistilledView], progress: Progress) -> Chunk:
        """The chunk `name` of the run's folder, made from `views` where it is not there."""
        folder: Path = self.settings.folder
        chunk = everyday_data.load_chunk(folder, name)
        if chunk is not None:
            return chunk
        made: list[DistilledView] = []
        p3, p4 = [], []
        pending: list[DistilledView] = []

        def flush() -> None:
            if pending:
                maps = self._maps(np.stack([view.pixels for view in pending]))
                p3.append(maps[0])
                p4.append(maps[1])
                made.extend(DistilledView(view.pixels[:0], view.dense, view.boxes, view.classes) for view in pending)
                pending.clear()

        for view in prefetch(views):
            progress.check()
            pending.append(view)
            if len(pending) == BATCH:
                flush()
        flush()
        chunk = Chunk(
            np.concatenate(p3),
            np.concatenate(p4),
            [view.dense for view in made],
            [view.boxes for view in made],
            [view.classes for view in made],
        )
        everyday_data.save_chunk(folder, name, chunk)
        saved = everyday_data.load_chunk(folder, name)
        assert saved is not None
        return saved

    def _add_views(self, epoch: int, progress: Progress) -> None:
        """Make sure that the chunks of all epochs up to `epoch` are there."""
        for number in range(len(self._chunks), epoch + 1):
            rng = np.random.default_rng((self.settings.seed, 1, number))
            count = FIRST if number == 0 else FRESH
            if self.settings.limit is not None:
                count = min(count, 2 * BATCH)

            def views(
                rng: np.random.Generator = rng, count: int = count, number: int = number
            ) -> Iterator[DistilledView]:
                for index in range(count):
                    progress(None, f"epoch {number + 1}: new views, {index} of {count}")
                    yield self._view(rng, progress)

            self._chunks.append(self._chunk(f"views-{number:03}", views(), progress))

    def _batch(self, rng: np.random.Generator, chunks: list[Chunk]) -> tuple[Tensor, Tensor, DenseBatch]:

        sizes = np.array([len(chunk) for chunk in chunks])
        ends = sizes.cumsum()
        picks = []
        for row in rng.integers(int(ends[-1]), size=BATCH):
            number = int(np.searchsorted(ends, row, side="right"))
            picks.append((chunks[number], int(row - (ends[number] - sizes[number]))))
        p3, p4 = (self._input(np.stack([getattr(chunk, key)[row] for chunk, row in picks])) for key in ("p3", "p4"))
        targets = collate(
            [chunk.targets[row] for chunk, row in picks],
            [(chunk.boxes[row], chunk.classes[row]) for chunk, row in picks],
            self.settings.device,
        )
        return p3, p4, targets

    def _outputs(self, network: Any, p3: Tensor, p4: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and distances from cached maps."""
        # On a CPU half precision pays in the frozen trunk; depthwise gradients are faster in full precision.
        with self._autocast():
            p5 = network.trunk.blocks[FROZEN_STAGES:](p4).float()
        logits, distances, _ = network.heads(network.pyramid([p3, p4, p5]))
        return logits, distances

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        import torch

        from cvstudio.models.shared.pyramid import decode, places

        if epoch >= self.box_epochs:
            return self._train_masks(epoch, report, progress)
        self._add_views(epoch, progress)
        rng = np.random.default_rng((self.settings.seed, 2, epoch))
        steps = STEPS if self.settings.limit is None else 4
        learns_trunk = self.settings.device != "cpu" and epoch >= round(TRUNK_FROM * self.box_epochs)
        self.network.trunk.blocks[FROZEN_STAGES:].requires_grad_(learns_trunk)
        centres, strides = places(SIZE, SIZE, self.settings.device)
        sums: dict[str, float] = {}
        batches = (self._batch(rng, self._chunks) for _ in range(steps))
        for step, (p3, p4, targets) in enumerate(prefetch(batches)):
            progress.check()
            factor = warm_cosine(
                epoch * steps + step, self.box_epochs * steps, min(2, self.box_epochs / 4) * steps, 0.01
            )
            for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
                group["lr"] = rate * factor
            self.network.train()
            # The trunk's normalisations keep the statistics that its filters were learnt with.
            self.network.trunk.eval()
            logits, distances = self._outputs(self.network, p3, p4)
            terms = dense_losses(logits, decode(distances, centres, strides), centres, strides, targets)
            loss = terms["class"] + BOX_WEIGHT * terms["box"]
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
            self.optimiser.step()
            self.ema.update(self.network)
            values = {name: float(term.detach()) for name, term in {"loss": loss, **terms}.items()}
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            report({"fraction": (step + 1) / steps, "rate": RATE * factor, **values})
        return {name: total / steps for name, total in sums.items()}

    def _train_masks(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        """Train the mask branch for one epoch on the averaged detector, which stays as it is."""
        import torch

        from cvstudio.models.shared.pyramid import places

        chunk = self._mask_chunk(progress)
        if epoch == self.box_epochs:
            self.network.load_state_dict(self.ema.network.state_dict())
        self.network.requires_grad_(False)
        self.network.eval()
        for name in everyday_masks.MASK_PARTS:
            getattr(self.network, name).requires_grad_(True).train()
        rng = np.random.default_rng((self.settings.seed, 3, epoch))
        steps = MASK_STEPS if self.settings.limit is None else 4
        centres, strides = places(SIZE, SIZE, self.settings.device)
        done = (epoch - self.box_epochs) * steps
        total = (self.epochs - self.box_epochs) * steps
        mean = 0.0
        for step in range(steps):
            progress.check()
            for group in self.mask_optimiser.param_groups:
                group["lr"] = MASK_RATE * warm_cosine(done + step, total, 0.05 * total, 0.01)
            rows = rng.integers(len(chunk.targets), size=MASK_BATCH)
            p3, p4 = (self._input(maps[rows]) for maps in (chunk.p3, chunk.p4))
            with torch.no_grad(), self._autocast():
                p5 = self.network.trunk.blocks[FROZEN_STAGES:](p4).float()
            targets = [chunk.targets[row] for row in rows]
            loss = everyday_masks.loss_of(self.network, [p3, p4, p5], targets, centres, strides)
            self.mask_optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.mask_optimiser.step()
            mean += float(loss.detach()) / steps
            report({"fraction": (step + 1) / steps, "mask": float(loss.detach())})
        # So few steps would leave the average near its beginning; the decreasing rate averages instead.
        self.ema.network.load_state_dict(self.network.state_dict())
        return {"mask": mean}

    def _mask_chunk(self, progress: Progress) -> MaskChunk:
        path = self.settings.folder / "mask-views.npz"
        if self._masks is None and not path.is_file():
            settings = self.settings
            pictures = everyday_masks.labelled_pictures(
                settings.data, self._teacher, settings.folder, progress, limit=settings.limit
            )
            rng = np.random.default_rng((settings.seed, 4))
            count = MASK_VIEWS if settings.limit is None else 2 * BATCH
            p3, p4, targets = [], [], []
            pending: list[NDArray[np.uint8]] = []
            for number, view in enumerate(everyday_masks.views(rng, pictures, count)):
                progress(number / count, "views with masks")
                pending.append(view.pixels)
                targets.append(view.target)
                if len(pending) == BATCH or number + 1 == count:
                    maps = self._maps(np.stack(pending))
                    p3.append(maps[0])
                    p4.append(maps[1])
                    pending = []
            everyday_masks.save(path, MaskChunk(np.concatenate(p3), np.concatenate(p4), targets))
        if self._masks is None:
            self._masks = everyday_masks.load(path)
        return self._masks

    def _input(self, maps: NDArray[np.float16]) -> Tensor:
        """Cached maps (n, h, w, channels) as float (n, channels, h, w) on the device."""
        import torch

        return torch.from_numpy(np.array(maps)).permute(0, 3, 1, 2).to(self.settings.device).float()

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        if (epoch + 1) % VALIDATE_EVERY and epoch + 1 not in (self.box_epochs, self.epochs):
            return {}
        precision = average_precision(self._predictions(progress), self._truth, N_CLASSES)
        counts = np.bincount(np.concatenate([t.classes for t in self._truth]), minlength=N_CLASSES)
        counted = counts >= LEAST_TRUTH
        return {
            "mAP50": float(np.nanmean(np.where(counted, precision, np.nan))) if counted.any() else 0.0,
            "AP50 person": float(np.nan_to_num(precision[0])),
            "classes": float(counted.sum()),
        }

    def _predictions(self, progress: Progress) -> list[ImageBoxes]:
        import torch

        from cvstudio.models.shared.pyramid import decode, places

        predictions = []
        centres, strides = places(SIZE, SIZE, self.settings.device)
        for start in range(0, len(self._held_out), BATCH):
            progress.check()
            maps = (self._held_out.p3, self._held_out.p4)
            with torch.no_grad():
                outputs = self._outputs(self.ema.network, *(self._input(m[start : start + BATCH]) for m in maps))
            logits, distances = outputs
            boxes = decode(distances, centres, strides).cpu().numpy()
            scores = logits.sigmoid().cpu().numpy()
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
        self.mask_optimiser.load_state_dict(state["mask optimiser"])

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


def _start_from_classifier(network: Any) -> None:
    """Initialise the trunk with the published weights. Raises WeightsError where their package is missing."""
    from cvstudio.models.classification.efficientnet_lite import WEIGHTS, adapted
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    state = adapted(load_state_dict(require_weights(WEIGHTS, None)))
    load_into(network.trunk, {name: state[name] for name in network.trunk.state_dict()}, "the trunk")
