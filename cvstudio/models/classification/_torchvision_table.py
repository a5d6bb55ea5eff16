"""Table of torchvision's classifiers, kept as a file, so that listing them needs no torch.

``python -m cvstudio.models.classification._torchvision_table`` regenerates it after torchvision has changed; a test
compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cvstudio.foundation.paths import resource
from cvstudio.models.shared.imagenet import CentreCrop, imagenet_labels
from cvstudio.weights.declaration import Weights

NAME = ("classifiers", "torchvision.json")

TRAINED_ON = "ImageNet-1K (ILSVRC 2012: for non-commercial research and education)"
SWAG_TRAINED_ON = "3.6 billion public Instagram pictures by their hashtags, then ImageNet-1K"
LICENCE = "BSD-3-Clause"
SWAG_LICENCE = "CC BY-NC 4.0 (non-commercial)"


@dataclass(frozen=True)
class Published:
    """A published checkpoint with its preprocessing."""

    weights: Weights
    cut: CentreCrop


@dataclass(frozen=True)
class Listed:
    """A classifier in the table.

    Parameters
    ----------
    builder : name of torchvision's function that builds it
    side : side of the input in pixels, where the network is built for one; None where any is possible
    layers : names of its blocks with feature maps
    parameters : without auxiliary classifiers, which serve training only
    macs : multiply-adds at the first checkpoint's `CentreCrop.crop`
    published : checkpoints of this network, the default first
    """

    builder: str
    side: int | None
    layers: tuple[str, ...]
    parameters: int
    macs: int
    published: tuple[Published, ...]


@cache
def table() -> Mapping[str, Listed]:
    """Every classifier by its key."""
    saved = json.loads(resource(*NAME).read_text(encoding="utf-8"))
    return {key: _listed(entry) for key, entry in saved.items()}


def _listed(entry: Mapping[str, Any]) -> Listed:
    published = tuple(_published(item) for item in entry["weights"])
    layers = tuple(entry["layers"])
    return Listed(entry["builder"], entry["side"], layers, entry["parameters"], entry["macs"], published)


def _published(item: Mapping[str, Any]) -> Published:
    file_name = item["url"].rpartition("/")[2]
    swag = "SWAG" in item["name"]
    weights = Weights(
        key=item["name"].lower().replace("_", "-"),
        file_name=file_name,
        url=item["url"],
        sha256=file_name.removesuffix(".pth").rpartition("-")[2],
        size_bytes=round(item["mebibytes"] * 2**20),
        licence=SWAG_LICENCE if swag else LICENCE,
        trained_on=SWAG_TRAINED_ON if swag else TRAINED_ON,
        metrics=f"top-1 {item['top1']:.1f} %, top-5 {item['top5']:.1f} % on ImageNet's validation set",
        labels=imagenet_labels(),
        scores={"top-1": item["top1"], "top-5": item["top5"]},
    )
    mean, std = tuple(item["mean"]), tuple(item["std"])
    return Published(weights, CentreCrop(item["resize"], item["crop"], item["interpolation"], mean, std))


# What follows imports torchvision: building, and generation of the file ------------------------------------


def build(builder: str, side: int | None = None) -> Any:
    """Build torchvision's network with random weights, without auxiliary classifiers; `side` where it is fixed."""
    from torchvision import models

    from cvstudio.models.classification._classifier import bare

    options: dict[str, Any] = {"image_size": side} if side else {}
    if builder in ("googlenet", "inception_v3"):
        # The published checkpoints expect the normalisation of an older framework, which the network then applies.
        options = {"init_weights": False, "aux_logits": False, "transform_input": True}
    return bare(lambda: getattr(models, builder)(weights=None, **options))


def generate() -> dict[str, Any]:
    """Content of the file, from torchvision's registry."""
    import torch
    from torchvision import models

    from cvstudio.models.classification._classifier_layers import layers_of

    table_entries: dict[str, Any] = {}
    for builder in models.list_models(module=models):
        all_weights = models.get_model_weights(builder)
        # Some checkpoints are of feature extractors.
        classifier_weights = [entry for entry in all_weights if entry.meta["categories"] is not None]
        default = all_weights.DEFAULT
        for entry in sorted(classifier_weights, key=lambda entry: entry is not default):
            key, side = builder.replace("_", "-"), None
            if builder.startswith(("vit", "maxvit")):
                # Their positional embeddings are of one size, so that another size is another network.
                side = entry.transforms().crop_size[0]
                key += "" if side == 224 else f"-{side}px"
            if key not in table_entries:
                with torch.device("meta"):
                    model = build(builder, side if builder.startswith("vit") else None)
                table_entries[key] = {
                    "builder": builder,
                    "side": side if builder.startswith("vit") else None,
                    "layers": [step.name for step in layers_of(model).steps[:-1]],
                    "parameters": sum(tensor.numel() for tensor in model.parameters()),
                    "macs": round(entry.meta["_ops"] * 1e9),
                    "weights": [],
                }
            table_entries[key]["weights"].append(_entry(entry))
    return table_entries


def _entry(entry: Any) -> dict[str, Any]:
    preprocessing, (metrics,) = entry.transforms(), entry.meta["_metrics"].values()
    return {
        "name": entry.name,
        "url": entry.url,
        "mebibytes": entry.meta["_file_size"],
        "top1": metrics["acc@1"],
        "top5": metrics["acc@5"],
        "resize": preprocessing.resize_size[0],
        "crop": preprocessing.crop_size[0],
        "interpolation": preprocessing.interpolation.value,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
    }


def write(path: Path) -> None:
    """Write the table to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(generate(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(resource().joinpath(*NAME))
