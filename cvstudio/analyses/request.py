"""The request of an instance: everything that its result depends on."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from cvstudio.analyses.binding import ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.stages import Request
from cvstudio.data.geometry import View


def make_request(
    instance: AnalysisInstance,
    *,
    pts: float | None,
    network: tuple[str, ...] = (),
    view: View | None = None,
    network_of: Callable[[AnalysisInstance], tuple[str, ...]] = lambda _: (),
) -> Request:
    """The request of one instance, which is linked where it takes the results of others (see `State.linked`).

    `network_of` names the network of each of those others.

    Raises
    ------
    BindingError, ParamsError
    """
    spec = instance.spec
    spec.check_bindings(instance.bindings)
    sources: list[tuple[str, Hashable, float | None]] = []
    upstream = []
    for slot in sorted(spec.inputs, key=lambda slot: slot.name != spec.canvas_slot):
        bound = instance.bindings.get(slot.name)
        before = instance.upstream_of(slot.name)
        if before is not None:
            made = make_request(before, pts=pts, network=network_of(before), network_of=network_of)
            upstream.append((slot.name, made))
        elif bound is not None and not isinstance(bound, ResultOf):
            what, at = bound.key(pts)
            # A video is named with the frame, unless a stage reads all of it.
            sources.append((slot.name, what, None if slot.streamed else at))
    params = instance.params()[: len(spec.stages)]
    return Request(spec.key, spec.stages, tuple(sources), params, network, view, tuple(upstream))
