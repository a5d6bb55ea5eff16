"""Conv-TasNet: separation of speakers with the paper's network, and checkpoints that asteroid's authors published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.separation._separator import SpeakerSeparator
    from cvstudio.models.shared.conv_tasnet import ConvTasNet

HUB = "https://huggingface.co/"
FILE = "pytorch_model.bin"
COUNTED_SECS = 0.25
"""Length of the sound that multiply-adds are counted for."""


def voices(count: int) -> tuple[str, ...]:
    """Names of the stems of a separator of speakers: "voice 1" and so on."""
    return tuple(f"voice {number + 1}" for number in range(count))


def on_waves(module: Any, pixels: Any) -> Any:
    """Run a network for waveforms on float32 (1, 3, 1, samples), of which it takes the first channel."""
    return module(pixels[:, 0, 0])


@dataclass(frozen=True)
class ConvTasNetVariant:
    """A published checkpoint.

    key, title, summary; repository : on the hub; speakers; rate_hz; length : of the filters, of which the hop is half;
    parameters; size_bytes : of the file, about; trained_on; si_sdr_gain : improvement of SI-SDR in dB on the test part
    """

    key: str
    title: str
    summary: str
    repository: str
    speakers: int
    rate_hz: int
    length: int
    parameters: int
    size_bytes: int
    trained_on: str
    si_sdr_gain: float | None

    def build(self) -> ConvTasNet:
        """Build the bare network with random weights."""
        from cvstudio.models.shared.conv_tasnet import ConvTasNet, ConvTasNetSize

        return ConvTasNet(ConvTasNetSize(sources=self.speakers, length=self.length, stride=self.length // 2)).eval()

    @property
    def weights(self) -> Weights:
        gain = f"SI-SDR improvement {self.si_sdr_gain:.1f} dB on its test part" if self.si_sdr_gain is not None else ""
        return Weights(
            key="published",
            file_name=FILE,
            url=f"{HUB}{self.repository}/resolve/main/{FILE}",
            sha256="",
            size_bytes=self.size_bytes,
            licence="CC BY-SA 4.0",
            trained_on=self.trained_on,
            metrics=gain,
            labels=voices(self.speakers),
        )


VARIANTS = (
    ConvTasNetVariant(
        "conv-tasnet-libri2mix",
        "Conv-TasNet, two speakers",
        "Parts two English speakers who talk at once, at 8 kHz.",
        "JorisCos/ConvTasNet_Libri2Mix_sepclean_8k",
        *(2, 8000, 16, 5_050_545, 20_400_000),
        "Libri2Mix, sep_clean, train-360",
        14.76,
    ),
    ConvTasNetVariant(
        "conv-tasnet-libri2mix-noisy",
        "Conv-TasNet, two speakers in noise",
        "Parts two English speakers who talk at once in a noisy place, at 8 kHz.",
        "JorisCos/ConvTasNet_Libri2Mix_sepnoisy_8k",
        *(2, 8000, 16, 5_050_545, 20_400_000),
        "Libri2Mix, sep_noisy, train-360, with the noise of WHAM!",
        11.94,
    ),
    ConvTasNetVariant(
        "conv-tasnet-libri2mix-16k",
        "Conv-TasNet, two speakers at 16 kHz",
        "Parts two English speakers who talk at once, at 16 kHz.",
        "JorisCos/ConvTasNet_Libri2Mix_sepclean_16k",
        *(2, 16_000, 32, 5_066_929, 20_400_000),
        "Libri2Mix, sep_clean, train-360",
        15.24,
    ),
    ConvTasNetVariant(
        "conv-tasnet-libri3mix",
        "Conv-TasNet, three speakers",
        "Parts three English speakers who talk at once, at 8 kHz.",
        "JorisCos/ConvTasNet_Libri3Mix_sepclean_8k",
        *(3, 8000, 16, 5_116_593, 20_600_000),
        "Libri3Mix, sep_clean, train-360",
        None,
    ),
)


def _loader(variant: ConvTasNetVariant) -> Callable[[str, Path | None], SpeakerSeparator]:
    def load(device: str, checkpoint: Path | None) -> SpeakerSeparator:
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        state = load_state_dict(require_weights(variant.weights, checkpoint))
        from cvstudio.models.separation._separator import SpeakerSeparator

        model = variant.build()
        load_into(model, state, variant.title)
        return SpeakerSeparator(model, voices(variant.speakers), variant.rate_hz, device)

    return load


for _variant in VARIANTS:
    MODELS.register(
        ModelSpec(
            key=_variant.key,
            title=_variant.title,
            task="separate",
            family="Conv-TasNet",
            paper="Luo and Mesgarani, Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech "
            "Separation, IEEE/ACM TASLP 2019",
            year=2019,
            load=_loader(_variant),
            weights=(_variant.weights,),
            labels=voices(_variant.speakers),
            capabilities=frozenset({"reentrant"}),
            keywords=("Conv-TasNet", "TasNet", "asteroid", "speech separation", "cocktail party", "음원 분리"),
            summary=_variant.summary,
            architecture=Architecture(
                _variant.build,
                (1, round(COUNTED_SECS * _variant.rate_hz)),
                on_waves,
                parameters=_variant.parameters,
            ),
        )
    )
