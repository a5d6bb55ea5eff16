"""Rows for a Boolean, for one of several options, and for a point in the picture."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QAbstractButton, QComboBox, QSizePolicy, QToolButton

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base import theme
from ui.base.icons import icon
from ui.base.keys import PRESS_KEYS, SLIDER_KEYS, claims
from ui.base.translate import translated
from ui.widgets.elided_button import ElidedButton
from ui.widgets.rows.row import ROW_HEIGHT, Row
from ui.widgets.search_combo import SECTION, SearchCombo


class Switch(QAbstractButton):
    """Check box in the form of a switch."""

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(36, ROW_HEIGHT)

    def event(self, event: QEvent) -> bool:
        return claims(event, PRESS_KEYS) or super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(2, (self.height() - 18) / 2, 32, 18)
        on, enabled = self.isChecked(), self.isEnabled()
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent", 0.45), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(body.adjusted(-1, -1, 1, 1), 10, 10)
        painter.setPen(QPen(theme.colour("accent" if on and enabled else "edge"), 1))
        painter.setBrush(theme.colour("accent" if on and enabled else "raised"))
        painter.drawRoundedRect(body.adjusted(0.5, 0.5, -0.5, -0.5), 8.5, 8.5)
        knob = "on_accent" if on else "text" if self.underMouse() else "quiet"
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(knob if enabled else "disabled"))
        painter.drawEllipse(QPointF(body.right() - 9 if on else body.left() + 9, body.center().y()), 5.5, 5.5)
        painter.end()


class BoolRow(Row):
    """Label and switch."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.switch = Switch()
        self.switch.setAccessibleName(self.title)
        self.switch.clicked.connect(lambda on: self.edit(on, dragging=False))
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.one_line(((self.switch, 0),))

    def set_label_width(self, width: int) -> None:
        """Ignored: the switch is at the end of the line, so that its label may be a sentence."""

    def value(self) -> bool:
        return self.switch.isChecked()

    def describe(self, value: Any) -> str:
        return self.tr("on") if value else self.tr("off")

    def show_value(self, value: Any) -> None:
        self.switch.setChecked(bool(value))


class Combo(SearchCombo):
    """Combo box that ignores the wheel, and whose keys take precedence over the window's shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS | PRESS_KEYS) or super().event(event)


class ChoiceRow(Row):
    """Label and combo box."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.combo = Combo()
        self.combo.setAccessibleName(self.title)
        self.combo.activated.connect(lambda _: self.edit(self.value(), dragging=False))
        self._options: tuple[str, ...] = ()
        self._suggested: tuple[str, ...] = ()
        self._empty = translated(field.choices.empty) if field.choices is not None and field.choices.empty else ""
        self.one_line(((self.combo, 1),))

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        if options != self._options:
            self._options = options
            current = self.value()
            self.combo.clear()
            if self._empty:
                self.combo.addItem(self._empty, "")
            for option in options:
                # The empty choice may be one of them by another name.
                if self._title(option) != self._empty:
                    self.combo.addItem(self._title(option), option)
            self._suggested = ()
            self.show_value(current)

    def suggest(self, options: tuple[str, ...]) -> None:
        if options == self._suggested:
            return
        for row in range(self.combo.count()):
            option = self.combo.itemData(row)
            section = (1.0, self.tr("All")) if options else None
            if option in options:
                section = (options.index(option) / len(options), self.tr("Most likely here"))
            elif not option:
                section = (-1.0, "")
            if self.combo.itemData(row, SECTION) != section:
                self.combo.setItemData(row, section, SECTION)
        self._suggested = options

    def _title(self, option: str) -> str:
        choices = self.field.choices
        if choices is None or option not in choices.options or not choices.titles:
            return option
        return QCoreApplication.translate("params", choices.titles[choices.options.index(option)])

    def value(self) -> str:
        return str(self.combo.currentData() or "")

    def describe(self, value: Any) -> str:
        return self._title(str(value))

    def show_value(self, value: Any) -> None:
        text = str(value)
        self.combo.setCurrentIndex(self.combo.findData("" if text and self._title(text) == self._empty else text))


class PointRow(Row):
    """Label, a button that starts the point tool on the canvas, and one that clears the point.

    Signals
    -------
    pick_requested : the user wants to click on the picture
    """

    pick_requested = Signal()

    def __init__(self, field: Field, symbol: str = "crosshair") -> None:
        super().__init__(field)
        self._value: tuple[Any, ...] | None = None
        self.button = ElidedButton(icon(symbol))
        self.button.setObjectName("value-button")
        self.button.clicked.connect(self.pick_requested)
        self.clear = QToolButton()
        self.clear.setIcon(icon("x"))
        self.clear.setToolTip(self.tr("Clear this point"))
        self.clear.setAccessibleName(self.tr("{title}: clear this point").format(title=self.title))
        self.clear.clicked.connect(self.reset)
        self.one_line(((self.button, 1), (self.clear, 0)))
        self.show_value(None)

    def invitation(self) -> str:
        """Text of the button while there is no value."""
        return self.tr("Pick on picture")

    def value(self) -> tuple[Any, ...] | None:
        return self._value

    def describe(self, value: Any) -> str:
        return f"{value[0]:.0f}, {value[1]:.0f} px"

    def show_value(self, value: Any) -> None:
        self._value = None if value is None else tuple(value)
        self.button.setText(self.describe(value) if value else self.invitation())
        self.button.setAccessibleName(f"{self.title}: {self.button.text()}")
        self.clear.setVisible(bool(value))
