"""Layers and comparisons that an export draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.media import Media, MediaKind
from cvstudio.session.layers import visible_layers
from cvstudio.session.session import State
from ui.control.controller import Controller

if TYPE_CHECKING:
    from cvstudio.running.composition import Comparison


def chosen_readings(state: State) -> dict[str, str]:
    """`BatchPlan.read_as` for a folder: what the user has chosen for the file on the canvas holds for all."""
    instance = state.instance
    media = instance.bindings.get(instance.spec.main_slot.name) if instance is not None else None
    return {"": media.read_as} if isinstance(media, Media) and media.reading_chosen else {}


def is_geometry(controller: Controller) -> bool:
    """Whether a 3D file is shown, which no analysis reads: an export saves a copy of it."""
    media = controller.session.state.active_media
    return media is not None and media.kind is MediaKind.GEOMETRY and controller.shown.sample is not None


def may_export(controller: Controller) -> bool:
    """Whether there is anything to export: a result, or a 3D file."""
    return controller.current_result() is not None or is_geometry(controller)


def shown_stack(controller: Controller) -> tuple[AnalysisInstance, ...]:
    """Visible layers for the pictures of a batch, the lowest first.

    Empty during a comparison, as a batch runs one analysis.
    """
    return () if controller.comparison.composition is not None else visible_layers(controller.session.state)


def sides_in(comparison: Comparison | None) -> dict[str, Any] | None:
    """JSON form of a comparison within its session: ids of the sides, and the split; None without one."""
    if comparison is None:
        return None
    return {"sides": [comparison.left.id, comparison.right.id], "split": comparison.split}


def comparison_in(state: State, saved: Mapping[str, Any] | None) -> Comparison | None:
    """The comparison that `sides_in` told of the session `state`; None without one."""
    from cvstudio.running.composition import Comparison

    if saved is None:
        return None
    by_id = {item.id: state.linked(item) for item in state.instances}
    left, right = (by_id[number] for number in saved["sides"])
    return Comparison(left, right, saved["split"])
