"""One line under the model that offers a published one that serves better, with its size and licence."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from cvstudio.models import ModelSpec
from cvstudio.models.domain import better_text
from cvstudio.models.terms import terms
from cvstudio.weights.declaration import Weights


class BetterLine(QWidget):
    """The offer of a better model; hidden where there is none.

    Nothing is downloaded before the user has seen size, licence and source and agreed; then the model is used at once.

    Signals
    -------
    use_requested : key of the model, which is here
    get_requested : `Weights` of the model, to be offered for download
    """

    use_requested = Signal(str)
    get_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._model: ModelSpec | None = None
        self._awaited = ""
        self.text = QLabel()
        self.text.setObjectName("small")
        self.text.setWordWrap(True)
        self.button = QPushButton()
        self.button.setObjectName("better-button")
        self.button.clicked.connect(self._clicked)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        self.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._keep_lines()

    def _keep_lines(self) -> None:
        """Be high enough for all lines of the text: a form may give no more than the least height."""
        self.setMinimumHeight(max(self.heightForWidth(self.width()), 0))  # -1 where nothing is shown

    def show_model(self, model: ModelSpec | None, instead_of: ModelSpec | None = None) -> None:
        """Offer `model` where `instead_of` is in use; None hides the line."""
        if model != self._model:
            self._awaited = ""
        self._model = model
        self.setVisible(model is not None)
        if model is None:
            return
        knows_more = instead_of is not None and len(model.labels) > len(instead_of.labels)
        offer = self.tr("Knows more: {model}") if knows_more else self.tr("More accurate: {model}")
        self.text.setText(offer.format(model=better_text(model)))
        self._keep_lines()
        if terms(model).place.ready:
            self.button.setText(self.tr("Use"))
            self.button.setToolTip(self.tr("Use {model} in place of this model").format(model=model.title))
        else:
            self.button.setText(self.tr("Get …"))
            self.button.setToolTip(
                self.tr("Shows size, licence and source of {model}; once downloaded, it is used").format(
                    model=model.title
                )
            )
        self.button.setAccessibleName(f"{self.button.text()} {model.title}")

    def arrived(self) -> str:
        """Key of the model whose download was asked for here and that can be used now; empty otherwise, and once."""
        model = self._model
        if model is None or model.key != self._awaited or not terms(model).place.ready:
            return ""
        self._awaited = ""
        return model.key

    def _clicked(self) -> None:
        model = self._model
        if model is None:
            return
        if terms(model).place.ready:
            self.use_requested.emit(model.key)
            return
        self._awaited = model.key
        weights: Weights = model.weights[0]
        self.get_requested.emit(weights)
