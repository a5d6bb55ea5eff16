"""Welcome screen: the analyses, each with a sample to try it on."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses import ANALYSES, Analysis
from ui.base.icons import icon
from ui.base.translate import translated
from ui.widgets.icon_label import IconLabel

CARD = QSize(224, 152)
GAP = 12


class Card(QPushButton):
    """Card of one analysis."""

    def __init__(self, spec: Analysis) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setProperty("analysis", spec.key)
        self.setAccessibleName(translated(spec.action))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(CARD)
        picture = IconLabel(spec.icon, 28, "text")
        title = QLabel(translated(spec.action))
        title.setObjectName("card-title")
        description = QLabel(translated(spec.summary))
        description.setObjectName("quiet")
        description.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 16, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(picture)
        layout.addWidget(title)
        layout.addWidget(description, 1)
        description.setAlignment(Qt.AlignmentFlag.AlignTop)
        for label in (picture, title, description):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)


class Welcome(QFrame):
    """Screen shown while no medium is open.

    Signals
    -------
    open_requested : the user wants to open a file
    sample_requested : key of the analysis whose sample is to be opened
    """

    open_requested = Signal()
    sample_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("welcome")
        title = QLabel(self.tr("What do you want to see?"))
        title.setObjectName("welcome-title")
        title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        hint = QLabel(
            self.tr("Drop a picture, a video, a sound, a depth map, a 3D model or a folder anywhere in this window.")
        )
        hint.setObjectName("quiet")
        hint.setWordWrap(True)
        hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        choose = QPushButton(icon("folder-open", 16, "on_accent"), self.tr("Open a file …"))
        choose.setObjectName("primary")
        choose.clicked.connect(self.open_requested)
        self._grid = QGridLayout()
        self._grid.setSpacing(GAP)
        self._columns = 0
        self.cards: list[Card] = []
        for spec in (item for item in ANALYSES if item.default_model or not item.task):
            card = Card(spec)
            card.clicked.connect(lambda _=False, key=spec.key: self.sample_requested.emit(key))
            self.cards.append(card)
        cards = QHBoxLayout()
        cards.addStretch(1)
        cards.addLayout(self._grid)
        cards.addStretch(1)
        note = QLabel(self.tr("or begin with a sample"))
        note.setObjectName("quiet")
        note.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        # In a small window the cards scroll instead of being compressed.
        content, area = QWidget(), QScrollArea()
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page_layout = QVBoxLayout(self)
        page_layout.setContentsMargins(0, 0, 0, 0)
        page_layout.addWidget(area)
        layout = QVBoxLayout(content)
        layout.setSpacing(12)
        layout.addStretch(2)
        layout.addWidget(title)
        layout.addWidget(hint)
        layout.addSpacing(8)
        layout.addWidget(choose, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(24)
        layout.addWidget(note)
        layout.addLayout(cards)
        layout.addStretch(3)
        self._arrange(len(self.cards))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(max(1, (event.size().width() - GAP) // (CARD.width() + GAP)))

    def _arrange(self, max_columns: int) -> None:
        """Distribute the cards evenly over the smallest number of rows that fits."""
        rows = -(-len(self.cards) // max_columns)
        columns = -(-len(self.cards) // rows)
        if columns != self._columns:
            self._columns = columns
            for number, card in enumerate(self.cards):
                self._grid.addWidget(card, number // columns, number % columns)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.open_requested.emit()
