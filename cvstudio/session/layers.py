"""Layers: the analyses on one medium as a stack, drawn in the order of the state, the lowest first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.instance import AnalysisInstance, check_opacity
from cvstudio.media import Media
from cvstudio.results.result import Placement
from cvstudio.session.partners import with_partners
from cvstudio.session.session import State, replace_instance


def belongs_to(instance: AnalysisInstance, media: Media | None) -> bool:
    """Whether a result of `instance` is a result on `media`: the one in its canvas slot, or that is still empty; None
    is the empty canvas of what shows no medium."""
    if media is None or instance.spec.canvas_slot is None:
        return media is None and instance.spec.canvas_slot is None
    bound = instance.canvas_media
    return bound is None or bound.id == media.id


def layers_on(state: State) -> tuple[AnalysisInstance, ...]:
    """The stack on the medium on the canvas, the lowest first; hidden layers are among them. What shows no medium is
    on an empty canvas."""
    media = state.active_media
    return tuple(
        item
        for item in state.instances
        if belongs_to(item, media) and (item.id == state.current or media is None or item.spec.shows(media))
    )


def is_alone(state: State) -> bool:
    """Whether the medium on the canvas is shown as it is, such as a 3D file: no analysis begins with it by itself, and
    the current one does not take it."""
    media, instance = state.active_media, state.instance
    if media is None:
        return False
    specs = [*([instance.spec] if instance is not None else []), *(spec for spec in ANALYSES if spec.automatic)]
    return not any(slot.takes(media) for spec in specs for slot in spec.inputs)


def on_canvas(spec: Analysis) -> bool:
    """Whether the result is drawn on the picture; a spectrogram has a view of its own."""
    return spec.result.placement is not Placement.OWN_VIEW


def visible_layers(state: State) -> tuple[AnalysisInstance, ...]:
    """Layers of an exported picture, bottom first, linked (see `State.linked`).

    These are the visible layers that are ready; without one, the current analysis alone.
    """
    layers = (state.linked(item) for item in layers_on(state) if item.visible and on_canvas(item.spec))
    visible = tuple(item for item in layers if item.ready)
    current = state.instance
    return visible or ((state.linked(current),) if current is not None else ())


def with_inserted(state: State, instance: AnalysisInstance) -> State:
    """State with a new instance as the top layer.

    A result that is itself a picture hides the layers below, so it is inserted below the lowest overlay.
    """
    index = len(state.instances)
    if instance.spec.result.placement is Placement.BASE:
        overlays = (n for n, item in enumerate(state.instances) if item.spec.result.placement is not Placement.BASE)
        index = next(overlays, index)
    instances = (*state.instances[:index], instance, *state.instances[index:])
    return dataclasses.replace(state, instances=instances)


def with_layer(state: State, spec: Analysis, next_id: Callable[[], int]) -> State:
    """State with a new layer of `spec` on the canvas medium as the current one; all other layers stay visible.

    It begins with the model of the current layer, where that is of another analysis and can be used.
    """
    media = state.active_media
    slot = spec.canvas
    bindings = {slot.name: media} if slot is not None and media is not None and slot.takes(media) else {}
    layer = AnalysisInstance.beginning(next_id(), spec, bindings)
    current = state.instance
    model = current.model_spec if current is not None and current.analysis != spec.key else None
    if current is not None and model is not None and spec.takes(model):
        layer = dataclasses.replace(layer, model=current.model, weights=current.weights)
    return with_partners(dataclasses.replace(with_inserted(state, layer), current=layer.id, selection=frozenset()))


def with_copy(state: State, number: int, next_id: Callable[[], int]) -> State:
    """State with a copy of a layer right above it as the current one, to compare models or settings."""
    index = next(n for n, item in enumerate(state.instances) if item.id == number)
    copy = dataclasses.replace(state.instances[index], id=next_id(), visible=True)
    instances = (*state.instances[: index + 1], copy, *state.instances[index + 1 :])
    return dataclasses.replace(state, instances=instances, current=copy.id, selection=frozenset())


def with_current(state: State, number: int) -> State:
    """State with another layer as the current one, whose controls are shown; the picture is unchanged."""
    return dataclasses.replace(state, current=number, selection=frozenset())


def with_opacity(state: State, number: int, opacity: float) -> State:
    """State with the opacity of a layer changed, in [0, 1]. Raises ParamsError."""
    instance = next(item for item in state.instances if item.id == number)
    return replace_instance(state, dataclasses.replace(instance, opacity=check_opacity(opacity)))


def with_order(state: State, numbers: Sequence[int]) -> State:
    """State with the layers `numbers` in this order, bottom first; other layers keep their positions.

    Parameters
    ----------
    numbers : ids of instances

    Raises
    ------
    KeyError
        No instance has one of the ids.
    """
    by_id = {item.id: item for item in state.instances}
    moved = iter([by_id[number] for number in numbers])
    chosen = set(numbers)
    return dataclasses.replace(
        state, instances=tuple(next(moved) if item.id in chosen else item for item in state.instances)
    )


def without_layer(state: State, number: int) -> State:
    """State without a layer; if it was the current one, the top layer takes its place."""
    rest = dataclasses.replace(state, instances=tuple(item for item in state.instances if item.id != number))
    if state.current != number:
        return rest
    layers = layers_on(rest)
    top = next((item for item in reversed(layers) if item.visible), layers[-1] if layers else None)
    return with_current(rest, top.id if top is not None else 0)
