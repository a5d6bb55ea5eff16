"""A form generated from declared parameters, with one row for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base.icons import icon
from ui.widgets.settle import settle

if TYPE_CHECKING:
    from ui.widgets.rows.row import Row

WIDEST_LABEL = 146
LEAST_SLIDER = 110
"""Pixels that a slider gets, its ends included, where its label fits on two lines."""
ROW_GAP = 8
"""Pixels between label, slider and number, as a row has them."""

ROWS: Mapping[str, str] = {
    "bool": "choice_rows.BoolRow",
    "int": "slider_row.SliderRow",
    "float": "slider_row.SliderRow",
    "choice": "choice_rows.ChoiceRow",
    "choices": "class_picker.ChoicesRow",
    "interval": "slider_row.IntervalRow",
    "point": "choice_rows.PointRow",
    "folder": "folder_row.FolderRow",
    "text": "text_rows.TextRow",
    "colour": "colour_row.ColourRow",
    "box": "shape_row.ShapeRow",
    "polygon": "shape_row.ShapeRow",
    "strokes": "shape_row.ShapeRow",
    "lines": "shape_row.ShapeRow",
    "zones": "shape_row.ShapeRow",
    "list": "text_rows.ListRow",
}
"""Row class of each kind of parameter, in `ui.widgets.rows`; imported at its first use."""


class ParamForm(QWidget):
    """Shows values and emits the user's edits; the values are stored by its owner.

    Signals
    -------
    edited : name, value, dragging
    released : name; a drag has ended
    pick_requested : name; the user wants to pick a point in the picture
    """

    edited = Signal(str, object, bool)
    released = Signal(str)
    pick_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._fields: tuple[Field, ...] = ()
        self._rows: dict[str, Row] = {}
        self.tallies: Callable[[], Mapping[str, str]] = dict
        """Returns the text beside each class in a list of classes, such as how often it was found."""
        self._unfolded = False
        self._least_label_width = 0
        self._aligned_for: tuple[str, tuple[int, ...]] | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._fold = QToolButton()
        self._fold.setObjectName("fold")
        self._fold.setText(self.tr("More"))
        self._fold.setToolTip(self.tr("Shows or hides what is rarely changed"))
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setIcon(icon("chevron-right"))
        self._fold.clicked.connect(lambda: self.set_unfolded(not self._unfolded))
        self._more = QWidget()
        more = QVBoxLayout(self._more)
        more.setContentsMargins(0, 0, 0, 0)
        more.setSpacing(4)
        self._more.hide()
        self._fold.hide()
        self._layout.addWidget(self._fold)
        self._layout.addWidget(self._more)

    def row(self, name: str) -> Row:
        """The row of a parameter.

        Raises
        ------
        KeyError
            The form has no such parameter.
        """
        return self._rows[name]

    def set_fields(
        self,
        fields: Sequence[Field],
        values: Mapping[str, Any],
        *,
        ranges: Mapping[str, Range] | None = None,
        options: Mapping[str, tuple[str, ...]] | None = None,
        histograms: Mapping[str, Histogram] | None = None,
        defaults: Mapping[str, Any] | None = None,
        suggested: Mapping[str, tuple[str, ...]] | None = None,
        unknown: Collection[str] = (),
    ) -> None:
        """Show `values`; never emits. Rows are only rebuilt where the declarations have changed.

        Parameters
        ----------
        fields : declared parameters in order
        values : by name; a missing one shows its default
        ranges, options, histograms : by name, where they depend on a model or an input
        defaults : by name, where that of a model or an input differs from the declared one. An optional
            parameter that declares None and has no entry here counts as unchanged.
        suggested : by name, the choices that fit this input best; a list begins with them
        unknown : names of the parameters whose range is not known yet: they show no number and cannot be edited
        """
        rebuilt = tuple(fields) != self._fields
        if rebuilt:
            self._build(tuple(fields))
        for field in fields:
            row = self._rows[field.name]
            bounds = (ranges or {}).get(field.name, field.range)
            choices = (options or {}).get(field.name, field.choices.options if field.choices else ())
            row.configure(bounds=bounds, options=choices, histogram=(histograms or {}).get(field.name))
            row.suggest((suggested or {}).get(field.name, ()))
            default = (defaults or {}).get(field.name, field.default)
            value = values.get(field.name, default)
            row.set_value(value, value if default is None and field.pick is None else default)
            row.set_known(field.name not in unknown)
        # Most of what is set are a slider's ticks, which move no column.
        needs = self.font().key(), tuple(row.value_width for row in self._rows.values())
        if rebuilt or needs != self._aligned_for:
            self._aligned_for = needs
            self._align()
        if rebuilt:
            settle(self._more)
            settle(self)

    def _build(self, fields: tuple[Field, ...]) -> None:
        focused, name_of_focused = self._focused()
        for row in self._rows.values():
            row.hide()
            row.deleteLater()
        self._fields = fields
        self._rows = {}
        more_layout = self._more.layout()
        assert isinstance(more_layout, QVBoxLayout)
        position = 0
        for field in fields:
            row = self._make(field)
            self._rows[field.name] = row
            if field.doc.more:
                more_layout.addWidget(row)
            else:
                self._layout.insertWidget(position, row)
                position += 1
        if focused is not None and name_of_focused in self._rows:
            # Whoever goes through the choices with the keyboard goes on.
            successor = self._rows[name_of_focused].findChild(type(focused))
            if isinstance(successor, QWidget):
                successor.setFocus()
        folded = any(field.doc.more for field in fields)
        self._fold.setVisible(folded)
        self._more.setVisible(folded and self._unfolded)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._align()

    def _focused(self) -> tuple[QWidget | None, str]:
        """The widget of a row that has the focus, and the name of its parameter."""
        focused = self.window().focusWidget()
        if focused is not None:
            for name, row in self._rows.items():
                if row.isAncestorOf(focused):
                    return focused, name
        return None, ""

    def _align(self) -> None:
        """Align labels, sliders and numbers in columns, whose widths ignore folded rows."""
        visible_rows = [self._rows[field.name] for field in self._fields if self._unfolded or not field.doc.more]
        value_width = max((row.value_width for row in visible_rows), default=0)
        label_width = max(self.label_width, self._least_label_width)
        if value_width:
            room = self.width() - 2 * ROW_GAP - value_width - LEAST_SLIDER
            least = max(row.label.least_width for row in visible_rows if row.field.kind != "bool")
            label_width = min(label_width, max(room, least))
        for row in self._rows.values():
            row.set_label_width(label_width)
            row.set_value_width(max(value_width, row.value_width))

    @property
    def label_width(self) -> int:
        """Width in pixels that the labels need, up to `WIDEST_LABEL`."""
        visible_rows = [self._rows[field.name] for field in self._fields if self._unfolded or not field.doc.more]
        labels = (row.label.sizeHint().width() for row in visible_rows if row.field.kind != "bool")
        return min(max(labels, default=0), WIDEST_LABEL)

    def set_least_label_width(self, width: int) -> None:
        """Give the labels at least `width` pixels, so that the fields of several forms stand in one column."""
        if width != self._least_label_width:
            self._least_label_width = width
            self._align()

    def _make(self, field: Field) -> Row:
        module, _, name = ROWS[field.kind].partition(".")
        row: Row = getattr(importlib.import_module(f"ui.widgets.rows.{module}"), name)(field)
        name = field.name
        row.changed.connect(lambda value, dragging: self.edited.emit(name, value, dragging))
        row.released.connect(lambda _: self.released.emit(name))
        if field.kind == "choices":
            from ui.widgets.rows.class_picker import ChoicesRow

            assert isinstance(row, ChoicesRow)
            row.picker.tallies = lambda: self.tallies()
        if field.pick is not None:
            from ui.widgets.rows.choice_rows import PointRow

            assert isinstance(row, PointRow)
            row.pick_requested.connect(lambda: self.pick_requested.emit(name))
        return row

    def set_unfolded(self, unfolded: bool) -> None:
        """Show or hide the rarely used parameters."""
        self._unfolded = unfolded
        self._fold.setIcon(icon("chevron-down" if unfolded else "chevron-right"))
        self._fold.setText(self.tr("Less") if unfolded else self.tr("More"))
        self._more.setVisible(unfolded and any(field.doc.more for field in self._fields))
        self._align()
        settle(self._more)
