"""Rows for a number and for an interval."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.widgets.range_slider import RangeSlider
from ui.widgets.rows.row import Row
from ui.widgets.slider import Slider
from ui.widgets.track import number
from ui.widgets.value_box import ValueBox

ANY_NUMBER = Range(0, 1)


class SliderRow(Row):
    """Label, slider, number with unit."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._range = field.range or ANY_NUMBER
        self.slider = Slider(self._range)
        self.slider.setAccessibleName(self.title)
        self.slider.edited.connect(self._slid)
        self.slider.released.connect(lambda value: self.released.emit(self._typed(value)))
        self.slider.reset_requested.connect(self.reset)
        self.box = ValueBox(self._range)
        self.box.setAccessibleName(self.title)
        self.box.typed.connect(self._entered)
        self.one_line(((self.slider, 1), (self.box, 0)))

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        new_range = bounds or self.field.range or ANY_NUMBER
        if new_range != self._range:
            self._range = new_range
            self.slider.set_range(new_range)
            self.box.set_range(new_range)

    def set_known(self, known: bool) -> None:
        super().set_known(known)
        self.box.set_known(known)

    @property
    def value_width(self) -> int:
        return self.box.wanted_width

    def set_value_width(self, width: int) -> None:
        self.box.setFixedWidth(width)

    def _typed(self, value: float) -> float | int:
        return round(value) if self.field.kind == "int" else value

    def value(self) -> float | int:
        return self._typed(self.slider.number)

    def describe(self, value: Any) -> str:
        return number(value, self._range)

    def show_value(self, value: Any) -> None:
        number_shown = self._range.low if value is None else float(value)
        self.slider.set_number(number_shown)
        self.box.set_number(number_shown)

    def _slid(self, value: float, dragging: bool) -> None:
        self.box.set_number(value)
        self.edit(self._typed(value), dragging=dragging)

    def _entered(self, value: float) -> None:
        self.slider.set_number(value)
        self.edit(self._typed(value), dragging=False)


class IntervalRow(Row):
    """Label and both numbers, and below them the range slider in the width of the form, for its histogram."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._range = field.range or ANY_NUMBER
        self.slider = RangeSlider(self._range)
        self.slider.setAccessibleName(self.title)
        self.slider.edited.connect(self._slid)
        self.slider.released.connect(self.released.emit)
        self.slider.reset_requested.connect(self.reset)
        self.low = ValueBox(self._range, unit=False)
        self.low.setAccessibleName(self.tr("{title}, from").format(title=self.title))
        self.high = ValueBox(self._range)
        self.high.setAccessibleName(self.tr("{title}, to").format(title=self.title))
        for box in (self.low, self.high):
            box.typed.connect(self._entered)
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self.label)
        top.addStretch(1)
        for widget in (self.low, QLabel("–"), self.high):
            top.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.slider)

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        new_range = bounds or self.field.range or ANY_NUMBER
        if new_range != self._range:
            self._range = new_range
            for control in (self.slider, self.low, self.high):
                control.set_range(new_range)
        self.slider.set_histogram(histogram)

    def set_known(self, known: bool) -> None:
        super().set_known(known)
        for box in (self.low, self.high):
            box.set_known(known)

    def value(self) -> tuple[float, float]:
        return self.slider.interval

    def describe(self, value: Any) -> str:
        low, high = (number(end, self._range) for end in value)
        return self.tr("{low} to {high}").format(low=low, high=high)

    def show_value(self, value: Any) -> None:
        low, high = (self._range.low, self._range.high) if value is None else value
        self.slider.set_interval((low, high))
        self.low.set_number(low)
        self.high.set_number(high)

    def _slid(self, value: tuple[float, float], dragging: bool) -> None:
        self.low.set_number(value[0])
        self.high.set_number(value[1])
        self.edit(value, dragging=dragging)

    def _entered(self) -> None:
        # An end that is typed beyond the other moves the other to the same value.
        low, high = self.low.value(), self.high.value()
        if low > high:
            low, high = (low, low) if self.sender() is self.low else (high, high)
        self.show_value((low, high))
        self.edit((low, high), dragging=False)
