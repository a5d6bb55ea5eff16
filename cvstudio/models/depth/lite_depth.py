"""The default depth network: a small decoder on the trunk that it shares with the default detector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.runtime.torch_network import TorchNetwork, full
from cvstudio.models.shared.lite_trunk import END, LITE0, SIDE, LiteMaps, lite_maps, network_input, shared_module
from cvstudio.models.shared.lite_weights import published_trunk
from cvstudio.results.spatial.nearness import NearnessMap
from cvstudio.weights.embedded import embedded_weights

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.lite_depth import LiteDepth

KEY = "depth-lite0"
LABELS = ("relative depth",)
"""What the network answers."""


class DepthNetwork(TorchNetwork):
    """The depth network on one device, its normalisations folded into the convolutions."""

    def __init__(self, model: LiteDepth, device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        model.trunk = shared_module(model.trunk, device)
        super().__init__(fuse(model), LABELS, device)
        # Stands for this network in what other networks are handed.
        self._token = object()

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((234, SIDE, 3), np.uint8)), NoParams(), progress)

    def predict(self, image: Image, params: NoParams, progress: Progress) -> NearnessMap:
        """Inverse depth of each cell, relative to that in the middle of all."""
        nearness: NearnessMap = self.trunk_features(image, params, progress).answer
        return nearness

    def trunk_features(self, image: Image, params: NoParams, progress: Progress) -> LiteMaps:
        """The maps of the trunk, with what `predict` makes of them."""
        progress.check()
        pixels, input_size, scale = network_input(image, self.device)
        with self.computing():
            maps, log_depth = self.forward(pixels)
            return lite_maps(maps, input_size, scale, self._token, _nearness(log_depth, scale, image))

    def predict_from(self, features: LiteMaps, image: Image, params: NoParams, progress: Progress) -> NearnessMap:
        """As `predict`, from maps that this network or another one has computed."""
        if features.network is self._token:
            nearness: NearnessMap = features.answer
            return nearness
        progress.check()
        with self.computing():
            maps = features.tensors(self.device, self.memory_format)
            if len(maps) < 3:
                # A detector that has learnt its own last stages hands over the maps before them.
                maps = [*maps, self.model.trunk.blocks[END:](maps[1])]
            return _nearness(self.model.decoder(maps), features.scale, image)


def _nearness(log_depth: Tensor, scale: tuple[float, float], image: Image) -> NearnessMap:
    """The part of the output that the picture fills, as inverse depths."""
    from cvstudio.models.shared.lite_depth import OUTPUT_STRIDE, relative_nearness

    columns, rows = (
        max(1, round(side * factor / OUTPUT_STRIDE)) for side, factor in zip(image.size, scale, strict=True)
    )
    values = relative_nearness(full(log_depth)[..., :rows, :columns])[0, 0]
    return NearnessMap(values.cpu().numpy(), image.size)


def build() -> LiteDepth:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.lite_depth import LiteDepth

    return LiteDepth().eval()


def with_trunk(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """A checkpoint with this network's names: the file of the decoder alone is completed by the published trunk.

    Raises WeightsError where the package that carries the trunk is missing.
    """
    if any(name.startswith("trunk.") for name in state):
        return dict(state)
    trunk = {f"trunk.{name}": tensor for name, tensor in published_trunk().items()}
    return trunk | {f"decoder.{name}": tensor for name, tensor in state.items()}


def load(device: str, checkpoint: Path | None) -> DepthNetwork:
    """Load the network with `checkpoint`, or with the embedded weights. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.embedded import require_embedded
    from cvstudio.weights.store import load_state_dict

    state = with_trunk(load_state_dict(require_embedded(KEY, checkpoint)))
    model = build()
    load_into(model, state, "the depth network")
    return DepthNetwork(model, device)


MODELS.register(
    ModelSpec(
        key=KEY,
        title="Depth of rooms",
        task="depth",
        family="EfficientNet",
        paper=(
            "Eigen, Puhrsch and Fergus, Depth Map Prediction from a Single Image using a Multi-Scale Deep Network, "
            "NeurIPS 2014"
        ),
        year=2026,
        load=load,
        weights=embedded_weights(KEY),
        labels=LABELS,
        capabilities=frozenset({"reentrant"}),
        keywords=(
            "monocular depth",
            "relative depth",
            "EfficientNet",
            "FastDepth",
            "NYU Depth",
            "shared trunk",
            "multi-task",
            "깊이 추정",
            "단안 깊이",
        ),
        summary=(
            "Tells near from far in rooms and around people; beside the default detector it costs next to nothing, as "
            "both share their trunk. Outdoors it is right about what is nearer, and hardly about by how much."
        ),
        architecture=Architecture(build, (SIDE, SIDE)),
        trunk=LITE0,
        better=("depth-anything-v2-small",),
    )
)
