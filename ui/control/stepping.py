"""Stepping through an analysis that has a step parameter, such as suppression one box at a time."""

from __future__ import annotations

from ui.control.controller import Controller


def step(controller: Controller, steps: int) -> None:
    """Change the step parameter of the current analysis by `steps`, within its range.

    No effect without a step parameter, or before its range is known.
    """
    instance = controller.session.state.instance
    if instance is None or not instance.spec.step_parameter:
        return
    name = instance.spec.step_parameter
    bounds = controller.input_facts().ranges.get(name)
    if bounds is None:
        return
    # The value may exceed the range, which shrinks when the input changes.
    current = min(instance.value(name), int(bounds.high))
    controller.set_value(name, min(max(current + steps, int(bounds.low)), int(bounds.high)))
