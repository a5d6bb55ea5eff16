"""Rows of the catalogue, and the filter of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from cvstudio.models.domain import superseded
from cvstudio.models.inspection.speed import Speed, known_speeds, speed_key
from cvstudio.models.inspection.store import Figures, known_figures
from cvstudio.models.spec import ModelSpec
from cvstudio.models.tasks import TASKS
from cvstudio.models.terms import Place, Terms, terms

LicenceKind = Literal["", "free", "non-commercial", "library"]


@dataclass(frozen=True)
class CatalogueEntry:
    """A model with its terms, figures and speed at this moment.

    `figures` is None until they are counted; `speed` None where it was not measured on this device.
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
        """Published scores of the default weights in percent, by metric."""
        return self.spec.weights[0].scores if self.spec.weights else {}

    @property
    def score(self) -> tuple[str, float] | None:
        """Metric and value of the first published score, by which the models of a task are compared."""
        return next(iter(self.scores.items()), None)

    @property
    def trained_on(self) -> str:
        return self.spec.weights[0].trained_on if self.spec.weights else ""

    @property
    def task_title(self) -> str:
        return task_title(self.spec.task)

    @functools.cached_property
    def searched(self) -> str:
        """Text that a search matches, casefolded; without the training data, whose name may be another model's."""
        spec = self.spec
        parts = (spec.title, spec.key, spec.family, spec.paper, spec.summary, self.task_title, self.terms.licence)
        return " ".join((*parts, *spec.keywords, str(spec.year))).casefold()


def task_title(task: str) -> str:
    """Title of a task; the key of one that another package uses without declaring it."""
    return TASKS[task].title if task in TASKS else task


def entry_of(spec: ModelSpec, device: str, precision: str, speeds: Mapping[str, Speed] | None = None) -> CatalogueEntry:
    """The row of a model; reads files, but imports nothing heavy."""
    known = known_speeds() if speeds is None else speeds
    return CatalogueEntry(spec, terms(spec), known_figures(spec), known.get(speed_key(spec, device, precision)))


def entries_of(specs: Iterable[ModelSpec], device: str = "auto", precision: str = "auto") -> tuple[CatalogueEntry, ...]:
    """The rows of models, with speeds measured on a device in a precision.

    First the models with published scores whose weights come with the program or are on the disk, then the others on
    the disk (the user's own among them), then those to download with scores, those without, and last those whose file
    is gone. Within each group they are ordered by task and family; those in place of which a better one can be used
    come last in their task, and where the better one comes with the program they stand with those to download: the
    first networks of the program, examples for a course, are not what its list begins with.
    """
    speeds = known_speeds()
    entries = [entry_of(spec, device, precision, speeds) for spec in specs]
    places = {entry.spec.key: entry.terms.place for entry in entries}
    own = {key: place for key, place in places.items() if place in (Place.EMBEDDED, Place.PACKAGE)}
    order = {task: place for place, task in enumerate(tasks_of(entries))}
    return tuple(
        sorted(
            entries,
            key=lambda entry: (
                max(_rank(entry), WITH_SCORES) if superseded(entry.spec, own) else _rank(entry),
                order[entry.spec.task],
                superseded(entry.spec, places),
                entry.spec.family.casefold(),
            ),
        )
    )


WITH_SCORES = 2
"""Rank of models to download that have published scores."""


def _rank(entry: CatalogueEntry) -> int:
    ready = entry.terms.place.ready and entry.terms.place is not Place.LIBRARY
    if entry.terms.place in (Place.GONE, Place.NO_PACKAGE):
        return 4
    if ready:
        return 0 if entry.scores else 1
    return WITH_SCORES if entry.scores else WITH_SCORES + 1


def tasks_of(entries: Iterable[CatalogueEntry]) -> tuple[str, ...]:
    """Keys of the tasks that occur, in the order of `TASKS`; last those that are not declared there."""
    last = max(task.order for task in TASKS.values()) + 1
    keys = {entry.spec.task for entry in entries}
    return tuple(sorted(keys, key=lambda key: (TASKS[key].order if key in TASKS else last, key)))


@dataclass(frozen=True)
class CatalogueFilter:
    """Filter of the catalogue; an empty or None field matches every entry.

    Parameters
    ----------
    text : words that must all occur
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
        """Whether an entry passes the filter."""
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
    """Families that occur among the models of a task, or of all, in alphabetical order."""
    names = {entry.spec.family for entry in entries if entry.spec.family and task in ("", entry.spec.task)}
    return tuple(sorted(names, key=str.casefold))
