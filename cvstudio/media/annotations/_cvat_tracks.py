"""Tracks of a video in CVAT's XML: read as labels of frames, and written."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cvstudio.data.frame_names import frame_number
from cvstudio.data.labels import Annotation, Category, LabelledSet
from cvstudio.data.track_editing import between
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, open_media
from cvstudio.media.annotations._groups import GROUP, Groups, group_of
from cvstudio.media.annotations._left_out import Collector, Report, readable
from cvstudio.media.annotations._pictures import find_pictures
from cvstudio.media.annotations._values import integer
from cvstudio.media.annotations._xml import attribute, text_in
from cvstudio.media.folders import kinds_by_suffix

SHAPES = frozenset(("box", "polygon", "mask", "skeleton", "points", "polyline", "ellipse", "cuboid"))
MOST_BETWEEN = 1_000_000
"""Shapes at most that are interpolated between those of a file, whose numbers are not trusted."""


@dataclass(frozen=True)
class CvatShape:
    """A shape of a picture or frame.

    Parameters
    ----------
    element : the shape
    label : its class
    group : number of its group; None without one
    track : number of its track; None without one
    interpolated : whether it stands between key frames
    later : the shape that it is interpolated towards, where the file has none for this frame; None otherwise
    share : of the way to it, in (0, 1); 0 where the shape stands in the file
    """

    element: ElementTree.Element
    label: str
    group: int | None = None
    track: int | None = None
    interpolated: bool = False
    later: ElementTree.Element | None = None
    share: float = 0.0

    def placed(self, here: Annotation, there: Annotation | None) -> Annotation:
        """`here`, the object of `element`, as it is on this frame; `there` is that of `later`."""
        if there is not None and self.share:
            return between(here, there, self.share)
        return dataclasses.replace(here, interpolated=True) if self.interpolated else here


def label_of(element: ElementTree.Element) -> str:
    """Name of the class of a shape, track or tag, without the space around it, as in the declaration of classes."""
    return (element.get("label") or "").strip()


def track_shapes(root: ElementTree.Element, collector: Collector) -> Iterator[tuple[int, CvatShape]]:
    """Frame and shape of each object of a track that is in the picture; where a file has key frames alone, also between
    them."""
    left = MOST_BETWEEN
    for track in root.iter("track"):
        number, label, group = integer(track.get("id")), label_of(track), group_of(track)
        frames: dict[int, ElementTree.Element] = {}
        for item in track:
            frame = attribute(item, "frame")
            if item.tag in SHAPES and frame is not None and frame >= 0:
                frames.setdefault(int(frame), item)
        places = sorted(frames)
        for place, end in zip(places, [*places[1:], None], strict=True):
            item = frames[place]
            if _outside(item):
                continue
            yield place, CvatShape(item, label, group, number, item.get("keyframe") == "0")
            if end is not None and end - place - 1 > left:
                collector.add("Two key frames of a track are too far apart; what is between them is left out.", label)
            elif end is not None:
                left -= end - place - 1
                for frame in range(place + 1, end):
                    share = (frame - place) / (end - place)
                    yield frame, CvatShape(item, label, group, number, True, frames[end], share)


def _outside(element: ElementTree.Element) -> bool:
    """Whether a shape, or every point of a skeleton, is outside of the picture in this frame."""
    points = element.findall("points")
    return element.get("outside") == "1" or (bool(points) and all(item.get("outside") == "1" for item in points))


def find_video(root: ElementTree.Element, path: Path) -> Path | None:
    """The file of the video that the tracks belong to, beside the labels; None where it is not there."""
    for tag in ("source", "name"):
        names = {text_in(element, tag) for element in (*root.iter("meta"), *root.findall("meta/*"))}
        for name in sorted(filter(None, names)):
            kind = kinds_by_suffix().get(Path(name).suffix.casefold())
            found = find_pictures([name], path.parent)[name] if kind is MediaKind.VIDEO else None
            if found is not None:
                return found
    return None


# Writing ------------------------------------------------------------------------------------------------------------


def only_video(labelled: LabelledSet) -> str | None:
    """What the names of the frames begin with where all labels are of the frames of one video; else None."""
    if len(labelled.videos) != 1:
        return None
    prefix = next(iter(labelled.videos))
    return prefix if all(frame_number(name, prefix) is not None for name in labelled.names) else None


@dataclass
class CvatTrack:
    """An object of one class and kind of shape on frames.

    Parameters
    ----------
    objects : by the number of the frame
    ends : number of the frames of the video; None where it is not known
    group : number of its group; None without one
    """

    objects: dict[int, Annotation]
    ends: int | None
    group: int | None = None

    @property
    def identity(self) -> int | None:
        """Number of the track; None without one."""
        return next(iter(self.objects.values())).track_id


def gathered_tracks(labelled: LabelledSet, prefix: str, collector: Collector, progress: Progress) -> list[CvatTrack]:
    """The tracks of a video; an object without an identity is one of its own. A track has one class and kind of shape:
    an object that changes either begins another."""
    try:
        count = open_media(labelled.videos[prefix]).frame_count
    except MediaError:
        count = None
    tracks: dict[tuple[tuple[int, ...], int, tuple[object, ...]], CvatTrack] = {}
    most_parts: dict[tuple[tuple[int, ...], int], Annotation] = {}
    for index, name, labels in readable(labelled, collector, progress):
        frame = frame_number(name, prefix)
        assert frame is not None
        if labels.classes or labels.label_map is not None:
            collector.add("A video of CVAT holds objects, no classes of whole frames and no maps of classes.", name)
        for place, item in enumerate(labels.annotations):
            parts = item.polygons or (None,)
            for part in range(len(parts)):
                kind = (item.mask is not None, bool(item.polygons), bool(item.keypoints), part)
                identity = (item.track_id,) if item.track_id is not None else (index, place)
                track = tracks.setdefault((identity, item.category, kind), CvatTrack({}, count))
                before = most_parts.setdefault((identity, item.category), item)
                if len(before.polygons) < len(item.polygons):
                    most_parts[identity, item.category] = item
                if frame in track.objects:
                    collector.add("Two objects of a frame have the same track; the first is written.", name)
                else:
                    track.objects[frame] = _part(item, part)
    groups = Groups()
    groups.know(most_parts.values())
    numbers = {key: groups.number(item) for key, item in most_parts.items()}
    for (owner, category, _), track in tracks.items():
        track.group = numbers[owner, category]
    return list(tracks.values())


def _part(annotation: Annotation, part: int) -> Annotation:
    if len(annotation.polygons) < 2:
        return annotation
    polygon = annotation.polygons[part]
    columns, rows = zip(*polygon, strict=True)
    box = (min(columns), min(rows), max(columns), max(rows))
    return dataclasses.replace(annotation, polygons=(polygon,), box=box)


def with_video(meta: ElementTree.Element, labelled: LabelledSet, prefix: str) -> ElementTree.Element:
    """The head of a file with the name and size of the video."""
    task = meta.find("task")
    assert task is not None
    ElementTree.SubElement(task, "mode").text = "interpolation"
    video = labelled.videos[prefix]
    ElementTree.SubElement(task, "source").text = video.name
    try:
        media = open_media(video)
    except MediaError:
        return meta
    if media.frame_count is not None:
        ElementTree.SubElement(task, "size").text = str(media.frame_count)
    if media.size is not None:
        original = ElementTree.SubElement(task, "original_size")
        ElementTree.SubElement(original, "width").text = str(media.size.width)
        ElementTree.SubElement(original, "height").text = str(media.size.height)
    return meta


def track_element(
    number: int,
    track: CvatTrack,
    add_shapes: Callable[[ElementTree.Element, Annotation, Category, Report], None],
    categories: Sequence[Category],
    report: Callable[[str, str], None],
) -> ElementTree.Element:
    """The element of a track: a shape for each frame, and one that is "outside" where it leaves the picture."""
    frames = sorted(track.objects)
    category = categories[track.objects[frames[0]].category]
    identity = track.identity if track.identity is not None else number
    element = ElementTree.Element("track", id=str(identity), label=category.name, source="manual")
    if track.group is not None:
        element.set(GROUP, str(track.group))
    for frame, following in zip(frames, [*frames[1:], None], strict=True):
        item = track.objects[frame]
        _add(element, item, category, frame, add_shapes, report)
        if following != frame + 1 and (track.ends is None or frame + 1 < track.ends):
            _add(element, item, category, frame + 1, add_shapes, report, outside=True)
    return element


def _add(
    track: ElementTree.Element,
    annotation: Annotation,
    category: Category,
    frame: int,
    add_shapes: Callable[[ElementTree.Element, Annotation, Category, Report], None],
    report: Callable[[str, str], None],
    *,
    outside: bool = False,
) -> None:
    add_shapes(track, annotation, category, lambda reason: report(reason, "" if outside else f"frame {frame}"))
    shape = track[-1]
    # The class is that of the track.
    attributes: Mapping[str, str] = {key: value for key, value in shape.attrib.items() if key != "label"}
    shape.attrib.clear()
    keyframe = outside or not annotation.interpolated
    shape.attrib.update(frame=str(frame), keyframe=str(int(keyframe)), outside=str(int(outside)), **attributes)
