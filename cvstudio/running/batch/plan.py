"""Plan of a batch: its files, their names and the output formats."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cvstudio.analyses.binding import Binding
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.exporters import EXPORTERS, Exporter
from cvstudio.exporters.file_names import safe_name
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import from_mapping, to_mapping
from cvstudio.media import Media
from cvstudio.media.reading import check_reading
from cvstudio.models.runtime.host import Host
from cvstudio.running.batch.queue import BatchError
from cvstudio.running.composition import is_plain
from cvstudio.running.provenance import ProvenanceLookup
from cvstudio.running.recipe import make_recipe


@dataclass(frozen=True)
class BatchPlan:
    """Plan of a batch.

    Parameters
    ----------
    instance : the analysis with its parameters; each source takes the place of what is in its main slot
    paths : files and folders; of a folder, everything in it that the analysis takes, see `batch.sources`
    out : folder to write to
    formats : keys
    options : of the formats, by key and name
    look : values of `Look` by name
    stack : layers that formats which draw show, the lowest first; empty shows the result of `instance` alone
    read_as : what files are read as where their content leaves it open: keys as in `open_media` by absolute path, and
        behind "" for all other files
    """

    instance: AnalysisInstance
    paths: tuple[Path, ...]
    out: Path
    formats: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=dict)
    stack: tuple[AnalysisInstance, ...] = ()
    read_as: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = self.instance.spec
        if not self.formats:
            raise BatchError("A batch expects at least one format, found none; choose one.")
        for key in self.read_as.values():
            check_reading(key)
        for exporter in self.exporters:
            if not exporter.accepts(spec.result):
                raise ExportError(f"{exporter.title} cannot hold what '{spec.title}' finds; choose another format.")

    @property
    def exporters(self) -> tuple[Exporter, ...]:
        return tuple(EXPORTERS[key] for key in self.formats)

    @property
    def template(self) -> AnalysisInstance:
        """The instance with its main slot empty."""
        return self.instance.on(None)

    @property
    def layers(self) -> tuple[AnalysisInstance, ...]:
        """What formats that draw show, the lowest first, each with its main slot empty. A layer with a second file
        stays behind, as that belongs to its own picture."""
        return tuple(layer.on(None) for layer in self.stack if layer == self.instance or layer.follows) or (
            self.template,
        )

    @property
    def lineage(self) -> tuple[AnalysisInstance, ...]:
        """All analyses that run, each after those whose results it takes."""
        instances: list[AnalysisInstance] = []
        for instance in itertools.chain.from_iterable(layer.lineage for layer in (*self.layers, self.template)):
            if instance not in instances:
                instances.append(instance)
        return tuple(instances)

    def on(self, source: Binding) -> tuple[AnalysisInstance, tuple[AnalysisInstance, ...]]:
        """The instance with `source` in its main slot, and the layers that can be shown on it likewise."""
        applicable = (layer for layer in self.layers if isinstance(source, Media) and layer.spec.shows(source))
        instance = self.template.on(source)
        return instance, tuple(layer.on(source) for layer in applicable) or (instance,)

    def reading_of(self, file: Path) -> str:
        """Key of what `file` is read as; "" where that is not chosen."""
        return self.read_as.get(str(file), self.read_as.get("", ""))

    def option_values(self, key: str) -> dict[str, Any]:
        """All options of the format `key`, validated. Raises ParamsError."""
        return to_mapping(from_mapping(EXPORTERS[key].params, self.options.get(key, {})))

    def recipe(self, computed: ProvenanceLookup | None = None) -> dict[str, Any]:
        """All that the outputs depend on, but for the files. Raises ParamsError."""
        alone = is_plain(self.template, self.layers)
        stack = () if alone else self.layers
        host = Host()
        models = [(layer.model_spec, layer.weights) for layer in (self.template, *stack)]
        # The checkpoint itself may be another one under the same name.
        networks = [list(host.network_key(model, weights)[:3]) if model else [] for model, weights in models]
        before = [item for layer in (self.template, *stack) for item in layer.lineage[:-1]]
        upstream = [list(host.network_key(model, item.weights)[:3]) for item in before if (model := item.model_spec)]
        return {
            **make_recipe(self.template, self.out.resolve(), pts=None, look=self.look, stack=stack, computed=computed),
            "network": networks[0],
            **({"networks": networks[1:]} if stack else {}),
            **({"upstream_networks": upstream} if upstream else {}),
            **({"read_as": dict(self.read_as)} if self.read_as else {}),
            "formats": sorted(self.formats),
            # Written out, so that a later default does not change what is half done.
            "options": {key: values for key in sorted(self.formats) if (values := self.option_values(key))},
        }


@dataclass(frozen=True)
class BatchTask:
    """A file or folder to process; `asked` where the user named it, `name` is the stem of its outputs. `source` and
    `label` are as in `ExportItem`."""

    file: Path
    name: str
    asked: bool
    source: str = ""
    label: str = ""


def _stem(path: Path) -> str:
    """Name of a file without its ending, and of a folder with all of it: "set.v2" is no file of the kind "v2"."""
    return path.name if path.is_dir() else path.stem


def sources_of(files: Sequence[Path]) -> list[tuple[str, str]]:
    """Name of each file relative to the folder all share, as "x/001.jpg" and that of its labels, as "x/001", which
    is empty where two files of one folder differ in their ending only."""
    if not files:
        return []
    base = Path(os.path.commonpath([file.parent for file in files]))
    relative = [file.relative_to(base) for file in files]
    labels = [(path.parent / _stem(file)).as_posix() for file, path in zip(files, relative, strict=True)]
    counts = Counter(label.casefold() for label in labels)
    return [
        (path.as_posix(), label if counts[label.casefold()] == 1 else "")
        for path, label in zip(relative, labels, strict=True)
    ]


def names_of(files: Sequence[Path], earlier_names: Mapping[str, str]) -> list[str]:
    """A name for the outputs of each file, by its place below the folder that all of them share; no two are equal,
    whether or not case counts. `kept` are names from before, by file."""
    base = Path(os.path.commonpath([file.parent for file in files])) if files else Path()
    used_names = {name.casefold() for name in earlier_names.values()}
    names = []
    for file in files:
        name = earlier_names.get(str(file), "")
        if not name:
            relative = file.relative_to(base)
            preferred = safe_name("_".join((*relative.parent.parts, _stem(file))))
            others = (f"{preferred}_{number}" for number in itertools.count(2))
            choices = itertools.chain((preferred, f"{preferred}_{file.suffix.lstrip('.')}"), others)
            name = next(choice for choice in choices if choice.casefold() not in used_names)
            used_names.add(name.casefold())
        names.append(name)
    return names
