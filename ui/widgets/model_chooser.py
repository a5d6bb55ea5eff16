"""Choosing a model: its title, and under it in the list what it may be used for and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from cvstudio.models import ModelSpec
from cvstudio.weights.terms import Terms, terms
from ui import theme
from ui.translate import translated

LIST_WIDTH = 460
ROW_HEIGHT = 44
LINE_HEIGHT = 28
"""Of a row without a licence."""

SEPARATOR_HEIGHT = 9
MOST_VISIBLE = 14
MARGIN = 8
ALL = "\0all"
"""The data of the last line, which is no model: the catalogue is wanted."""

LICENCE = Qt.ItemDataRole.UserRole + 1
PLACE = Qt.ItemDataRole.UserRole + 2


class ModelChooser(QComboBox):
    """A combo box whose data are keys of models; the last line leads to the catalogue."""

    def __init__(self, models: Iterable[ModelSpec]) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Model"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        # With a hundred models a list as tall as the screen would be all that one sees.
        self.setMaxVisibleItems(MOST_VISIBLE)
        self._models = tuple(models)
        for row, model in enumerate(self._models):
            self.addItem(model.title, model.key)
            self.setItemData(row, translated(model.summary), Qt.ItemDataRole.ToolTipRole)
        self.insertSeparator(self.count())
        self.addItem(self.tr("All models …"), ALL)
        self.tell_terms()
        self.setItemDelegate(_TwoLines(self))
        # The box is narrow, what is chosen from need not be.
        self.view().setMinimumWidth(LIST_WIDTH)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # Scrolling the panel past it must neither load networks nor open the catalogue.
        event.ignore()

    def tell_terms(self) -> None:
        """Tell again what each may be used for and whether it is there: weights may have come."""
        for row, model in enumerate(self._models):
            licence, place = terms_texts(terms(model))
            self.setItemData(row, licence, LICENCE)
            self.setItemData(row, place, PLACE)
            told = ", ".join(part for part in (model.title, licence, place) if part)
            self.setItemData(row, told, Qt.ItemDataRole.AccessibleTextRole)


def terms_texts(found: Terms) -> tuple[str, str]:
    """The licence, and size and place, in the user's language."""
    place = translated(found.place.value)
    return found.licence, f"{found.size_bytes / 1e6:.1f} MB · {place}" if found.size_bytes else place


class _TwoLines(QStyledItemDelegate):
    """Title, at its right size and place, and the licence under it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._small = theme.app_font(theme.SMALL_PX)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        if index.data(Qt.ItemDataRole.UserRole) is None:
            return QSize(LIST_WIDTH, SEPARATOR_HEIGHT)
        return QSize(LIST_WIDTH, ROW_HEIGHT if index.data(LICENCE) else LINE_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if index.data(Qt.ItemDataRole.UserRole) is None:
            line: QRect = option.rect  # type: ignore[attr-defined]
            painter.fillRect(line.left(), line.center().y(), line.width(), 1, theme.colour("line"))
            return
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        ground.text = ""
        style = ground.widget.style() if ground.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, ground, painter, ground.widget)
        whole: QRect = option.rect.adjusted(MARGIN, 4, -MARGIN, -4)  # type: ignore[attr-defined]
        upper, lower = QRect(whole), QRect(whole)
        if index.data(LICENCE):
            upper.setHeight(whole.height() // 2)
        lower.setTop(upper.bottom() + 1)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        lines = (
            (upper, "text", theme.app_font(), Qt.ItemDataRole.DisplayRole, left),
            (upper, "quiet", self._small, PLACE, right),
            (lower, "quiet", self._small, LICENCE, left),
        )
        painter.save()
        for rect, role, font, data, side in lines:
            painter.setFont(font)
            painter.setPen(theme.colour(role))
            text = painter.fontMetrics().elidedText(index.data(data) or "", Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()
