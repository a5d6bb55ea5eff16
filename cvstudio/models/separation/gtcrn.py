"""GTCRN: speech enhancement, in the two checkpoints that its authors published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.separation._gtcrn_net import Gtcrn
    from cvstudio.models.separation._separator import Enhancer

COMMIT = "3862c44808dca492ea5a8a145d2dc2a1028d08c8"
FOLDER = f"https://raw.githubusercontent.com/Xiaobin-Rong/gtcrn/{COMMIT}/checkpoints/"
RATE_HZ = 16_000
LABELS = ("speech", "noise")


@dataclass(frozen=True)
class GtcrnVariant:
    """A published checkpoint. metrics : as its authors state them."""

    key: str
    title: str
    file_name: str
    sha256: str
    size_bytes: int
    trained_on: str
    metrics: str

    @property
    def weights(self) -> Weights:
        return Weights(
            key="published",
            file_name=self.file_name,
            url=FOLDER + self.file_name,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
            licence="MIT",
            trained_on=self.trained_on,
            metrics=self.metrics,
            labels=LABELS,
        )


VARIANTS = (
    GtcrnVariant(
        "gtcrn-dns3",
        "GTCRN (DNS3)",
        "model_trained_on_dns3.tar",
        "a630d992cf792daf4ce2bb5bcf9c4d389f740a8f09c6e0971184697fe6371b79",
        579_819,
        "DNS Challenge 3",
        "DNSMOS P.808 3.44 on its blind test part",
    ),
    GtcrnVariant(
        "gtcrn-vctk",
        "GTCRN (VCTK-DEMAND)",
        "model_trained_on_vctk.tar",
        "a0f0e04421d9fc1efe734d44191f5dc4b973ce59d6546af8d64ad9167e2a9944",
        737_323,
        "VCTK-DEMAND",
        "SI-SNR 18.83 dB, PESQ 2.87 on its test part",
    ),
)


def build() -> Gtcrn:
    """Build the bare network with random weights."""
    from cvstudio.models.separation._gtcrn_net import Gtcrn

    return Gtcrn().eval()


def _on_spectrum(module: Any, pixels: Any) -> Any:
    return module(pixels[:, :2].permute(0, 2, 3, 1))


def _loader(variant: GtcrnVariant) -> Callable[[str, Path | None], Enhancer]:
    def load(device: str, checkpoint: Path | None) -> Enhancer:
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        state = load_state_dict(require_weights(variant.weights, checkpoint))
        from cvstudio.models.separation._separator import Enhancer

        model = build()
        load_into(model, state, variant.title)
        return Enhancer(model, LABELS, RATE_HZ, device)

    return load


for _variant in VARIANTS:
    MODELS.register(
        ModelSpec(
            key=_variant.key,
            title=_variant.title,
            task="separate",
            family="GTCRN",
            paper="Rong, Sun, Zhang, Hu, Zhu and Lu, GTCRN: A Speech Enhancement Model Requiring Ultralow "
            "Computational Resources, ICASSP 2024",
            year=2024,
            load=_loader(_variant),
            weights=(_variant.weights,),
            labels=LABELS,
            capabilities=frozenset({"reentrant"}),
            keywords=("GTCRN", "speech enhancement", "noise suppression", "denoise", "음성 향상", "잡음 제거"),
            summary="Parts one person's speech from the noise around it, at 16 kHz.",
            architecture=Architecture(build, (257, 16), _on_spectrum, parameters=48_245),
        )
    )
