"""The domain of the chosen model under its name, with the list of its classes one click away."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QSizePolicy, QToolButton

from cvstudio.models import ModelSpec
from cvstudio.models.domain import domain
from ui.base.icons import icon
from ui.base.translate import translated
from ui.models.model_card import CardPopup, CardView

LIST_HEIGHT = 320
MOST_AT_ONCE = 12
"""Most classes that are seen at once: a longer list has a filter."""


class ClassesView(CardView):
    """The classes of a model by name, with a filter where they are many."""

    def __init__(self, model: ModelSpec) -> None:
        super().__init__()
        self.head(model.title, False)
        self.text(translated(domain(model)), "quiet")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setAccessibleName(self.tr("Filter the list by name"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setVisible(len(model.labels) > MOST_AT_ONCE)
        self.filter.textChanged.connect(self._show_matching)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Classes"))
        self.list.addItems(sorted(model.labels, key=str.casefold))
        row_height = self.list.sizeHintForRow(0)
        self.list.setFixedHeight(min(LIST_HEIGHT, row_height * len(model.labels) + 2 * self.list.frameWidth() + 2))
        self.add(self.filter)
        self.add(self.list)

    def _show_matching(self, text: str) -> None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(text.casefold() not in item.text().casefold())


class DomainButton(QToolButton):
    """A flat button with the domain of a model; a click opens its list of classes."""

    def __init__(self) -> None:
        super().__init__()
        self._model: ModelSpec | None = None
        self.setObjectName("domain-button")
        self.setIcon(icon("chevron-down", 14, "quiet"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)  # the arrow stands behind the text
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setToolTip(self.tr("What this model knows; click for the whole list"))
        self.clicked.connect(self.show_classes)

    def show_model(self, model: ModelSpec | None) -> None:
        """Show the domain of `model`; hidden where it states none."""
        self._model = model
        text = translated(domain(model)) if model is not None else ""
        self.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def show_classes(self) -> CardPopup | None:
        """Open the list of the classes below the button."""
        return None if self._model is None else CardPopup(self, ClassesView(self._model))
