"""Table cells whose colours stay what they are in a selected row."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from ui.widgets.swatch import steady_icon

Index = QModelIndex | QPersistentModelIndex


class SwatchDelegate(QStyledItemDelegate):
    """Shows the swatch of a class, a pixmap, in its own colour in selected rows, too, where Qt would tint it."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        swatch = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(swatch, QPixmap):
            option.icon = steady_icon(swatch)
