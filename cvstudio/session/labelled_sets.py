"""State transition of opening a labelled set: its pictures to browse, and its labels as layers on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.label_sets import truth_binding
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from cvstudio.session.browsing import with_browsed, with_set
from cvstudio.session.label_edits import annotations_of, labels_slot
from cvstudio.session.layers import layers_on, with_inserted
from cvstudio.session.session import State, replace_instance
from cvstudio.session.transitions import NextId, with_active, with_instance


def with_labelled_set(
    state: State,
    media_set: MediaSet,
    annotations: AnnotationSet,
    analyses: Sequence[str],
    media: Media | None,
    next_id: NextId,
) -> State:
    """`state` with a labelled set that is browsed, its picture `media` on the canvas, and its labels on that.

    Layers with other labels are hidden. Edits of a set that is open already are kept.

    Parameters
    ----------
    analyses : keys of the analyses that show the labels, the one whose controls are shown last
    media : the first picture; None where none is there, so that the set is only listed
    """
    # Its pictures may have been found elsewhere.
    others = tuple(item for item in state.sets if item.labels != media_set.labels or item.path == media_set.path)
    state = with_set(dataclasses.replace(state, sets=others), media_set)
    if media is None:
        return state
    # Imported once labels are opened: the window's first picture does without.
    from cvstudio.results.segmentation import Segmentation

    layers = []
    for instance in state.instances:
        bound = annotations_of(instance)
        if bound is None:
            continue
        if bound.path == annotations.path:
            annotations = truth_binding(annotations, bound)
        else:
            state = replace_instance(state, dataclasses.replace(instance, visible=False))
    for key in analyses:
        spec = ANALYSES[key]
        slot = labels_slot(spec)
        assert slot is not None
        layer = next((item for item in state.instances if item.analysis == key and _shows(item, annotations)), None)
        if layer is None:
            layer = AnalysisInstance.beginning(next_id(), spec, {})
            state = with_inserted(state, layer)
        # A class for every pixel would cover the picture below the objects; it is a click away.
        covering = spec.result is Segmentation and key != analyses[-1]
        layer = dataclasses.replace(layer.with_binding(slot.name, annotations), visible=not covering)
        state = replace_instance(state, layer)
        layers.append(layer)
    # Current, so that the picture is put under it and no network begins to look at it.
    state = with_browsed(dataclasses.replace(state, current=layers[-1].id), media, next_id)
    for layer in layers:
        canvas = layer.spec.canvas_slot
        assert canvas is not None
        now = next(item for item in state.instances if item.id == layer.id)
        state = replace_instance(state, now.with_binding(canvas, media))
    return state


def with_own(state: State, media: Media, next_id: NextId) -> State:
    """`state` with a file that the user has opened on the canvas. Labels of a set that it does not belong to stay on
    their picture, and another analysis becomes current: the topmost visible one, or else the first that takes it."""
    current = state.instance
    labels = None if current is None else annotations_of(current)
    sets = [item for item in state.sets if labels is not None and item.labels == labels.path]
    if not sets or any(item.holds(media.path) for item in sets):
        return with_active(state, media, next_id)
    truth = [item for item in state.instances if annotations_of(item) is not None]
    others = [item for item in layers_on(state) if item not in truth and item.visible and item.spec.shows(media)]
    first = next((item for item in ANALYSES if item.shows(media) and labels_slot(item) is None), None)
    if others:
        state = dataclasses.replace(state, current=others[-1].id, selection=frozenset())
    elif first is not None:
        state = with_instance(state, first, next_id, keep=True)
    state = with_active(state, media, next_id)
    for layer in truth:
        state = replace_instance(state, layer)
    return state


def found_pictures(state: State, labels: Path | None) -> Mapping[str, Path]:
    """Files of the pictures of the labels at `labels` that were found elsewhere or added, by name."""
    bound = (annotations_of(item) for item in state.instances)
    return next((item.pictures for item in bound if item is not None and item.path == labels), {})


def _shows(instance: AnalysisInstance, annotations: AnnotationSet) -> bool:
    """Whether a layer shows these labels, or waits for some."""
    bound = annotations_of(instance)
    return bound is None or bound.path == annotations.path
