"""Work of the catalogue: entries of all models, layers of a network, and speeds on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Work
from cvstudio.foundation.progress import Progress
from cvstudio.models.catalogue.entries import CatalogueEntry, entries_of
from cvstudio.models.inspection.layers import Inspection
from cvstudio.models.inspection.speed import measuring
from cvstudio.models.inspection.store import inspection_of, known_figures
from cvstudio.models.runtime.host import Host
from cvstudio.models.spec import ModelSpec

LANE = "catalogue"
ROWS, LAYERS, MEASURE = "catalogue rows", "catalogue layers", "catalogue measure"
"""Owners of the jobs."""


@dataclass(frozen=True)
class Rows:
    """Entries of all models."""

    entries: tuple[CatalogueEntry, ...]


@dataclass(frozen=True)
class ModelLayers:
    """Layers of the model `key`."""

    key: str
    inspection: Inspection


@dataclass(frozen=True)
class Measured:
    """The speed of the model `key` was measured and stored; `problem` is why it could not be."""

    key: str
    problem: str = ""


def read_rows(specs: Sequence[ModelSpec], device: str, precision: str) -> Work:
    """Work that yields `Rows`, and once more after it has counted the networks whose figures are unknown."""

    def work(progress: Progress) -> Iterator[Any]:
        yield Rows(entries_of(specs, device, precision))
        unknown = [spec for spec in specs if spec.architecture is not None and known_figures(spec) is None]
        counted = 0
        for spec in unknown:
            yield None  # the layers of a model that is looked at come first
            try:
                inspection_of(spec, progress)
                counted += 1
            except UserError:
                continue  # reported when the user opens its layers
        if counted:
            yield Rows(entries_of(specs, device, precision))

    return work


def read_layers(spec: ModelSpec) -> Work:
    """Work that reads the layers of a network; yields `ModelLayers`."""

    def work(progress: Progress) -> Iterator[Any]:
        yield ModelLayers(spec.key, inspection_of(spec, progress))

    return work


def time_models(specs: Sequence[ModelSpec], host: Host) -> Work:
    """Work that measures models one by one on the thread that owns `host`; interactive jobs run in between."""

    def work(progress: Progress) -> Iterator[Any]:
        for spec in specs:
            try:
                yield from measuring(spec, host, progress)
                yield Measured(spec.key)
            except UserError as error:
                yield Measured(spec.key, str(error))

    return work
