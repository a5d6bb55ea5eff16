"""Overlay of the window while files are dragged over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ui.base import theme
from ui.base.icons import tinted
from ui.base.translate import counted

MARGIN = 12
ICON = 40


class DropHint(QWidget):
    """Covers its parent and shows the effect of a drop. It is transparent for the mouse: the parent gets the drop."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = ""
        self.hide()
        parent.installEventFilter(self)

    def show_for(self, paths: Sequence[Path]) -> None:
        """Show the effect of dropping `paths`."""
        one, many = self.tr("Drop to open {name}"), self.tr("Drop to open {count} items")
        self.text = counted(len(paths), one, many, name=paths[0].name or str(paths[0]))
        self.setAccessibleName(self.text)
        self._cover()
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._cover()
        return False

    def _cover(self) -> None:
        covered = self.parentWidget()
        assert covered is not None
        self.setGeometry(covered.rect())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.colour("window", 0.82))
        painter.setPen(QPen(theme.colour("accent"), 2, Qt.PenStyle.DashLine))
        painter.setBrush(theme.colour("accent", 0.08))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN), 10, 10)
        centre = QPointF(self.rect().center())
        picture = tinted("folder-open", theme.colour("link"), ICON, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(centre.x() - ICON / 2, centre.y() - ICON - 4), picture)
        font = theme.app_font(18, bold=True)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        text_rect = QRectF(4 * MARGIN, centre.y() + 8, self.width() - 8 * MARGIN, 40)
        text = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideMiddle, int(text_rect.width()))
        painter.drawText(text_rect, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)
        painter.end()
