"""Training of the embedded depth network: a decoder on the maps of the trunk, which stays as published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.precision import Precision
from cvstudio.training import sets
from cvstudio.training.base import Report, Settings
from cvstudio.training.depth import data as depth_data
from cvstudio.training.depth import features, orders, views
from cvstudio.training.depth.features import FeatureBatch, Maps, ViewFeatures
from cvstudio.training.depth.loss import gradient_error, ordinal, scale_invariant
from cvstudio.training.depth.views import DepthView
from cvstudio.training.descent import descend
from cvstudio.training.ema import Ema
from cvstudio.training.schedule import warm_hold_decay

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS, DECAY_EPOCHS = 8, 4
"""Epochs, and those at their end in which the learning rate falls: before, it is constant."""

BATCH, STEPS = 8, 40
"""Views of a step, and steps of an epoch."""

RATE, WEIGHT_DECAY, EMA_DECAY = 3e-3, 0.02, 0.99
GRADIENTS, PAIRS = 0.5, 0.5
"""Weights of the losses beside the scale-invariant one."""

SHARES = {"nyu": 0.55, "world": 0.17, "camvid": 0.08, "photographs": 0.2}
"""Of the views of a batch, by set."""

DETECTOR = "pyramid-lite0"
OVERLAP = 0.6
VALIDATE_EVERY = 4


class DepthTask:
    """See `cvstudio.training.base.TrainingTask`."""

    def __init__(self, settings: Settings) -> None:
        import torch

        from cvstudio.models.shared.lite_depth import DepthDecoder

        self.settings = settings
        self.epochs = EPOCHS if settings.epochs is None else settings.epochs
        self.steps = STEPS if settings.limit is None else 3
        torch.manual_seed(settings.seed)
        self.network = DepthDecoder().to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = Ema(self.network, EMA_DECAY)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=WEIGHT_DECAY)

    def prepare(self, progress: Progress) -> None:
        sets.require(self.settings.data, depth_data.FILES)
        self._trunk: Any = None
        self._parts = {name: self._features(name, progress) for name in depth_data.PARTS}
        self._held_out = self._features("held-out", progress)

    def _features(self, name: str, progress: Progress) -> list[ViewFeatures]:
        """The set `name` as the trunk sees it, made where it is not in the run's folder."""
        folder = self.settings.folder
        found = features.load(folder, name)
        if found is None:
            features.save(folder, name, self._views(name, progress))
            found = features.load(folder, name)
            assert found is not None
        return found

    def _views(self, name: str, progress: Progress) -> Iterator[tuple[DepthView, Maps]]:
        data, limit = self.settings.data, self.settings.limit
        rng = np.random.default_rng((self.settings.seed, 1, sum(name.encode())))
        if name == "photographs":
            return self._photographs(depth_data.photograph_paths(data, held_out=False)[:limit], rng, progress)
        if name == "nyu":
            views = depth_data.nyu_views(data, rng, limit)
        elif name == "world":
            views = depth_data.world_depth_views(self.settings.folder, rng, progress, limit)
        elif name == "camvid":
            views = depth_data.street_views(data, "train", rng, limit)
        else:
            return self._held_out_views(rng, progress)
        return features.with_maps(self._frozen_trunk(), _counted(views, name, progress), self.settings.device)

    def _held_out_views(self, rng: np.random.Generator, progress: Progress) -> Iterator[tuple[DepthView, Maps]]:
        """Streets and photographs that the network does not learn from; rooms are read as they are."""
        data, limit = self.settings.data, self.settings.limit
        streets = _counted(depth_data.street_views(data, "val", rng, limit), "held-out streets", progress)
        yield from features.with_maps(self._frozen_trunk(), streets, self.settings.device)
        paths = depth_data.photograph_paths(data, held_out=True)[:limit]
        yield from self._photographs(paths, rng, progress, weak=False)
        frames = (depth_data.nyu_frame(data, number) for number in depth_data.nyu_numbers(data, "validation")[:limit])
        rooms = (views.depth_view(pixels, depth, views.whole(*depth.shape)) for pixels, depth in frames)
        yield from features.with_maps(self._frozen_trunk(), rooms, self.settings.device)

    def _frozen_trunk(self) -> Any:
        if self._trunk is None:
            import torch

            from cvstudio.models.shared.efficientnet_lite import LiteTrunk
            from cvstudio.models.shared.lite_weights import published_trunk
            from cvstudio.models.shared.residual import fuse
            from cvstudio.weights.checks import load_into

            trunk = LiteTrunk().eval()
            load_into(trunk, published_trunk(), "the trunk")
            self._trunk = fuse(trunk).to(self.settings.device).to(memory_format=torch.channels_last)
        return self._trunk

    def _photographs(
        self, paths: list[Path], rng: np.random.Generator, progress: Progress, *, weak: bool = True
    ) -> Iterator[tuple[DepthView, Maps]]:
        """Photographs with pairs from the masks of the default detector, whose trunk is the same one."""
        from cvstudio.models import MODELS

        detector: Any = MODELS[DETECTOR].load(self.settings.device, None)
        detector.use_precision(Precision(dtype="bfloat16", channels_last=True))
        for number, (pixels, rows, columns) in enumerate(depth_data.photograph_pixels(paths, rng, mirror=weak)):
            progress(number / len(paths), "photographs")
            seen = detector.trunk_features(Image(pixels), NoParams(), progress)
            detections = seen.answer
            detections = detections.take(nms(detections.boxes, detections.scores, None, OVERLAP))
            pairs = [orders.figure_pairs(rng, detections)]
            if weak:
                pairs = [pairs[0], orders.bottom_and_top(rng, rows, columns, depth_data.WEAK_PAIRS)]
            kept = np.concatenate(pairs)[-views.MOST_PAIRS :]
            height, width = pixels.shape[0] // views.STRIDE, pixels.shape[1] // views.STRIDE
            maps = [np.ascontiguousarray(item.transpose(1, 2, 0)).astype(np.float16) for item in seen.maps]
            yield DepthView(pixels, np.zeros((height, width), np.float32), kept), maps

    def _batch(self, rng: np.random.Generator) -> FeatureBatch:
        """Views of one shape: first the set of each is drawn, then its row."""
        upright = rng.random() < 0.15
        parts = {
            name: [member for member in members if (member.depth.shape[1] > member.depth.shape[2]) == upright]
            for name, members in self._parts.items()
        }
        present = [name for name in SHARES if parts[name]]
        shares = np.array([SHARES[name] for name in present])
        names = rng.choice(len(present), BATCH, p=shares / shares.sum())
        picks = []
        for number in names:
            (member,) = parts[present[number]]
            picks.append((member, int(rng.integers(len(member)))))
        return features.collate(picks, self.settings.device)

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        import torch

        rng = np.random.default_rng((self.settings.seed, 2, epoch))
        self.network.train()
        steps, total = self.steps, self.epochs * self.steps
        decay = min(DECAY_EPOCHS, self.epochs / 2) * steps

        def losses_of(batch: FeatureBatch) -> Mapping[str, Tensor]:
            # In half precision forward: on a CPU three quarters of the time.
            with torch.autocast(self.settings.device.partition(":")[0], dtype=torch.bfloat16):
                log_depth = self.network(batch.maps)[:, 0]
            log_depth = log_depth.float()
            error = scale_invariant(log_depth, batch.depth)
            gradients = gradient_error(log_depth, batch.depth)
            pairs = ordinal(log_depth, batch.pairs)
            return {
                "loss": error + GRADIENTS * gradients + PAIRS * pairs,
                "depth": error,
                "gradients": gradients,
                "pairs": pairs,
            }

        return descend(
            (self._batch(rng) for _ in range(steps)),
            losses_of,
            self.optimiser,
            [RATE],
            lambda step: warm_hold_decay(epoch * steps + step, total, steps, decay, 0.01),
            report,
            progress,
            steps=steps,
            clipped=self.network,
            after_step=lambda: self.ema.update(self.network),
        )

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        if (epoch + 1) % VALIDATE_EVERY and epoch + 1 != self.epochs:
            return {}
        import torch

        errors, right = [], []
        for member in self._held_out:
            for start in range(0, len(member), BATCH):
                progress.check()
                rows = range(start, min(start + BATCH, len(member)))
                batch = features.collate([(member, row) for row in rows], self.settings.device)
                with torch.inference_mode():
                    log_depth = self.ema.network(batch.maps)[:, 0].cpu().numpy()
                for values, depth, pairs in zip(
                    log_depth, batch.depth.cpu().numpy(), batch.pairs.cpu().numpy(), strict=True
                ):
                    if (depth > 0).any():
                        errors.append(absolute_relative_error(np.exp(values), depth))
                    pairs = pairs[pairs[:, 0] >= 0]
                    if len(pairs):
                        near, far = (values[pairs[:, at], pairs[:, at + 1]] for at in (0, 2))
                        right.append(float((near < far).mean()))
        return {"abs-rel": float(np.mean(errors)), "pairs right": float(np.mean(right)) if right else 0.0}

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


def _counted(views: Iterator[DepthView], name: str, progress: Progress) -> Iterator[DepthView]:
    """Views, while `progress` says how many there are."""
    for number, view in enumerate(views):
        progress(None, f"{name}: {number} views")
        yield view


def absolute_relative_error(depth: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Mean of |depth - truth| / truth where the truth is known, after scaling to the same median (Eigen et al., 2014;
    Zhou et al., "Unsupervised Learning of Depth and Ego-Motion from Video", CVPR 2017, for the scaling)."""
    known = truth > 0
    found, true = depth[known].astype(np.float64), truth[known].astype(np.float64)
    found = found * (np.median(true) / np.median(found))
    return float((np.abs(found - true) / true).mean())
