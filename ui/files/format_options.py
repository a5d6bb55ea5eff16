"""Forms for the options that export formats declare; the last values are remembered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from cvstudio.exporters import Exporter
from cvstudio.foundation.params import fields_of, from_mapping, to_mapping, values_of
from ui.base.settings import Settings
from ui.base.translate import translated
from ui.widgets.param_form import ParamForm


class FormatOptions(QWidget):
    """A column of forms, one for each format with options; hidden where no format has any.

    Parameters
    ----------
    settings : store of the last values
    place : prefix of their keys in `settings`; the format's key follows it
    titled : whether each form has the format's title over it

    Signals
    -------
    edited : key of the format
    """

    edited = Signal(str)

    def __init__(self, settings: Settings, place: str, *, titled: bool = False) -> None:
        super().__init__()
        self._settings = settings
        self._place = place
        self._titled = titled
        self._exporters: dict[str, Exporter] = {}
        self._values: dict[str, dict[str, Any]] = {}
        self._forms: dict[str, ParamForm] = {}
        self._parts: dict[str, QWidget] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)

    def form(self, key: str) -> ParamForm:
        """The form of a format. Raises KeyError where it has no options or was never shown."""
        return self._forms[key]

    def set_formats(self, exporters: Sequence[Exporter]) -> None:
        """Show the options of these formats, in this order."""
        chosen = [exporter for exporter in exporters if fields_of(exporter.params)]
        for part in self._parts.values():
            part.hide()
        for place, exporter in enumerate(chosen):
            if exporter.key not in self._parts:
                self._make(exporter)
            part = self._parts[exporter.key]
            self._layout.removeWidget(part)
            self._layout.insertWidget(place, part)
            part.show()
        self.setVisible(bool(chosen))

    def values(self, exporter: Exporter) -> dict[str, Any]:
        """Values of all options of a format by name, whether its form is shown or not."""
        if exporter.key not in self._values:
            self._values[exporter.key] = self._remembered(exporter)
        return dict(self._values[exporter.key])

    def remember(self, key: str) -> None:
        """Store the values of a format for the next start."""
        if key in self._values:
            self._settings.set(f"{self._place}/{key}", json.dumps(self._values[key]))

    def _make(self, exporter: Exporter) -> None:
        key = exporter.key
        form = ParamForm()
        form.set_fields(fields_of(exporter.params), values_of(from_mapping(exporter.params, self.values(exporter))))
        form.edited.connect(lambda name, value, _: self._set(key, name, value))
        part = QWidget(self)
        column = QVBoxLayout(part)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        if self._titled:
            title = QLabel(translated(exporter.title))
            title.setObjectName("section")
            column.addWidget(title)
        column.addWidget(form)
        self._exporters[key], self._forms[key], self._parts[key] = exporter, form, part

    def _set(self, key: str, name: str, value: Any) -> None:
        params_type = self._exporters[key].params
        chosen = from_mapping(params_type, {**self._values[key], name: value})
        self._values[key] = to_mapping(chosen)
        # The form holds no state of its own; its dots mark values that differ from their defaults.
        self._forms[key].set_fields(fields_of(params_type), values_of(chosen))
        self.edited.emit(key)

    def _remembered(self, exporter: Exporter) -> dict[str, Any]:
        """Stored values of a format; its defaults where the stored ones are invalid."""
        try:
            stored = json.loads(self._settings.text(f"{self._place}/{exporter.key}", "{}"))
            return to_mapping(from_mapping(exporter.params, stored))
        except (ValueError, TypeError, AttributeError):  # edited by hand, or written by another version
            return to_mapping(exporter.params())
