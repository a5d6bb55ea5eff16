"""Training of the detector on labels, pseudo-labels and masks, from the classifier's trunk on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.boxes import nms
from cvstudio.foundation.progress import Progress
from cvstudio.training import detector_data, detector_views, sets
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.base import Report, Settings
from cvstudio.training.descent import descend
from cvstudio.training.detector_data import LabelledPicture
from cvstudio.training.detector_teacher import LABELS, Teacher
from cvstudio.training.detector_views import TrainingBatch
from cvstudio.training.ema import Ema
from cvstudio.training.schedule import warm_cosine
from cvstudio.training.transfer import parameter_groups

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS = 36
BATCH = 16
SIZES = (288, 320, 352, 384, 416)
LAST_SINGLE = 4
"""Epochs at the end without mosaics, so that training ends on whole pictures."""

RATE, TRUNK_RATE = 1.5e-3, 7.5e-4
WEIGHT_DECAY = 0.03
EMA_DECAY = 0.9985
BOX_WEIGHT, MASK_WEIGHT = 2.0, 1.0
VALIDATE_EVERY = 4
PERSON = LABELS.index("person")
VALIDATION_SIZE = 416
FILES = (
    "voc5/images",
    "voc5/masks",
    "voc5/instances.json",
    "imagenet_samples",
    "tiny_imagenet/train.tar",
    "weights/yolox_nano_coco.onnx",
)


class DetectorTask:
    """See `cvstudio.training.base.TrainingTask`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epochs = EPOCHS if settings.epochs is None else settings.epochs

    def prepare(self, progress: Progress) -> None:
        import torch

        from cvstudio.models.shared.pyramid import DetectorNet

        settings = self.settings
        sets.require(settings.data, FILES)
        self._read(progress)
        torch.manual_seed(settings.seed)
        network = DetectorNet(len(LABELS))
        _start_from_classifier(network)
        self.network = network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        head = [name for name, _ in self.network.named_children() if name not in ("trunk", "scales")]
        groups = parameter_groups(
            self.network, (*head, "scales"), rate=RATE, trunk_rate=TRUNK_RATE, weight_decay=WEIGHT_DECAY
        )
        self._rates = [group["lr"] for group in groups]
        self.optimiser = torch.optim.AdamW(groups)
        self.ema = Ema(self.network, EMA_DECAY)

    def _read(self, progress: Progress) -> None:
        data, folder, limit = self.settings.data, self.settings.folder, self.settings.limit
        training_paths, held_out_paths = sets.voc5_split(data)
        self.labelled = detector_data.labelled(data, training_paths[:limit], progress, mask_file=folder / "masks.npz")
        self.held_out = detector_data.labelled(data, held_out_paths[:limit], progress)
        teacher = Teacher(data / FILES[-1])
        photos = sets.imagenet_samples(data, progress)[:limit]
        self.photos = []
        for number, photo in enumerate(photos):
            progress(number / len(photos), "the teacher looks at photographs")
            self.photos.append(detector_data.pseudo_labels(teacher(photo.pixels), photo.pixels))
        with_boxes = [sample for sample in (*self.labelled, *self.photos) if (sample.weights > 0).any()]
        self.people = [sample for sample in with_boxes if (sample.weights[sample.classes == PERSON] > 0).any()]
        self.with_boxes = with_boxes
        small = sets.tiny_imagenet(data, progress, limit=limit)
        tiny = detector_data.tiny_samples(small, teacher, folder / "tiny-labels.npz", progress, limit=limit)
        self.tiny_background = [sample for sample in tiny if not (sample.weights > 0).any()]
        self.tiny_with_boxes = [sample for sample in tiny if (sample.weights > 0).any()]

    def _random_picture(self, rng: np.random.Generator) -> LabelledPicture:
        draw = rng.random()
        pool = self.labelled if draw < 0.82 else self.photos if draw < 0.9 else self._tiny_pool(rng)
        return pool[int(rng.integers(len(pool)))]

    def _tiny_pool(self, rng: np.random.Generator) -> list[LabelledPicture]:
        return self.tiny_with_boxes if self.tiny_with_boxes and rng.random() < 0.7 else self.tiny_background

    def _random_tiny_picture(self, rng: np.random.Generator) -> LabelledPicture:
        pool = self._tiny_pool(rng)
        return pool[int(rng.integers(len(pool)))]

    def _batch(self, rng: np.random.Generator, rows: np.ndarray[Any, Any], size: int, *, whole: bool) -> TrainingBatch:
        """One view per row: of that labelled picture, a zoom, a photograph or, unless `whole`, a mosaic or grid."""
        import torch

        views = []
        for row in rows:
            draw = rng.random()
            if draw < 0.16:
                # People are far away in most of these pictures, but near in those of users.
                pool = self.people if self.people and rng.random() < 0.6 else self.with_boxes
                class_index = PERSON if pool is self.people else int(rng.integers(len(LABELS)))
                views.append(detector_views.zoom(rng, pool[int(rng.integers(len(pool)))], size, class_index))
            elif whole or draw < 0.4:
                views.append(detector_views.single(rng, self.labelled[row], size))
            elif draw < 0.45:
                views.append(detector_views.single(rng, self.photos[int(rng.integers(len(self.photos)))], size))
            elif draw < 0.88:
                views.append(detector_views.mosaic(rng, self._random_picture, size))
            else:
                views.append(detector_views.grid(rng, self._random_tiny_picture, size, int(rng.integers(2, 5))))
        pictures = torch.from_numpy(np.stack([pixels for pixels, _ in views])).to(self.settings.device)
        return TrainingBatch(pictures, [target for _, target in views])

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16)

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        from cvstudio.models.shared.pyramid import decode, places
        from cvstudio.models.shared.residual import normalise
        from cvstudio.training.detector_loss import losses

        rng = np.random.default_rng((self.settings.seed, epoch))
        order = rng.permutation(len(self.labelled))
        steps = max(1, len(order) // BATCH)
        whole = epoch >= self.epochs - LAST_SINGLE
        self.network.train()

        def batches() -> Iterator[TrainingBatch]:
            for start in range(0, steps * BATCH, BATCH):
                size = int(rng.choice(SIZES))
                yield self._batch(rng, order[start : start + BATCH], size, whole=whole)

        def losses_of(batch: TrainingBatch) -> Mapping[str, Tensor]:
            size = batch.pictures.shape[1]
            with self._autocast():
                raw = self.network(normalise(batch.pictures))
            centres, strides = places(size, size, batch.pictures.device)
            terms = losses(raw, centres, strides, decode(raw.distances, centres, strides), batch.targets)
            return {"loss": terms["class"] + BOX_WEIGHT * terms["box"] + MASK_WEIGHT * terms["mask"], **terms}

        return descend(
            batches(),
            losses_of,
            self.optimiser,
            self._rates,
            lambda step: warm_cosine(epoch * steps + step, self.epochs * steps, min(2, self.epochs / 4) * steps, 0.01),
            report,
            progress,
            steps=steps,
            clipped=self.network,
            after_step=lambda: self.ema.update(self.network),
        )

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        import torch

        from cvstudio.models.shared.imagenet import GREY
        from cvstudio.models.shared.pyramid import decode, places
        from cvstudio.models.shared.residual import normalise
        from cvstudio.training.augment import scaling

        if (epoch + 1) % VALIDATE_EVERY and epoch + 1 < self.epochs:
            return {}
        predictions, truth = [], []
        size = VALIDATION_SIZE
        for start in range(0, len(self.held_out), BATCH):
            progress.check()
            samples = self.held_out[start : start + BATCH]
            scales = [size / max(sample.pixels.shape[:2]) for sample in samples]
            views = [
                scaling(scale, scale).warp(sample.pixels, size, size, fill=GREY)
                for sample, scale in zip(samples, scales, strict=True)
            ]
            with torch.no_grad(), self._autocast():
                raw = self.ema.network(normalise(torch.from_numpy(np.stack(views)).to(self.settings.device)))
            centres, strides = places(size, size, raw.logits.device)
            boxes = decode(raw.distances, centres, strides).cpu().numpy()
            scores = raw.logits.sigmoid().cpu().numpy()
            for number, (sample, scale) in enumerate(zip(samples, scales, strict=True)):
                predictions.append(_best(boxes[number] / scale, scores[number]))
                truth.append(ImageBoxes(sample.boxes, sample.classes, np.ones(len(sample.boxes), np.float32)))
        precision = average_precision(predictions, truth, len(LABELS))
        return {"mAP50": float(np.nanmean(precision))} | {
            f"AP50 {label}": float(value) for label, value in zip(LABELS, precision, strict=True) if not np.isnan(value)
        }

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema.load_state_dict(state["ema"])

    def tensors(self) -> Mapping[str, Any]:
        return self.ema.network.state_dict()


def _best(
    boxes: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], floor: float = 0.01, iou: float = 0.6
) -> ImageBoxes:
    rows, classes = np.nonzero(scores >= floor)
    values = scores[rows, classes]
    order = np.argsort(-values, kind="stable")[:1000]
    best_boxes = boxes[rows[order]].astype(np.float32)
    best_classes = classes[order].astype(np.int64)
    kept_rows = nms(best_boxes, values[order].astype(np.float32), best_classes, iou)
    return ImageBoxes(best_boxes[kept_rows], best_classes[kept_rows], values[order][kept_rows].astype(np.float32))


def _start_from_classifier(network: Any) -> None:
    """Initialise the trunk with the weights of the embedded classifier. Raises UserError where it is missing."""
    from cvstudio.foundation.errors import UserError
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import embedded_path
    from cvstudio.weights.store import load_state_dict

    path = embedded_path("residual-60")
    if path is None:
        raise UserError(
            "Expected the embedded classifier to start from, but it is not there; train it first: "
            "cvstudio train classifier."
        )
    state = load_state_dict(path)
    trunk = {name.removeprefix("trunk."): tensor for name, tensor in state.items() if name.startswith("trunk.")}
    load_into(network.trunk, trunk, "the trunk")
