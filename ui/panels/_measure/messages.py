"""Lines of the measure panel below its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.foundation.names import listed
from ui.base.translate import counted

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluation import Evaluation


def source_titles(sources: Sequence[AnnotationSet | Path]) -> tuple[list[str], list[str]]:
    """A title for each labelled set, different ones for two of the same name, and a tooltip: where it lies, or of which
    pictures and classes those are that were begun in the program."""
    names = [source.name for source in sources]
    titles, tips = [], []
    for place, source in enumerate(sources):
        path = source.path if isinstance(source, AnnotationSet) else source
        title, alike = names[place], names.count(names[place]) > 1
        if path is not None:
            tips.append(str(path))
            title = f"{title} ({path.parent.name})" if alike else title
        else:
            assert isinstance(source, AnnotationSet)
            parts = (
                listed(sorted({*source.pictures, *source.edits})),
                listed([item.name for item in source.categories]),
            )
            tips.append("\n".join(filter(None, parts)))
            title = f"{title} {names[: place + 1].count(title)}" if alike else title
        titles.append(title)
    return titles, tips


def summary_text(evaluation: Evaluation) -> str:
    """How much was measured."""
    count, of = len(evaluation.names), len(evaluation.category_names)
    one = QCoreApplication.translate("MeasureContent", "{count} picture, {measured} of {classes} classes")
    many = QCoreApplication.translate("MeasureContent", "{count} pictures, {measured} of {classes} classes")
    return counted(count, one, many, measured=len(evaluation.measured), classes=of)
