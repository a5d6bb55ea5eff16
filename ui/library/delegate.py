"""Painting of an entry of the media list, as a line or as a cell of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from ui.base import theme
from ui.base.icons import tinted
from ui.library.entries import Entries, Index
from ui.library.kinds import kind_icon

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyle

LINE_PICTURE = QSize(56, 42)
CELL_PICTURE = QSize(84, 63)
GAP = 8
RADIUS = 4


class EntryDelegate(QStyledItemDelegate):
    """Delegate of the media list. It paints cells where `grid`, which the view sets with its own layout, else lines."""

    def __init__(self, entries: Entries, parent: QObject) -> None:
        super().__init__(parent)
        self._entries = entries
        self.grid = False

    def cell(self) -> QSize:
        """The minimum size of an entry in pixels."""
        if self.grid:
            text = QFontMetrics(theme.app_font(theme.SMALL_PX)).height()
            return QSize(CELL_PICTURE.width() + GAP, CELL_PICTURE.height() + text + 2 * GAP)
        return QSize(120, LINE_PICTURE.height() + GAP + 2)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return self.cell()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect, state = option.rect, option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._ground(painter, rect, state)
        if self.grid:
            self._cell(painter, rect, index.row())
        else:
            self._line(painter, rect, index.row())
        painter.restore()

    @staticmethod
    def _ground(painter: QPainter, rect: QRect, state: QStyle.StateFlag) -> None:
        # Imported late: QStyle has hundreds of names, which the first paint of the window does not need.
        from PySide6.QtWidgets import QStyle

        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selection" if selected else "raised"))
            painter.drawRoundedRect(QRectF(rect).adjusted(2, 1, -2, -1), RADIUS, RADIUS)
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            painter.setPen(QPen(theme.colour("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(rect).adjusted(2.5, 1.5, -2.5, -1.5), RADIUS, RADIUS)

    def _line(self, painter: QPainter, rect: QRect, row: int) -> None:
        picture_rect = QRect(
            rect.x() + GAP, rect.y() + (rect.height() - LINE_PICTURE.height()) // 2, *LINE_PICTURE.toTuple()
        )
        self._picture(painter, picture_rect, row, 20)
        text = rect.adjusted(GAP + LINE_PICTURE.width() + 10, 0, -GAP, 0)
        title, note = self._entries.title(row), self._entries.note(row)
        font, small = theme.app_font(), theme.app_font(theme.SMALL_PX)
        heights = QFontMetrics(font).height(), QFontMetrics(small).height() if note else 0
        top = rect.y() + (rect.height() - sum(heights)) // 2
        self._text(painter, QRect(text.x(), top, text.width(), heights[0]), title, "text", small=False)
        if note:
            self._text(painter, QRect(text.x(), top + heights[0], text.width(), heights[1]), note, "quiet", small=True)

    def _cell(self, painter: QPainter, rect: QRect, row: int) -> None:
        left = rect.x() + (rect.width() - CELL_PICTURE.width()) // 2
        picture_rect = QRect(left, rect.y() + GAP // 2 + 2, *CELL_PICTURE.toTuple())
        self._picture(painter, picture_rect, row, 24)
        text = QRect(
            rect.x() + 4, picture_rect.bottom() + 4, rect.width() - 8, rect.bottom() - picture_rect.bottom() - 4
        )
        # Elided at the left (centred): the names of numbered files differ at their ends.
        self._text(painter, text, self._entries.title(row), "text", small=True, centred=True)

    def _picture(self, painter: QPainter, rect: QRect, row: int, icon_px: int) -> None:
        entries = self._entries
        preview = entries.thumbnails.get(entries.path(row))
        ratio = painter.device().devicePixelRatio()
        if preview is not None and preview.picture is not None:
            self._photo(painter, rect, preview.picture)
            if entries.kind(row) == "video":
                self._badge(painter, rect, "film", ratio)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(rect, RADIUS, RADIUS)
        failed = bool(entries.error(row))
        name, role = ("triangle-alert", "warning") if failed else (kind_icon(entries.kind(row)), "quiet")
        self._icon(painter, rect, name, role, icon_px, ratio)

    @staticmethod
    def _photo(painter: QPainter, rect: QRect, picture: QPixmap) -> None:
        """Paint the whole picture with rounded corners; a small one is not enlarged."""
        ratio = min(rect.width() / picture.width(), rect.height() / picture.height())
        # A thumbnail has enough pixels for two device pixels per logical one; a tiny picture keeps its size.
        ratio = min(ratio, 1.0)
        size = QSize(max(1, round(picture.width() * ratio)), max(1, round(picture.height() * ratio)))
        target = QRect(
            rect.x() + (rect.width() - size.width()) // 2,
            rect.y() + (rect.height() - size.height()) // 2,
            *size.toTuple(),
        )
        path = QPainterPath()
        radius = min(RADIUS, size.width() / 4, size.height() / 4)
        path.addRoundedRect(QRectF(target), radius, radius)
        painter.save()
        painter.setClipPath(path)
        painter.drawPixmap(target, picture)
        painter.restore()

    @staticmethod
    def _badge(painter: QPainter, rect: QRect, name: str, ratio: float) -> None:
        corner = QRect(rect.right() - 18, rect.bottom() - 18, 16, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("panel", 0.8))
        painter.drawRoundedRect(corner, 3, 3)
        painter.drawPixmap(QPointF(corner.x() + 2, corner.y() + 2), tinted(name, theme.colour("text"), 12, ratio))

    @staticmethod
    def _icon(painter: QPainter, rect: QRect, name: str, role: str, size: int, ratio: float) -> None:
        corner = QPointF(rect.x() + (rect.width() - size) / 2, rect.y() + (rect.height() - size) / 2)
        painter.drawPixmap(corner, tinted(name, theme.colour(role), size, ratio))

    @staticmethod
    def _text(painter: QPainter, rect: QRect, text: str, role: str, *, small: bool, centred: bool = False) -> None:
        font = theme.app_font(theme.SMALL_PX if small else theme.TEXT_PX)
        painter.setFont(font)
        painter.setPen(theme.colour(role))
        mode = Qt.TextElideMode.ElideLeft if centred else Qt.TextElideMode.ElideMiddle
        elided = QFontMetrics(font).elidedText(text, mode, rect.width())
        side = Qt.AlignmentFlag.AlignHCenter if centred else Qt.AlignmentFlag.AlignLeft
        painter.drawText(rect, side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided)
