"""Layers that an export of several files draws."""

from __future__ import annotations

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.media import Media
from cvstudio.session.layers import visible_layers
from ui.control.controller import Controller


def chosen_readings(controller: Controller) -> dict[str, str]:
    """`BatchPlan.read_as` for a folder: what the user has chosen for the file on the canvas holds for all."""
    instance = controller.session.state.instance
    media = instance.bindings.get(instance.spec.main_slot.name) if instance is not None else None
    return {"": media.read_as} if isinstance(media, Media) and media.reading_chosen else {}


def shown_stack(controller: Controller) -> tuple[AnalysisInstance, ...]:
    """Visible layers for the pictures of a batch, the lowest first.

    Empty during a comparison, as a batch runs one analysis.
    """
    return () if controller.comparing.comparison is not None else visible_layers(controller.session.state)
