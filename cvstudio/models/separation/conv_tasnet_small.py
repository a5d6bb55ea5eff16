"""The embedded separator of two speakers, a small Conv-TasNet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.separation.conv_tasnet import COUNTED_SECS, on_waves, voices
from cvstudio.weights.embedded import embedded_weights

if TYPE_CHECKING:
    from cvstudio.models.separation._separator import SpeakerSeparator
    from cvstudio.models.shared.conv_tasnet import ConvTasNet

KEY = "conv-tasnet-small"
RATE_HZ = 8000


def build() -> ConvTasNet:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.conv_tasnet import SMALL, ConvTasNet

    return ConvTasNet(SMALL).eval()


def load(device: str, checkpoint: Path | None) -> SpeakerSeparator:
    """Load the network with `checkpoint`, or with the embedded weights. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import require_embedded
    from cvstudio.weights.store import load_state_dict

    state = load_state_dict(require_embedded(KEY, checkpoint))
    from cvstudio.models.separation._separator import SpeakerSeparator

    model = build()
    load_into(model, {name: tensor.float() for name, tensor in state.items()}, "the embedded separator")
    return SpeakerSeparator(model, voices(2), RATE_HZ, device)


MODELS.register(
    ModelSpec(
        key=KEY,
        title="Conv-TasNet, small",
        task="separate",
        family="Conv-TasNet",
        paper="Luo and Mesgarani, Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech "
        "Separation, IEEE/ACM TASLP 2019",
        year=2019,
        load=load,
        weights=embedded_weights(KEY),
        labels=voices(2),
        capabilities=frozenset({"reentrant"}),
        keywords=("Conv-TasNet", "TasNet", "embedded", "speech separation", "cocktail party", "음원 분리"),
        summary="Parts two English speakers who talk at once, at 8 kHz; comes with the program.",
        architecture=Architecture(build, (1, round(COUNTED_SECS * RATE_HZ)), on_waves),
        better=("conv-tasnet-libri2mix",),
    )
)
