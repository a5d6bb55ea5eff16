"""The licence of the chosen model, always visible, with a button where its weights are missing."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from cvstudio.models import ModelSpec
from cvstudio.models.terms import Place, terms
from ui.base.translate import translated
from ui.models.model_card import non_commercial_badge
from ui.widgets.elided_label import ElidedLabel


class LicenceLine(QWidget):
    """The licence in one line, with a badge where it forbids commercial use; hidden where there is no text.

    The tooltip has all of a text that is wider than the line.

    Signals
    -------
    get_requested : `Weights` to download, of the model that is shown
    """

    get_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._model: ModelSpec | None = None
        self.badge = non_commercial_badge()
        self.text = ElidedLabel()
        self.text.setObjectName("small")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.badge)
        layout.addWidget(self.text, 1)
        self.get = QPushButton(self.tr("Download …"))
        self.get.setObjectName("get-weights")
        self.get.setToolTip(self.tr("Shows size, licence and source of the weights before they are downloaded"))
        self.get.hide()
        self.get.clicked.connect(self._get)
        layout.addWidget(self.get)

    def show_terms(self, model: ModelSpec | None, local: Path | None = None) -> None:
        """Show the terms of `model`; a `local` checkpoint has unknown terms of its own."""
        absent = model is not None and local is None and terms(model).place is Place.ABSENT
        self._model = model if absent else None
        if local is not None:
            self.show_licence(self.tr("Checkpoint {name}: licence not stated").format(name=local.name))
        elif model is None:
            self.show_licence("")
        else:
            model_terms = terms(model)
            place = "" if model_terms.place in (Place.EMBEDDED, Place.PACKAGE) else translated(model_terms.place.value)
            text = " · ".join(part for part in (model_terms.licence, place) if part)
            self.show_licence(text, non_commercial=model_terms.non_commercial)

    def show_licence(self, text: str, *, non_commercial: bool = False) -> None:
        """Show `text` as the licence."""
        self.badge.setVisible(non_commercial)
        self.get.setVisible(self._model is not None and bool(text))
        self.text.setText(text)
        self.setVisible(bool(text))

    def _get(self) -> None:
        if self._model is not None:
            self.get_requested.emit(self._model.weights[0])
