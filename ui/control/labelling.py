"""Labels of the picture on the canvas: what is edited, and the intents that edit it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.read_input import read_labels
from cvstudio.data import label_editing as editing
from cvstudio.data.geometry import Size
from cvstudio.data.labels import Category, LabelledSet, LeftOut, PictureLabels, Skeleton
from cvstudio.data.track_editing import object_of
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind
from cvstudio.session.label_edits import (
    annotations_of,
    truth_layer,
    with_annotations,
    with_category_added,
    with_category_renamed,
    with_labels,
    with_labels_on_top,
    with_layers_for,
    with_new_labels,
    with_skeleton,
)
from cvstudio.session.session import Session, State
from ui.base.translate import translated
from ui.control.accepting import JOB, AcceptedOnAll, accept_on_all, outcome_text, state_with_accepted, stopped_text
from ui.control.labelled_frames import LabelledFrames, read_tracks
from ui.control.pipeline import Pipeline

if TYPE_CHECKING:
    from cvstudio.results.detections import Detections

OWNER = "labels"


class Labelling(QObject):
    """Part of the controller that edits labels. Main thread only; labelled sets are read on a worker.

    Signals
    -------
    changed : the labels, the classes or the picture have changed
    selection_changed : `selected` has changed
    category_changed : `category` has changed
    active_changed : `active` has changed
    mode_changed : `mode` has changed
    notice : (level, text) for the user
    """

    changed = Signal()
    selection_changed = Signal()
    category_changed = Signal()
    active_changed = Signal()
    mode_changed = Signal()
    notice = Signal(str, str)

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        self._file: tuple[AnnotationSet, LabelledSet] | None = None
        self._seen: tuple[AnnotationSet | None, str] = (None, "")
        self._exported: tuple[AnnotationSet, ...] = ()
        self.labelled: LabelledSet | None = None
        self.generated = False  # labels of a generated scene follow its sliders, and are not edited
        self.labels = PictureLabels()
        self.selected: int | None = None
        self.category = 0
        self.active = False
        self.mode = "select"
        self.several_classes = False
        self.left_out: Mapping[Path, tuple[LeftOut, ...]] = {}
        self.frames = LabelledFrames(self, pipeline)
        pipeline.job_event.connect(self._job_event)
        pipeline.job_event.connect(self.frames.job_event)

    # What is edited -------------------------------------------------------------------------------------------------

    @property
    def layer(self) -> AnalysisInstance | None:
        """The layer whose labels are edited; None where the picture has none."""
        return truth_layer(self._session.state)

    @property
    def annotations(self) -> AnnotationSet | None:
        """The labelled set that is edited; None without one."""
        layer = self.layer
        return annotations_of(layer) if layer is not None else None

    @property
    def media(self) -> Media | None:
        """The picture or video on the canvas; None where it is neither."""
        media = self._session.state.active_media
        return media if media is not None and media.kind in (MediaKind.IMAGE, MediaKind.VIDEO) else None

    @property
    def name(self) -> str | None:
        """Name of the picture or frame in the set; None where that does not name it."""
        media, labelled = self.media, self.labelled
        if media is None or labelled is None or not self.frames.known:
            return None
        return labelled.frame_of(media.path, self.frames.number) if media.moving else labelled.name_of(media.path)

    @property
    def size(self) -> Size | None:
        """Size of the picture or frame; None without one."""
        return self.media.size if self.media is not None else None

    @property
    def ready(self) -> bool:
        """Whether labels can be edited now: a picture is on the canvas, and its labels are read."""
        return self.labelled is not None and self.size is not None and self.frames.ready

    @property
    def categories(self) -> tuple[Category, ...]:
        """The classes; empty where no labels are read."""
        return self.labelled.categories if self.labelled is not None else ()

    @property
    def edited(self) -> bool:
        """Whether the labels of the picture are not those of the file."""
        name = self.name
        return name is not None and self.labelled is not None and name in self.labelled.edited

    @property
    def unsaved(self) -> bool:
        """Whether labels were edited that are neither in a saved project nor exported."""
        bound = (annotations_of(item) for item in self._session.state.instances)
        edited = (item for item in bound if item is not None and item.edits)
        return self._session.modified and any(item not in self._exported for item in edited)

    def mark_exported(self, annotations: AnnotationSet) -> None:
        """Mark a labelled set, as edited, as exported."""
        self._exported = (*self._exported, annotations)

    def state_changed(self, new: State) -> None:
        """Follow a change of the session."""
        annotations = self.annotations
        other_picture = new.active != self._seen[1]
        if annotations is self._seen[0] and not other_picture:
            return
        self._seen = annotations, new.active
        self.frames.follow(self.media if annotations is not None else None)
        if annotations is None:
            self._show(None, other_picture)
            self.set_active(False)
        elif self._file is not None and self._file[0] == annotations.file:
            self._show(annotations.with_edits(self._file[1]), other_picture)
        else:
            self._show(None, other_picture)
            self._read(annotations)

    def _read(self, annotations: AnnotationSet) -> None:
        cache, file = self._pipeline.cache, annotations.file

        def work(progress: Progress) -> Iterator[Any]:
            yield file, (labelled := read_labels(file, cache))
            if labelled.videos:
                yield read_tracks(labelled, progress)

        self._pipeline.lanes.cancel(OWNER)  # those of a set before
        self._pipeline.submit("pool", Job(OWNER, self.tr("Reading labels"), work, tag=OWNER))

    def _job_event(self, event: Event) -> None:
        if event.job.owner == JOB and event.kind == "output":
            self._take_accepted(event.value)
        if event.job.owner == JOB and event.kind == "cancelled":
            self.say(stopped_text(self.tr))
        if event.job.tag != OWNER:
            return
        annotations = self.annotations
        # A set that cannot be read is reported by the stage of its layer.
        if event.kind == "output" and isinstance(event.value, tuple) and annotations is not None:
            file, labelled = event.value
            if file == annotations.file:
                self._file = file, labelled
                self._show(annotations.with_edits(labelled), other_picture=True)

    def _show(self, labelled: LabelledSet | None, other_picture: bool) -> None:
        self.generated = labelled is not None and labelled.name_as is not None
        self.labelled = None if self.generated else labelled
        self.labels = self._labels_of(self.labelled)
        if self.category >= max(len(self.categories), 1):
            self.choose(0)
        self.frames.left = None if other_picture else self.frames.left
        if other_picture or (self.selected is not None and self.selected >= len(self.labels.annotations)):
            self._select(None)
        self.changed.emit()

    @property
    def labelled_in_file(self) -> LabelledSet | None:
        """The labels as they are on disk; None where they are not read."""
        return self._file[1] if self._file is not None else None

    def show_frame(self, track: int | None) -> None:
        """Show the labels of another frame, with the object of the identity `track` selected where it is there."""
        self.labels = self._labels_of(self.labelled)
        self._select(object_of(self.labels, track) if track is not None else None)
        self.changed.emit()

    def _labels_of(self, labelled: LabelledSet | None) -> PictureLabels:
        name = self.name
        if labelled is None or name is None:
            return PictureLabels()
        try:
            return labelled.labels(name)
        except UserError as error:
            self.labelled = None
            self.notice.emit("error", translated(str(error)))
            return PictureLabels()

    def say(self, text: str) -> None:
        """Tell the user something."""
        self.notice.emit("info", text)

    # Choices --------------------------------------------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        """Begin or end editing on the canvas."""
        if active and (self.annotations is None or self.generated):
            return
        if active != self.active:
            layer = self.layer
            begins = {"labelled-class": "classes", "labelled-regions": "regions"}
            if active and self.mode == "select" and layer is not None and not self.labels.annotations:
                self.set_mode(begins.get(layer.analysis, "select"))
            self.active = active
            if not active:
                self._select(None)
            self.active_changed.emit()

    def set_mode(self, mode: str) -> None:
        """Choose what a drag does: "select", "box", "polygon", "brush", "keypoints", "regions" or "fill".

        With "classes" the digits are about the whole picture.
        """
        if mode != self.mode:
            self.mode = mode
            self.mode_changed.emit()

    def select(self, number: int | None) -> None:
        """Select an object of the picture; not an undo step."""
        if number is None or number < len(self.labels.annotations):
            self.frames.left = None
            self._select(number)

    def _select(self, number: int | None) -> None:
        if number != self.selected:
            self.selected = number
            self.selection_changed.emit()

    def choose(self, category: int) -> None:
        """Choose the class of what is drawn next."""
        if category != self.category:
            self.category = category
            self.category_changed.emit()

    # Intents --------------------------------------------------------------------------------------------------------

    def begin(self, classes: Sequence[str]) -> None:
        """Begin labels for the picture on the canvas, empty and with these classes, as a new layer."""
        if self.media is None:
            self.notice.emit("info", self.tr("Labels are drawn on a picture; open one first."))
            return
        state = with_new_labels(self._session.state, classes, self._session.next_id)
        self._session.change(self.tr("New labels"), state)
        self.set_active(True)

    def edit(self, title: str, labels: PictureLabels, *, selected: int | None = None, merge: str | None = None) -> None:
        """Give the picture other labels.

        Parameters
        ----------
        title : of the undo step
        selected : number of the object that is selected then
        merge : consecutive edits with the same key are one undo step, until `end`
        """
        # Labels may begin without a class, but every object has one; its name is changed in the panel.
        new = () if self.categories or not labels.annotations else (Category(self.tr("object")),)
        self._edit(title, labels, new, selected, merge)

    def _edit(
        self,
        title: str,
        labels: PictureLabels,
        new: Sequence[Category],
        selected: int | None,
        merge: str | None = None,
        *,
        on_top: bool = False,
    ) -> None:
        annotations, labelled, media = self.annotations, self.labelled, self.media
        if annotations is None or labelled is None or media is None:
            return
        if labels.size is None:
            labels = dataclasses.replace(labels, size=media.size)
        if media.moving:
            changed = self.frames.with_edited(annotations, labels)
        else:
            changed = with_labels(annotations, labelled, media, labels)
        changed = dataclasses.replace(changed, categories=(*changed.categories, *new))
        self.change(title, changed, labels, selected, merge, on_top=on_top)

    def change(
        self,
        title: str,
        changed: AnnotationSet,
        labels: PictureLabels,
        selected: int | None,
        merge: str | None = None,
        *,
        on_top: bool = False,
    ) -> None:
        """Put a labelled set in place of the one that is edited.

        Parameters
        ----------
        title, selected, merge : see `edit`
        changed : the set
        labels : of the picture in it
        on_top : whether the layers of labels come above the others
        """
        annotations, media = self.annotations, self.media
        assert annotations is not None
        assert media is not None
        # Set before the listeners are told, so that they find the object that was drawn.
        before, self.selected = self.selected, selected
        state = with_annotations(self._session.state, annotations, changed)
        state = with_layers_for(state, changed, labels, media, self._session.next_id)
        if on_top:
            state = with_labels_on_top(state, changed)
        # What was selected in the result may have another number now.
        self._session.change(title, dataclasses.replace(state, selection=frozenset()), merge=merge)
        if before != selected:
            self.selection_changed.emit()

    def end(self) -> None:
        """End a series of edits that are one undo step."""
        self._session.end_merge()

    def set_category(self, category: int) -> None:
        """Give the selected object a class, which is also that of what is drawn next."""
        if not 0 <= category < len(self.categories):
            return
        self.choose(category)
        number = self.selected
        if number is not None and self.labels.annotations[number].category != category:
            labels = editing.with_category(self.labels, {number}, category)
            self.edit(self.tr("Change the class"), labels, selected=number)

    def take_class(self, category: int) -> None:
        """Give a class to what is edited: the whole picture, or the selected object and the next ones."""
        if self.mode == "classes" and self.active:
            self.set_picture_class(category)
        else:
            self.set_category(category)

    def set_picture_class(self, category: int | None) -> None:
        """Give the whole picture a class, or take it away where it has it; None takes all away.

        Another class takes the place of the one before, unless the picture `takes_several`.
        """
        if not self.ready or (category is not None and not 0 <= category < len(self.categories)):
            return
        before = self.labels.classes
        after = editing.picture_classes(before, category, several=self.takes_several)
        if after != before:
            labels = dataclasses.replace(self.labels, classes=after)
            self.edit(self.tr("Class of the picture"), labels, selected=self.selected)

    @property
    def takes_several(self) -> bool:
        """Whether a further class of the picture comes beside the others: as the user chose, or as it has several."""
        return self.several_classes or len(self.labels.classes) > 1

    def set_several_classes(self, several: bool) -> None:
        """Choose whether a picture may have several classes."""
        self.several_classes = several

    def delete(self, numbers: Collection[int]) -> None:
        """Remove objects of the picture."""
        if numbers:
            self.edit(self.tr("Delete label"), editing.without(self.labels, numbers))

    def duplicate(self, number: int) -> None:
        """Copy an object of the picture, and select the copy."""
        if self.size is not None:
            labels = editing.with_duplicate(self.labels, number, self.size)
            self.edit(self.tr("Duplicate label"), labels, selected=len(labels.annotations) - 1)

    def bring_to_front(self, number: int) -> None:
        """Draw an object of the picture above the others."""
        labels = editing.with_front(self.labels, number)
        self.edit(self.tr("Bring label to front"), labels, selected=len(labels.annotations) - 1)

    def add_category(self, name: str) -> int | None:
        """Add a class, unless there is one of that name, and choose it for the selected object and for the next ones;
        its index, None where the name is empty or no labels are open."""
        name = " ".join(name.split())
        annotations = self.annotations
        if not name or annotations is None or self.labelled is None:
            return None
        names = [category.name for category in self.categories]
        if name in names:
            self.take_class(names.index(name))
            return names.index(name)
        number, title = self.selected, self.tr("Add class {name}").format(name=name)
        if self.mode == "classes" and self.active:
            classes = (*self.labels.classes, len(names)) if self.takes_several else (len(names),)
            self._edit(title, dataclasses.replace(self.labels, classes=classes), (Category(name),), number)
            return len(names)
        if number is not None:
            labels = editing.with_category(self.labels, {number}, len(names))
            self._edit(title, labels, (Category(name),), number)
        else:
            changed = with_category_added(annotations, self.labelled, Category(name))
            self._session.change(title, with_annotations(self._session.state, annotations, changed))
        self.choose(len(names))
        return len(names)

    def rename_category(self, number: int, name: str) -> None:
        """Give a class another name, which no other class has, in the labels of all pictures."""
        name = " ".join(name.split())
        annotations, labelled = self.annotations, self.labelled
        if not name or annotations is None or labelled is None or name == labelled.categories[number].name:
            return
        if name in (category.name for category in labelled.categories):
            self.notice.emit(
                "error", self.tr("There is a class “{name}” already; choose another name.").format(name=name)
            )
            return
        changed = with_category_renamed(annotations, labelled, number, name)
        title = self.tr("Rename class {name}").format(name=labelled.categories[number].name)
        self._session.change(title, with_annotations(self._session.state, annotations, changed))

    def set_skeleton(self, number: int, skeleton: Skeleton) -> None:
        """Declare the key points of a class, in the labels of all pictures."""
        annotations, labelled = self.annotations, self.labelled
        if annotations is None or labelled is None:
            return
        category = labelled.categories[number]
        if (category.keypoints, category.skeleton) == (skeleton.keypoints, skeleton.lines):
            return
        changed = with_skeleton(annotations, labelled, number, skeleton)
        title = self.tr("Key points of {name}").format(name=category.name)
        self._session.change(title, with_annotations(self._session.state, annotations, changed))

    # Predictions ----------------------------------------------------------------------------------------------------

    def accept(self, predictions: Detections, score: float, *, ids: Collection[int] | None = None) -> int:
        """Turn predictions on the picture into labels, see `accept`; the number of new ones."""
        from cvstudio.results.accepted_labels import accept

        if not self.ready:
            return 0
        accepted = accept(self.labels, self.categories, predictions, score, ids=ids)
        if accepted.added:
            new = accepted.categories[len(self.categories) :]
            # Under the predictions that they were nobody would see them.
            self._edit(self.tr("Accept predictions"), accepted.labels, new, self.selected, on_top=True)
        return accepted.added

    def accept_on_all(self, instance: AnalysisInstance, score: float, listed: Sequence[Path]) -> None:
        """Take what an analysis finds above a score on all pictures over as labels: those of the set, or for labels
        that were begun in the program those of `listed`. A job with progress; one undo step."""
        annotations, labelled = self.annotations, self.labelled
        if annotations is None or labelled is None:
            return
        named = [labelled.pictures[name] for name in labelled.names if name in labelled.pictures]
        files = [*dict.fromkeys([*named, *(listed if annotations.path is None else ())])]
        if not files:
            self.say(self.tr("There are no pictures to accept predictions on; open a folder or a labelled set."))
            return
        work = accept_on_all(annotations, labelled, files, instance, score, self._pipeline)
        title = self.tr("Accepting predictions on all pictures")
        self._pipeline.submit("export", Job(JOB, title, work))

    def _take_accepted(self, done: AcceptedOnAll) -> None:
        now, labelled = self.annotations, self.labelled
        if now is None or labelled is None or now.file != done.annotations.file:
            self.notice.emit(
                "error", self.tr("These labels are not open; open them and accept again, which will be quick.")
            )
            return
        state, merged = state_with_accepted(self._session.state, now, labelled, done)
        if merged.pictures:
            self._session.change(self.tr("Accept predictions on all pictures"), state)
        done.forget()
        level = "warning" if done.accepted.failed or merged.skipped else "info"
        self.notice.emit(level, outcome_text(merged, done.accepted, self.tr))
