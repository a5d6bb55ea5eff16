"""The rows of the catalogue, and which of them are wanted."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cvstudio.models.inspection.speed import Speed, known_speeds, speed_key
from cvstudio.models.inspection.store import Figures, known_figures
from cvstudio.models.spec import ModelSpec
from cvstudio.models.tasks import TASKS
from cvstudio.models.terms import Place, Terms, terms

LicenceKind = Literal["", "free", "non-commercial", "library"]


@dataclass(frozen=True)
class CatalogueEntry:
    """A model with what is known of it now.

    `figures` is None where nothing is known (yet); `speed` None where it was not measured on this device.
    """

    spec: ModelSpec
    terms: Terms
    figures: Figures | None
    speed: Speed | None

    @property
    def key(self) -> str:
        return self.spec.key

    @property
    def scores(self) -> Mapping[str, float]:
        """Published figures of the default weights in percent, by the metric's name."""
        return self.spec.weights[0].scores if self.spec.weights else {}

    @property
    def score(self) -> tuple[str, float] | None:
        """The first published figure, by which models of a task are compared."""
        return next(iter(self.scores.items()), None)

    @property
    def trained_on(self) -> str:
        return self.spec.weights[0].trained_on if self.spec.weights else ""

    @property
    def task_title(self) -> str:
        return task_title(self.spec.task)

    @functools.cached_property
    def searched(self) -> str:
        """Everything that a search looks at, in small letters; not what a model learnt from, as that may be another."""
        spec = self.spec
        parts = (spec.title, spec.key, spec.family, spec.paper, spec.summary, self.task_title, self.terms.licence)
        return " ".join((*parts, *spec.keywords, str(spec.year))).casefold()


def task_title(task: str) -> str:
    """What a task is called; one of another package that is not declared here goes by its key."""
    return TASKS[task].title if task in TASKS else task


def entry_of(spec: ModelSpec, device: str, precision: str, speeds: Mapping[str, Speed] | None = None) -> CatalogueEntry:
    """A model with what is known of it; reads files, but imports nothing heavy."""
    known = known_speeds() if speeds is None else speeds
    return CatalogueEntry(spec, terms(spec), known_figures(spec), known.get(speed_key(spec, device, precision)))


def entries_of(specs: Iterable[ModelSpec], device: str = "auto", precision: str = "auto") -> tuple[CatalogueEntry, ...]:
    """The models with what is known of each on a device that runs in a precision.

    First what was published figures of and is ready at once: it comes with the program or is on the disk. Then the
    user's own and whatever else is on the disk, what can be got, and at last that of which nothing was measured.
    Within each the order is that of the tasks and families.
    """
    speeds = known_speeds()
    found = [entry_of(spec, device, precision, speeds) for spec in specs]
    order = {task: place for place, task in enumerate(tasks_of(found))}
    return tuple(sorted(found, key=lambda entry: (_rank(entry), order[entry.spec.task], entry.spec.family.casefold())))


def _rank(entry: CatalogueEntry) -> int:
    ready = entry.terms.place in (Place.EMBEDDED, Place.HERE)
    if entry.terms.place is Place.GONE:
        return 4
    if ready:
        return 0 if entry.scores else 1
    return 2 if entry.scores else 3


def tasks_of(entries: Iterable[CatalogueEntry]) -> tuple[str, ...]:
    """The tasks that there are, in their order; at last those of other packages that are not declared here."""
    last = max(task.order for task in TASKS.values()) + 1
    found = {entry.spec.task for entry in entries}
    return tuple(sorted(found, key=lambda key: (TASKS[key].order if key in TASKS else last, key)))


@dataclass(frozen=True)
class CatalogueFilter:
    """Which entries are shown; what is empty or None asks nothing.

    Parameters
    ----------
    text : words that all have to occur
    task, family : as the models state them
    licence : "free": no licence forbids commercial use; "non-commercial"; "library": comes with a library
    place : where the weights are
    """

    text: str = ""
    task: str = ""
    family: str = ""
    licence: LicenceKind = ""
    place: Place | None = None

    def takes(self, entry: CatalogueEntry) -> bool:
        if self.task and entry.spec.task != self.task:
            return False
        if self.family and entry.spec.family != self.family:
            return False
        if self.place is not None and entry.terms.place is not self.place:
            return False
        if self.licence and licence_kind(entry) != self.licence:
            return False
        return all(word in entry.searched for word in self.text.casefold().split())


def licence_kind(entry: CatalogueEntry) -> LicenceKind:
    if entry.terms.place is Place.LIBRARY:
        return "library"
    return "non-commercial" if entry.terms.non_commercial else "free"


def families(entries: Iterable[CatalogueEntry], task: str = "") -> tuple[str, ...]:
    """The families that there are, of a task or of all."""
    found = {entry.spec.family for entry in entries if entry.spec.family and task in ("", entry.spec.task)}
    return tuple(sorted(found, key=str.casefold))
