"""Checkpoint files of the user: once they fit, they belong to their models until they are removed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event
from cvstudio.models import MODELS
from cvstudio.models.checkpoints import choose_checkpoint, chosen_checkpoint
from cvstudio.session.session import Session, State
from ui.base.translate import translated
from ui.control.pipeline import Pipeline


class ChosenCheckpoints(QObject):
    """Keeps the choice of a file for a model. Part of the controller. Main thread only.

    A file becomes its model's once the network was loaded with it: a wrong one must not spoil later sessions.

    Signals
    -------
    changed : a model has another file, or none any more
    notice : (level, text) for the user
    """

    changed = Signal()
    notice = Signal(str, str)

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        self._unproven: dict[str, Path] = {}
        pipeline.job_event.connect(self._job_event)

    def chosen(self, model: str, path: Path, *, fits: bool = False) -> None:
        """The user has chosen the file at `path` for `model`; `fits` where its tensors were compared already."""
        if fits:
            self._keep(model, path)
        elif chosen_checkpoint(model) != path:
            self._unproven[model] = path

    def forget(self, model: str) -> None:
        """Go back to the published weights of `model` wherever its chosen file is in use, in one undo step."""
        path = chosen_checkpoint(model)
        self._unproven.pop(model, None)
        self._keep(model, None)
        state = self._session.state
        instances = tuple(
            dataclasses.replace(item, weights=None) if item.model == model and item.weights == path else item
            for item in state.instances
        )
        title = self.tr("Remove {name}").format(name=path.name if path is not None else "")
        self._session.change(title, dataclasses.replace(state, instances=instances))

    def _keep(self, model: str, path: Path | None) -> None:
        try:
            choose_checkpoint(model, path)
        except UserError as error:
            self.notice.emit("warning", translated(str(error)))
        self.changed.emit()

    def _job_event(self, event: Event) -> None:
        if event.kind != "finished" or not self._unproven:
            return
        for model, path in list(self._unproven.items()):
            if self._pipeline.host.has(MODELS[model], path):
                del self._unproven[model]
                self._keep(model, path)


def with_checkpoint(state: State, model: str, path: Path) -> State:
    """`state` with the checkpoint at `path` in every instance of `model`."""
    instances = tuple(
        dataclasses.replace(item, weights=path) if item.model == model else item for item in state.instances
    )
    return dataclasses.replace(state, instances=instances)
