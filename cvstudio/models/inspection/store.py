"""Inspections, kept on disk: what a network is made of does not change, so it is looked at once."""

from __future__ import annotations

import functools
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.models.inspection.layers import Inspection, layer_from_json, layer_to_json
from cvstudio.models.spec import ModelSpec

VERSION = 1
"""Raised whenever another way of looking would find something else."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figures:
    """What a network costs: `parameters`, and `macs` (multiply-adds) for a picture of `input_size` (height, width)."""

    parameters: int
    macs: int
    input_size: tuple[int, int]


class NoArchitectureError(UserError):
    """A model does not run through torch, so it has no layers to show."""


def declared_figures(spec: ModelSpec) -> Figures | None:
    """What a model states of itself; None where it states nothing or not all. Cheap."""
    found = spec.architecture
    if found is None or not (found.parameters and found.macs):
        return None
    return Figures(found.parameters, found.macs, found.input_size)


def known_figures(spec: ModelSpec) -> Figures | None:
    """What a model states or was counted before; None where it has to be counted. Reads a file at most."""
    stated = declared_figures(spec)
    if stated is not None or spec.architecture is None:
        return stated
    kept = read_kept(spec)
    return None if kept is None else Figures(kept.parameters, kept.macs, kept.input_size)


def inspection_of(spec: ModelSpec, progress: Progress | None = None) -> Inspection:
    """The layers of a model, from disk or by running it without numbers, which imports torch.

    Raises
    ------
    NoArchitectureError
        It does not run through torch.
    InspectionError
        It cannot be looked into.
    """
    if spec.architecture is None:
        raise NoArchitectureError(f"{spec.title} is no network of torch layers, so there are none to show.")
    kept = read_kept(spec)
    if kept is not None:
        return kept
    from cvstudio.models.inspection.trace import inspect

    found = inspect(spec.architecture, progress)
    _keep(spec, found)
    return found


def read_kept(spec: ModelSpec) -> Inspection | None:
    """The inspection that is on disk; None where there is none of this very network."""
    try:
        saved = json.loads(_path(spec).read_text(encoding="utf-8"))
        if saved["of"] != _stamp(spec):
            return None
        height, width = saved["input_size"]
        return Inspection(
            (int(height), int(width)), int(saved["parameters"]), int(saved["macs"]), layer_from_json(saved["root"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None  # nothing kept, or damaged: it is looked at again


def _keep(spec: ModelSpec, found: Inspection) -> None:
    values: dict[str, Any] = {
        "of": _stamp(spec),
        "input_size": list(found.input_size),
        "parameters": found.parameters,
        "macs": found.macs,
        "root": layer_to_json(found.root),
    }
    path = _path(spec)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(values), encoding="utf-8")
    except OSError as error:
        log.info("the layers of %s are not kept: %s", spec.key, error)


def _path(spec: ModelSpec) -> Path:
    return user_cache_dir() / "inspections" / f"{quote(spec.key, safe='')}.json"


def _stamp(spec: ModelSpec) -> str:
    """What an inspection holds for: libraries that bring networks may build them differently tomorrow."""
    size = spec.architecture.input_size if spec.architecture else ()
    return f"{VERSION} {spec.key}{spec.revision} {size} {_libraries()}"


@functools.cache
def _libraries() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("torch", "torchvision", "timm", "transformers"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
