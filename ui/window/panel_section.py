"""A section of the column of panels: a dock with a title that folds it, as high as its content wants to be."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from ui.base.icons import icon
from ui.base.keys import PRESS_KEYS, claims
from ui.window.panel_dock import PanelDock

GREATEST = 16777215
"""Height in pixels that Qt takes for "no limit" (QWIDGETSIZE_MAX)."""


class _Fold(QToolButton):
    """The arrow of a title; with the focus, Space presses it and does not play."""

    def event(self, event: QEvent) -> bool:
        return claims(event, PRESS_KEYS) or super().event(event)


class SectionTitle(QWidget):
    """Title of a section: a click folds the section, a drag pulls it out; with buttons to float and to close it.

    Signals
    -------
    fold_toggled : the title was clicked
    pulled_out : it was dragged away from its place, or its button was pressed
    """

    fold_toggled = Signal()
    pulled_out = Signal()

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        self.setObjectName("section-title")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._pressed_at: QPoint | None = None
        self.fold = _Fold()
        self.fold.setObjectName("fold")
        self.fold.setIconSize(QSize(12, 12))
        self.fold.clicked.connect(self.fold_toggled)
        label = QLabel(dock.windowTitle())
        label.setObjectName("quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 0)
        layout.setSpacing(4)
        layout.addWidget(self.fold)
        layout.addWidget(label, 1)
        buttons = (
            ("copy", self.tr("Make {panel} a window of its own"), self.pulled_out.emit),
            ("x", self.tr("Close {panel}; the View menu shows it again"), dock.close),
        )
        for name, sentence, act in buttons:
            button = QToolButton()
            button.setObjectName(f"section-{name}")
            button.setIcon(icon(name))
            button.setIconSize(QSize(12, 12))
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(sentence.format(panel=dock.windowTitle()))
            button.setAccessibleName(button.toolTip())
            button.clicked.connect(act)
            layout.addWidget(button)

    def show_folded(self, folded: bool) -> None:
        """Show whether the section is folded."""
        self.fold.setIcon(icon("chevron-right" if folded else "chevron-down"))
        self.fold.setToolTip(self.tr("Unfold this section") if folded else self.tr("Fold this section to its title"))
        self.fold.setAccessibleName(self.fold.toolTip())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        start = self._pressed_at
        if start is not None and (event.position().toPoint() - start).manhattanLength() > _drag_distance():
            self._pressed_at = None
            self.pulled_out.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed_at is not None and self.rect().contains(event.position().toPoint()):
            self.fold_toggled.emit()
        self._pressed_at = None


class PanelSection(QObject):
    """Sizes a dock as a section: its title alone where it is folded, else the height that its content wants.

    A content that scrolls by itself is as high as what it scrolls; any other, such as a list, is at least as high as
    its size hint and takes what height is left.

    Signals
    -------
    resized : the heights of the section have changed
    seen : the dock was shown or hidden
    """

    resized = Signal()
    seen = Signal()

    def __init__(self, dock: PanelDock, content: QWidget | None, *, folded: bool) -> None:
        super().__init__(dock)
        self.dock = dock
        self._content: QWidget | None = None
        self._area: QScrollArea | None = None
        self._body: QWidget | None = None
        self._folded = folded
        self.title = SectionTitle(dock)
        self.title.fold_toggled.connect(lambda: self.set_folded(not self._folded))
        self.title.pulled_out.connect(lambda: dock.setFloating(True))
        self.title.show_folded(folded)
        dock.setTitleBarWidget(self.title)
        dock.installEventFilter(self)
        self.set_content(content)

    @property
    def folded(self) -> bool:
        return self._folded

    @property
    def stretches(self) -> bool:
        """Whether the section takes height that is left."""
        return not self._folded and self._content is not None and self._scrolling() is None

    def set_content(self, content: QWidget | None) -> None:
        """Size the section by `content`."""
        self._content = content
        if content is not None:
            content.installEventFilter(self)
        self.measure()

    def set_folded(self, folded: bool) -> None:
        """Fold the section to its title, or unfold it."""
        if folded != self._folded:
            self._folded = folded
            self.title.show_folded(folded)
            self.measure()

    def measure(self) -> bool:
        """Give the dock the height of its title and content; returns whether that has changed."""
        self._watch(self._scrolling())
        least = self.title.sizeHint().height()
        if not self._folded and self._content is not None:
            least += self._natural_height()
        most = GREATEST if self.stretches else least
        changed = (least, most) != (self.dock.minimumHeight(), self.dock.maximumHeight())
        if changed:
            self.dock.setMinimumHeight(least)
            self.dock.setMaximumHeight(most)
            self.resized.emit()
        return changed

    def end(self) -> None:
        """Let the dock be as large as it likes, with the title of any dock."""
        self._watch(None)
        for watched in (self.dock, self._content):
            if watched is not None:
                watched.removeEventFilter(self)
        self.dock.setMinimumHeight(0)
        self.dock.setMaximumHeight(GREATEST)
        self.dock.setTitleBarWidget(None)  # type: ignore[arg-type]  # the stub knows no None
        self.title.deleteLater()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if watched is self.dock:
            if kind in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
                self.seen.emit()
        elif kind is QEvent.Type.LayoutRequest:
            self.measure()
        elif kind is QEvent.Type.Resize and self.measure() and self._body is not None:
            # The area is in the middle of giving it this size, and would scroll as far as before.
            QCoreApplication.postEvent(self._body, QEvent(QEvent.Type.LayoutRequest))
        return False

    def _scrolling(self) -> QScrollArea | None:
        """The content, or its page, that scrolls by itself; None where there is none."""
        widget = self._content
        if isinstance(widget, QStackedWidget):
            widget = widget.currentWidget()
        return widget if isinstance(widget, QScrollArea) else None

    def _watch(self, area: QScrollArea | None) -> None:
        """Follow the size of what `area` scrolls, which needs no scroll bar as long as it stands in the column."""
        if area is not self._area:
            before, self._area = self._area, area
            if before is not None:
                before.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
            if area is not None:
                # Beside a bar text is narrower and needs more lines: bar and height would chase each other for ever.
                area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        body = None if area is None else area.widget()
        if body is not self._body:
            if self._body is not None:
                self._body.removeEventFilter(self)
            if body is not None:
                body.installEventFilter(self)
            self._body = body

    def _natural_height(self) -> int:
        assert self._content is not None
        body = self._body
        if body is None:
            return self._content.sizeHint().height()
        # Lower than its content can be, the dock would show a scroll bar of its own.
        least = self._content.minimumSizeHint().height()
        if body.hasHeightForWidth():
            return max(least, body.heightForWidth(max(body.width(), body.minimumSizeHint().width())))
        return max(least, body.sizeHint().height())


def _drag_distance() -> int:
    return QApplication.startDragDistance()
