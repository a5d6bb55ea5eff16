"""State transitions of corrected labels: the labelled set of the picture on the canvas, and edits of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.frame_names import frame_name
from cvstudio.data.label_editing import new_name
from cvstudio.data.labels import Category, LabelledSet, PictureLabels, Skeleton
from cvstudio.media import Media
from cvstudio.session.layers import layers_on, with_inserted, with_layer
from cvstudio.session.session import State, replace_instance


def annotations_of(instance: AnalysisInstance) -> AnnotationSet | None:
    """The labelled set that an analysis shows; None for any other analysis."""
    return next((bound for bound in instance.bindings.values() if isinstance(bound, AnnotationSet)), None)


def truth_layer(state: State) -> AnalysisInstance | None:
    """The layer on the medium on the canvas whose labels are edited: the current one, else the topmost that is visible,
    else the topmost; None where no layer shows labels."""
    layers = [item for item in layers_on(state) if annotations_of(item) is not None]
    return max(
        layers, key=lambda item: (item.id == state.current, item.visible, state.instances.index(item)), default=None
    )


def with_annotations(state: State, old: AnnotationSet, new: AnnotationSet) -> State:
    """State with `new` in place of a labelled set, in all layers that show it."""
    for instance in state.instances:
        for slot, bound in instance.bindings.items():
            if isinstance(bound, AnnotationSet) and bound == old:
                state = replace_instance(state, instance.with_binding(slot, new))
    return state


def with_labels(
    annotations: AnnotationSet, labelled: LabelledSet, media: Media, labels: PictureLabels
) -> AnnotationSet:
    """A copy of a labelled set, read as `labelled`, with other labels for a picture, which may be new in it."""
    annotations = annotations.based_on(labelled)
    name = labelled.name_of(media.path)
    if name is not None:
        return annotations.with_labels(name, labels)
    name = new_name({*labelled.names, *labelled.pictures}, media.path)
    changed = annotations.with_labels(name, labels)
    return dataclasses.replace(changed, pictures={**changed.pictures, name: media.path})


def with_frame_labels(
    annotations: AnnotationSet, labelled: LabelledSet, media: Media, frames: Mapping[int, PictureLabels]
) -> AnnotationSet:
    """A copy of a labelled set, read as `labelled`, with other labels for frames of a video, which may be new in it."""
    annotations = annotations.based_on(labelled)
    prefix = labelled.video_prefix(media.path)
    videos = annotations.videos
    if prefix is None:
        taken = {video.rpartition("/")[0] for video in labelled.videos} | {*labelled.names, *labelled.pictures}
        prefix = f"{new_name(taken, media.path)}/"
        videos = {**videos, prefix: media.path}
    edits = {frame_name(prefix, number): labels for number, labels in frames.items()}
    return dataclasses.replace(annotations, edits={**annotations.edits, **edits}, videos=videos)


def with_category_renamed(annotations: AnnotationSet, labelled: LabelledSet, number: int, name: str) -> AnnotationSet:
    """A copy of a labelled set, read as `labelled`, with another name for the class `number`."""
    annotations = annotations.based_on(labelled)
    own = number - (len(labelled.categories) - len(annotations.categories))
    if own < 0:
        return dataclasses.replace(annotations, renamed={**annotations.renamed, number: name})
    categories = list(annotations.categories)
    categories[own] = dataclasses.replace(categories[own], name=name)
    return dataclasses.replace(annotations, categories=tuple(categories))


def with_skeleton(annotations: AnnotationSet, labelled: LabelledSet, number: int, skeleton: Skeleton) -> AnnotationSet:
    """A copy of a labelled set, read as `labelled`, with other key points of the class `number`."""
    annotations = annotations.based_on(labelled)
    own = number - (len(labelled.categories) - len(annotations.categories))
    if own < 0:
        return dataclasses.replace(annotations, skeletons={**annotations.skeletons, number: skeleton})
    categories = list(annotations.categories)
    categories[own] = skeleton.on(categories[own])
    return dataclasses.replace(annotations, categories=tuple(categories))


def with_category_added(annotations: AnnotationSet, labelled: LabelledSet, category: Category) -> AnnotationSet:
    """A copy of a labelled set, read as `labelled`, with one more class."""
    annotations = annotations.based_on(labelled)
    return dataclasses.replace(annotations, categories=(*annotations.categories, category))


def with_layers_for(
    state: State, annotations: AnnotationSet, labels: PictureLabels, media: Media, next_id: Callable[[], int]
) -> State:
    """State with a layer for each kind of labels of the picture `media` that no layer of the set shows."""
    shown = {item.analysis for item in layers_on(state) if annotations_of(item) == annotations}
    objects, regions = labels.annotations, "labelled-regions" in shown
    kinds = {
        "labelled-keypoints": any(item.keypoints for item in objects),
        "labelled-class": bool(labels.classes),
        "labelled-regions": labels.label_map is not None,
        # Regions show the pixels of objects, but no boxes.
        "labelled-boxes": any(not regions or (item.mask is None and not item.polygons) for item in objects),
    }
    for key, wanted in kinds.items():
        if not wanted or key in shown:
            continue
        spec = ANALYSES[key]
        slot = labels_slot(spec)
        assert slot is not None
        assert spec.canvas_slot is not None
        layer = AnalysisInstance.beginning(next_id(), spec, {spec.canvas_slot: media})
        state = with_inserted(state, layer.with_binding(slot.name, annotations))
    return state


def with_labels_on_top(state: State, annotations: AnnotationSet) -> State:
    """State with the layers of a labelled set above all others."""
    of_set = [item for item in state.instances if annotations_of(item) == annotations]
    others = [item for item in state.instances if annotations_of(item) != annotations]
    return dataclasses.replace(state, instances=(*others, *of_set))


def labels_slot(spec: Analysis) -> Slot | None:
    """The slot of an analysis for a labelled set; None where it has none."""
    return next((slot for slot in spec.inputs if AnnotationSet in slot.accepts), None)


def with_new_labels(state: State, classes: Sequence[str], next_id: Callable[[], int]) -> State:
    """State with a new layer on the canvas medium, the current one, for labels that begin empty with these classes.

    Raises
    ------
    StopIteration
        The canvas shows nothing that can be labelled.
    """
    from cvstudio.results.detections import Detections

    media = state.active_media
    spec, slot = next(
        (item, slot)
        for item in ANALYSES
        if issubclass(item.result, Detections) and media is not None and item.shows(media)
        for slot in (labels_slot(item),)
        if slot is not None
    )
    new = with_layer(state, spec, next_id)
    instance = new.instance
    assert instance is not None
    annotations = AnnotationSet(categories=tuple(Category(name) for name in dict.fromkeys(classes)))
    return replace_instance(new, instance.with_binding(slot.name, annotations))
