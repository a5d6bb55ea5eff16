"""Classifiers of timm: the squeeze-and-excitation networks, and all others that the user has chosen.

Any name of timm's list, prefixed with "timm-", is a model and is registered on demand. Those chosen in the window are
kept in a file, so that listing them does not import timm.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UnknownKeyError, WeightsError
from cvstudio.foundation.paths import resource, user_data_dir
from cvstudio.models import MODELS, Architecture, ModelSpec
from cvstudio.models.classification.timm_listing import TimmModel, build, describe
from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.weights.declaration import Weights

if TYPE_CHECKING:
    from cvstudio.models.classification._classifier import PhotoClassifier

PREFIX = "timm-"
FAMILY = "timm"
SENET = "Hu et al., Squeeze-and-Excitation Networks, CVPR 2018"
USUAL = ("classifiers", "timm.json")
"""File of the models that are always registered; ``python -m cvstudio.models.classification.timm_classifiers`` writes
it, and a test compares it with timm."""

TITLES = {
    "legacy_senet154.in1k": "SENet-154",
    "legacy_seresnet18.in1k": "SE-ResNet-18",
    "legacy_seresnet34.in1k": "SE-ResNet-34",
    "legacy_seresnet50.in1k": "SE-ResNet-50",
    "legacy_seresnet101.in1k": "SE-ResNet-101",
    "legacy_seresnet152.in1k": "SE-ResNet-152",
    "legacy_seresnext26_32x4d.in1k": "SE-ResNeXt-26 32x4d",
    "legacy_seresnext50_32x4d.in1k": "SE-ResNeXt-50 32x4d",
    "legacy_seresnext101_32x4d.in1k": "SE-ResNeXt-101 32x4d",
}
LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-4.0": "CC BY 4.0"}
FEATURES = "last maps"

log = logging.getLogger(__name__)


def list_path() -> Path:
    """Path of the list of models that the user has chosen."""
    return user_data_dir() / "timm.json"


def read_list(path: Path) -> tuple[TimmModel, ...]:
    """Read a list of models. Raises OSError, ValueError, TypeError or AttributeError for a missing or damaged file."""
    return tuple(TimmModel.from_mapping(entry) for entry in json.loads(path.read_text(encoding="utf-8")))


def write_list(path: Path, models: Sequence[TimmModel]) -> None:
    """Write a list of models. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps([model.to_mapping() for model in models], indent=1) + "\n", encoding="utf-8")


def spec_of(model: TimmModel) -> ModelSpec:
    """The `ModelSpec` of a classifier of timm, without importing torch."""
    weights = Weights(
        key="timm",
        file_name=model.url.rpartition("/")[2],
        url=model.url,
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        licence=_licence(model.licence),
        trained_on=f"ImageNet{model.labels.removeprefix('imagenet').upper()}; what else, its name and its page tell",
        labels=imagenet_labels() if model.labels == "imagenet-1k" else (),
    )

    def load(device: str, checkpoint: Path | None) -> PhotoClassifier:
        """Load the network with `checkpoint`, or with the published one from a cache. Raises WeightsError."""
        from cvstudio.weights.checks import load_into
        from cvstudio.weights.store import load_state_dict, require_weights

        state = load_state_dict(require_weights(weights, checkpoint))
        from cvstudio.models.classification._classifier import PhotoClassifier
        from cvstudio.models.classification.timm_listing import fitted, names_of_classes

        network = build(model.name)
        load_into(network, fitted(state, network), f"timm's {model.name}")
        return PhotoClassifier(network, names_of_classes(model.labels), device, model.cut, _layers(network, model))

    is_senet = model.name in TITLES
    map_capabilities = frozenset({"gradients", "hooks", "maps", "reentrant"}) if model.maps else frozenset()
    return ModelSpec(
        key=PREFIX + model.name,
        title=TITLES.get(model.name, model.name),
        task="classify",
        family="SENet" if is_senet else FAMILY,
        paper=SENET if is_senet else model.paper or "timm, PyTorch Image Models",
        year=2018 if is_senet else _year(model.paper),
        load=load,
        weights=(weights,),
        defaults={"threshold": 0.0},
        labels=weights.labels,
        options={"layers": (FEATURES,) if model.maps else ()},
        capabilities=frozenset({"logits", "features"}) | map_capabilities,
        keywords=(*(("squeeze-and-excitation", "SENet", "channel attention") if is_senet else ()), "timm", model.name),
        summary=(
            "Names 1000 classes of objects: each block weighs its channels by what the whole picture shows."
            if is_senet
            else f"Names {model.classes} classes of objects; one of timm's checkpoints."
        ),
        architecture=Architecture(
            build=partial(build, model.name), input_size=(model.crop, model.crop), parameters=model.parameters
        ),
    )


def _licence(licence: str) -> str:
    return LICENCES.get(
        licence, f"{licence} (non-commercial)" if "-nc" in licence or "noncommercial" in licence else licence
    )


def _year(paper: str) -> int:
    """Year of an arXiv address, whose number begins with it; 0 for another text."""
    number = paper.rpartition("/")[2][:2]
    return 2000 + int(number) if number.isdigit() else 0


def _layers(network: Any, model: TimmModel) -> Any:
    from cvstudio.models.classification._classifier_layers import Layers
    from cvstudio.models.runtime.explainable import LayerStep

    if not model.maps:
        return Layers()
    return Layers((LayerStep(FEATURES, network.forward_features), LayerStep("head", network.forward_head)))


def choose(name: str) -> ModelSpec:
    """Register timm's `name` permanently and return its spec; slow, as it imports timm and builds the network.

    Raises
    ------
    WeightsError
        timm has no such classifier.
    """
    return keep(describe(name))


def keep(model: TimmModel) -> ModelSpec:
    """Register `model` now and at every start. Raises WeightsError where the list cannot be saved."""
    spec = spec_of(model)
    if spec.key in MODELS:
        return MODELS[spec.key]
    try:
        write_list(list_path(), (*chosen(), model))
    except OSError as error:
        raise WeightsError(
            f"{model.name} cannot be kept in {list_path()} ({error.strerror}); free that file."
        ) from None
    return MODELS.register(spec)


def chosen() -> tuple[TimmModel, ...]:
    """Models that the user has chosen; none where the file is missing or damaged."""
    try:
        return read_list(list_path())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        log.warning("the list of timm's models in %s cannot be read: %s", list_path(), error)
        return ()


def resolve(key: str) -> ModelSpec:
    """Create the spec of a key "timm-…" that is not registered yet. Raises UnknownKeyError."""
    try:
        return spec_of(describe(key.removeprefix(PREFIX)))
    except WeightsError as error:
        raise UnknownKeyError(str(error)) from None


def generate() -> tuple[TimmModel, ...]:
    """Content of the file `USUAL`."""
    return tuple(describe(name) for name in TITLES)


def _register_all() -> None:
    for model in (*read_list(resource(*USUAL)), *chosen()):
        MODELS.register(spec_of(model))
    MODELS.resolve(PREFIX, resolve)


if __name__ == "__main__":
    write_list(resource().joinpath(*USUAL), generate())
else:
    _register_all()
