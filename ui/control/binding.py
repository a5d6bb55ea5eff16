"""Changes of the inputs of analyses; each is an undo step of the session."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cvstudio.analyses.binding import Binding
from cvstudio.data.adjustments import Adjustments
from cvstudio.foundation.errors import BindingError, UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.media import Media
from cvstudio.media.folders import MediaSet
from cvstudio.session.partners import with_partners
from cvstudio.session.session import (
    Session,
    add_media,
    open_already,
    with_adjusted,
    with_bound,
    with_shared_adjustments,
)
from ui.base.translate import translated
from ui.control.pipeline import Pipeline


class Binder(QObject):
    """Part of the controller that changes the inputs of analyses. Main thread only.

    An input that does not fit its slot is reported by `notice`; the session stays as it is.

    Signals
    -------
    refused : sentence about a binding that cannot be made
    """

    refused = Signal(str)

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        pipeline.job_event.connect(self._job_event)

    def bind(self, slot: str, binding: Binding | None, *, number: int = 0, typing: bool = False) -> None:
        """Set the input in a slot of the analysis with id `number`, by default the current one; None empties the slot.

        Changes while `typing` are one undo step, until `end_typing`.
        """
        state = self._session.state
        number = number or state.current
        if all(item.id != number for item in state.instances):
            return
        try:
            new = with_bound(state, number, slot, binding)
        except BindingError as error:
            self.refused.emit(translated(str(error)))
            return
        changed = next(item for item in new.instances if item.id == number)
        bound = new.linked(changed).bindings.get(slot)  # linked, as only then a result has the name of its analysis
        title = self.tr("Choose {name}").format(name=bound.name) if bound is not None else self.tr("Clear input")
        self._session.change(title, new, merge=f"{number}.{slot}" if typing else None)

    def set_adjustments(
        self, slot: str, adjustments: Adjustments, *, alone: bool = False, dragging: bool = False
    ) -> None:
        """Set the adjustments of the medium in a slot of the current analysis, which are applied before the analysis;
        `alone` those of this medium in place of those of all media of the slot.

        Changes while `dragging` are one undo step.
        """
        state = self._session.state
        if state.instance is None:
            return
        try:
            new = with_adjusted(state, state.current, slot, adjustments, alone=alone)
        except UserError as error:
            self.refused.emit(translated(str(error)))
            return
        self._session.change(self.tr("Adjust the picture"), new, merge=f"{state.current}.{slot}" if dragging else None)
        if not dragging:
            self._session.end_merge()

    def share_adjustments(self, slot: str, *, of_this: bool) -> None:
        """Adjust the medium in a slot of the current analysis like all others: all like this one, for `of_this`, or
        this one like them. One undo step."""
        state = self._session.state
        if state.instance is None:
            return
        title = self.tr("Adjust all alike") if of_this else self.tr("Adjust like the others")
        self._session.change(title, with_shared_adjustments(state, state.current, slot, of_this=of_this))

    def end_typing(self) -> None:
        """End typing: the next change is an undo step of its own."""
        self._session.end_merge()

    def bind_set(self, slot: str, media_set: MediaSet) -> None:
        """Set the files of an open folder as the input of a slot of the current analysis; a worker opens them."""
        from ui.control import opening_jobs as opening

        instance = self._session.state.instance
        if instance is not None:
            work = opening.open_set(instance.id, instance.spec.slot(slot), media_set)
            title = self.tr("Reading {name}").format(name=media_set.name)
            self._pipeline.submit("probe", Job(("set", instance.id, slot), title, work))

    def open_file(self, slot: str, path: Path) -> None:
        """Open a file on a worker thread, and set it as the input of a slot of the current analysis."""
        from ui.control import opening_jobs as opening

        instance = self._session.state.instance
        if instance is not None:
            work = opening.open_for_slot(instance.id, instance.spec.slot(slot), path)
            self._pipeline.submit(
                "probe", Job(("input", instance.id, slot), self.tr("Opening {name}").format(name=path.name), work)
            )

    def _job_event(self, event: Event) -> None:
        from ui.control.opening_jobs import FileReady, SetReady

        if event.kind == "output" and isinstance(event.value, SetReady):
            self.bind(event.value.slot, event.value.media, number=event.value.instance)
        elif event.kind == "output" and isinstance(event.value, FileReady):
            self._add_and_bind(event.value.instance, event.value.slot, event.value.media)

    def _add_and_bind(self, number: int, slot: str, media: Media) -> None:
        """Set a file that was just opened as an input; one that does not fit is refused, and is not opened either."""
        state = self._session.state
        if all(item.id != number for item in state.instances):
            return
        media = open_already(state, media) or media
        try:
            state = with_bound(add_media(state, media), number, slot, media)
        except BindingError as error:
            self.refused.emit(translated(str(error)))
            return
        if state.active_media is None:
            state = dataclasses.replace(state, active=media.id)
        self._session.change(self.tr("Open {name}").format(name=media.name), with_partners(state))
