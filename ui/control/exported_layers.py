"""Which layers the files of an export show."""

from __future__ import annotations

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.session.layers import visible_layers
from ui.control.controller import Controller


def shown_stack(controller: Controller) -> tuple[AnalysisInstance, ...]:
    """The layers that pictures of a batch show, the lowest first; none where two are compared, as a batch is of one."""
    return () if controller.comparing.comparison is not None else visible_layers(controller.session.state)
