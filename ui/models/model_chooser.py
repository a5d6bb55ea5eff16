"""The combo box of models: title, licence, score and where the weights are."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cvstudio.models import ModelSpec
from cvstudio.models.domain import domain, superseded
from cvstudio.models.terms import Place, Terms, terms
from ui.base import theme
from ui.base.translate import translated
from ui.widgets.search_combo import NAMES, SECTION, WORDS, SearchCombo

LIST_WIDTH = 460
ROW_HEIGHT = 44
LINE_HEIGHT = 28
"""Height in pixels of a row without a licence."""

MARGIN = 8

LICENCE = Qt.ItemDataRole.UserRole + 1
PLACE = Qt.ItemDataRole.UserRole + 2
SCORE = Qt.ItemDataRole.UserRole + 3
DOMAIN = Qt.ItemDataRole.UserRole + 4


READY = {Place.EMBEDDED: 0.0, Place.PACKAGE: 0.0, Place.HERE: 0.1, Place.CHOSEN: 0.1, Place.LIBRARY: 0.2}
"""Sort keys of the places whose models can be used at once."""


BEHIND = 0.05
"""Added to the sort key of a model in place of which a better one can be used at once."""


class ModelChooser(SearchCombo):
    """A combo box of models whose item data are their keys; a long list begins with those that can be used at once.

    Parameters
    ----------
    none : title of a first item for no model, whose data is ""; without one a model has to be chosen
    """

    def __init__(self, models: Iterable[ModelSpec], none: str = "") -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Model"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.list_width = LIST_WIDTH
        self._none = none
        self._models: tuple[ModelSpec, ...] = ()
        self.offer(models)
        self.setItemDelegate(TwoLines(self))
        # The box is narrow, its list need not be.
        self.view().setMinimumWidth(LIST_WIDTH)

    def offer(self, models: Iterable[ModelSpec]) -> None:
        """Replace the models; the chosen one stays where it is still there, else the first item is chosen."""
        models = tuple(models)
        if models == self._models:
            return
        self._models = models
        current = self.currentData()
        self.blockSignals(True)
        self.clear()
        if self._none:
            self.addItem(self._none, "")
        for row, model in enumerate(self._models, self.count()):
            self.addItem(model.title, model.key)
            self.setItemData(row, translated(model.summary), Qt.ItemDataRole.ToolTipRole)
            self.setItemData(row, score_text(model), SCORE)
            self.setItemData(row, translated(domain(model)), DOMAIN)
            self.setItemData(row, (model.key, model.family, *model.keywords), NAMES)
            self.setItemData(row, f"{translated(model.summary)} {model.paper} {model.year}", WORDS)
        self.tell_terms()
        self.setCurrentIndex(max(0, self.findData(current)))
        self.blockSignals(False)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # Scrolling the panel across the box must not load networks.
        event.ignore()

    def tell_terms(self) -> None:
        """Update licence, place and section of each model, which change when weights arrive."""
        first_years: dict[str, float] = {}
        for model in self._models:
            first_years[model.family] = min(first_years.get(model.family, model.year), model.year)
        all_terms = {model.key: terms(model) for model in self._models}
        places = {key: item.place for key, item in all_terms.items()}
        for row, model in enumerate(self._models, 1 if self._none else 0):
            model_terms = all_terms[model.key]
            licence, place = terms_texts(model_terms)
            ready_order = READY.get(model_terms.place)
            if ready_order is not None and superseded(model, places):
                ready_order += BEHIND
            section = (
                (first_years[model.family], translated(model.family))
                if ready_order is None
                else (ready_order, self.tr("Ready to use"))
            )
            self.setItemData(row, section, SECTION)
            self.setItemData(row, licence, LICENCE)
            self.setItemData(row, place, PLACE)
            spoken = ", ".join(part for part in (model.title, licence, place) if part)
            self.setItemData(row, spoken, Qt.ItemDataRole.AccessibleTextRole)


def score_text(model: ModelSpec) -> str:
    """The first published score of a model, such as "top-1 69.8%"; empty without one."""
    scores = model.weights[0].scores if model.weights else {}
    return next((f"{name} {value:.1f}%" for name, value in scores.items()), "")


def terms_texts(model_terms: Terms) -> tuple[str, str]:
    """(licence, size and place) of a model, in the user's language."""
    place = f"{translated(model_terms.place.value)} {model_terms.file_name}".rstrip()
    size_bytes = model_terms.size_bytes
    return model_terms.licence, f"{size_bytes / 1e6:.1f} MB · {place}" if size_bytes else place


class TwoLines(QStyledItemDelegate):
    """Paints a row in two lines: title and `PLACE` above; `DOMAIN` and `LICENCE` (where there is one) and `SCORE`
    below."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._small = theme.app_font(theme.SMALL_PX)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(LIST_WIDTH, ROW_HEIGHT if index.data(LICENCE) else LINE_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        ground.text = ""
        style = ground.widget.style() if ground.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, ground, painter, ground.widget)
        whole: QRect = option.rect.adjusted(MARGIN, 4, -MARGIN, -4)
        upper, lower = QRect(whole), QRect(whole)
        if index.data(LICENCE):
            upper.setHeight(whole.height() // 2)
        lower.setTop(upper.bottom() + 1)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        # The texts at the right are short; those at the left are elided to leave them room.
        lines = (
            (upper, "quiet", self._small, PLACE, right),
            (upper, "text", theme.app_font(), Qt.ItemDataRole.DisplayRole, left),
            (lower, "quiet", self._small, SCORE, right),
            (lower, "quiet", self._small, LICENCE, left),
        )
        below = " · ".join(part for part in (index.data(DOMAIN), index.data(LICENCE)) if part)
        painter.save()
        for rect, role, font, data, side in lines:
            painter.setFont(font)
            painter.setPen(theme.colour(role))
            metrics = painter.fontMetrics()
            whole_text = below if data == LICENCE else index.data(data) or ""
            text = metrics.elidedText(whole_text, Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, text)
            if side == right and text:
                rect.setRight(rect.right() - metrics.horizontalAdvance(text) - MARGIN)
        painter.restore()
