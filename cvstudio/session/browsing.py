"""State transitions of browsing folders: pure functions, as in `transitions`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from cvstudio.session.session import State, open_already
from cvstudio.session.transitions import NextId, with_active, with_exchanged, without_media


def find_set(state: State, path: Path | None) -> MediaSet | None:
    """The open media set of the folder `path`; None where it is not open."""
    return next((item for item in state.sets if item.path == path), None)


def with_set(state: State, media_set: MediaSet) -> State:
    """State with `media_set` open as the browsed set; it replaces one of the same folder."""
    if find_set(state, media_set.path) is None:
        sets = (*state.sets, media_set)
    else:
        sets = tuple(media_set if item.path == media_set.path else item for item in state.sets)
    return dataclasses.replace(state, sets=sets, current_set=media_set.path)


def without_set(state: State, media_set: MediaSet, next_id: NextId) -> State:
    """State without `media_set` and without the file of it that is previewed."""
    sets = tuple(item for item in state.sets if item.path != media_set.path)
    current = state.current_set if state.current_set != media_set.path else None
    state = dataclasses.replace(state, sets=sets, current_set=current)
    browsed = next((item for item in state.media if item.id == state.browsed), None)
    if browsed is None or not media_set.holds(browsed.path):
        return state
    return dataclasses.replace(without_media(state, browsed, next_id), browsed="")


def with_opened(state: State, opened: tuple[Media, ...]) -> State:
    """`state` with media at the end of its list; what was only being looked at stays from now on if it is one."""
    for media in opened:
        known = open_already(state, media)
        if known is None:
            state = dataclasses.replace(state, media=(*state.media, media))
        elif known.id == state.browsed:
            state = dataclasses.replace(state, browsed="")
    return state


def with_shown(state: State, media: Media, next_id: NextId) -> State:
    """`state` with an open medium on the canvas. A second input, such as a depth map, is shown alone."""
    if any(spec.shows(media) for spec in ANALYSES):
        return with_active(state, media, next_id)
    return dataclasses.replace(state, active=media.id, selection=frozenset())


def with_read_as(state: State, media: Media, other: Media, next_id: NextId) -> State:
    """`state` with the file of `media` read as `other` in all its uses, and still on the canvas where it was there.

    An analysis that does not take it so lets go of it. `state` itself where `media` is not open any more.
    """
    if all(item.id != media.id for item in state.media):
        return state
    state = with_exchanged(state, media, other)
    instance = state.instance
    if state.active != other.id or (instance is not None and instance.canvas_media == other):
        return state
    return with_shown(state, other, next_id)


def with_browsed(state: State, media: Media, next_id: NextId) -> State:
    """`state` with a file of a set on the canvas in place of the one looked at before.

    Every analysis that was on the one before goes on with the new one where it can. What the user has chosen as a
    second input (the depth map of a picture) is no passing file: it stays open.
    """
    previous_id = state.browsed
    if previous_id and any(previous_id == bound.id for item in state.instances for bound in _second_inputs(item)):
        previous_id = ""
    # A copy of the same file has the same identity: it replaces the browsed one, too.
    if any(item.id == media.id != previous_id for item in state.media):
        return with_shown(state, media, next_id)
    instances = tuple(_moved_on(item, previous_id, media) for item in state.instances)
    other_media = tuple(item for item in state.media if item.id != previous_id)
    state = dataclasses.replace(state, media=(*other_media, media), instances=instances, browsed=media.id)
    return with_shown(state, media, next_id)


def _second_inputs(instance: AnalysisInstance) -> list[Media]:
    return [
        bound
        for slot, bound in instance.bindings.items()
        if slot != instance.spec.canvas_slot and isinstance(bound, Media)
    ]


def _moved_on(instance: AnalysisInstance, old: str, media: Media) -> AnalysisInstance:
    slot, bound = instance.spec.canvas, instance.canvas_media
    if slot is None or bound is None or bound.id != old:
        return instance
    return instance.with_binding(slot.name, media if slot.takes(media) else None)
