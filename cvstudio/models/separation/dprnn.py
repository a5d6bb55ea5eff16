"""DPRNN: separation of speakers by dual-path recurrent networks, with a checkpoint that asteroid's authors published.

Source: Luo, Chen and Yoshioka, "Dual-path RNN", ICASSP 2020. The published network has a bottleneck of 128 channels;
that of the paper's table has 64.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.separation.conv_tasnet import FILE, HUB, on_waves, voices
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.separation._separator import SpeakerSeparator
    from cvstudio.models.shared.dprnn import DprnnTasNet

RATE_HZ = 8000
COUNTED_SAMPLES = 240
"""Length of the sound that multiply-adds are counted for: a frame for each sample makes this network slow."""

TITLE = "DPRNN, two speakers"

WEIGHTS = Weights(
    key="published",
    file_name=FILE,
    url=f"{HUB}mpariente/DPRNNTasNet-ks2_WHAM_sepclean/resolve/main/{FILE}",
    sha256="",
    size_bytes=14_700_000,
    licence="CC BY-SA 4.0",
    trained_on="WHAM!, sep_clean: WSJ0-2mix",
    labels=voices(2),
)


def build() -> DprnnTasNet:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.dprnn import DprnnSize, DprnnTasNet

    return DprnnTasNet(DprnnSize()).eval()


def load(device: str, checkpoint: Path | None) -> SpeakerSeparator:
    """Load the network with `checkpoint`, or with the published one. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    state = load_state_dict(require_weights(WEIGHTS, checkpoint))
    from cvstudio.models.separation._separator import SpeakerSeparator

    model = build()
    load_into(model, state, TITLE)
    return SpeakerSeparator(model, voices(2), RATE_HZ, device)


MODELS.register(
    ModelSpec(
        key="dprnn-wham",
        title=TITLE,
        task="separate",
        family="DPRNN",
        paper="Luo, Chen and Yoshioka, Dual-path RNN: Efficient Long Sequence Modeling for Time-domain "
        "Single-channel Speech Separation, ICASSP 2020",
        year=2020,
        load=load,
        weights=(WEIGHTS,),
        labels=voices(2),
        capabilities=frozenset({"reentrant"}),
        keywords=("DPRNN", "dual-path", "TasNet", "asteroid", "speech separation", "cocktail party", "음원 분리"),
        summary="Parts two English speakers who talk at once, at 8 kHz; slower than Conv-TasNet.",
        architecture=Architecture(build, (1, COUNTED_SAMPLES), on_waves, parameters=3_651_073),
    )
)
