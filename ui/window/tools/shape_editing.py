"""Drawing a parameter's shape on the canvas, linked with its value in the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.params import Field, fields_of
from cvstudio.media import Media
from cvstudio.session.session import State
from ui.control.controller import Controller
from ui.views.canvas import Canvas

if TYPE_CHECKING:
    from ui.views.shape_editor import ShapeEditor


class ShapeEditing(QObject):
    """Edits a box, polygon or strokes parameter of the current analysis with a tool on the canvas.

    The tool is put away when the analysis or the active medium changes. `name` is the parameter in edit, or empty.
    """

    def __init__(self, controller: Controller, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._controller = controller
        self._canvas = canvas
        self.editor: ShapeEditor | None = None
        self.name = ""
        self._of: tuple[int, str] = (0, "")
        controller.state_changed.connect(lambda old, new: self._follow(new))

    def takes(self, name: str) -> bool:
        """Whether the parameter `name` is a shape that is drawn; a point is picked with a click."""
        field = self._field(name)
        return field is not None and field.pick is not None and field.pick.shape != "point"

    def toggle(self, name: str) -> None:
        """Start the tool of the parameter `name`, or put it away where it is in use."""
        if self.name == name:
            self.stop()
            return
        self.stop()
        field, instance, size = self._field(name), self._instance(), self._canvas.content_size
        if field is None or field.pick is None or instance is None or size is None:
            return
        state = self._controller.session.state
        slot = field.pick.slot or instance.spec.canvas_slot
        bound = instance.bindings.get(slot) if slot is not None else None
        # Without a slot the shape is drawn on the result, which fills the canvas alone.
        if slot is not None and (not isinstance(bound, Media) or bound.id != state.active):
            text = self.tr("{title} is drawn on {name}, which is not on the canvas; show it first.")
            medium_name = bound.name if bound is not None else instance.spec.slot(slot).title.lower()
            self._controller.notice.emit("info", text.format(title=field.doc.title, name=medium_name))
            return
        from ui.views.shape_editor import tool_for

        self.name, self._of = name, (instance.id, state.active)
        self._make_editor().begin(tool_for(field, instance.value(name), size))

    def stop(self) -> None:
        """Put the tool away; the drawn value stays."""
        if self.name and self.editor is not None:
            self.name = ""
            self.editor.end()

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Context without handles and hint, as for a copy of the canvas; the tool keeps the focus."""
        if self.editor is not None:
            self.editor.painted = False
        try:
            yield
        finally:
            if self.editor is not None:
                self.editor.painted = True

    def _make_editor(self) -> ShapeEditor:
        """The editor, imported and made with the first shape: the window does not wait for it."""
        if self.editor is None:
            from ui.views.shape_editor import ShapeEditor

            controller = self._controller
            editor = self.editor = ShapeEditor(self._canvas)
            editor.edited.connect(self._edited)
            editor.released.connect(self._released)
            editor.dropped.connect(controller.cancel_drag)
            editor.closed.connect(self.stop)
        return self.editor

    def _instance(self) -> AnalysisInstance | None:
        return self._controller.session.state.instance

    def _field(self, name: str) -> Field | None:
        instance = self._instance()
        if instance is None:
            return None
        types = instance.spec.params_types(instance.model_spec)
        return next((field for params in types for field in fields_of(params) if field.name == name), None)

    def _edited(self, value: object) -> None:
        self._controller.set_value(self.name, value, dragging=True)

    def _released(self) -> None:
        self._controller.end_drag()
        # Where the session refused the value, the editor shows the one that holds.
        self._follow(self._controller.session.state)

    def _follow(self, state: State) -> None:
        if not self.name or self.editor is None:
            return
        instance = state.instance
        if instance is None or self._of != (instance.id, state.active) or not self.takes(self.name):
            self.stop()
            return
        self.editor.set_value(instance.value(self.name))
