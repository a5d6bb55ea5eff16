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
from cvstudio.errors import ExportError
from cvstudio.exporters import EXPORTERS, Exporter
from cvstudio.exporters._files import safe_name
from cvstudio.host import Host
from cvstudio.recipe import make_recipe
from cvstudio.session import AnalysisInstance


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
    """

    instance: AnalysisInstance
    paths: tuple[Path, ...]
    out: Path
    formats: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=dict)

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
        first = self.instance.spec.inputs[0].name
        others = {slot: media for slot, media in self.instance.bindings.items() if slot != first}
        return dataclasses.replace(self.instance, bindings=others)

    def recipe(self) -> dict[str, Any]:
        """All that the outputs depend on, but for the files."""
        model = self.instance.model_spec
        return {
            **make_recipe(self.template, self.out.resolve(), pts=None, look=self.look),
            # The checkpoint itself may be another one under the same name.
            "network": list(Host().network_key(model, self.instance.weights)[:3]) if model else [],
            "formats": sorted(self.formats),
            "options": {key: dict(values) for key, values in sorted(self.options.items()) if key in self.formats},
        }


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
