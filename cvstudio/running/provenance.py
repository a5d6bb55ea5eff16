"""How a result was computed, as a recipe tells it: device, precision, engine; so that it is computed so again."""

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
"""How networks are to compute, by model and by path of a checkpoint that the user chose ("" for the published one)."""

Told = Callable[[AnalysisInstance], Mapping[str, Any] | None]
"""What a recipe says of how an instance is computed; None where there is nothing to say."""


@dataclass(frozen=True)
class Computed:
    """What a recipe tells of how it was computed; "" and nothing where it is of before recipes told it."""

    device: str = ""
    precisions: ForcedPrecisions = field(default_factory=dict)


def name_of(model: str, weights: Path | None) -> tuple[str, str]:
    """The key of a network in `ForcedPrecisions`."""
    return model, str(weights or "")


def to_json(device: str, way: Precision | None) -> dict[str, Any]:
    """What a recipe says. Of a network that computes in one way only it is the device alone."""
    told: dict[str, Any] = {"device": device.partition(":")[0]}
    if way is not None:
        told |= {"precision": way.dtype, "engine": way.engine, "channels_last": way.channels_last}
    return told


def load_computed(path: Path) -> Computed:
    """How what a recipe file tells of was computed, and the layers with it. Raises ProjectError."""
    saved = read_json(path, FORMAT)
    device, precisions = "", {}
    try:
        waiting = [saved, *saved.get("stack", ())]
        while waiting:
            told = waiting.pop(0)
            waiting += upstream_in(told)
            found = told.get("computed")
            if not found:
                continue
            device = device or _one_of(found["device"], ("cpu", "cuda", "mps"))
            if "precision" in found:
                name = name_of(told.get("model") or "", Path(told["weights"]) if told.get("weights") else None)
                precisions[name] = _way(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProjectError(f"{path.name} is incomplete ({error}); export the result again.") from None
    return Computed(device, precisions)


def _way(found: Mapping[str, Any]) -> Precision:
    dtype = cast(Literal["float32", "bfloat16"], _one_of(found["precision"], ("float32", "bfloat16")))
    engine = cast(Literal["torch", "openvino"], _one_of(found["engine"], ("torch", "openvino")))
    return Precision(dtype, bool(found["channels_last"]), "The recipe says so.", engine)


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"'{value}' is none of {', '.join(allowed)}")
    return str(value)
