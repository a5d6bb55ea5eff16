"""Layers that an export of several files draws."""

from __future__ import annotations

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.session.layers import visible_layers
from ui.control.controller import Controller


def shown_stack(controller: Controller) -> tuple[AnalysisInstance, ...]:
    """Visible layers for the pictures of a batch, the lowest first.

    Empty during a comparison, as a batch runs one analysis.
    """
    return () if controller.comparing.comparison is not None else visible_layers(controller.session.state)
