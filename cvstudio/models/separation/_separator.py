"""Loaded separators: the outputs of a network for one chunk of sound."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cvstudio.models.runtime.openvino import Engine
    from cvstudio.models.shared.tasnet import TasNet

log = logging.getLogger(__name__)

ENGINE_FROM_SECS = 60.0
"""Length of a sound from which it is worth converting a network to OpenVINO, which takes some seconds, once."""

LEVEL = 0.1
"""Root mean square to which a chunk is brought for a TasNet, whose normalisations need some power."""

SILENCE = 1e-6
"""Root mean square below which a chunk is silent, and the network is not asked."""

RIDGE = 0.1
"""How much the gains of stems are drawn to their common one, as a part of their mean power."""


class Separator:
    """A network that parts sound of one channel.

    Parameters
    ----------
    model : the torch module
    labels : names of its stems
    rate_hz : rate of its sound
    device : "cpu", "cuda", "cuda:1" or "mps"

    Attributes
    ----------
    ordered : whether an output is the same kind of source in every chunk, such as speech; speakers have no order
    """

    ordered = False

    def __init__(self, model: nn.Module, labels: tuple[str, ...], rate_hz: int, device: str) -> None:
        self.labels = labels
        self.rate_hz = rate_hz
        self.device = device
        self.model: Any = model.eval().to(device)

    @property
    def nbytes(self) -> int:
        """Memory of parameters and buffers in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.model.state_dict().values())

    def prepare(self, samples: int, chunk: int, progress: Progress) -> None:
        """Make ready for a sound of `samples` in chunks of `chunk`; by default there is nothing to do."""

    def separate(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        """Stems float32 (stems, n) of a chunk float32 (n,) at `rate_hz`; with what is in none they add up to it."""
        progress.check()
        if not len(samples) or float(np.sqrt(np.mean(np.square(samples)))) < SILENCE:
            return np.zeros((len(self.labels), len(samples)), np.float32)
        return self._stems(samples, progress)

    def _stems(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        raise NotImplementedError

    def _on_device(self, samples: NDArray[np.float32]) -> Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(samples))[None].to(self.device)


class SpeakerSeparator(Separator):
    """A TasNet, whose stems are speakers in any order."""

    def __init__(self, model: TasNet, labels: tuple[str, ...], rate_hz: int, device: str) -> None:
        super().__init__(model, labels, rate_hz, device)
        self._least = model.encoder.filterbank.filters().shape[-1]
        self._engine: Engine | None = None
        # The export unrolls recurrent layers, which takes longer than any sound.
        self._tried_engine = any(hasattr(module, "flatten_parameters") for module in model.modules())
        self._runs_engine = False

    @property
    def nbytes(self) -> int:
        return super().nbytes + (self._engine.nbytes if self._engine is not None else 0)

    def prepare(self, samples: int, chunk: int, progress: Progress) -> None:
        """Convert the network where that is soon made up for; it computes in float32 as torch does, to 1e-5.

        What a sound is separated by depends on its length alone, so that the same again gives the same.
        """
        from cvstudio.models.runtime.openvino import EngineError, version

        self._runs_engine = self.device == "cpu" and bool(version()) and samples >= ENGINE_FROM_SECS * self.rate_hz
        if not self._runs_engine or self._tried_engine:
            return
        import torch

        from cvstudio.models.runtime.openvino import Engine

        progress(None, "preparing OpenVINO, once")
        self._tried_engine = True
        try:
            self._engine = Engine(self.model, torch.zeros(1, chunk), "float32")
        except EngineError as error:
            log.info("OpenVINO does not run the separator: %s", error)

    def _stems(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        import torch

        scale = LEVEL / float(np.sqrt(np.mean(np.square(samples))))
        padded = np.pad(samples * np.float32(scale), (0, max(0, self._least - len(samples))))
        wave = self._on_device(padded)
        engine = self._engine if self._runs_engine else None
        network: Any = engine if engine is not None and engine.takes(wave) else self.model
        with torch.inference_mode():
            stems: NDArray[np.float32] = network(wave)[0].float().cpu().numpy()
        return scaled_to(stems[:, : len(samples)], samples)


class Enhancer(Separator):
    """GTCRN: speech, and what is around it."""

    ordered = True

    def _stems(self, samples: NDArray[np.float32], progress: Progress) -> NDArray[np.float32]:
        import torch

        from cvstudio.models.separation._gtcrn_net import HOP, WINDOW

        # So that whole frames cover the chunk, and mirrored samples its beginning.
        padded = np.pad(samples, (0, WINDOW))
        window = torch.hann_window(WINDOW, device=self.device).sqrt()
        with torch.inference_mode():
            spectrum = torch.stft(self._on_device(padded), WINDOW, HOP, WINDOW, window, return_complex=True)
            enhanced = torch.view_as_complex(self.model(torch.view_as_real(spectrum)).contiguous())
            speech = torch.istft(enhanced, WINDOW, HOP, WINDOW, window, length=padded.shape[-1])
        voice: NDArray[np.float32] = speech[0].float().cpu().numpy()[: len(samples)]
        return np.stack([voice, samples - voice])


def scaled_to(stems: NDArray[np.float32], mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale stems (k, n) so that they add up to the mixture (n,) as well as they can.

    Networks that were trained with a scale-invariant loss answer at any level. Each gain is drawn to the common one, as
    that of a stem that is nearly silent would be arbitrary.
    """
    double = stems.astype(np.float64)
    product = double @ double.T
    total = double.sum(0)
    power = float(total @ total)
    if power <= 0:
        return stems
    common = float(total @ mixture) / power
    ridge = RIDGE * float(np.trace(product)) / len(stems)
    gains = np.linalg.solve(product + ridge * np.eye(len(stems)), double @ mixture + ridge * common)
    return (double * gains[:, None]).astype(np.float32)
