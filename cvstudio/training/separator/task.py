"""Training of the speech separator: mixtures are made anew for each step from speakers, places, speeds and levels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress
from cvstudio.training.base import Report, Settings
from cvstudio.training.descent import descend
from cvstudio.training.ema import Ema
from cvstudio.training.schedule import warm_hold_decay
from cvstudio.training.separator import data as speech_data
from cvstudio.training.separator.data import Speech

if TYPE_CHECKING:
    from torch import Tensor

EPOCHS, DECAY_EPOCHS = 90, 24
"""Epochs, and those at their end in which the learning rate falls: before, it is constant."""

STEPS, BATCH, SECS = 600, 4, 2.0
"""Steps of an epoch, mixtures of a step, seconds of a mixture."""

RATE, CLIP, DECAY = 1.5e-3, 5.0, 0.999
"""Learning rate, largest norm of the gradient, decay of the moving average."""

MIXTURES, MIXTURE_SECS = 60, 4.0
"""Mixtures of speakers for validation, and the seconds of each."""


class SeparatorTask:
    def __init__(self, settings: Settings) -> None:
        import torch

        from cvstudio.models.shared.conv_tasnet import SMALL, ConvTasNet

        self.settings = settings
        self.epochs = settings.epochs or EPOCHS
        self.steps = STEPS if settings.limit is None else 4
        torch.manual_seed(settings.seed)
        self.network = ConvTasNet(SMALL).to(settings.device)
        self.ema = Ema(self.network, DECAY)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE)

    def prepare(self, progress: Progress) -> None:
        import torch

        limit = self.settings.limit
        split = speech_data.split(self.settings.data)
        self._speech: Speech = speech_data.prepare_speech(split.training[:limit], self.settings.folder, progress)
        self._held_out = speech_data.fixed_mixtures(
            split.validation[:limit], MIXTURES if limit is None else 4, MIXTURE_SECS, seed=1
        )
        # Compiling takes a minute and makes a step three times as fast; it needs a compiler for C++.
        can_compile = limit is None and (self.settings.device != "cpu" or shutil.which("c++") is not None)
        self._forward: Any = torch.compile(self.network) if can_compile else self.network

    def _batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        import torch

        rng = np.random.default_rng((self.settings.seed, epoch))
        for _ in range(self.steps):
            pairs = [self._speech.mixture(rng, round(SECS * speech_data.RATE)) for _ in range(BATCH)]
            mixtures, sources = (np.stack(part) for part in zip(*pairs, strict=True))
            yield torch.from_numpy(mixtures), torch.from_numpy(sources)

    def train_epoch(self, epoch: int, report: Report, progress: Progress) -> Mapping[str, float]:
        total, decay = self.epochs, min(DECAY_EPOCHS, self.epochs // 3)
        figures = descend(
            self._batches(epoch),
            self._figures,
            self.optimiser,
            [RATE],
            lambda step: warm_hold_decay(epoch + step / self.steps, total, min(0.25, total / 4), decay, 0.02),
            lambda at: report({"fraction": at["fraction"], "rate": at["rate"], "SI-SDR": -at["loss"]}),
            progress,
            steps=self.steps,
            clipped=self.network,
            largest_norm=CLIP,
            after_step=lambda: self.ema.update(self.network),
        )
        return {"SI-SDR": -figures["loss"]}

    def _figures(self, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        """The loss of mixtures (b, n) and their sources (b, 2, n): the negative SI-SDR in dB."""
        import torch

        from cvstudio.training.separator.loss import best_si_sdr

        device = self.settings.device
        mixtures, sources = batch
        with torch.autocast(device.partition(":")[0], dtype=torch.bfloat16):
            estimates = self._forward(mixtures.to(device))
        return {"loss": -best_si_sdr(estimates.float(), sources.to(device)).mean()}

    def validate(self, epoch: int, progress: Progress) -> Mapping[str, float]:
        return {"SI-SDRi": float(np.mean(improvements(self.ema.network, self._held_out, progress)))}

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


def improvements(
    network: Any, mixtures: list[tuple[NDArray[np.float32], NDArray[np.float32]]], progress: Progress
) -> NDArray[np.float64]:
    """SI-SDR of the separated sources above that of the mixture in dB, (mixtures,)."""
    import torch

    from cvstudio.training.separator.loss import best_si_sdr

    device = next(network.parameters()).device
    gains = np.zeros(len(mixtures))
    for number, (mixed, sources) in enumerate(mixtures):
        progress.check()
        x, truth = torch.from_numpy(mixed).to(device)[None], torch.from_numpy(sources).to(device)[None]
        with torch.inference_mode():
            before, after = best_si_sdr(x[:, None].expand_as(truth), truth), best_si_sdr(network(x), truth)
        gains[number] = float(after - before)
    return gains
