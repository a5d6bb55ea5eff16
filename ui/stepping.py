"""Forward and back through an analysis that goes in steps."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from ui.commands import Command
from ui.controller import Controller


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


def step(controller: Controller, steps: int) -> None:
    """Go so many steps on in the current analysis; nothing where it has none."""
    instance = controller.session.state.instance
    if instance is None or not instance.spec.walk:
        return
    name = instance.spec.walk
    bounds = controller.facts().ranges.get(name)
    if bounds is None:
        return
    # What lies behind the end, since there are fewer steps now, counts as the end.
    now = min(instance.value(name), int(bounds.high))
    controller.set_value(name, min(max(now + steps, int(bounds.low)), int(bounds.high)))
