"""Provenance of results in recipes: device, precision and engine, so that they can be reproduced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import ProjectError
from cvstudio.models.runtime.precision import Precision
from cvstudio.running.recipe import FORMAT, read_json, upstream_in

ForcedPrecisions = Mapping[tuple[str, str], Precision]
"""Precision of networks by model key and path of the checkpoint ("" for the published one)."""

ProvenanceLookup = Callable[[AnalysisInstance], Mapping[str, Any] | None]
"""Callable (instance) -> its provenance as JSON; None where it has none."""


@dataclass(frozen=True)
class RecipeProvenance:
    """Provenance in a recipe; empty in recipes from versions that did not write it."""

    device: str = ""
    precisions: ForcedPrecisions = field(default_factory=dict)


def name_of(model: str, weights: Path | None) -> tuple[str, str]:
    """The key of a network in `ForcedPrecisions`."""
    return model, str(weights or "")


def to_json(device: str, precision: Precision | None) -> dict[str, Any]:
    """Provenance as JSON; only the device for a network with a fixed precision."""
    provenance: dict[str, Any] = {"device": device.partition(":")[0]}
    if precision is not None:
        provenance |= {
            "precision": precision.dtype,
            "engine": precision.engine,
            "channels_last": precision.channels_last,
        }
    return provenance


def load_provenance(path: Path) -> RecipeProvenance:
    """Load the provenance of a recipe file, also of its layers. Raises ProjectError."""
    saved = read_json(path, FORMAT)
    device, precisions = "", {}
    try:
        pending = [saved, *saved.get("stack", ())]
        while pending:
            layer = pending.pop(0)
            pending += upstream_in(layer)
            provenance = layer.get("computed")
            if not provenance:
                continue
            device = device or _one_of(provenance["device"], ("cpu", "cuda", "mps"))
            if "precision" in provenance:
                network = name_of(layer.get("model") or "", Path(layer["weights"]) if layer.get("weights") else None)
                precisions[network] = _precision_of(provenance)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProjectError(f"{path.name} is incomplete ({error}); export the result again.") from None
    return RecipeProvenance(device, precisions)


def _precision_of(provenance: Mapping[str, Any]) -> Precision:
    dtype = cast(Literal["float32", "bfloat16"], _one_of(provenance["precision"], ("float32", "bfloat16")))
    engine = cast(Literal["torch", "openvino"], _one_of(provenance["engine"], ("torch", "openvino")))
    return Precision(dtype, bool(provenance["channels_last"]), "The recipe says so.", engine)


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"'{value}' is none of {', '.join(allowed)}")
    return str(value)
