"""State transitions of user intents: pure functions from one session state to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.binding import Binding, ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import UserError
from cvstudio.media import Media
from cvstudio.media.reading import with_settings
from cvstudio.models import MODELS
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.session.layers import layers_on, with_copy, with_inserted
from cvstudio.session.partners import pictured, with_partners, without_strangers
from cvstudio.session.session import State, activate, add_media, open_already, replace_instance

NextId = Callable[[], int]
"""Callable () -> an id that no instance of the session has."""


def with_active(state: State, media: Media, next_id: NextId) -> State:
    """State with `media` as input of the current analysis; on the canvas if that is its slot or the canvas is empty.

    If the current analysis does not take it, the topmost visible analysis of such media becomes current, or else the
    first registered one that takes it and may begin by itself (`Analysis.automatic`). A medium for another slot, such
    as a depth map, does not replace the one on the canvas where the analysis can lie on that; a depth map brings the
    picture that belongs to it more surely. If the file is open already, that medium with its reading settings is used.

    Parameters
    ----------
    next_id : callable () -> id for a new instance
    """
    media = open_already(state, media) or media
    instance = state.instance
    spec = instance.spec if instance else None
    if spec is None or not any(slot.takes(media) for slot in spec.inputs):
        # The last visible analysis of such media becomes current again, with its stack.
        visible = [item for item in state.instances if item.visible and item.spec.shows(media)]
        if visible:
            state, spec = dataclasses.replace(state, current=visible[-1].id), visible[-1].spec
        else:
            first = [item for item in ANALYSES if item.automatic and any(slot.takes(media) for slot in item.inputs)]
            spec = next((item for item in first if item.shows(media)), next(iter(first), None))
            if spec is None:
                return dataclasses.replace(state, active=media.id)
            state = with_instance(state, spec, next_id, keep=True)
    slot = next(slot for slot in spec.inputs if slot.takes(media))
    active = state.active_media
    if slot.name == spec.canvas_slot:
        shown = state.instance.bindings.get(slot.name) if state.instance is not None else None
        state = activate(state, media)
        return with_partners(state if shown == media else without_strangers(state, media))
    if active is None or not spec.shows(active):
        state = activate(state, media)
        current = state.instance
        if spec.canvas_slot is not None and current is not None:
            # A picture that is not on the canvas is that of something before.
            state = replace_instance(state, current.with_binding(spec.canvas_slot, None))
        return with_partners(state)
    current = state.instance
    assert current is not None
    current = current.with_binding(slot.name, media)
    if spec.canvas_slot is not None:
        beneath = pictured(state, spec.slot(spec.canvas_slot), media, active) if slot.aligned_with else active
        current = current.with_binding(spec.canvas_slot, beneath)
        state = dataclasses.replace(state, active=beneath.id)
    state = replace_instance(add_media(state, media), current)
    # What the user gives is used, even where another one fits better.
    return state if slot.aligned_with else with_partners(state)


def with_instance(state: State, spec: Analysis, next_id: NextId, *, keep: bool = False) -> State:
    """`state` with `spec` as the current analysis in place of the one before, which is no longer drawn.

    The other layers of the stack stay. What is drawn already is only made the current one, and with `keep` nothing
    is hidden: the one before does not lie on the same medium.
    """
    same = [item for item in state.instances if item.analysis == spec.key]
    on_canvas = [item for item in same if item.id in {layer.id for layer in layers_on(state)}]
    # A stack may hold an analysis twice: the one on the canvas counts, and of these the one that is seen.
    target = next(iter(sorted(on_canvas or same, key=lambda item: not item.visible)), None)
    if target is None:
        target = AnalysisInstance.beginning(next_id(), spec, {})
        state = with_inserted(state, target)
    elif target.visible:
        keep = True
    instances = tuple(
        dataclasses.replace(item, visible=item.id == target.id or (item.visible and (keep or item.id != state.current)))
        for item in state.instances
    )
    return dataclasses.replace(state, instances=instances, current=target.id, selection=frozenset())


def with_analysis(state: State, spec: Analysis, next_id: NextId) -> State:
    """State with `spec` as the current analysis, its slots bound as far as possible.

    The medium on the canvas is bound to the first slot that takes it. A required slot for a result is bound to the
    previously current layer if its result fits, else to the topmost layer that fits. If the canvas slot is still empty,
    it gets the first open medium that fits. A new instance keeps the model of the analysis before where it can use it.
    An analysis without a canvas slot has an empty canvas: it hides others of that kind, and no layers of a medium.

    Parameters
    ----------
    next_id : callable () -> id for a new instance
    """
    layers = sorted(layers_on(state), key=lambda item: item.id == state.current)
    before = state.instance
    shown_before = {item.id for item in state.instances if item.visible}
    state = with_instance(state, spec, next_id, keep=spec.canvas_slot is None)
    instance, media = state.instance, state.active_media
    assert instance is not None
    if instance.id not in shown_before:
        instance = with_model_of(instance, before)
    bindings = dict(instance.bindings)
    for slot in spec.inputs:
        if media is not None and slot.takes(media):
            bindings[slot.name] = media
            break
    for slot in spec.inputs:
        fits = [item for item in layers if item.id != instance.id and issubclass(item.spec.result, slot.results)]
        if slot.name not in bindings and not slot.optional and fits and not state.depends(fits[-1], instance.id):
            bindings[slot.name] = ResultOf(fits[-1].id)
    if spec.canvas_slot is not None and spec.canvas_slot not in bindings:
        other = next((item for item in state.media if spec.shows(item)), None)
        if other is not None:
            bindings[spec.canvas_slot] = other
    instance = dataclasses.replace(instance, bindings=bindings)
    state = with_partners(replace_instance(state, instance))
    instance = state.instance
    assert instance is not None
    if spec.canvas_slot is None:
        others = (item for item in state.instances if item.spec.canvas_slot is None and item.id != instance.id)
        for item in others:
            state = replace_instance(state, dataclasses.replace(item, visible=False))
        return dataclasses.replace(state, active="")
    shown = instance.canvas_media
    return state if shown is None else dataclasses.replace(state, active=shown.id)


def with_sample(state: State, spec: Analysis, bindings: Mapping[str, Binding], next_id: NextId) -> State:
    """`state` with `spec` on its own sample, which is open."""
    state = with_instance(state, spec, next_id)
    instance = state.instance
    assert instance is not None
    values = {**instance.values, **spec.sample_values}
    # What has no sample stays as the user has it.
    instance = dataclasses.replace(instance, bindings={**instance.bindings, **bindings}, values=values)
    shown = instance.canvas_media
    return dataclasses.replace(replace_instance(state, instance), active=shown.id if shown is not None else "")


def without_media(state: State, media: Media, next_id: NextId) -> State:
    """State with `media` removed from the list and all slots; the first remaining medium takes its place."""
    return without_all(state, (media,), next_id)


def without_all(state: State, media: Iterable[Media], next_id: NextId) -> State:
    """`without_media` for several media at once."""
    closed_ids = {item.id for item in media}
    remaining = tuple(item for item in state.media if item.id not in closed_ids)
    instances = tuple(
        dataclasses.replace(
            item,
            bindings={
                slot: bound
                for slot, bound in item.bindings.items()
                if not (isinstance(bound, Media) and bound.id in closed_ids)
            },
        )
        for item in state.instances
    )
    active = state.active if state.active not in closed_ids else (remaining[0].id if remaining else "")
    replaced = bool(active) and active != state.active
    state = dataclasses.replace(state, media=remaining, instances=instances, active=active)
    return with_active(state, remaining[0], next_id) if replaced else state


def with_reading(state: State, media: Media, name: str, value: object) -> State:
    """State with other reader options for the file of `media`, in all its uses. Raises ParamsError."""
    return with_exchanged(state, media, with_settings(media, {**media.settings, name: value}))


def with_exchanged(state: State, media: Media, other: Media) -> State:
    """State with `other` in place of `media`: in its slot, else in an empty one of the same analysis that takes it."""

    def follow(identity: str) -> str:
        return other.id if identity == media.id else identity

    def exchanged(instance: AnalysisInstance) -> AnalysisInstance:
        bindings: dict[str, Binding] = {}
        moved = False
        for slot, bound in instance.bindings.items():
            if not isinstance(bound, Media) or bound.id != media.id:
                bindings[slot] = bound
            elif instance.spec.slot(slot).takes(other):
                bindings[slot] = other
            else:
                moved = True
        if moved:
            free = [slot.name for slot in instance.spec.inputs if slot.name not in bindings and slot.takes(other)]
            bindings.update(dict.fromkeys(free[:1], other))
        return dataclasses.replace(instance, bindings=bindings)

    # The file may be open as `other` already.
    open_media = {follow(item.id): other if item.id == media.id else item for item in state.media}
    return dataclasses.replace(
        state,
        media=tuple(open_media.values()),
        instances=tuple(map(exchanged, state.instances)),
        active=follow(state.active),
        browsed=follow(state.browsed),
    )


def with_model(instance: AnalysisInstance, key: str, weights: Path | None) -> AnalysisInstance:
    """`instance` with another model or checkpoint, by default the one that the user has chosen for the model; values
    that do not fit the new one return to default."""
    model = MODELS[key]
    weights = weights or chosen_checkpoint(key)
    names = {name for params in instance.spec.params_types(model) for name in params.__dataclass_fields__}
    values = {
        name: value
        for name, value in instance.values.items()
        if name in names and name not in model.defaults and not (name == "classes" and set(value) - set(model.labels))
    }
    changed = dataclasses.replace(instance, model=key, weights=weights, values=values)
    try:
        changed.params()
    except UserError:
        return dataclasses.replace(changed, values={})
    return changed


def with_model_of(instance: AnalysisInstance, other: AnalysisInstance | None) -> AnalysisInstance:
    """`instance` with the model and the checkpoint of `other`, where it can use them: who goes on to another analysis
    looks at the same network."""
    model = other.model_spec if other is not None else None
    if other is None or model is None or not instance.spec.takes(model):
        return instance
    if (instance.model, instance.weights) == (other.model, other.weights):
        return instance
    return dataclasses.replace(with_model(instance, other.model, other.weights), weights=other.weights)


def with_rival(state: State, number: int, model: str, next_id: Callable[[], int]) -> State:
    """State with a copy of a layer right above it that uses another model. Raises UnknownKeyError."""
    copied = with_copy(state, number, next_id)
    rival = copied.instance
    assert rival is not None
    return replace_instance(copied, with_model(rival, model, None))
