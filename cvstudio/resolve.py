"""What is to be seen: a pure function of the session's state and the cache.

The controller resolves after every change and compares with what is on screen; nothing else decides what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cvstudio.errors import UserError
from cvstudio.layers import belongs_to
from cvstudio.readers import sample_key
from cvstudio.session import AnalysisInstance, State
from cvstudio.stages import Cache, Request, first_missing, stage_keys
from cvstudio.types import View


@dataclass(frozen=True, eq=False)
class Layer:
    """One analysis at this moment.

    Parameters
    ----------
    request : what its result depends on; None where an input is missing or a value is wrong
    result : the result, or the newest partial one; None where there is nothing yet
    next_stage : index of the stage to run; None where all is there
    missing : what the user has to do before it can run
    """

    instance: AnalysisInstance
    request: Request | None
    result: Any
    next_stage: int | None
    missing: str = ""


@dataclass(frozen=True, eq=False)
class ViewState:
    """The canvas at this moment: the sample of the active medium (None until decoded) and the analyses on it."""

    sample: Any
    pts: float | None
    layers: tuple[Layer, ...]

    @property
    def ready(self) -> bool:
        """Whether the sample and every visible result are there and final."""
        return self.sample is not None and all(
            layer.next_stage is None for layer in self.layers if layer.instance.visible and not layer.missing
        )


def make_request(
    instance: AnalysisInstance, *, pts: float | None, network: tuple[str, ...] = (), view: View | None = None
) -> Request:
    """The request of one instance.

    Raises
    ------
    BindingError, ParamsError
    """
    spec = instance.spec
    spec.check_bindings(instance.bindings)
    sources = []
    for slot in spec.inputs:
        media = instance.bindings[slot.name]
        # A video is named with the frame, unless a stage reads all of it.
        moving = media.moving and not slot.streamed
        sources.append((slot.name, media.id, pts if moving else None))
    return Request(spec.key, spec.stages, tuple(sources), instance.params()[: len(spec.stages)], network, view)


def resolve(
    state: State,
    cache: Cache,
    *,
    pts: float | None,
    view: View | None,
    network_of: dict[int, tuple[str, ...]],
) -> ViewState:
    """What the canvas shows at `pts` seconds for the visible `view`.

    `network_of` names the loaded (or to be loaded) network of each instance, by instance id.
    """
    media = state.active_media
    at = pts if media is not None and media.moving else None
    entry = cache.get(sample_key(media, at)) if media is not None else None
    layers = tuple(
        _layer(instance, cache, at, view, network_of.get(instance.id, ()))
        for instance in state.instances
        if media is not None and (instance.id == state.current or instance.visible)
        if belongs_to(instance, media)
    )
    return ViewState(entry.value if entry else None, at, layers)


def _layer(
    instance: AnalysisInstance, cache: Cache, pts: float | None, view: View | None, network: tuple[str, ...]
) -> Layer:
    try:
        request = make_request(instance, pts=pts, network=network, view=view)
    except UserError as error:
        return Layer(instance, None, None, None, str(error))
    keys = stage_keys(request)
    start = first_missing(keys, cache)
    if start == len(keys):
        entry = cache.get(keys[-1])
        return Layer(instance, request, entry.value if entry else None, None)
    partial = cache.get(keys[-1])
    return Layer(instance, request, partial.value if partial else None, start)
