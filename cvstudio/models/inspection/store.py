"""Cache of inspections on disk: the layers of a network do not change, so they are traced once."""

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
"""Increased whenever tracing gives other results."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Figures:
    """Cost of a network: `parameters`, and `macs` (multiply-adds) for a picture of `input_size` (height, width)."""

    parameters: int
    macs: int
    input_size: tuple[int, int]


class NoArchitectureError(UserError):
    """A model does not run through torch, so it has no layers to show."""


def declared_figures(spec: ModelSpec) -> Figures | None:
    """Figures from a model's declaration, without any file; None where it does not state both."""
    architecture = spec.architecture
    if architecture is None or not (architecture.parameters and architecture.macs):
        return None
    return Figures(architecture.parameters, architecture.macs, architecture.input_size)


def known_figures(spec: ModelSpec) -> Figures | None:
    """Declared or cached figures; None where they are still to be counted. Reads one file at most."""
    declared = declared_figures(spec)
    if declared is not None or spec.architecture is None:
        return declared
    cached = read_kept(spec)
    return None if cached is None else Figures(cached.parameters, cached.macs, cached.input_size)


def inspection_of(spec: ModelSpec, progress: Progress | None = None) -> Inspection:
    """The layers of a model, from the cache or traced now, which imports torch.

    Raises
    ------
    NoArchitectureError
        It does not run through torch.
    InspectionError
        It cannot be looked into.
    """
    if spec.architecture is None:
        raise NoArchitectureError(f"{spec.title} is no network of torch layers, so there are none to show.")
    cached = read_kept(spec)
    if cached is not None:
        return cached
    from cvstudio.models.inspection.trace import inspect

    inspection = inspect(spec.architecture, progress)
    _write_cache(spec, inspection)
    return inspection


def read_kept(spec: ModelSpec) -> Inspection | None:
    """The cached inspection; None where the cache has none of this network and these library versions."""
    try:
        saved = json.loads(_cache_path(spec).read_text(encoding="utf-8"))
        if saved["of"] != _cache_key(spec):
            return None
        height, width = saved["input_size"]
        return Inspection(
            (int(height), int(width)), int(saved["parameters"]), int(saved["macs"]), layer_from_json(saved["root"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None  # missing or damaged: it is traced again


def _write_cache(spec: ModelSpec, inspection: Inspection) -> None:
    values: dict[str, Any] = {
        "of": _cache_key(spec),
        "input_size": list(inspection.input_size),
        "parameters": inspection.parameters,
        "macs": inspection.macs,
        "root": layer_to_json(inspection.root),
    }
    path = _cache_path(spec)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(values), encoding="utf-8")
    except OSError as error:
        log.info("the layers of %s are not kept: %s", spec.key, error)


def _cache_path(spec: ModelSpec) -> Path:
    return user_cache_dir() / "inspections" / f"{quote(spec.key, safe='')}.json"


def _cache_key(spec: ModelSpec) -> str:
    """Cache key: model and library versions, as another version may build the network differently."""
    size = spec.architecture.input_size if spec.architecture else ()
    return f"{VERSION} {spec.key}{spec.revision} {size} {_libraries()}"


@functools.cache
def _libraries() -> str:
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    for name in ("torch", "torchvision", "timm", "transformers"):
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    return ", ".join(versions)
