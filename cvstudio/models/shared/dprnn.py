"""DPRNN: masks from recurrent networks along short chunks of frames, and across these chunks, in turn.

Written from Luo, Chen and Yoshioka, "Dual-path RNN: Efficient Long Sequence Modeling for Time-domain Single-channel
Speech Separation", ICASSP 2020 (arXiv 1910.06379). Modules have the names of asteroid's checkpoints, so that these load
without renaming. Imported only where torch is in use.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.tasnet import GlobalNorm, TasNet, activated


@dataclass(frozen=True)
class DprnnSize:
    """Size of a network.

    Parameters
    ----------
    sources : waveforms that come out
    filters, length, stride : of the filterbank, and the samples between two frames
    bottleneck, hidden : channels, and units of each direction of a recurrent network
    chunk, hop : frames of a chunk, and between two chunks
    repeats : number of dual-path blocks
    mask : "relu" or "sigmoid", which makes masks of the network's output
    """

    sources: int = 2
    filters: int = 64
    length: int = 2
    stride: int = 1
    bottleneck: int = 128
    hidden: int = 128
    chunk: int = 250
    hop: int = 125
    repeats: int = 6
    mask: str = "sigmoid"


class BidirectionalLstm(nn.Module):
    """Outputs (batch, steps, 2 `hidden`) of a bidirectional LSTM for (batch, steps, channels)."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(channels, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.rnn(x)[0]
        return output


class DualPathBlock(nn.Module):
    """A recurrent network within each chunk, then one across chunks, each with a residual: (batch, channels, frames of
    a chunk, chunks)."""

    def __init__(self, size: DprnnSize) -> None:
        super().__init__()
        channels, hidden = size.bottleneck, size.hidden
        self.intra_RNN = BidirectionalLstm(channels, hidden)
        self.inter_RNN = BidirectionalLstm(channels, hidden)
        self.intra_linear = nn.Linear(2 * hidden, channels)
        self.intra_norm = GlobalNorm(channels)
        self.inter_linear = nn.Linear(2 * hidden, channels)
        self.inter_norm = GlobalNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, chunks = x.shape
        within = x.permute(0, 3, 2, 1).flatten(0, 1)
        within = self.intra_linear(self.intra_RNN(within)).unflatten(0, (batch, chunks))
        x = x + self.intra_norm(within.permute(0, 3, 2, 1))
        across = x.permute(0, 2, 3, 1).flatten(0, 1)
        across = self.inter_linear(self.inter_RNN(across)).unflatten(0, (batch, frames))
        result: Tensor = x + self.inter_norm(across.permute(0, 3, 1, 2))
        return result


class DualPathMasks(nn.Module):
    """Masks (batch, sources, filters, frames) from the filterbank's output (batch, filters, frames)."""

    def __init__(self, size: DprnnSize) -> None:
        super().__init__()
        self.size = size
        channels = size.bottleneck
        self.bottleneck = nn.Sequential(GlobalNorm(size.filters), nn.Conv1d(size.filters, channels, 1))
        self.net = nn.Sequential(*(DualPathBlock(size) for _ in range(size.repeats)))
        self.first_out = nn.Sequential(nn.PReLU(), nn.Conv2d(channels, size.sources * channels, 1))
        self.net_out = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.Tanh())
        self.net_gate = nn.Sequential(nn.Conv1d(channels, channels, 1), nn.Sigmoid())
        self.mask_net = nn.Conv1d(channels, size.filters, 1, bias=False)

    def forward(self, frames: Tensor) -> Tensor:
        size, batch, count = self.size, len(frames), frames.shape[-1]
        # Fold adds what overlaps without dividing by the number of chunks: so the checkpoints were trained.
        geometry = {"kernel_size": (size.chunk, 1), "padding": (size.chunk, 0), "stride": (size.hop, 1)}
        x = self.bottleneck(frames)
        x = functional.unfold(x.unsqueeze(-1), **geometry)
        x = x.reshape(batch, size.bottleneck, size.chunk, -1)
        x = self.first_out(self.net(x))
        x = x.reshape(batch * size.sources, size.bottleneck * size.chunk, -1)
        x = functional.fold(x, (count, 1), **geometry).squeeze(-1)
        masks: Tensor = self.mask_net(self.net_out(x) * self.net_gate(x))
        return activated(masks, size.mask).reshape(batch, size.sources, size.filters, count)


class DprnnTasNet(TasNet):
    """Sources (batch, sources, samples) of mixtures (batch, samples)."""

    def __init__(self, size: DprnnSize) -> None:
        super().__init__(size.filters, size.length, size.stride, DualPathMasks(size))
