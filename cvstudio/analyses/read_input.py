"""Reading of bindings into the samples that stages get."""

from __future__ import annotations

from typing import Any

from cvstudio.analyses.binding import AnnotationSet, Binding, MediaList, MediaSamples, ResultOf, TextInput
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.labels import LabelledSample, LabelledSet
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media
from cvstudio.media.frame_times import read_frame_times
from cvstudio.media.reader_pool import Readers, read_sample, sample_key
from cvstudio.results.result import can_be_placed


def read_input(
    bound: Binding,
    pts: float | None,
    readers: Readers,
    cache: Cache,
    *,
    streamed: bool = False,
    adjustments: Adjustments | None = None,
    instance: AnalysisInstance | None = None,
) -> Any:
    """Read a binding, see `Inputs.samples`. The result of another analysis is not read but run: see `Runner.samples`.

    Parameters
    ----------
    bound : the binding
    pts : presentation time of the frame in seconds
    streamed : return an open reader of the sound of a medium
    adjustments : applied to the sample of a medium
    instance : the analysis that is given it, whose medium on the canvas says which labels of a set are meant

    Raises
    ------
    MediaError
    """
    if isinstance(bound, Media):
        if streamed:
            return readers.get(bound, sound=True)
        at = pts if bound.moving else None
        return adjusted(bound, at, read_sample(bound, at, readers, cache), adjustments, cache)
    if isinstance(bound, TextInput):
        return bound.text
    if isinstance(bound, MediaList):
        return MediaSamples(bound.media)
    if isinstance(bound, ResultOf):
        raise TypeError("the result of another analysis is not read from a file")
    labelled = read_labels(bound, cache)
    canvas = instance.canvas_media if instance is not None else None
    name = None
    if canvas is not None and labelled.name_as is not None:
        if (generated := labelled.name_of(canvas.path)) is not None:
            name = labelled.name_as(generated, canvas.settings, pts if canvas.moving else None)
    elif canvas is not None and canvas.moving:
        # Not read for what has no labels: a long video takes a moment.
        if pts is not None and labelled.video_prefix(canvas.path) is not None:
            name = labelled.frame_of(canvas.path, read_frame_times(canvas, cache).number_at(pts))
    elif canvas is not None:
        name = labelled.name_of(canvas.path)
    return LabelledSample(labelled, name, instance.pixel_map if instance is not None else None)


def read_labels(bound: AnnotationSet, cache: Cache) -> LabelledSet:
    """Read a labelled set: the file once, however often the labels are edited. Raises MediaError."""
    key = ("labels", *bound.file.key(None))
    # Two layers of one set would read it at the same time.
    with cache.claimed(key, Progress()):
        entry = cache.get(key)
        if entry is None:
            cache.put(key, labelled := bound.read_file())
        else:
            labelled = entry.value
    return bound.with_edits(labelled)


def adjusted(media: Media, pts: float | None, sample: Any, adjustments: Adjustments | None, cache: Cache) -> Any:
    """Apply `adjustments` to the `sample` of `media` at `pts` seconds, cached. Raises MediaError."""
    if adjustments is None:
        return sample
    key = ("adjusted", sample_key(media, pts), adjustments)
    entry = cache.get(key)
    if entry is None:
        cache.put(key, value := adjustments.apply(sample))
        return value
    return entry.value


def result_on(instance: AnalysisInstance, slot: str, result: Any) -> Any:
    """Map the `result` of the upstream analysis in `slot` to the adjusted pixels that the stages of `instance` get.

    Raises
    ------
    BindingError
        Results of this type cannot be mapped.
    """
    upstream, pixel_map = instance.upstream_of(slot), instance.pixel_map
    same_medium = upstream is not None and upstream.canvas_media == instance.canvas_media
    if pixel_map is None or not same_medium or result.size != pixel_map.source:
        return result
    if not can_be_placed(type(result)):
        raise BindingError(f"What {slot} holds cannot be cropped or rotated; remove the adjustments.")
    return result.placed(pixel_map)
