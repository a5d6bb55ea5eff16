"""What a batch is to do: which files, called what, into which formats."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvstudio.batch.queue import BatchError
from cvstudio.computed import Told
from cvstudio.errors import ExportError
from cvstudio.exporters import EXPORTERS, Exporter
from cvstudio.exporters._files import safe_name
from cvstudio.host import Host
from cvstudio.media import Media
from cvstudio.params import from_mapping, to_mapping
from cvstudio.recipe import make_recipe
from cvstudio.session import AnalysisInstance
from cvstudio.stacking import is_plain


@dataclass(frozen=True)
class BatchPlan:
    """What is to be done.

    Parameters
    ----------
    instance : the analysis with its parameters; each file takes the place of its first input
    paths : files and folders; of a folder, everything in it that the analysis takes
    out : folder to write to
    formats : keys
    options : of the formats, by key and name
    look : values of `Look` by name
    stack : layers that formats which draw show, the lowest first; empty shows the result of `instance` alone
    """

    instance: AnalysisInstance
    paths: tuple[Path, ...]
    out: Path
    formats: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=dict)
    stack: tuple[AnalysisInstance, ...] = ()

    def __post_init__(self) -> None:
        spec = self.instance.spec
        if not self.formats:
            raise BatchError("A batch expects at least one format, found none; choose one.")
        for exporter in self.exporters:
            if not issubclass(spec.result, exporter.accepts):
                raise ExportError(f"{exporter.title} cannot hold what '{spec.title}' finds; choose another format.")

    @property
    def exporters(self) -> tuple[Exporter, ...]:
        return tuple(EXPORTERS[key] for key in self.formats)

    @property
    def template(self) -> AnalysisInstance:
        """The instance without its first input."""
        return _unbound(self.instance)

    @property
    def layers(self) -> tuple[AnalysisInstance, ...]:
        """What formats that draw show, the lowest first, each without its first input. A layer with a second input
        stays behind, as that belongs to its own picture."""
        return tuple(
            _unbound(layer) for layer in self.stack if layer == self.instance or len(layer.spec.inputs) == 1
        ) or (self.template,)

    def on(self, media: Media) -> tuple[AnalysisInstance, tuple[AnalysisInstance, ...]]:
        """The instance with `media` as its first input, and the layers that can be shown on it likewise."""
        taken = (layer for layer in self.layers if layer.spec.shows(media))
        instance = _bound(self.template, media)
        return instance, tuple(_bound(layer, media) for layer in taken) or (instance,)

    def option_values(self, key: str) -> dict[str, Any]:
        """Every option of the format `key`, checked. Raises ParamsError."""
        return to_mapping(from_mapping(EXPORTERS[key].params, self.options.get(key, {})))

    def recipe(self, computed: Told | None = None) -> dict[str, Any]:
        """All that the outputs depend on, but for the files. Raises ParamsError."""
        alone = is_plain(self.template, self.layers)
        stack = () if alone else self.layers
        host = Host()
        models = [(layer.model_spec, layer.weights) for layer in (self.template, *stack)]
        # The checkpoint itself may be another one under the same name.
        networks = [list(host.network_key(model, weights)[:3]) if model else [] for model, weights in models]
        return {
            **make_recipe(self.template, self.out.resolve(), pts=None, look=self.look, stack=stack, computed=computed),
            "network": networks[0],
            **({"networks": networks[1:]} if stack else {}),
            "formats": sorted(self.formats),
            # Written out, so that a later default does not change what is half done.
            "options": {key: values for key in sorted(self.formats) if (values := self.option_values(key))},
        }


def _unbound(instance: AnalysisInstance) -> AnalysisInstance:
    first = instance.spec.main_slot.name
    others = {slot: media for slot, media in instance.bindings.items() if slot != first}
    return dataclasses.replace(instance, bindings=others)


def _bound(template: AnalysisInstance, media: Media) -> AnalysisInstance:
    first = template.spec.main_slot.name
    return dataclasses.replace(template, bindings={**template.bindings, first: media})


@dataclass(frozen=True)
class Task:
    """A file to be done; `asked` where the user named it, `name` is what its outputs are called."""

    file: Path
    name: str
    asked: bool


def find_files(paths: Iterable[Path], out: Path) -> list[tuple[Path, bool]]:
    """Every file with whether it was named itself: those of folders by name, without hidden ones and the output."""
    found: dict[Path, bool] = {}
    out = out.resolve()
    for path in paths:
        if not path.is_dir():
            found[Path(os.path.abspath(path))] = True
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and Path(folder, name).resolve() != out
            )
            for name in sorted(names):
                if not name.startswith("."):
                    found.setdefault(Path(os.path.abspath(os.path.join(folder, name))), False)
    return list(found.items())


def names_of(files: Sequence[Path], kept: Mapping[str, str]) -> list[str]:
    """A name for the outputs of each file, by its place below the folder that all of them share; no two are equal,
    whether or not case counts. `kept` are names from before, by file."""
    base = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    taken = {name.casefold() for name in kept.values()}
    names = []
    for file in files:
        name = kept.get(str(file), "")
        if not name:
            below = file.relative_to(base)
            first = safe_name("_".join((*below.parent.parts, below.stem)))
            others = (f"{first}_{number}" for number in itertools.count(2))
            choices = itertools.chain((first, f"{first}_{file.suffix.lstrip('.')}"), others)
            name = next(choice for choice in choices if choice.casefold() not in taken)
            taken.add(name.casefold())
        names.append(name)
    return names
