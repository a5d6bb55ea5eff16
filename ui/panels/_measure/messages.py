"""Lines of the measure panel below its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from ui.base.translate import counted

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluation import Evaluation


def summary_text(evaluation: Evaluation) -> str:
    """How much was measured."""
    count, of = len(evaluation.names), len(evaluation.category_names)
    one = QCoreApplication.translate("MeasureContent", "{count} picture, {measured} of {classes} classes")
    many = QCoreApplication.translate("MeasureContent", "{count} pictures, {measured} of {classes} classes")
    return counted(count, one, many, measured=len(evaluation.measured), classes=of)
