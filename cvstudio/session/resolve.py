"""Resolution of the canvas: a pure function of the session's state and the cache.

The controller resolves after every change and compares with what is on screen; nothing else decides what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.request import make_request
from cvstudio.analyses.stages import Request, first_missing, stage_keys
from cvstudio.data.geometry import View
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import UserError
from cvstudio.media.reader_pool import sample_key
from cvstudio.session.layers import belongs_to
from cvstudio.session.session import State


@dataclass(frozen=True, eq=False)
class CanvasLayer:
    """State of one analysis on the canvas.

    Parameters
    ----------
    request : its request; None where an input is missing or a value is invalid
    result : the result, or the newest partial one; None where there is none yet
    next_stage : index of the next stage to run; None where all are complete
    missing : sentence that says what the user has to do before it can run; empty where it can
    upstream : upstream analyses whose results are not complete yet
    """

    instance: AnalysisInstance
    request: Request | None
    result: Any
    next_stage: int | None
    missing: str = ""
    upstream: tuple[CanvasLayer, ...] = ()

    def to_run(self) -> Iterator[CanvasLayer]:
        """Layers that can run now: itself, or incomplete upstream analyses; none where it is complete."""
        if self.next_stage is None:
            return
        if self.upstream:
            for layer in self.upstream:
                yield from layer.to_run()
        else:
            yield self


@dataclass(frozen=True, eq=False)
class ViewState:
    """The canvas at this moment: the sample of the active medium (None until decoded) and the analyses on it."""

    sample: Any
    pts: float | None
    layers: tuple[CanvasLayer, ...]

    @property
    def ready(self) -> bool:
        """Whether the sample and every visible result are there and final."""
        return self.sample is not None and all(
            layer.next_stage is None for layer in self.layers if layer.instance.visible and not layer.missing
        )


def resolve(
    state: State,
    cache: Cache,
    *,
    pts: float | None,
    view: View | None,
    network_of: Mapping[int, tuple[str, ...]],
) -> ViewState:
    """Resolve the canvas at `pts` seconds for the visible `view`.

    `network_of` maps the id of each instance to its network key, see `Host.network_key`.
    """
    media = state.active_media
    at = pts if media is not None and media.moving else None
    entry = cache.get(sample_key(media, at)) if media is not None else None
    layers = tuple(
        _layer(state.linked(instance), cache, at, view, network_of)
        for instance in state.instances
        if instance.id == state.current or instance.visible
        if belongs_to(instance, media)
    )
    return ViewState(entry.value if entry else None, at, layers)


def _layer(
    instance: AnalysisInstance,
    cache: Cache,
    pts: float | None,
    view: View | None,
    networks: Mapping[int, tuple[str, ...]],
) -> CanvasLayer:
    def network_of(item: AnalysisInstance) -> tuple[str, ...]:
        return networks.get(item.id, ())

    try:
        request = make_request(instance, pts=pts, network=network_of(instance), view=view, network_of=network_of)
    except UserError as error:
        return CanvasLayer(instance, None, None, None, str(error))
    return _state_of(instance, request, cache)


def _state_of(instance: AnalysisInstance, request: Request, cache: Cache) -> CanvasLayer:
    """State of a layer by its `request`, with those of the upstream analyses that it waits for."""
    keys = stage_keys(request)
    start = first_missing(keys, cache)
    entry = cache.get(keys[-1])
    value = entry.value if entry else None
    if start == len(keys):
        return CanvasLayer(instance, request, value, None)
    upstream_layers = []
    for slot, before in request.upstream:
        upstream = instance.upstream_of(slot)
        assert upstream is not None  # it has a request
        upstream_layers.append(_state_of(upstream, before, cache))
    incomplete = tuple(layer for layer in upstream_layers if layer.next_stage is not None)
    return CanvasLayer(instance, request, value, start, upstream=incomplete)
