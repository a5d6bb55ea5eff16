"""Labels of the frames of a video: which frame is edited, and the intents about identities over frames."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.data.labels import LabelledSet, PictureLabels
from cvstudio.data.track_editing import FrameEdits, highest_track, next_labelled, object_of
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media
from cvstudio.media.frame_times import FrameTimes, read_frame_times
from cvstudio.session.label_edits import with_frame_labels
from ui.control.pipeline import Pipeline

TIMES_OWNER = ("labels", "frames")


class EditedLabels(Protocol):
    """What is needed of `Labelling`, which has these frames as its part."""

    labelled: LabelledSet | None
    labels: PictureLabels
    selected: int | None

    @property
    def annotations(self) -> AnnotationSet | None: ...

    @property
    def media(self) -> Media | None: ...

    @property
    def ready(self) -> bool: ...

    @property
    def labelled_in_file(self) -> LabelledSet | None: ...

    def show_frame(self, track: int | None) -> None: ...

    def say(self, text: str) -> None: ...

    def change(self, title: str, changed: AnnotationSet, labels: PictureLabels, selected: int | None) -> None: ...

    def tr(self, text: str, /) -> str: ...


@dataclass(frozen=True, eq=False)
class FileTracks:
    """The identities in the labels of videos.

    Parameters
    ----------
    labelled : the labels as they are on disk
    names : names of the frames on which each identity is
    """

    labelled: LabelledSet
    names: Mapping[int, Sequence[str]]

    @property
    def highest(self) -> int:
        """The highest identity; -1 without any."""
        return max(self.names, default=-1)


def read_tracks(labelled: LabelledSet, progress: Progress) -> FileTracks:
    """Read all labels of videos for their identities, which takes seconds for a long one. Raises Cancelled."""
    names: dict[int, list[str]] = {}
    for name in labelled.names if labelled.videos else ():
        progress.check()
        with contextlib.suppress(UserError):  # what cannot be read is told where it is shown
            for item in labelled.labels(name).annotations:
                if item.track_id is not None:
                    names.setdefault(item.track_id, []).append(name)
    return FileTracks(labelled, names)


class LabelledFrames:
    """Part of `Labelling` for videos.

    Attributes
    ----------
    number : of the frame on the canvas; 0 where it is no video
    times : of the frames of the video on the canvas; None where it is no video, or a worker has not read them yet
    left : identity of the object that was selected last on a frame before; None where the user chose none
    in_file : identities of the labels as they are on disk; None where a worker has not read them yet
    """

    def __init__(self, labelling: EditedLabels, pipeline: Pipeline) -> None:
        self._labelling = labelling
        self._pipeline = pipeline
        self._timed = ""  # id of the video whose times are known, or read
        self._pts: float | None = None
        self.times: FrameTimes | None = None
        self.in_file: FileTracks | None = None
        self.number = 0
        self.left: int | None = None

    @property
    def edited(self) -> bool:
        """Whether the labels of a frame of a video can be edited now."""
        media = self._labelling.media
        return self._labelling.ready and media is not None and media.moving

    @property
    def known(self) -> bool:
        """Whether it is known which frame is on the canvas: always, where it is no video."""
        media = self._labelling.media
        return media is None or not media.moving or self.times is not None

    @property
    def ready(self) -> bool:
        """Whether the labels of the medium on the canvas can be edited: where it is a video, the identities of its file
        are known."""
        media = self._labelling.media
        return self.known and (media is None or not media.moving or self._tracks() is not None)

    def _tracks(self) -> FileTracks | None:
        """The identities of the file of the labels; None where a worker has not read them yet."""
        file = self._labelling.labelled_in_file
        if file is not None and not file.videos:
            return FileTracks(file, {})
        return self.in_file if file is not None and self.in_file is not None and self.in_file.labelled is file else None

    def follow(self, media: Media | None) -> None:
        """Number the frames of the medium that is labelled now, where it is a video: its times are read on a worker."""
        moving = media is not None and media.moving
        if self._timed == (media.id if media is not None and moving else ""):
            return
        self._timed, self.times, self.number, self.left = "", None, 0, None
        self._pipeline.lanes.cancel(TIMES_OWNER)
        if media is None or not moving:
            return
        self._timed, cache = media.id, self._pipeline.cache

        def work(progress: Progress) -> Iterator[tuple[str, FrameTimes]]:
            with contextlib.suppress(UserError):  # reported by the stage of the layer
                yield media.id, read_frame_times(media, cache, progress)

        self._pipeline.submit("pool", Job(TIMES_OWNER, self._labelling.tr("Counting frames"), work))

    def job_event(self, event: Event) -> None:
        """Take the times and the identities that a worker has read."""
        if isinstance(event.value, FileTracks):
            self.in_file = event.value
            self._labelling.show_frame(self.left)
        if event.job.owner != TIMES_OWNER or event.kind != "output" or event.value[0] != self._timed:
            return
        self.times = event.value[1]
        self.number = self.times.number_at(self._pts) if self._pts is not None else 0
        self._labelling.show_frame(None)

    def set_time(self, pts: float | None) -> None:
        """Follow the frame that is on the canvas, by its presentation time in seconds."""
        labelling = self._labelling
        media, self._pts = labelling.media, pts
        if media is None or not media.moving or pts is None or self.times is None:
            self.number, self.left = 0, None
            return
        number = self.times.number_at(pts)
        if number == self.number:
            return
        if labelling.selected is not None:
            self.left = labelling.labels.annotations[labelling.selected].track_id
        self.number = number
        # The same object stays selected, whatever its number on this frame.
        labelling.show_frame(self.left)

    def next_labelled(self, direction: int) -> float | None:
        """Time in seconds, in the middle of the labelled frame next after (1) or before (-1) this one; None where there
        is none."""
        labelling = self._labelling
        media, labelled = labelling.media, labelling.labelled
        if media is None or labelled is None or self.times is None:
            return None
        frames = labelled.frames(media.path)
        frame = next_labelled(frames, self.number, direction)
        # Only those on the way are read: those of a whole video take seconds.
        while frame is not None and not labelled.labels(frames[frame]).annotations:
            frame = next_labelled(frames, frame, direction)
        return self.times.middle(frame) if frame is not None else None

    def _edits(self) -> FrameEdits:
        labelled, media = self._labelling.labelled, self._labelling.media
        assert labelled is not None
        assert media is not None
        frames, size = labelled.frames(media.path), media.size

        def labels(frame: int) -> PictureLabels:
            return labelled.labels(frames[frame]) if frame in frames else PictureLabels(size)

        numbers = {name: frame for frame, name in frames.items()}
        tracks, edited = self._tracks(), labelled.edited.keys() & numbers.keys()

        def frames_of(track: int) -> Iterable[int]:
            in_file = tracks.names.get(track, ()) if tracks is not None else numbers
            return [numbers[name] for name in (*in_file, *edited) if name in numbers]

        return FrameEdits(labels, frames, frames_of)

    def _free_identity(self) -> int:
        labelled, tracks = self._labelling.labelled, self._tracks()
        in_file = tracks.highest if tracks is not None else -1
        return max(in_file, highest_track(labelled.edited.values() if labelled is not None else ())) + 1

    def _changed(self, annotations: AnnotationSet, edits: FrameEdits) -> AnnotationSet:
        labelled, media = self._labelling.labelled, self._labelling.media
        assert labelled is not None
        assert media is not None
        frames = {
            frame: labels if labels.size is not None else dataclasses.replace(labels, size=media.size)
            for frame, labels in edits.changed.items()
        }
        return with_frame_labels(annotations, labelled, media, frames)

    def with_edited(self, annotations: AnnotationSet, labels: PictureLabels) -> AnnotationSet:
        """`annotations` with other labels of the frame, and what follows from them on other frames."""
        edits = self._edits()
        edits.set_frame(self.number, labels, self._free_identity())
        return self._changed(annotations, edits)

    # Intents --------------------------------------------------------------------------------------------------------

    def continue_tracks(self) -> None:
        """Put the object that was selected last, or else all of the last labelled frame before, onto this frame; on the
        frames between it is interpolated."""
        labelling = self._labelling
        if not self.edited:
            return
        edits = self._edits()
        tracks = edits.continue_tracks(self.number, None if self.left is None else {self.left})
        if not tracks:
            labelling.say(labelling.tr("No labelled frame before this one has an object that is missing here."))
            return
        selected = object_of(edits.labels(self.number), tracks[0]) if len(tracks) == 1 else None
        self._change(labelling.tr("Continue objects"), edits, selected)

    def remove_key_frame(self, number: int) -> None:
        """Make an object of the frame none that was placed here: it is interpolated, or ends."""
        title = self._labelling.tr("Remove key frame")
        self._edit_track(number, title, lambda edits, track: edits.remove_key(self.number, track))

    def delete_track(self, number: int) -> None:
        """Remove an object of the frame from all frames of the video."""
        self._edit_track(number, self._labelling.tr("Delete track"), lambda edits, track: edits.remove_track(track))

    def _edit_track(self, number: int, title: str, change: Callable[[FrameEdits, int], None]) -> None:
        track = self._labelling.labels.annotations[number].track_id
        if track is None or not self.edited:
            return
        edits = self._edits()
        change(edits, track)
        self._change(title, edits, object_of(edits.labels(self.number), track))

    def _change(self, title: str, edits: FrameEdits, selected: int | None) -> None:
        annotations = self._labelling.annotations
        if annotations is not None and edits.changed:
            changed = self._changed(annotations, edits)
            self._labelling.change(title, changed, edits.labels(self.number), selected)
