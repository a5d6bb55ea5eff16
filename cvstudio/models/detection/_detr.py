"""DETR on one device: its candidates, and the projections of its attention layers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.attention import Attended, AttentionNetwork, Projections
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.runtime.torch_network import TorchNetwork, full, in_this_thread, stoppable
from cvstudio.models.shared.candidates import corners
from cvstudio.models.shared.coco import LABELS, N_OUTPUTS, OUTPUTS
from cvstudio.models.shared.imagenet import MEAN, STD
from cvstudio.results.detections import Detections

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE, LONGEST = 800, 1333
"""Length of the shorter side after resizing, and largest length of the longer one, in pixels."""


@dataclass(frozen=True)
class DetrParams:
    """Parameters of the predict stage: the size of the input."""

    side: Annotated[
        int,
        Range(160, 1200, step=32, unit="px"),
        Doc(
            "Shorter side",
            "The picture is resized to this first; the network was trained for 480 to 800.",
            "Try 480: it takes a third of the time and loses small objects.",
            more=True,
        ),
    ] = SIDE


def build(backbone: str, *, dilation: bool) -> Any:
    """Build the network of ``transformers`` with random weights, in evaluation mode."""
    from transformers import DetrConfig, DetrForObjectDetection

    options: dict[str, Any] = {
        "use_timm_backbone": True,
        "backbone": backbone,
        "use_pretrained_backbone": False,
        "dilation": dilation,
        "num_labels": N_OUTPUTS,
    }
    module: Any = DetrForObjectDetection(DetrConfig(**options))
    return module.eval()


def check_dilation(checkpoint: Path, *, dilation: bool, title: str) -> None:
    """Check the dilation against the configuration beside the weights, if any: the tensors' shapes do not show it.

    Raises
    ------
    WeightsError
        The configuration states another `dilation` of the trunk's last stage.
    """
    config = (checkpoint if checkpoint.is_dir() else checkpoint.parent) / "config.json"
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(content, dict) and isinstance(content.get("dilation"), bool) and content["dilation"] is not dilation:
        other = "plain" if dilation else "DC5"
        raise WeightsError(
            f"Expected weights of {title}, but {config} says that these are of the {other} form; choose that model."
        )


class DetrNetwork(TorchNetwork, AttentionNetwork):
    """DETR; `model` is a ``transformers.DetrForObjectDetection``. Stateless between two pictures."""

    feature_layer = "model.backbone"

    def __init__(self, model: nn.Module, device: str) -> None:
        import torch

        super().__init__(model, LABELS, device)
        self._label_of = np.full(N_OUTPUTS, -1, np.int64)
        self._label_of[list(OUTPUTS)] = np.arange(len(OUTPUTS))
        self._blocks = [part for part in self.model.modules() if isinstance(part, torch.nn.Conv2d | torch.nn.Linear)]

    def warm_up(self, progress: Progress) -> None:
        """Run once, so that allocations and kernel selection do not delay the first picture."""
        self.predict(Image(np.zeros((64, 96, 3), np.uint8)), DetrParams(side=160), progress)

    def predict(self, image: Image, params: DetrParams, progress: Progress) -> Detections:
        """One candidate for each object query, with its most probable class; NMS is not needed.

        Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020, section 3.
        """
        with self.computing():
            return self._detections(self._run(self.input_of(image, params.side), progress), image)

    def attend(self, image: Image, params: DetrParams, progress: Progress) -> Attended:
        """As `predict`, with the projected queries and keys of every attention layer."""
        decoder, encoder = self.model.model.decoder.layers, self.model.model.encoder.layers
        with (
            self.computing(),
            _recorded_projections(decoder, "encoder_attn") as objects,
            _recorded_projections(encoder, "self_attn") as places,
        ):
            pixels = self.input_of(image, params.side)
            outputs = self._run(pixels, progress)
        # Each stage of the trunk halves the map, rounding up; a dilated one does not.
        stride = 16 if self.model.config.dilation else 32
        grid = tuple(-(-side // stride) for side in pixels.shape[-2:])
        return Attended(
            self._detections(outputs, image),
            tuple(Projections(layer["q_proj"], layer["k_proj"]) for layer in objects),
            tuple(Projections(layer["q_proj"], layer["k_proj"]) for layer in places),
            (grid[0], grid[1]),
            int(self.model.config.decoder_attention_heads),
        )

    def scored(self, image: Image, params: DetrParams, progress: Progress) -> ScoredCandidates:
        """Every object query with its most probable class."""
        pixels = self.input_of(image, params.side)
        outputs = self._run(pixels, progress)
        scores, classes = outputs.logits[0].softmax(-1)[:, :-1].max(-1)
        width, height = image.size
        boxes = corners(outputs.pred_boxes[0].detach().cpu().numpy()) * np.array([*image.size] * 2, np.float32)
        return ScoredCandidates(
            boxes,
            scores,
            self._label_of[classes.cpu().numpy()],
            Rect(0.0, 0.0, float(width), float(height)),
            (int(pixels.shape[2]), int(pixels.shape[3])),
        )

    def input_of(self, image: Image, side: int = SIDE) -> Tensor:
        """Input float32 (1, 3, h, w): the picture resized with antialiasing, in ImageNet's normalisation."""
        import torch
        from torchvision.transforms.v2 import functional
        from transformers.image_transforms import get_size_with_aspect_ratio

        # A copy: the picture is read-only, and torch may not share it.
        pixels = torch.from_numpy(image.rgb8.copy()).to(self.device).permute(2, 0, 1)
        height, width = get_size_with_aspect_ratio(pixels.shape[-2:], side, round(side * LONGEST / SIDE))
        resized = functional.resize(pixels, [max(1, height), max(1, width)], antialias=True)
        normalised: Tensor = functional.normalize(resized.float() / 255, list(MEAN), list(STD))
        return normalised[None].contiguous(memory_format=self.memory_format)

    def _run(self, pixels: Tensor, progress: Progress) -> Any:
        progress.check()
        with stoppable(self._blocks, progress):
            return self.model(pixel_values=pixels)

    def _detections(self, outputs: Any, image: Image) -> Detections:
        # The last output stands for "no object".
        scores, classes = full(outputs.logits[0]).softmax(-1)[:, :-1].max(-1)
        centres = full(outputs.pred_boxes[0]).cpu().numpy()
        size = np.array([*image.size, *image.size], np.float32)
        boxes = corners(centres) * size
        best_scores, class_indices = scores.cpu().numpy(), self._label_of[classes.cpu().numpy()]
        # Eleven of COCO's numbers have no class.
        rows = np.argsort(-best_scores, kind="stable")
        rows = rows[class_indices[rows] >= 0]
        return Detections(
            np.clip(boxes[rows], 0, size).astype(np.float32),
            best_scores[rows].astype(np.float32),
            class_indices[rows],
            LABELS,
            rows.astype(np.int64),
            image.size,
        )


@contextmanager
def _recorded_projections(layers: Any, attention: str) -> Iterator[list[dict[str, Any]]]:
    """Context that records the outputs of the query and key projections of each layer's `attention` in this thread.

    Yields one dict for each layer: "q_proj" and "k_proj", float32 (n, d). The hooks are always removed.
    """
    projections: list[dict[str, Any]] = [{} for _ in layers]
    hooks: list[Any] = []

    def recorder(record: dict[str, Any], name: str) -> Any:
        def hook(module: Any, inputs: Any, output: Tensor) -> None:
            record[name] = output[0].float().cpu().numpy()

        return in_this_thread(hook)

    try:
        for record, layer in zip(projections, layers, strict=True):
            for name in ("q_proj", "k_proj"):
                projection = getattr(getattr(layer, attention), name)
                hooks.append(projection.register_forward_hook(recorder(record, name)))
        yield projections
    finally:
        for hook in hooks:
            hook.remove()
