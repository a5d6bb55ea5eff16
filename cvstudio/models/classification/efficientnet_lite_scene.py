"""EfficientNet-Lite0 for whole pictures, on the trunk that it shares with the default detector.

The default classifier looks at the middle of the picture at 224 pixels, as the published weights were trained. This one
takes the input of the detector, so that beside the detector only its last layer is left to compute. On 250 photographs
of ImageNet, which the weights know, that costs 5.2 points of top-1 accuracy (83.2 % in place of 88.4 %; top-5 96.4 % in
place of 97.2 %), on the boxes of COCO128 .6 points (39.3 % in place of 39.9 %), and it is less often right where it
gives a name (57 % in place of 62 %): `cvstudio evaluate scene-classifier`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.runtime.torch_network import TorchNetwork, full
from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.models.shared.lite_trunk import END, LITE0, SIDE, LiteMaps, lite_maps, network_input, shared_module
from cvstudio.models.shared.lite_weights import WEIGHTS, adapted
from cvstudio.results.classification import Logits
from cvstudio.weights.embedded import embedded_defaults, embedded_scores

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.lite_scene import LiteScene

KEY = "efficientnet-lite0-scene"
STRIDE = 32


class SceneClassifier(TorchNetwork):
    """The classifier on one device, its normalisations folded into the convolutions."""

    def __init__(self, model: LiteScene, labels: tuple[str, ...], device: str) -> None:
        from cvstudio.models.shared.residual import fuse

        model.trunk = shared_module(model.trunk, device)
        super().__init__(fuse(model), labels, device)
        # Stands for this network in what other networks are handed.
        self._token = object()

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((234, SIDE, 3), np.uint8)), NoParams(), progress)

    def logits(self, images: Sequence[Image], progress: Progress) -> NDArray[np.float32]:
        """Logits float32 (n, classes) of pictures of any size."""
        return np.stack([self.predict(image, NoParams(), progress).values for image in images])

    def predict(self, image: Image, params: NoParams, progress: Progress) -> Logits:
        """Logits of each class, before temperature and threshold."""
        logits: Logits = self.trunk_features(image, params, progress).answer
        return logits

    def trunk_features(self, image: Image, params: NoParams, progress: Progress) -> LiteMaps:
        """The maps of the trunk, with what `predict` makes of them."""
        progress.check()
        pixels, input_size, scale = network_input(image, self.device)
        with self.computing():
            maps, last = self.forward(pixels)
            return lite_maps(maps, input_size, scale, self._token, self._logits(last, scale, image))

    def predict_from(self, features: LiteMaps, image: Image, params: NoParams, progress: Progress) -> Logits:
        """As `predict`, from maps that this network or another one has computed."""
        if features.network is self._token:
            logits: Logits = features.answer
            return logits
        progress.check()
        with self.computing():
            maps = features.tensors(self.device, self.memory_format)
            # A detector that has learnt its own last stages hands over the maps before them.
            coarsest = maps[2] if len(maps) > 2 else self.model.trunk.blocks[END:](maps[1])
            return self._logits(self.model.last_maps(coarsest), features.scale, image)

    def _logits(self, last: Tensor, scale: tuple[float, float], image: Image) -> Logits:
        columns, rows = (max(1, round(side * factor / STRIDE)) for side, factor in zip(image.size, scale, strict=True))
        pooled = full(last)[..., :rows, :columns].mean(dim=(2, 3))
        logits = full(self.model.classifier(pooled))[0].cpu().numpy()
        return Logits(logits, self.labels, image.size)


def build() -> LiteScene:
    """Build the bare network with random weights."""
    from cvstudio.models.shared.lite_scene import LiteScene

    return LiteScene(len(imagenet_labels())).eval()


def on_trunk(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint with this network's names, from one of the default classifier or of this network."""
    if any(name.startswith("trunk.") for name in state):
        return dict(state)
    head = ("conv_head.", "bn2.", "classifier.")
    return {name if name.startswith(head) else f"trunk.{name}": tensor for name, tensor in adapted(state).items()}


def load(device: str, checkpoint: Path | None) -> SceneClassifier:
    """Load the network with `checkpoint`, or with the one of the installed package. Raises WeightsError."""
    from cvstudio.weights.checks import load_into
    from cvstudio.weights.store import load_state_dict, require_weights

    state = on_trunk(load_state_dict(require_weights(WEIGHTS, checkpoint)))
    if checkpoint is None:
        # The embedded detector's file has the trunk in half precision: only the same numbers can be shared.
        state = {
            name: tensor.half().to(tensor.dtype) if name.startswith("trunk.") and tensor.is_floating_point() else tensor
            for name, tensor in state.items()
        }
    model = build()
    load_into(model, state, "EfficientNet-Lite0")
    return SceneClassifier(model, imagenet_labels(), device)


MODELS.register(
    ModelSpec(
        key=KEY,
        title="EfficientNet-Lite0, whole picture",
        task="classify",
        family="EfficientNet",
        paper="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
        year=2019,
        load=load,
        # The score of the package's file is that of the default classifier.
        weights=(dataclasses.replace(WEIGHTS, scores=embedded_scores(KEY, {"top-1 of cut-outs": "coco128 top-1"})),),
        defaults=embedded_defaults(KEY, "temperature", "threshold"),
        labels=imagenet_labels(),
        capabilities=frozenset({"reentrant", "logits"}),
        keywords=("EfficientNet", "ImageNet", "shared trunk", "backbone", "multi-task", "이피션트넷", "백본"),
        summary=(
            "Names what the whole picture shows, a little less surely than its sister; beside the default detector "
            "it costs next to nothing, as both share their trunk."
        ),
        architecture=Architecture(build, (SIDE, SIDE), parameters=4_652_008),
        trunk=LITE0,
        better=("efficientnet-lite0", "efficientnet-v2-s"),
    )
)
