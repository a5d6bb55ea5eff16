"""The results panel: the current result as a table or in a view of its own, and its export."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, TypeVar

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractScrollArea,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.params import fields_of
from cvstudio.results.tables import Column, Table
from cvstudio.session.label_edits import labels_slot
from ui.base.icons import icon
from ui.base.translate import translated
from ui.control.exported_layers import is_geometry, may_export
from ui.control.stepping import step
from ui.panels import PANELS
from ui.panels._stopped_line import StoppedLine
from ui.panels.base import Panel, PanelContext
from ui.panels.parts import add_part_actions, part_of, rows_text
from ui.views.result_rows import table_for, table_rows_of
from ui.views.results.registry import ResultView, ResultViewSpec, view_of
from ui.widgets.current_stack import CurrentStack
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState
from ui.widgets.rows_table import RowsTable

W = TypeVar("W", bound=QWidget)

TABLE_DELAY_MS = 60
DRAGGED_DELAY_MS = 250
"""The delay while a mouse button is held, so that the ticks of a slider are for the picture."""


class ResultsPanel(QWidget):
    """Shows headline and table of a result, or the view that is registered for its type.

    Selection and hovering are linked with the canvas in both directions by the ids of the result's parts.
    """

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        controller = self._controller = context.controller
        self._requests, self._canvas = context.requests, context.canvas
        self._summary = ElidedLabel()
        self._summary.setTextFormat(Qt.TextFormat.PlainText)
        self._export = QPushButton(icon("share"), self.tr("Export …"))
        self._export.setObjectName("export-button")
        self._export.clicked.connect(context.requests.export)
        self._stack = CurrentStack()
        self.empty = EmptyState("list", self.tr("Results are listed here."))
        self._stack.addWidget(self.empty)
        self._nothing = QWidget()
        self._stack.addWidget(self._nothing)
        self._views: dict[str, ResultView] = {}
        self._tables: dict[tuple[Any, ...], RowsTable] = {}
        head = QHBoxLayout()
        head.addWidget(self._summary, 1)
        head.addWidget(self._export)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        self.stopped = StoppedLine()
        self.stopped.wanted.connect(controller.pipeline.go_on)
        layout.addWidget(self.stopped)
        layout.addWidget(self._stack, 1)
        self._note = QLabel()
        self._note.setObjectName("quiet")
        self._note.setTextFormat(Qt.TextFormat.PlainText)
        self._note.setWordWrap(True)
        self._note.hide()
        layout.addWidget(self._note)
        # A table of many rows paints slower than the picture: it follows a dragged slider with a delay.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._show)
        controller.view_changed.connect(lambda _: self._show_soon())
        controller.state_changed.connect(lambda old, new: self._show_selected(new.selection))
        controller.state_changed.connect(lambda old, new: self._show_pointed())
        controller.emphasis_changed.connect(self._show_pointed)
        self._show()

    def sizeHint(self) -> QSize:
        return QSize(312, 240)

    def _nothing_found(self) -> str:
        """Text for an empty result: advice to lower the score, unless it hides nothing already. Labels have none."""
        instance = self._controller.session.state.instance
        if instance is not None and labels_slot(instance.spec) is not None:
            return self.tr("No labels on this picture.")
        if instance is not None:
            for field in (field for params in instance.params() for field in fields_of(type(params))):
                bounds = instance.spec.bounds(field.range, instance.model_spec)
                if field.name == "score" and bounds is not None and instance.value("score") <= bounds.low:
                    return self.tr("Nothing found at any confidence. Try another model.")
        return self.tr("Nothing found. Lower the minimum confidence to see more.")

    def _show_soon(self) -> None:
        dragged = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        delay_ms = DRAGGED_DELAY_MS if dragged else TABLE_DELAY_MS
        if not self._soon.isActive() or self._soon.remainingTime() > delay_ms:
            self._soon.start(delay_ms)

    def _show(self) -> None:
        result = self._controller.current_result()
        self._tell_export()
        self._tell_note("")
        self.stopped.show_for(self._controller.presenter.current_is_stopped(), result is not None)
        if result is None:
            self._summary.clear()
            self._bring(self.empty)
            return
        result = self._in_shared_colours(result)
        spec = view_of(type(result))
        if spec is not None:
            self._show_in_view(spec, result)
            return
        table = result.table()
        self._summary.setText(translated(result.headline()))
        if table is None:
            self._bring(self._nothing)
            return
        widget = self._table_widget(table)
        widget.set_rows(table_rows_of(table))
        widget.set_selected(self._pointed())
        if not len(table):
            widget.set_empty_text(self._nothing_found())
        self._tell_note(table.note)
        self._bring(widget)

    def _tell_note(self, note: str) -> None:
        """Show the sentence about the rows of a table; none hides its place."""
        self._note.setText(translated(note) if note else "")
        self._note.setVisible(bool(note))

    def _tell_export(self) -> None:
        """Enable the export where there is something to write, and say what, or why not."""
        controller = self._controller
        self._export.setEnabled(may_export(controller))
        if is_geometry(controller):
            self._export.setToolTip(self.tr("Saves a copy of the 3D file, in this format or another (Ctrl+E)"))
            self.empty.set_text(self.tr("Choose an analysis, or export a copy in another format."))
            return
        self.empty.set_text(self.tr("Results are listed here."))
        if controller.current_result() is not None:
            self._export.setToolTip(self.tr("Writes the result as a picture, a table or another file (Ctrl+E)"))
        else:
            self._export.setToolTip(self.tr("There is no result to export yet; open a file and choose an analysis."))

    def _in_shared_colours(self, result: Any) -> Any:
        """A result with the classes of the predictions beside it, as on the canvas: there labels have their colours."""
        predictions = self._controller.predictions()
        if predictions is None or result is predictions:
            return result
        from cvstudio.draw.render import in_shared_colours

        look = self._controller.look()
        shared, _ = in_shared_colours([(result, look), (predictions, look)])
        return shared[0]

    @property
    def table(self) -> QTableView:
        """The table of the current result; an empty one where its view is no table."""
        current = self._stack.currentWidget()
        return current if isinstance(current, QTableView) else self._table_widget(Table("", "", (Column("", ""),), ()))

    def _table_widget(self, table: Table) -> RowsTable:
        kind = table.form, tuple(column for column in table.columns if column.shown)
        if kind not in self._tables:
            self._tables[kind] = self._add(table_for(table))
        return self._tables[kind]

    def _show_in_view(self, spec: ResultViewSpec, result: Any) -> None:
        if spec.key not in self._views:
            made = spec.create()
            assert isinstance(made, QWidget)
            self._views[spec.key] = self._add(made)
        view = self._views[spec.key]
        assert isinstance(view, QWidget)
        pointed = self._pointed()
        if hasattr(view, "colour_map"):
            view.colour_map = self._controller.look().colour_map
        if hasattr(view, "look"):
            view.look = self._controller.look()
        if hasattr(view, "set_empty_text") and isinstance(result, Sized) and not len(result):
            view.set_empty_text(self._nothing_found())
        self._summary.setText(view.show_result(result, next(iter(pointed)) if len(pointed) == 1 else None))
        self._bring(view)

    def _add(self, widget: W) -> W:
        """Add a view to the stack, and connect the signals that it has."""
        self._stack.addWidget(widget)
        view: Any = widget
        if hasattr(view, "stepped"):
            view.stepped.connect(lambda steps: step(self._controller, steps))
        if hasattr(view, "selected"):
            view.selected.connect(lambda ids: self._controller.select(frozenset(ids)))
        if hasattr(view, "hovered"):
            view.hovered.connect(self._controller.hover)
        if hasattr(view, "open_requested"):
            view.open_requested.connect(lambda path: self._controller.open_paths([path]))
        if hasattr(view, "value_chosen"):
            view.value_chosen.connect(self._controller.set_value)
        if hasattr(view, "set_selected"):
            view.set_selected(self._controller.session.state.selection)
        if isinstance(widget, QTableView):
            # Enter, or a double click.
            widget.activated.connect(lambda _: self._zoom_to_selected())
        widget.installEventFilter(self)
        widget.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        widget.customContextMenuRequested.connect(
            lambda place: self.menu().popup(
                (widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget).mapToGlobal(place)
            )
        )
        return widget

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Delete:
            self._requests.delete_parts.emit()
            return True
        # In a list of results Ctrl+C copies rows; elsewhere it copies the view.
        if isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy):
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.copy_rows()
                return True
        return super().eventFilter(watched, event)

    def copy_rows(self) -> None:
        """Copy the selected rows, or all without any, as lines with tabs; spreadsheets take them apart."""
        selection = self._controller.session.state.selection
        text = rows_text(self._controller.current_result(), selection)
        if text:
            QGuiApplication.clipboard().setText(text)
            self._controller.notice.emit("info", self.tr("The rows are on the clipboard."))

    def _zoom_to_selected(self) -> None:
        result = self._controller.current_result()
        for number in sorted(self._controller.session.state.selection):
            part = part_of(result, number)
            if part is not None and part.box is not None:
                self._canvas().show_rect(part.box)
                return

    def menu(self) -> QMenu:
        """The context menu: what can be done with the selected part, and with all rows."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        selection = self._controller.session.state.selection
        number = next(iter(selection)) if len(selection) == 1 else None
        add_part_actions(menu, self._controller, number, lambda box: self._canvas().show_rect(box))
        if rows_text(self._controller.current_result(), selection):
            keys = QKeySequence(QKeySequence.StandardKey.Copy).toString(QKeySequence.SequenceFormat.NativeText)
            title = self.tr("Copy Rows") if len(selection) != 1 else self.tr("Copy Row")
            menu.addAction(icon("copy"), f"{title}\t{keys}", self.copy_rows)
        export = menu.addAction(icon("share"), self.tr("Export …"), self._requests.export.emit)
        export.setEnabled(may_export(self._controller))
        return menu

    def _bring(self, view: QWidget) -> None:
        previous: Any = self._stack.currentWidget()
        self._stack.setCurrentWidget(view)
        if previous is not view and hasattr(previous, "forget"):
            previous.forget()

    def _pointed(self) -> frozenset[int]:
        """Id of the hovered part, or ids of the selected ones where none is hovered."""
        hovered = self._controller.hovered_id
        return self._controller.session.state.selection if hovered is None else frozenset({hovered})

    def _show_selected(self, selection: frozenset[int]) -> None:
        view: Any = self._stack.currentWidget()
        if hasattr(view, "set_selected"):
            view.set_selected(selection)

    def _show_pointed(self) -> None:
        view: Any = self._stack.currentWidget()
        if isinstance(view, RowsTable):
            view.set_selected(self._pointed())
        elif not hasattr(view, "set_selected") and view is not self.empty:
            self._soon.start(TABLE_DELAY_MS)


PANELS.register(
    Panel(
        "results",
        "Results",
        Qt.DockWidgetArea.RightDockWidgetArea,
        ResultsPanel,
        order=20,
        shortcut="Ctrl+Alt+3",
        keywords=("table of boxes", "class probabilities", "결과"),
        icon="list",
    )
)
