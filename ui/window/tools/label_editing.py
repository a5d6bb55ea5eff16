"""Correcting labels on the canvas, linked with the labels of the session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtGui import QColor, QCursor
from PySide6.QtWidgets import QMenu

from cvstudio.data.keypoint_editing import ABSENT, HIDDEN, VISIBLE
from ui.base.icons import icon
from ui.control.controller import Controller
from ui.control.frame_on_screen import FrameOnScreen
from ui.views.canvas import Canvas

if TYPE_CHECKING:
    from ui.views.labels.class_chooser import ClassChooser
    from ui.views.labels.editor import LabelEditor
    from ui.views.labels.edits import Edit, LabelHandle
    from ui.views.labels.keypoints_dialog import KeypointsDialog


class LabelEditing(QObject):
    """Edits the labels of the picture on the canvas while `Labelling.active`.

    Signals
    -------
    hidden_changed : `hidden` has changed
    """

    hidden_changed = Signal()

    def __init__(self, controller: Controller, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._controller = controller
        self._labelling = controller.labelling
        self._canvas = canvas
        self._edited_media = "", 0
        self._edited_sample: Any = None
        self.editor: LabelEditor | None = None
        self.chooser: ClassChooser | None = None
        labelling = self._labelling
        labelling.active_changed.connect(self._toggled)
        labelling.changed.connect(self._show)
        labelling.selection_changed.connect(self._show)
        labelling.category_changed.connect(self._show_category)
        labelling.mode_changed.connect(self._show_mode)

    @property
    def hidden(self) -> int | None:
        """Number of the label that the tool draws, and not the canvas; None without one."""
        return self.editor.hidden if self.editor is not None else None

    def toggle(self) -> None:
        """Begin or end; where the picture has no labels, ask for the classes of new ones."""
        labelling = self._labelling
        if not labelling.active and labelling.annotations is None:
            if labelling.media is None:
                self._controller.notice.emit("info", self.tr("Open a picture to label it, or a labelled set."))
            else:
                self._controller.requests.new_labels.emit()
            return
        labelling.set_active(not labelling.active)
        state = self._controller.session.state
        layer = labelling.layer
        if labelling.active and layer is not None and layer.id == state.current and len(state.selection) == 1:
            labelling.select(*state.selection)

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Context without the tool, as for a copy of the canvas; what it draws is drawn by the canvas."""
        if self.editor is not None:
            self.editor.painted = False
        try:
            yield
        finally:
            if self.editor is not None:
                self.editor.painted = True

    # From the session to the tool -----------------------------------------------------------------------------------

    def _toggled(self) -> None:
        if self._labelling.active:
            self._make_editor().begin()
            self._edited_media, self._edited_sample = ("", 0), None
            self._show()
        elif self.editor is not None:
            self.editor.end()

    def _make_editor(self) -> LabelEditor:
        """The editor, imported and made with the first use: the window does not wait for it."""
        if self.editor is None:
            from ui.views.labels.editor import LabelEditor

            editor = self.editor = LabelEditor(self._canvas)
            labelling = self._labelling
            editor.edited.connect(self._edited)
            editor.released.connect(labelling.end)
            editor.selected.connect(labelling.select)
            editor.hidden_changed.connect(self.hidden_changed)
            editor.mode_changed.connect(self._mode_changed)
            editor.class_chosen.connect(labelling.set_category)
            editor.picture_class_chosen.connect(labelling.set_picture_class)
            editor.class_asked.connect(self.ask_class)
            editor.keypoints_asked.connect(self._ask_keypoints)
            editor.menu_asked.connect(self._show_menu)
            editor.stepped.connect(self._step)
            editor.labelled_stepped.connect(self._step_to_labelled)
            editor.continued.connect(labelling.frames.continue_tracks)
            editor.closed.connect(partial(labelling.set_active, False))
        return self.editor

    def arrived(self, shown: FrameOnScreen) -> None:
        """Follow what the canvas shows now."""
        if shown.sample is not self._edited_sample:
            self._show()

    def _show(self) -> None:
        editor, labelling = self.editor, self._labelling
        if editor is None or not labelling.active:
            return
        size, media, sample = labelling.size, labelling.media, self._controller.shown.sample
        place = (media.id if media is not None else "", labelling.frames.number)
        other = place != self._edited_media
        # Until the canvas has the picture, the one before is still on it.
        late = sample is None or self._canvas.content_size != size or (other and sample is self._edited_sample)
        if not labelling.ready or size is None or media is None or late:
            self._edited_media = "", 0
            editor.set_tool(None)
            return
        self._show_classes()
        editor.moving = media.moving
        if other:
            from ui.views.labels.edits import Mode
            from ui.views.labels.tool import LabelTool

            editor.set_tool(LabelTool(labelling.labels, size, labelling.category))
            editor.set_mode(Mode(labelling.mode))
        self._edited_media, self._edited_sample = place, sample
        editor.set_labels(labelling.labels, labelling.selected)

    def _show_classes(self) -> None:
        from cvstudio.draw.palette import class_colour, shared_labels

        names = tuple(category.name for category in self._labelling.categories)
        assert self.editor is not None
        predictions = self._controller.predictions()
        among = shared_labels(predictions.labels, names) if predictions is not None else names
        colours = [QColor(*class_colour(name, among)) for name in names]
        self.editor.set_classes(names, colours, self._labelling.categories)

    def _show_category(self) -> None:
        if self.editor is not None:
            self.editor.set_category(self._labelling.category)

    def _show_mode(self) -> None:
        editor = self.editor
        if editor is not None and editor.tool is not None and editor.tool.mode != self._labelling.mode:
            from ui.views.labels.edits import Mode

            editor.set_mode(Mode(self._labelling.mode))
            editor.setFocus()

    def _step(self, steps: int) -> None:
        """To the next picture or, of a video, the next frame."""
        media = self._labelling.media
        if media is not None and media.moving:
            self._controller.playback.step(steps)
        else:
            self._controller.library.step(steps)

    def _step_to_labelled(self, direction: int) -> None:
        """To the next frame with labels; of pictures, to the next one."""
        media = self._labelling.media
        if media is None or not media.moving:
            self._step(direction)
            return
        secs = self._labelling.frames.next_labelled(direction)
        if secs is None:
            self._controller.notice.emit("info", self.tr("There is no further labelled frame in this direction."))
        else:
            self._controller.playback.pause()
            self._controller.playback.seek(secs)

    def _mode_changed(self) -> None:
        if self.editor is not None and self.editor.tool is not None:
            self._labelling.set_mode(self.editor.tool.mode.value)

    # From the tool to the session -----------------------------------------------------------------------------------

    def _edited(self, edit: Edit, nudging: bool) -> None:
        titles = {
            "draw": self.tr("Draw label"),
            "move": self.tr("Move label"),
            "resize": self.tr("Resize label"),
            "reshape": self.tr("Reshape label"),
            "brush": self.tr("Brush label"),
            "erase": self.tr("Erase label"),
            "keypoints": self.tr("Place key points"),
            "regions": self.tr("Brush regions"),
            "fill": self.tr("Fill region"),
            "visibility": self.tr("Change the visibility of a key point"),
            "delete": self.tr("Delete label"),
        }
        merge = "labels.nudge" if nudging else None
        self._labelling.edit(titles[edit.change], edit.labels, selected=edit.selected, merge=merge)

    def ask_class(self, place: QPoint | None = None) -> ClassChooser | None:
        """Open the list of classes, at `place` on the screen or at the cursor; None where no labels are edited."""
        from ui.views.labels.class_chooser import ClassChooser

        labelling = self._labelling
        if not labelling.ready:
            return None
        number = labelling.selected
        current = labelling.labels.annotations[number].category if number is not None else labelling.category
        names = [category.name for category in labelling.categories]
        chooser = self.chooser = ClassChooser(self._canvas, names, current, place or QCursor.pos())
        chooser.chosen.connect(labelling.take_class)
        chooser.added.connect(labelling.add_category)
        chooser.closed.connect(self._chooser_closed)
        return chooser

    def _chooser_closed(self) -> None:
        self.chooser = None
        if self.editor is not None and self._labelling.active:
            self.editor.setFocus()

    def menu(self, place: QPoint, handle: LabelHandle | None) -> QMenu:
        """What can be done with the selected label, and with its corner under the cursor."""
        menu = QMenu(self._canvas)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        labelling, editor = self._labelling, self.editor
        number = labelling.selected
        if number is None or editor is None:
            return menu
        menu.addAction(icon("list"), self.tr("Change the Class …") + "\tC", partial(self.ask_class, place))
        menu.addAction(icon("copy"), self.tr("Duplicate"), partial(labelling.duplicate, number))
        menu.addAction(icon("layers"), self.tr("Bring to Front"), partial(labelling.bring_to_front, number))
        from ui.views.labels.edits import KEYPOINT

        if handle is not None and handle.part == KEYPOINT:
            self._add_keypoint_actions(menu, handle.number)
        if handle is not None and handle.part >= 0 and not handle.adds:
            menu.addAction(icon("minus"), self.tr("Remove This Corner"), partial(editor.delete_corner, handle))
        if labelling.frames.edited:
            annotation = labelling.labels.annotations[number]
            key_frame = menu.addAction(self.tr("Remove Key Frame"), partial(labelling.frames.remove_key_frame, number))
            key_frame.setEnabled(annotation.track_id is not None and not annotation.interpolated)
            whole = menu.addAction(self.tr("Delete on All Frames"), partial(labelling.frames.delete_track, number))
            whole.setEnabled(annotation.track_id is not None)
        menu.addSeparator()
        delete = self.tr("Delete") + "\t" + self.tr("Del")
        menu.addAction(icon("trash-2"), delete, partial(labelling.delete, {number}))
        return menu

    def _add_keypoint_actions(self, menu: QMenu, number: int) -> None:
        labelling, editor = self._labelling, self.editor
        assert labelling.selected is not None
        assert editor is not None
        seen_now = labelling.labels.annotations[labelling.selected].keypoints[number][2]
        menu.addSeparator()
        for seen, text in (
            (VISIBLE, self.tr("Point Is Visible")),
            (HIDDEN, self.tr("Point Is Hidden")),
            (ABSENT, self.tr("Point Is Absent")),
        ):
            action = menu.addAction(text, partial(editor.set_visibility, seen))
            action.setCheckable(True)
            action.setChecked(seen == seen_now)

    def _ask_keypoints(self) -> None:
        """Ask for the key points of the class of the selected object, or of the next one."""
        labelling = self._labelling
        number = labelling.category
        if labelling.selected is not None:
            number = labelling.labels.annotations[labelling.selected].category
        if number < len(labelling.categories):
            self.ask_keypoints(number)
        else:
            self._controller.notice.emit("info", self.tr("Name a class first; key points belong to a class."))

    def ask_keypoints(self, number: int) -> KeypointsDialog:
        """Open the dialog for the key points of a class."""
        from ui.views.labels.keypoints_dialog import KeypointsDialog

        dialog = KeypointsDialog(self._canvas.window(), self._labelling.categories[number])
        dialog.chosen.connect(partial(self._labelling.set_skeleton, number))
        dialog.open()
        return dialog

    def _show_menu(self, place: QPoint, handle: LabelHandle | None) -> None:
        self.menu(place, handle).popup(place)
