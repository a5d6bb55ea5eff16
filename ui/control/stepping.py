"""Forward and back through an analysis that goes in steps."""

from __future__ import annotations

from ui.control.controller import Controller


def step(controller: Controller, steps: int) -> None:
    """Go so many steps on in the current analysis; nothing where it has none."""
    instance = controller.session.state.instance
    if instance is None or not instance.spec.step_parameter:
        return
    name = instance.spec.step_parameter
    bounds = controller.input_facts().ranges.get(name)
    if bounds is None:
        return
    # What lies behind the end, since there are fewer steps now, counts as the end.
    now = min(instance.value(name), int(bounds.high))
    controller.set_value(name, min(max(now + steps, int(bounds.low)), int(bounds.high)))
