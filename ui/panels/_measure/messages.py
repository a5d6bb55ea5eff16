"""Lines of the measure panel below its buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluation import Evaluation


def summary_text(evaluation: Evaluation) -> str:
    """How much was measured."""
    count, of = len(evaluation.names), len(evaluation.category_names)
    if count == 1:
        text = QCoreApplication.translate("MeasureContent", "{pictures} picture, {measured} of {classes} classes")
    else:
        text = QCoreApplication.translate("MeasureContent", "{pictures} pictures, {measured} of {classes} classes")
    return text.format(pictures=f"{count:,}", measured=len(evaluation.measured), classes=of)
