"""What each analysis can be run on: its samples, and for a slot that takes results only, an analysis that gives one."""

from __future__ import annotations

from typing import Any

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis
from cvstudio.media.examples.files import sample_path
from cvstudio.running.runner import make_instance


def sample_inputs(analysis: Analysis) -> dict[str, Any]:
    """Inputs of `analysis` by slot, for `make_instance`."""
    inputs: dict[str, Any] = {
        slot: sample_path(key) if isinstance(key, str) else key for slot, key in (analysis.samples or {}).items()
    }
    for slot in analysis.inputs:
        if slot.results and slot.name not in inputs:
            upstream = next(other for other in ANALYSES if issubclass(other.result, slot.results))
            shared = upstream.main_slot.name
            given = {**sample_inputs(upstream), **({shared: inputs[shared]} if shared in inputs else {})}
            inputs[slot.name] = make_instance(upstream.key, given)
    return inputs
