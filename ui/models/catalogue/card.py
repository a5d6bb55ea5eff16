"""The right side of the catalogue: card and layers of the chosen model, and its actions."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, SignalInstance
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from cvstudio.models.catalogue.columns import count_text, speed_text
from cvstudio.models.catalogue.entries import CatalogueEntry
from cvstudio.models.inspection.layers import Inspection
from cvstudio.models.terms import Place
from ui.base.icons import icon
from ui.models.catalogue.layer_tree import LayersView
from ui.models.model_card import ModelCardView, non_commercial_badge
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.empty_state import EmptyState

WIDTH = 400
LAYERS_WIDTH = 560
ABOUT, LAYERS = range(2)


class CatalogueCard(QWidget):
    """Card and layers of one catalogue entry, with buttons to use, get and measure the model.

    Signals
    -------
    use_requested, get_requested, measure_requested, layers_requested : `CatalogueEntry`
    room_wanted : width in pixels that the current page needs
    layer_chosen : (`CatalogueEntry`, `NetworkLayer` or None)
    """

    use_requested = Signal(object)
    get_requested = Signal(object)
    measure_requested = Signal(object)
    layers_requested = Signal(object)
    room_wanted = Signal(int)
    layer_chosen = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.entry: CatalogueEntry | None = None
        self._asked = ""
        self.use = QPushButton(self.tr("Use"))
        self.use.setObjectName("primary")
        self.use.setToolTip(self.tr("Analyse the open file with this model (Enter)"))
        self.use.clicked.connect(lambda: self._emit(self.use_requested))
        self.get = QPushButton(icon("download"), self.tr("Download …"))
        self.get.setToolTip(self.tr("Shows size, licence and source of the weights before they are downloaded"))
        self.get.clicked.connect(lambda: self._emit(self.get_requested))
        self.measure = QPushButton(icon("gauge"), self.tr("Measure"))
        self.measure.setToolTip(self.tr("Runs the model a few times to tell its speed on this device"))
        self.measure.clicked.connect(lambda: self._emit(self.measure_requested))
        self.figures = QLabel()
        self.figures.setObjectName("quiet")
        self.figures.setWordWrap(True)
        self.figures.setTextFormat(Qt.TextFormat.PlainText)
        self.title = ElidedLabel()
        self.title.setObjectName("card-title")
        self.badge = non_commercial_badge()
        name = QHBoxLayout()
        name.setSpacing(8)
        name.addWidget(self.title, 1)
        name.addWidget(self.badge)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.use, self.get, self.measure):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.addTab(self.tr("About"))
        self.tabs.addTab(self.tr("Layers"))
        self.tabs.currentChanged.connect(self._turn)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.layers = LayersView()
        self.layers.chosen.connect(lambda layer: self.layer_chosen.emit(self.entry, layer))
        self._pages = QStackedWidget()
        self._pages.addWidget(self._scroll)
        self._pages.addWidget(self.layers)
        head = QVBoxLayout()
        head.setContentsMargins(16, 8, 16, 4)
        head.setSpacing(8)
        head.addLayout(name)
        head.addWidget(self.figures)
        head.addLayout(buttons)
        details = QWidget()
        column = QVBoxLayout(details)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.tabs)
        column.addWidget(self._pages, 1)
        self._whole = QStackedWidget()
        self._whole.addWidget(EmptyState("box", self.tr("Select a model to see its details.")))
        self._whole.addWidget(details)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._whole)

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 240)

    def show_entry(self, entry: CatalogueEntry | None) -> None:
        """Show another model, or new figures of the same one."""
        changed = entry is None or self.entry is None or entry.key != self.entry.key
        terms_changed = changed or (self.entry is not None and entry is not None and entry.terms != self.entry.terms)
        self.entry = entry
        self._whole.setCurrentIndex(0 if entry is None else 1)
        if entry is None:
            return
        self.title.setText(entry.spec.title)
        self.badge.setVisible(entry.terms.non_commercial)
        self.get.setVisible(entry.terms.place is Place.ABSENT)
        measurable = entry.terms.place is not Place.GONE and (
            entry.terms.place is not Place.ABSENT or entry.spec.architecture is not None
        )
        self.measure.setEnabled(measurable)
        self.measure.setToolTip(
            self.tr("Measures its speed on this device")
            if entry.terms.place is not Place.ABSENT
            else self.tr("Measures the bare network on this device, as its weights are not downloaded")
        )
        self.figures.setText(self._figures(entry))
        if terms_changed:
            self._scroll.setWidget(ModelCardView(entry.spec, headed=False))
        if changed:
            self._asked = ""
            self._turn()

    def show_layers(self, key: str, inspection: Inspection) -> None:
        """Show the layers of the model `key`, unless another model was chosen meanwhile."""
        if self.entry is not None and self.entry.key == key:
            self.layers.show_inspection(inspection)

    def fail_layers(self, text: str) -> None:
        """Show why the layers could not be read."""
        self.layers.say(text)

    def texts(self) -> list[str]:
        """Texts of all labels on the first page."""
        return [
            self.title.text(),
            self.figures.text(),
            *(label.text() for label in self._scroll.findChildren(QLabel)),
        ]

    def _figures(self, entry: CatalogueEntry) -> str:
        parts = []
        if entry.score is not None:
            parts.append(f"{entry.score[1]:.1f}% {entry.score[0]}")
        if entry.figures is not None:
            height, width = entry.figures.input_size
            parts.append(self.tr("{count} parameters").format(count=count_text(entry.figures.parameters)))
            parts.append(
                self.tr("{count} multiply-adds at {width} × {height}").format(
                    count=count_text(entry.figures.macs), width=width, height=height
                )
            )
        if entry.speed is not None:
            template = (
                self.tr("{ms} ms on this device")
                if entry.speed.what == "model"
                else self.tr("{ms} ms on this device, network only")
            )
            parts.append(template.format(ms=speed_text(entry).removeprefix("≈ ")))
        return " · ".join(parts)

    def _turn(self) -> None:
        """Show the page of the current tab; the layers of a model are requested when first shown."""
        self._pages.setCurrentIndex(self.tabs.currentIndex())
        self.room_wanted.emit(WIDTH if self.tabs.currentIndex() == ABOUT else LAYERS_WIDTH)
        entry = self.entry
        if entry is None or self.tabs.currentIndex() != LAYERS or self._asked == entry.key:
            return
        self._asked = entry.key
        if entry.spec.architecture is None:
            self.layers.say(self.tr("This model is not a network of PyTorch layers, so there are none to show."))
            return
        self.layers.say(self.tr("Reading the layers …"))
        self.layers_requested.emit(entry)

    def _emit(self, signal: SignalInstance) -> None:
        if self.entry is not None:
            signal.emit(self.entry)
