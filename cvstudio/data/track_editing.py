"""Corrections of labels on the frames of a video: an object keeps its identity, and its places between two key frames
are interpolated.

A key frame of an object is a frame on which it was placed by hand; on the frames between two of them it is interpolated
linearly in time, as CVAT does, and stands there as a label that is marked as `interpolated`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from cvstudio.data.labels import Annotation, PictureLabels

Labels = Callable[[int], PictureLabels]
"""Callable (frame) -> its labels as they are, empty where it has none."""


def between(before: Annotation, after: Annotation, share: float) -> Annotation:
    """The object between two key frames.

    Parameters
    ----------
    share : of the time from one to the other that has passed, in (0, 1)

    Boxes, outlines of the same number of corners and points that are labelled on both are interpolated linearly; what
    cannot be, such as a mask, is that of the key frame before.
    """

    def mixed(one: float, other: float) -> float:
        return one + (other - one) * share

    left, top, right, bottom = (mixed(one, other) for one, other in zip(before.box, after.box, strict=True))
    counts = [len(polygon) for polygon in before.polygons], [len(polygon) for polygon in after.polygons]
    polygons = before.polygons
    if counts[0] == counts[1]:
        polygons = tuple(
            tuple((mixed(x, a), mixed(y, b)) for (x, y), (a, b) in zip(one, other, strict=True))
            for one, other in zip(before.polygons, after.polygons, strict=True)
        )
    keypoints = tuple(
        (mixed(x, a), mixed(y, b), seen) if seen and there else (x, y, seen)
        for (x, y, seen), (a, b, there) in zip(before.keypoints, after.keypoints, strict=False)
    )
    # Points behind the last one that was placed are not stored, so that `after` may have fewer.
    keypoints += before.keypoints[len(keypoints) :]
    shape = dataclasses.replace(before, polygons=polygons, keypoints=keypoints)
    box = (left, top, right, bottom) if before.mask is None and counts[0] == counts[1] else before.box
    return dataclasses.replace(shape, box=box, area=None, file_id=None, interpolated=True)


def object_of(labels: PictureLabels, track: int) -> int | None:
    """Number of the object with the identity `track`; None where it is not on the frame."""
    return next((number for number, item in enumerate(labels.annotations) if item.track_id == track), None)


class FrameEdits:
    """Edits of the labels of a video's frames, gathered as one change.

    Parameters
    ----------
    labels : see `Labels`
    labelled : numbers of the frames that have labels
    frames_of : callable (identity) -> those of the frames on which the object may be, in any order; None where it may
        be on all of them. What is far away is found without reading all between

    Attributes
    ----------
    changed : labels by the number of the frame
    """

    def __init__(
        self, labels: Labels, labelled: Iterable[int], frames_of: Callable[[int], Iterable[int]] | None = None
    ) -> None:
        self._labels = labels
        self._frames_of = frames_of
        self._labelled = sorted(labelled)
        self.changed: dict[int, PictureLabels] = {}

    def labels(self, frame: int) -> PictureLabels:
        """Labels of a frame with the changes so far."""
        return self.changed[frame] if frame in self.changed else self._labels(frame)

    def on(self, frame: int, track: int) -> Annotation | None:
        """The object `track` on a frame; None where it is not there."""
        labels = self.labels(frame)
        number = object_of(labels, track)
        return labels.annotations[number] if number is not None else None

    def _put(self, frame: int, track: int, annotation: Annotation | None) -> None:
        labels = self.labels(frame)
        number = object_of(labels, track)
        items = list(labels.annotations)
        if number is not None:
            items[number : number + 1] = [annotation] if annotation is not None else []
        elif annotation is not None:
            items.append(annotation)
        self.changed[frame] = dataclasses.replace(labels, annotations=tuple(items))

    def _frames(self, frame: int, direction: int, of: int | None = None) -> Sequence[int]:
        """The labelled frames behind (1) or before (-1) a frame, the nearest first; those of the object `of` alone."""
        labelled = self._labelled if of is None or self._frames_of is None else self._frames_of(of)
        known = sorted({*labelled, *self.changed})
        if direction > 0:
            return [item for item in known if item > frame]
        return [item for item in known[::-1] if item < frame]

    def key_frame(self, frame: int, track: int, direction: int) -> int | None:
        """The key frame of an object next after (1) or before (-1) a frame; None where there is none."""
        for item in self._frames(frame, direction, track):
            found = self.on(item, track)
            if found is not None and not found.interpolated:
                return item
        return None

    def set_frame(self, frame: int, labels: PictureLabels, free: int) -> int:
        """Take the labels of a frame as they were edited on it.

        Objects without an identity get one, from `free` on; those that were changed get a key frame here, with what is
        interpolated from it; those that are gone are gone until their next key frame.

        Returns
        -------
        The next free identity.
        """
        before = self.labels(frame)
        old = {item.track_id: item for item in before.annotations if item.track_id is not None}
        items: list[Annotation] = []
        changed: list[tuple[int, bool]] = []
        for item in labels.annotations:
            track = item.track_id
            if track is None or any(track == other.track_id for other in items):
                track, free = free, free + 1
            if item != old.get(track):
                item = dataclasses.replace(item, track_id=track, interpolated=False)
                changed.append((track, track not in old))
            items.append(item)
        self.changed[frame] = dataclasses.replace(labels, annotations=tuple(items))
        for track, is_new in changed:
            self._interpolate(frame, track, fill=is_new)
        for track in old.keys() - {item.track_id for item in items}:
            self._remove_until_key(frame, track)
        return free

    def _interpolate(self, frame: int, track: int, *, fill: bool) -> None:
        """Interpolate an object between its key frame and the neighbouring ones.

        Frames on which it is not there stay without it, as it has left the picture; with `fill` the frames between are
        filled where it is on none of them.
        """
        for direction in (-1, 1):
            other = self.key_frame(frame, track, direction)
            if other is None:
                continue
            start, stop = sorted((frame, other))
            before, after = self.on(start, track), self.on(stop, track)
            assert before is not None
            assert after is not None
            inside = [item for item in range(start + 1, stop) if self.on(item, track) is not None]
            for item in range(start + 1, stop) if fill and not inside else inside:
                self._put(item, track, between(before, after, (item - start) / (stop - start)))

    def _remove_until_key(self, frame: int, track: int) -> None:
        """Remove what is interpolated of an object behind a frame, up to its next key frame."""
        for item in self._frames(frame, 1):
            found = self.on(item, track)
            if found is None or not found.interpolated:
                return
            self._put(item, track, None)

    def remove_key(self, frame: int, track: int) -> None:
        """Make a key frame of an object none: it is interpolated there or, at its first or last one, not there any
        more, with what was interpolated from there."""
        start, stop = self.key_frame(frame, track, -1), self.key_frame(frame, track, 1)
        if start is not None and stop is not None:
            before, after = self.on(start, track), self.on(stop, track)
            assert before is not None
            assert after is not None
            self._put(frame, track, between(before, after, (frame - start) / (stop - start)))
            self._interpolate(start, track, fill=False)
            return
        for direction in (-1, 1):
            for item in self._frames(frame, direction):
                found = self.on(item, track)
                if found is None or not found.interpolated:
                    break
                self._put(item, track, None)
        self._put(frame, track, None)

    def remove_track(self, track: int) -> None:
        """Remove an object from all frames."""
        for frame in self._frames(-1, 1, track):
            if self.on(frame, track) is not None:
                self._put(frame, track, None)

    def continue_tracks(self, frame: int, tracks: Collection[int] | None) -> tuple[int, ...]:
        """Put objects of the labelled frame before onto a frame, as key frames, with what is between.

        Parameters
        ----------
        tracks : those that are wanted, from the last frame that each is on; None for all of the last labelled frame

        Returns
        -------
        Identities of those that were put there.
        """
        here = {item.track_id for item in self.labels(frame).annotations}
        found: dict[int, Annotation] = {}
        for item in self._frames(frame, -1):
            annotations = self.labels(item).annotations
            for annotation in annotations:
                track = annotation.track_id
                if track is not None and track not in here and (tracks is None or track in tracks):
                    found.setdefault(track, annotation)
            if annotations if tracks is None else found.keys() >= set(tracks):
                break
        for track, annotation in found.items():
            self._put(frame, track, dataclasses.replace(annotation, file_id=None, interpolated=False))
            self._interpolate(frame, track, fill=True)
        return tuple(found)


def highest_track(all_labels: Iterable[PictureLabels]) -> int:
    """The highest identity of some labels; -1 without any."""
    tracks = (item.track_id for labels in all_labels for item in labels.annotations)
    return max((track for track in tracks if track is not None), default=-1)


def next_labelled(frames: Mapping[int, PictureLabels] | Collection[int], frame: int, direction: int) -> int | None:
    """The labelled frame next after (1) or before (-1) a frame; None where there is none."""
    others = [item for item in frames if (item > frame if direction > 0 else item < frame)]
    if not others:
        return None
    return min(others) if direction > 0 else max(others)
