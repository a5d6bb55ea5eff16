"""The frame of the welcome screen: what it says above the analyses, in the window's first picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from ui.base import theme
from ui.base.icons import icon

CARD = QSize(224, 124)
GAP = 12
RECENT = QSize(CARD.width(), 32)
MOST_RECENT = 6
CARDS_TO_COME = 11
"""Cards of the analyses that come with the program: so much room is kept until they are there."""


def columns_of(count: int, width: int) -> int:
    """Columns that spread `count` cards evenly over the smallest number of rows that fits into `width` pixels."""
    most = max(1, (width - GAP) // (CARD.width() + GAP))
    return -(-count // -(-count // most))


class _Outlines(QWidget):
    """Outlines of the cards that are still being made."""

    def __init__(self) -> None:
        super().__init__()
        self._columns = 0

    def set_columns(self, columns: int) -> None:
        """Spread the outlines over so many columns."""
        if columns != self._columns:
            self._columns = columns
            rows = -(-CARDS_TO_COME // columns)
            self.setFixedSize(columns * (CARD.width() + GAP) - GAP, rows * (CARD.height() + GAP) - GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("line"))
        painter.setBrush(theme.colour("panel"))
        for number in range(CARDS_TO_COME if self._columns else 0):
            row, column = divmod(number, self._columns)
            x, y = column * (CARD.width() + GAP), row * (CARD.height() + GAP)
            painter.drawRoundedRect(QRectF(x + 0.5, y + 0.5, CARD.width() - 1, CARD.height() - 1), 8, 8)
        painter.end()


class RecentButton(QPushButton):
    """A recent file, folder or project; a long name is elided in the middle."""

    def __init__(self, title: str, icon_name: str, place: str) -> None:
        super().__init__(icon(icon_name), "")
        self.setObjectName("recent")
        self.setFixedSize(RECENT)
        self.setToolTip(place)
        self.setAccessibleName(title)
        room = RECENT.width() - 16 - 8 - 24
        text = self.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, room)
        self.setText(text.replace("&", "&&"))


class WelcomeFrame(QFrame):
    """What the welcome screen has before the analyses are imported, each thing where it stays.

    Signals
    -------
    open_requested : the user wants to open a file
    recent_requested : path of the recent file, folder or project to open
    """

    open_requested = Signal()
    recent_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.recent: list[RecentButton] = []
        self._recent_columns = 1
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
        self.choose = QPushButton(icon("folder-open", 16, "on_accent"), self.tr("Open a file …"))
        self.choose.setObjectName("primary")
        self.choose.setToolTip(self.tr("Chooses files of any kind that the program reads (Ctrl+O)"))
        self.choose.clicked.connect(self.open_requested)
        self.grid = QGridLayout()
        self.grid.setSpacing(GAP)
        self._recent = QGridLayout()
        self._recent.setSpacing(GAP // 2)
        self._recent.setHorizontalSpacing(GAP)
        recent = QHBoxLayout()
        recent.addStretch(1)
        recent.addLayout(self._recent)
        recent.addStretch(1)
        self._recent_title = QLabel(self.tr("Recent"))
        cards = QHBoxLayout()
        cards.addStretch(1)
        cards.addLayout(self.grid)
        cards.addStretch(1)
        note = QLabel(self.tr("or begin with a sample"))
        for label in (note, self._recent_title):
            label.setObjectName("quiet")
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._recent_title.hide()
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
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(title)
        layout.addWidget(hint)
        layout.addSpacing(4)
        layout.addWidget(self.choose, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(8)
        layout.addWidget(self._recent_title)
        layout.addLayout(recent)
        layout.addWidget(note)
        layout.addLayout(cards)
        layout.addStretch(3)

    def set_recent(self, entries: Sequence[tuple[str, str, str]]) -> None:
        """Show recent files, folders and projects, each as (title, name of an icon, path)."""
        for button in self.recent:
            self._recent.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.recent = []
        for title, icon_name, place in entries[:MOST_RECENT]:
            button = RecentButton(title, icon_name, place)
            button.clicked.connect(lambda _=False, place=place: self.recent_requested.emit(place))
            self.recent.append(button)
        self._recent_title.setVisible(bool(self.recent))
        self._arrange_recent()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        columns = columns_of(CARDS_TO_COME, event.size().width())
        if columns != self._recent_columns:
            self._recent_columns = columns
            self._arrange_recent()

    def _arrange_recent(self) -> None:
        for number, button in enumerate(self.recent):
            self._recent.addWidget(button, number // self._recent_columns, number % self._recent_columns)


class WelcomeToCome(WelcomeFrame):
    """The frame with outlines in place of the cards, until the window is complete."""

    def __init__(self) -> None:
        super().__init__()
        self._outlines = _Outlines()
        self._outlines.set_columns(CARDS_TO_COME)
        self.grid.addWidget(self._outlines, 0, 0)
        # Nothing can be opened before the window is complete.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._leave_focus()

    def set_recent(self, entries: Sequence[tuple[str, str, str]]) -> None:
        super().set_recent(entries)
        self._leave_focus()

    def _leave_focus(self) -> None:
        for part in self.findChildren(QWidget):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._outlines.set_columns(columns_of(CARDS_TO_COME, event.size().width()))
