"""Published networks of depth through the transformers library: Depth Anything v2, and DPT of the MiDaS family.

Sources: Yang et al., "Depth Anything V2", NeurIPS 2024 (the network is that of Yang et al., "Depth Anything", CVPR
2024); Ranftl, Bochkovskiy and Koltun, "Vision Transformers for Dense Prediction", ICCV 2021, trained as in Ranftl et
al., "Towards Robust Monocular Depth Estimation", PAMI 2022 (MiDaS).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.params import Range
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.depth._transformer import DEPTH_ANYTHING, DPT, LABELS, DepthForm
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.depth._transformer import TransformerDepth

HUB = "https://huggingface.co/"
ANYTHING_PAPER = "Yang et al., Depth Anything V2, NeurIPS 2024"
DPT_PAPER = "Ranftl et al., Vision Transformers for Dense Prediction, ICCV 2021; MiDaS, PAMI 2022"


@dataclass(frozen=True)
class DepthVariant:
    """A published variant: `name` of the repository on the hub, `size` of its layers (see `_transformer`)."""

    key: str
    title: str
    name: str
    form: DepthForm
    size: str
    size_bytes: int
    licence: str
    paper: str
    year: int


VARIANTS = (
    DepthVariant(
        *("depth-anything-v2-small", "Depth Anything v2, small", "depth-anything/Depth-Anything-V2-Small-hf"),
        form=DEPTH_ANYTHING,
        size="small",
        size_bytes=99_200_000,
        licence="Apache-2.0",
        paper=ANYTHING_PAPER,
        year=2024,
    ),
    DepthVariant(
        *("depth-anything-v2-base", "Depth Anything v2, base", "depth-anything/Depth-Anything-V2-Base-hf"),
        form=DEPTH_ANYTHING,
        size="base",
        size_bytes=390_000_000,
        licence="CC-BY-NC-4.0",
        paper=ANYTHING_PAPER,
        year=2024,
    ),
    DepthVariant(
        *("depth-anything-v2-large", "Depth Anything v2, large", "depth-anything/Depth-Anything-V2-Large-hf"),
        form=DEPTH_ANYTHING,
        size="large",
        size_bytes=1_340_000_000,
        licence="CC-BY-NC-4.0",
        paper=ANYTHING_PAPER,
        year=2024,
    ),
    DepthVariant(
        *("dpt-large", "DPT, large (MiDaS)", "Intel/dpt-large"),
        form=DPT,
        size="large",
        size_bytes=1_370_000_000,
        licence="Apache-2.0",
        paper=DPT_PAPER,
        year=2021,
    ),
)


def _weights(variant: DepthVariant) -> tuple[Weights, ...]:
    return (
        # The hub knows the hash.
        Weights(
            key="hub",
            file_name="model.safetensors",
            url=f"{HUB}{variant.name}/resolve/main/model.safetensors",
            sha256="",
            size_bytes=variant.size_bytes,
            licence=variant.licence,
            trained_on="synthetic scenes, and 62 million photographs with pseudo-labels"
            if variant.form is DEPTH_ANYTHING
            else "MIX 6: ten sets with depth, 1.4 million pictures",
            labels=LABELS,
        ),
    )


def _builder(variant: DepthVariant) -> Callable[[], Any]:
    def build() -> Any:
        from cvstudio.models.depth._transformer import build as build_network

        return build_network(variant.form, variant.size)

    return build


def _loader(variant: DepthVariant) -> Callable[[str, Path | None], TransformerDepth]:
    def load(device: str, checkpoint: Path | None) -> TransformerDepth:
        """Load the network with `checkpoint` (a file, or a folder of the hub), or the one in the cache.

        Raises WeightsError.
        """
        from cvstudio.models.depth._transformer import TransformerDepth
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        (weights,) = _weights(variant)
        state = load_state_dict(require_weights(weights, checkpoint))
        model = _builder(variant)()
        load_into(model, state, variant.title)
        return TransformerDepth(model, variant.form, device)

    return load


for variant in VARIANTS:
    MODELS.register(
        ModelSpec(
            key=variant.key,
            title=variant.title,
            task="depth",
            family=variant.form.family,
            paper=variant.paper,
            year=variant.year,
            load=_loader(variant),
            weights=_weights(variant),
            params=variant.form.params,
            ranges={"depth_side": Range(*variant.form.sides, step=variant.form.patch, unit="px")},
            defaults={"depth_side": variant.form.side},
            labels=LABELS,
            capabilities=frozenset({"reentrant"}),
            keywords=("monocular depth", "relative depth", "transformer", "ViT", "깊이 추정", *variant.form.keywords),
            summary=variant.form.summary,
            architecture=Architecture(_builder(variant), (variant.form.side, variant.form.side)),
        )
    )
