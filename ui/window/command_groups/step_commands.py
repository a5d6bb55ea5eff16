"""Commands that step through an analysis with steps, such as non-maximum suppression."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from ui.base.command import Command
from ui.control.controller import Controller
from ui.control.stepping import step


def _tr(text: str) -> str:
    return QCoreApplication.translate("Stepping", text)


def step_commands(controller: Controller) -> list[Command]:
    """The commands for the next and the previous step."""

    def by(steps: int) -> Callable[[], None]:
        return lambda: step(controller, steps)

    words = ("NMS step", "step by step")
    return [
        Command("next-step", _tr("Next Step"), by(1), "play", (".",), "chevron-right", words, True, repeats=True),
        Command("previous-step", _tr("Previous Step"), by(-1), "play", (",",), "chevron-left", words, repeats=True),
    ]
