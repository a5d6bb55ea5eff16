"""Media that belong together, such as a picture and its depth map, found among those that are open."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.stored_inputs import belongs_to_another, stored_partners
from cvstudio.media import Media, MediaKind
from cvstudio.session.session import State, replace_instance

ASPECT_TOLERANCE = 0.02
"""Largest relative difference of the aspect ratios of media that belong together."""

ROLES = frozenset(
    ("depth", "depths", "disp", "disparity", "color", "colour", "rgb", "image", "img", "photo", "picture")
)
"""Words in a file name that say what a file is, not of what."""

NAME, SIZE, NOT = 2, 1, 0


def name_of(media: Media) -> str:
    """The name of a file without the words of `ROLES`: "scene-01" for "scene-01.depth.png"."""
    words = [word for word in re.split(r"[\W_]+", media.path.stem.casefold()) if word]
    return "-".join(word for word in words if word not in ROLES)


def of_one_shape(one: Media, other: Media) -> bool:
    """Whether the sides of two media have the same ratio, as far as their sizes are known."""
    if one.size is None or other.size is None:
        return True
    aspects = one.size.width / one.size.height, other.size.width / other.size.height
    return abs(aspects[0] / aspects[1] - 1) <= ASPECT_TOLERANCE


def kinship(one: Media, other: Media) -> int:
    """How surely two media belong together: by their NAME, by their SIZE, or NOT."""
    if not of_one_shape(one, other):
        return NOT
    if name_of(one) and name_of(one) == name_of(other):
        return NAME
    return SIZE if one.size is not None and one.size == other.size else NOT


def partner(state: State, slot: Slot, media: Media) -> Media | None:
    """The open medium for `slot` that belongs to `media`: by its name, otherwise the last one of its size, unless that
    belongs to another one by name. None where there is none."""
    candidates = [item for item in state.media if item.id != media.id and slot.takes(item)]
    named = [item for item in candidates if kinship(item, media) == NAME]
    if named:
        return named[-1]
    others = [item for item in state.media if item.kind is media.kind and item.id != media.id]
    free = [
        item
        for item in candidates
        if kinship(item, media) == SIZE and all(kinship(item, other) != NAME for other in others)
    ]
    return free[-1] if free else None


def pictured(state: State, slot: Slot, described: Media, active: Media) -> Media:
    """The picture for `slot` under what `described` says of one, such as a depth map: `active`, unless another open one
    belongs to it more surely."""
    found = partner(state, slot, described)
    return found if found is not None and kinship(found, described) > kinship(active, described) else active


def first_shown(opened: Sequence[Media]) -> Media:
    """Which of the media that are opened at once is shown: the first one, but of more than two no depth map among
    pictures none of which is its own by name."""
    first = opened[0]
    pictures = [media for media in opened if media.kind is MediaKind.IMAGE]
    if first.kind is not MediaKind.DEPTH or len(opened) < 3 or not pictures:
        return first
    return first if any(kinship(first, picture) == NAME for picture in pictures) else pictures[0]


def open_label_sets(state: State) -> list[AnnotationSet]:
    """The labelled sets that layers show, that of the topmost last."""
    bound = [item for layer in state.instances for item in layer.bindings.values() if isinstance(item, AnnotationSet)]
    return [item for number, item in enumerate(bound) if item not in bound[:number]]


def without_strangers(state: State, picture: Media) -> State:
    """`state` without what describes another picture than the newly shown `picture`, and has another shape: together
    they can only fail."""
    instance = state.instance
    if instance is None:
        return state
    for slot in instance.spec.inputs:
        described = instance.bindings.get(slot.name)
        if slot.aligned_with and isinstance(described, Media) and not of_one_shape(described, picture):
            instance = instance.with_binding(slot.name, None)
    return replace_instance(state, instance)


def with_partners(state: State) -> State:
    """`state` with what belongs together in the slots of the current analysis that describe one picture.

    An empty slot takes the partner of the other, one for labels those of another layer; a partner that does not belong
    to a new picture gives way to one that does. What the user has chosen stays where nothing fits better.
    """
    instance = state.instance
    if instance is None:
        return state
    for slot in instance.spec.inputs:
        if AnnotationSet in slot.accepts and slot.name not in instance.bindings:
            annotations = open_label_sets(state)
            if annotations:
                instance = instance.with_binding(slot.name, annotations[-1])
                state = replace_instance(state, instance)
        if not slot.aligned_with:
            continue
        if belongs_to_another(instance.bindings.get(slot.name), instance.bindings.get(slot.aligned_with)):
            instance = instance.with_binding(slot.name, None)
            state = replace_instance(state, instance)
        main = instance.spec.slot(slot.aligned_with)
        picture, described = instance.bindings.get(main.name), instance.bindings.get(slot.name)
        if picture is None and isinstance(described, Media):
            active = state.active_media if state.active_media and main.takes(state.active_media) else None
            if active is not None and kinship(active, described) == NAME:
                found: Media | None = active
            else:
                found = partner(state, main, described) or active
            if found is not None:
                instance = instance.with_binding(main.name, found)
                state = dataclasses.replace(replace_instance(state, instance), active=found.id)
        elif isinstance(picture, Media):
            sure = kinship(described, picture) if isinstance(described, Media) else NOT
            found = partner(state, slot, picture) if described is None or isinstance(described, Media) else None
            if found is not None and kinship(found, picture) > sure:
                instance = instance.with_binding(slot.name, found)
                state = replace_instance(state, instance)
    for name, stored in stored_partners(instance.spec, instance.bindings).items():
        # An open file that belongs to the picture comes before what the picture itself holds.
        picture = instance.bindings[instance.spec.slot(name).aligned_with]
        if isinstance(picture, Media) and of_one_shape(stored, picture):
            instance = instance.with_binding(name, stored)
            state = replace_instance(state, instance)
    return state
