"""Commands that choose the precision of networks."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QCoreApplication

from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS, RequestedPrecision
from ui.base.command import Command
from ui.base.settings import Settings
from ui.control.controller import Controller


def use_precision(controller: Controller, settings: Settings, precision: RequestedPrecision) -> None:
    """Compute networks in `precision` from now on, and at the next start."""
    controller.pipeline.host.precision = precision
    settings.set("precision", precision)
    controller.refresh()


def precision_commands(controller: Controller, settings: Settings) -> list[Command]:
    """One palette command for each precision; also applies the stored choice to the host."""
    stored = settings.text("precision", "auto")
    if stored in REQUESTED_PRECISIONS:
        controller.pipeline.host.precision = stored

    def tr(text: str) -> str:
        return QCoreApplication.translate("Precision", text)

    titles = {
        "auto": tr("Precision: Fastest with the Same Results"),
        "float32": tr("Precision: float32"),
        "bfloat16": tr("Precision: bfloat16"),
    }
    words = ("bf16", "half precision", "mixed precision", "channels last", "autocast", "speed")
    return [
        Command(
            f"precision-{precision}",
            titles[precision],
            partial(use_precision, controller, settings, precision),
            icon="gauge",
            keywords=words,
        )
        for precision in REQUESTED_PRECISIONS
    ]
