"""Training of the classifier: transfer of a published network to the classes, then distillation to a small one.

The teacher, SqueezeNet 1.1 (Iandola et al., 2016), is first trained in a new last layer only, then as a whole with
two learning rates (`transfer`). The student, a residual network (`models.shared.residual`), is trained on labels with
CutMix and on the teacher's softened output (`distill`) for the same view (Beyer et al., "Knowledge distillation: A good
teacher is patient and consistent", CVPR 2022). On photographs the published teacher's 1000 classes train a second head,
which is not exported, and those of other classes have a uniform target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress
from cvstudio.training import mix
from cvstudio.training.base import Report, Settings
from cvstudio.training.classifier_data import Data, batch, squeezenet
from cvstudio.training.descent import descend
from cvstudio.training.distill import distillation_loss
from cvstudio.training.ema import Ema
from cvstudio.training.prefetch import prefetch
from cvstudio.training.schedule import warm_cosine
from cvstudio.training.transfer import freeze, parameter_groups, unfreeze

if TYPE_CHECKING:
    from torch import Tensor, nn

SIZES = (80,) * 8 + (112,) * 8 + (128,) * 4
"""Input size of each epoch: small views first, at a third of the cost."""

EPOCHS = len(SIZES)
BATCH = 80
PHOTOS = 16
"""Photographs in a batch, beside `BATCH` small pictures."""

TEACHER_SIZE = 128
TEACHER_EPOCHS = (1, 3)
"""Epochs of the new last layer only, then of the whole network."""

TEMPERATURE = 3.0
RATE = 0.1
WEIGHT_DECAY = 4e-4
EMA_DECAY = 0.998
FILES = ("tiny_imagenet/train.tar", "imagenet_samples", "voc5/images", "weights/squeezenet1_1_imagenet.pth")


@dataclass
class _Teachers:
    published: nn.Module
    adapted: nn.Module


class ClassifierTask:
    """See `cvstudio.training.base.TrainingTask`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.epochs = EPOCHS if settings.epochs is None else settings.epochs

    def prepare(self, progress: Progress) -> None:
        import torch

        from cvstudio.models.shared.residual import WIDTHS, Classifier
        from cvstudio.training.sets import require

        settings = self.settings
        require(settings.data, FILES)
        progress(None, "reading the pictures")
        self.data = Data(settings.data, progress, limit=settings.limit)
        self.labels = self.data.small.labels
        self.teachers = self._teach(progress)
        torch.manual_seed(settings.seed)
        network = Classifier(len(self.labels))
        # Head for the published teacher's 1000 classes, which is not exported.
        second = torch.nn.Linear(WIDTHS[-1], 1000)
        self.network = network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.second = second.to(settings.device)
        both = torch.nn.ModuleDict({"network": self.network, "second": self.second})
        groups = parameter_groups(both, ("",), rate=RATE, trunk_rate=RATE, weight_decay=WEIGHT_DECAY)
        self.optimiser = torch.optim.SGD(groups, momentum=0.9, nesterov=True)
        self.ema = Ema(self.network, EMA_DECAY)

    def _teach(self, progress: Progress) -> _Teachers:
        """The published teacher, and the same after transfer to the classes, which is kept in the run's folder."""
        import torch
        from safetensors.torch import load_file, save_file

        from cvstudio.foundation.atomic_files import atomic_path

        settings = self.settings
        path = settings.data / FILES[-1]
        published, adapted = squeezenet(path, settings.device), squeezenet(path, settings.device)
        published.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        torch.manual_seed(settings.seed)
        adapted.classifier[1] = torch.nn.Conv2d(512, len(self.labels), 1)
        adapted.to(settings.device, memory_format=torch.channels_last)
        adapted_file = settings.folder / "teacher.safetensors"
        if adapted_file.is_file():
            adapted.load_state_dict(load_file(adapted_file, device=settings.device))
        else:
            self._transfer(adapted, progress)
            with atomic_path(adapted_file) as target:
                save_file({name: tensor.contiguous() for name, tensor in adapted.state_dict().items()}, target)
        return _Teachers(published, adapted.eval().requires_grad_(False))

    def _transfer(self, teacher: nn.Module, progress: Progress) -> None:
        import torch

        head = ("classifier",)
        for phase, epochs in enumerate(TEACHER_EPOCHS):
            if phase == 0:
                freeze(teacher, except_=head)
                groups = parameter_groups(teacher, head, rate=1e-3, trunk_rate=0.0, weight_decay=1e-4)
            else:
                unfreeze(teacher)
                groups = parameter_groups(teacher, head, rate=1e-3, trunk_rate=2e-4, weight_decay=1e-2)
            optimiser = torch.optim.AdamW(groups)
            steps = epochs * (len(self.data.rows) // BATCH)
            factor = _factor(steps, steps // 20)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
            steps_done = 0
            for epoch in range(epochs):
                for pictures, targets in prefetch(self._batches(-10 - 10 * phase - epoch, TEACHER_SIZE, photos=0)):
                    progress.check()
                    teacher.train()
                    with self._autocast():
                        logits = teacher(self._input(pictures))
                    loss = torch.nn.functional.cross_entropy(logits.float(), targets)
                    optimiser.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                    schedule.step()
                    steps_done += 1
                    if steps_done % 10 == 0:
                        figures_text = f"step {steps_done} of {steps}, loss {loss.item():.2f}"
                        progress(None, f"teacher, part {phase + 1} of 2: {figures_text}")
            accuracy = self._accuracy(teacher.eval(), progress)
            progress(None, f"teacher, part {phase + 1}: {accuracy:.1%} of the held-out pictures right")

    def _batches(self, epoch: int, size: int, photos: int) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.settings.device
        rng = np.random.default_rng((self.settings.seed, epoch + 1000))
        order = rng.permutation(self.data.rows)
        for start in range(0, len(order) - BATCH + 1, BATCH):
            draw = rng.integers(len(self.data.photos), size=photos)
            # At least half have a known target: drawn uniformly, those without would prevail.
            draw[: photos // 2] = rng.integers(np.count_nonzero(self.data.targets >= -1), size=photos // 2)
            pictures, targets = batch(rng, self.data, order[start : start + BATCH], draw, size)
            yield pictures.to(device), targets.to(device)

    def _autocast(self) -> Any:
        import torch

        return torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16)

    def _input(self, pictures: Tensor, size: int | None = None) -> Tensor:
        import torch

        from cvstudio.models.shared.residual import normalise

        x = normalise(pictures)
        if size is not None and size != x.shape[-1]:
            x = torch.nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
        return x

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        import torch
        from torch.nn import functional

        size = SIZES[min(epoch * len(SIZES) // self.epochs, len(SIZES) - 1)]
        steps = len(self.data.rows) // BATCH
        rng = np.random.default_rng((self.settings.seed, epoch, 7))
        self.network.train()

        def losses_of(batch: tuple[Tensor, Tensor]) -> Mapping[str, Tensor]:
            pictures, targets = batch
            if rng.random() < 0.5:
                mixed_pictures, mixed_targets, _ = mix.cutmix(rng, pictures[:BATCH], targets[:BATCH])
                pictures, targets = (
                    torch.cat([mixed_pictures, pictures[BATCH:]]),
                    torch.cat([mixed_targets, targets[BATCH:]]),
                )
            x = self._input(pictures)
            with torch.no_grad(), self._autocast():
                adapted_logits = self.teachers.adapted(self._input(pictures[:BATCH], max(96, size)))
                published_logits = self.teachers.published(self._input(pictures[BATCH:], TEACHER_SIZE))
            with self._autocast():
                features = self.network.features(x)
                logits = self.network.head(features).float()
                second_logits = self.second(features[BATCH:]).float()
            has_target = targets.sum(1) > 0
            label_loss = functional.cross_entropy(logits[has_target], targets[has_target])
            teacher_loss = distillation_loss(logits[:BATCH], adapted_logits.float(), TEMPERATURE)
            photo_loss = distillation_loss(second_logits, published_logits.float(), TEMPERATURE)
            loss = label_loss + 0.7 * teacher_loss + 0.1 * photo_loss
            return {"loss": loss, "label": label_loss, "teacher": teacher_loss, "scenes": photo_loss}

        return descend(
            self._batches(epoch, size, PHOTOS),
            losses_of,
            self.optimiser,
            [RATE] * len(self.optimiser.param_groups),
            lambda step: warm_cosine(epoch * steps + step, self.epochs * steps, min(1, self.epochs / 4) * steps, 0.002),
            report,
            progress,
            steps=steps,
            after_step=lambda: self.ema.update(self.network),
        )

    def _accuracy(self, network: nn.Module, progress: Progress) -> float:
        rows = np.flatnonzero(self.data.small.held_out)
        logits = self._logits(network, rows, progress)
        return float((logits.argmax(1) == self.data.small.classes[rows]).mean())

    def _logits(self, network: nn.Module, rows: NDArray[np.int64], progress: Progress) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of small pictures, preprocessed as in the program."""
        import torch

        from cvstudio.data.samples import Image
        from cvstudio.models.classification.residual import prepare

        logits = []
        for start in range(0, len(rows), 100):
            progress.check()
            pictures = [prepare(Image(self.data.small.pictures[row])) for row in rows[start : start + 100]]
            with torch.no_grad(), self._autocast():
                x = self._input(torch.from_numpy(np.stack(pictures)).to(self.settings.device))
                logits.append(network(x).float().cpu().numpy())
        return np.concatenate(logits)

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        return {"top-1": self._accuracy(self.ema.network, progress)}

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "second": self.second.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.second.load_state_dict(state["second"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.ema.load_state_dict(state["ema"])

    def tensors(self) -> Mapping[str, Any]:
        return self.ema.network.state_dict()


def _factor(steps: int, warm_up: int) -> Callable[[int], float]:
    return lambda step: warm_cosine(step, steps, warm_up, 0.01)
