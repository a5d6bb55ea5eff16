"""State transition of opening a labelled set: its pictures to browse, and its labels as layers on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.label_sets import truth_binding
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from cvstudio.results.segmentation import Segmentation
from cvstudio.session.browsing import with_browsed, with_set
from cvstudio.session.label_edits import annotations_of, labels_slot
from cvstudio.session.layers import with_inserted
from cvstudio.session.session import State, replace_instance
from cvstudio.session.transitions import NextId


def with_labelled_set(
    state: State,
    media_set: MediaSet,
    annotations: AnnotationSet,
    analyses: Sequence[str],
    media: Media,
    next_id: NextId,
) -> State:
    """`state` with a labelled set that is browsed, its picture `media` on the canvas, and its labels on that.

    Layers with other labels are hidden. Edits of a set that is open already are kept.

    Parameters
    ----------
    analyses : keys of the analyses that show the labels, the one whose controls are shown last
    """
    state = with_set(state, media_set)
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


def _shows(instance: AnalysisInstance, annotations: AnnotationSet) -> bool:
    """Whether a layer shows these labels, or waits for some."""
    bound = annotations_of(instance)
    return bound is None or bound.path == annotations.path
