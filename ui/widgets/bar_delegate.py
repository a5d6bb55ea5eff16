"""Table cells with a bar before their number."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from ui.base import theme
from ui.widgets.swatch_delegate import SwatchDelegate

ROW_HEIGHT = 26
BAR_WIDTH = 32
SCORE_WIDTH = 96
Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class BarDelegate(SwatchDelegate):
    """Paints a fraction 0..1, the item's user data, as a short bar before the number."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        share = index.data(Qt.ItemDataRole.UserRole)
        if share is None:
            return
        area: QRect = option.rect
        bar = QRectF(area.left() + 8, area.center().y() - 2, BAR_WIDTH, 4)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("edge", 0.35))
        painter.drawRoundedRect(bar, 2, 2)
        painter.setBrush(theme.colour("accent"))
        painter.drawRoundedRect(QRectF(bar.left(), bar.top(), bar.width() * share, bar.height()), 2, 2)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(SCORE_WIDTH, ROW_HEIGHT)
