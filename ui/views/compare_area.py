"""Area of the canvas; in a comparison, with a second canvas beside it or a split line across it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from cvstudio.data.geometry import Size, View
from ui.base.icons import icon
from ui.views.canvas import BAR_MARGIN, Canvas
from ui.views.split_line import SplitLine

GAP = 8
RenderSide = Callable[[int, View], NDArray[np.uint8] | None]


class CompareBar(QFrame):
    """Bar with the controls of a comparison; it floats over the canvas.

    Signals
    -------
    beside : True for side by side, False for a split line
    swap, export, end : the button was clicked
    """

    beside = Signal(bool)
    swap = Signal()
    export = Signal()
    end = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("canvas-bar")
        self._row = layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 3, 4, 3)
        layout.setSpacing(2)
        self.two = self._button("columns-2", self.tr("Side by side"))
        self.line = self._button("square-split-horizontal", self.tr("Split by a line that you drag"))
        for button, beside in ((self.two, True), (self.line, False)):
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, beside=beside: self.beside.emit(beside))
        swap = self._button("arrow-left-right", self.tr("Swap the sides"))
        swap.clicked.connect(self.swap)
        export = self._button("share", self.tr("Export as one picture or video (Ctrl+E)"))
        export.clicked.connect(self.export)
        end = self._button("x", self.tr("End the comparison (Esc); the active side stays"))
        end.clicked.connect(self.end)

    def _button(self, name: str, text: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(name))
        button.setToolTip(text)
        button.setAccessibleName(text)
        self._row.addWidget(button)
        return button

    def show_way(self, beside: bool) -> None:
        self.two.setChecked(beside)
        self.line.setChecked(not beside)


class CompareArea(QWidget):
    """Layout of one or two canvases, as `show_comparison` sets it.

    Parameters
    ----------
    canvas : the first canvas
    render_side : callable (0 or 1, view) that renders one side: uint8 RGB (h, w, 3), or None

    Signals
    -------
    made : the second canvas, created at its first use
    beside : True for side by side, False for a split line
    chosen : 0 or 1, the side that the user selected
    split : position of the split line, 0..1 of the picture's width
    swap, export, end : the button was clicked
    """

    made = Signal(object)
    beside = Signal(bool)
    chosen = Signal(int)
    split = Signal(float)
    swap = Signal()
    export = Signal()
    end = Signal()

    def __init__(self, canvas: Canvas, render_side: RenderSide) -> None:
        super().__init__()
        self._canvas = canvas
        self._render_side = render_side
        self._beside = True
        self._current: int | None = None
        self._split: float | None = None
        self.active = False
        self._matching = False
        self.second: Canvas | None = None
        self.bar = CompareBar(self)
        self.titles = (QPushButton(self), QPushButton(self))
        self.line = SplitLine(canvas)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._row.addWidget(canvas, 1)
        for side, title in enumerate(self.titles):
            title.setObjectName("side-title")
            title.setCheckable(True)
            title.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            title.setToolTip(self.tr("Show the controls of this side"))
            title.clicked.connect(lambda _=False, side=side: self._choose(side))
        self.bar.beside.connect(self.beside)
        self.bar.swap.connect(self.swap)
        self.bar.end.connect(self.end)
        self.bar.export.connect(self.export)
        self.line.moved.connect(lambda _: canvas.refresh())
        canvas.view_changed.connect(lambda: self._match(canvas, self.second))
        canvas.installEventFilter(self)
        self._arrange()

    def show_comparison(self, *, active: bool, beside: bool) -> None:
        """Start or end the comparison, and lay it out side by side or with a split line."""
        focused = QApplication.focusWidget()
        ended = self.active and not active
        self.active, self._beside = active, beside
        if ended and focused is not None and self.isAncestorOf(focused):
            # What goes would hand the keyboard on to whatever comes next in the window.
            self._canvas.setFocus()
        self._arrange()

    def set_current_side(self, side: int | None) -> None:
        """Mark the side whose controls are shown; None without a comparison."""
        self._current = side
        for number, title in enumerate(self.titles):
            title.setChecked(number == side)

    @property
    def splitting(self) -> bool:
        """Whether both sides share the first canvas, divided by the split line."""
        return self.active and not self._beside

    def floating(self) -> list[QWidget]:
        """The visible bars over the picture, which are not part of an exported picture."""
        bars = [canvas.bar for canvas in (self._canvas, self.second) if canvas is not None]
        return [widget for widget in (*bars, self.bar) if not widget.isHidden()]

    def render_view(self, view: View) -> NDArray[np.uint8] | None:
        """Render the first canvas of a comparison: the left side, or both, divided by the split line."""
        left = self._render_side(0, view)
        if left is None or not self.splitting:
            return left
        right = self._render_side(1, view)
        if right is None:
            return left
        ratio = self._canvas.devicePixelRatioF()
        column = round(self.line.middle * ratio) - self._canvas.picture_left
        column = min(max(column, 0), left.shape[1])
        # An exported picture is split at the same position.
        content = self._canvas.content_size
        if content is not None:
            self._set_split((view.rect.x + column / view.scale) / content.width)
        right[:, :column] = left[:, :column]
        return right

    def _set_split(self, share: float) -> None:
        if share != self._split:
            self._split = share
            self.split.emit(share)

    def refresh(self, size: Size | None) -> None:
        """Render both canvases again; `size` is that of the picture in pixels."""
        self._canvas.refresh()
        if self.second is not None:
            self.second.set_content_size(size)
            self._place_bars()
            self.second.refresh()

    def set_stale(self, left: bool, right: bool) -> None:
        """Mark the sides whose results are out of date."""
        self._canvas.set_stale(left or (right and not (self.active and self._beside)))
        if self.second is not None:
            self.second.set_stale(right)

    def show_titles(self, texts: tuple[str, str], current: int) -> None:
        """Set the titles of both sides and mark the side `current`, whose controls are shown."""
        for title, text in zip(self.titles, texts, strict=True):
            title_width = max(80, (self.width() if self.splitting else self._canvas.width() * 2) // 2 - 3 * BAR_MARGIN)
            metrics = title.fontMetrics()
            title.setText(metrics.elidedText(text, Qt.TextElideMode.ElideRight, title_width - 24).replace("&", "&&"))
            title.setAccessibleName(text)
        self.set_current_side(current)
        self._place_bars()

    def _arrange(self) -> None:
        """Show or hide the second canvas, the split line, the bar and the titles."""
        side_by_side = self.active and self._beside
        if side_by_side and self.second is None:
            self.second = Canvas()
            self.second.set_renderer(lambda view: self._render_side(1, view) if self.active else None)
            self._row.addWidget(self.second, 1)
            second = self.second
            second.set_content_size(self._canvas.content_size)
            second.view_changed.connect(lambda: self._match(second, self._canvas))
            second.set_overlay_shown(True)
            self.made.emit(second)
        if self.second is not None:
            self.second.set_content_size(self._canvas.content_size)
            self.second.setVisible(side_by_side)
        for widget in (self.bar, *self.titles):
            widget.setVisible(self.active)
        self.line.setVisible(self.splitting)
        self.line.place(self.line.share)
        self.bar.show_way(self._beside)
        self._row.activate()
        self._match(self._canvas, self.second if side_by_side else None)
        self._place_bars()
        self._canvas.refresh()

    def _choose(self, side: int) -> None:
        self.chosen.emit(side)
        # The click has toggled the button, whether or not the side was changed.
        self.set_current_side(self._current)

    def _match(self, moved: Canvas, other: Canvas | None) -> None:
        """Apply the view of `moved` to `other`."""
        if self._matching or other is None or self.second is None or self.second.isHidden():
            return
        self._matching = True
        other.match(moved)
        self._matching = False

    def _place_bars(self) -> None:
        side_by_side = self.active and self._beside
        has_picture = self._canvas.content_size is not None
        self._canvas.bar.setVisible(has_picture and not side_by_side)
        if self.second is not None:
            self.second.bar.setVisible(has_picture and side_by_side)
        self.bar.adjustSize()
        # Centred if possible, else left of the canvas's own bar, or else above it.
        last_canvas = self.second if side_by_side and self.second is not None else self._canvas
        rightmost = last_canvas.x() + last_canvas.bar.x() - self.bar.width() - GAP if has_picture else self.width()
        middle, top = (self.width() - self.bar.width()) // 2, self.height() - self.bar.height() - BAR_MARGIN
        if rightmost < BAR_MARGIN:
            self.bar.move(max(middle, 0), top - self.bar.height() - GAP)
        else:
            self.bar.move(min(middle, rightmost), top)
        for side, title in enumerate(self.titles):
            title.adjustSize()
            left = BAR_MARGIN
            if side == 1:
                second = self.second
                left = (
                    second.x() + BAR_MARGIN
                    if side_by_side and second is not None
                    else self.width() - title.width() - left
                )
            title.move(left, BAR_MARGIN)
        for widget in (self.bar, *self.titles):
            widget.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_bars()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.line.place(self.line.share)
        return False
