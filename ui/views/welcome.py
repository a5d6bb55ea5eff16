"""Welcome screen: recent files and projects, and the analyses, each with a sample to try it on."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.terms import Place, terms
from ui.base.translate import translated
from ui.views.front_page import CARD, WelcomeFrame, columns_of
from ui.widgets.icon_label import IconLabel


class Card(QPushButton):
    """Card of one analysis; where the weights of its model are to be downloaded, it says how large they are."""

    def __init__(self, spec: Analysis) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setProperty("analysis", spec.key)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(CARD)
        self.spec = spec
        picture = IconLabel(spec.icon, 20, "text")
        title = QLabel(translated(spec.title))
        title.setObjectName("card-title")
        description = QLabel(translated(spec.summary))
        description.setObjectName("quiet")
        description.setWordWrap(True)
        description.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.note = QLabel()
        self.note.setObjectName("small")
        heading = QHBoxLayout()
        heading.setSpacing(8)
        heading.addWidget(picture)
        heading.addWidget(title, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 8, 8)
        layout.setSpacing(4)
        layout.addLayout(heading)
        layout.addWidget(description, 1)
        layout.addWidget(self.note)
        for label in (picture, title, description, self.note):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.tell_weights()

    @property
    def missing_model(self) -> ModelSpec | None:
        """The model that the analysis begins with, where its weights are to be downloaded; None where it can begin."""
        model = MODELS[self.spec.first_model] if self.spec.first_model else None
        return model if model is not None and terms(model).place is Place.ABSENT else None

    def tell_weights(self) -> None:
        """Say what is to be downloaded, or nothing any more once it is here."""
        model = self.missing_model
        size = f"{terms(model).size_bytes / 1e6:.0f} MB" if model is not None else ""
        self.note.setText(self.tr("{size} to download").format(size=size) if model is not None else "")
        self.note.setVisible(model is not None)
        parts = (translated(self.spec.title), translated(self.spec.summary), self.note.text())
        self.setAccessibleName(parts[0])
        self.setAccessibleDescription(" ".join(part for part in parts[1:] if part))


class Welcome(WelcomeFrame):
    """Screen shown while no medium is open.

    Signals
    -------
    sample_requested : key of the analysis whose sample is to be opened
    weights_requested : `Weights` without which it cannot begin, to be offered for download
    """

    sample_requested = Signal(str)
    weights_requested = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._columns = 0
        self.cards: list[Card] = []
        for spec in (item for item in ANALYSES if item.on_start_page and (item.first_model or not item.task)):
            card = Card(spec)
            card.clicked.connect(lambda _=False, card=card: self._chosen(card))
            self.cards.append(card)
        self._arrange(len(self.cards))

    def _chosen(self, card: Card) -> None:
        model = card.missing_model
        self.sample_requested.emit(card.spec.key)
        if model is not None:
            self.weights_requested.emit(model.weights[0])

    def tell_weights(self) -> None:
        """Update what is said of weights that are to be downloaded."""
        for card in self.cards:
            card.tell_weights()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(columns_of(len(self.cards), event.size().width()))

    def _arrange(self, columns: int) -> None:
        if columns != self._columns:
            self._columns = columns
            for number, card in enumerate(self.cards):
                self.grid.addWidget(card, number // columns, number % columns)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.open_requested.emit()
