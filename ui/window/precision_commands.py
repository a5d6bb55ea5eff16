"""The user's choice of the precision that networks compute in."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication

from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS, RequestedPrecision
from ui.base.command import Command
from ui.base.settings import Settings
from ui.control.controller import Controller


def precision_commands(controller: Controller, settings: Settings) -> list[Command]:
    """One command of the palette for each choice; the one that holds is remembered from the last time."""
    kept = settings.text("precision", "auto")
    if kept in REQUESTED_PRECISIONS:
        controller.pipeline.host.precision = kept

    def use(wanted: RequestedPrecision) -> None:
        controller.pipeline.host.precision = wanted
        settings.set("precision", wanted)
        controller.refresh()

    def tr(text: str) -> str:
        return QCoreApplication.translate("Precision", text)

    titles = {
        "auto": tr("Precision: Fastest That Finds the Same"),
        "float32": tr("Precision: float32"),
        "bfloat16": tr("Precision: bfloat16"),
    }
    words = ("bf16", "half precision", "mixed precision", "channels last", "autocast", "speed")
    return [
        Command(f"precision-{wanted}", titles[wanted], partial(use, wanted), icon="gauge", keywords=words)
        for wanted in REQUESTED_PRECISIONS
    ]
