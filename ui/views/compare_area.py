"""The canvas and, where two results are compared, the second one beside it or the line across it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from cvstudio.data.geometry import Size, View
from ui.base.icons import icon
from ui.views.canvas import BAR_MARGIN, Canvas
from ui.views.split_line import SplitLine

GAP = 8
RenderSide = Callable[[int, View], NDArray[np.uint8] | None]


class CompareBar(QFrame):
    """How the comparison is shown; it floats over the canvas.

    Signals
    -------
    beside : True for beside each other, False for under a line
    swap, export, end : the user asks for it
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
        self.two = self._button("columns-2", self.tr("Beside each other"))
        self.line = self._button("square-split-horizontal", self.tr("Under a line that is dragged"))
        for button, beside in ((self.two, True), (self.line, False)):
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, beside=beside: self.beside.emit(beside))
        swap = self._button("arrow-left-right", self.tr("Swap the sides"))
        swap.clicked.connect(self.swap)
        export = self._button("share", self.tr("Export as one picture or video (Ctrl+E)"))
        export.clicked.connect(self.export)
        end = self._button("x", self.tr("End the comparison (Esc); the side with the bright title stays"))
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
    """Lays out what is compared; `show_comparison` says whether something is, and how.

    Parameters
    ----------
    canvas : the first one
    render_side : callable (0 or 1, view) -> what one side shows

    Signals
    -------
    made : the second canvas, when it is first needed
    beside : True for beside each other, False for under a line
    chosen : 0 or 1, the side whose controls the user wants
    split : where the line is that is drawn, 0..1 of the picture's width
    swap, export, end : the user asks for it
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
        """Whether two results are compared, and whether beside each other or under a line."""
        self.active, self._beside = active, beside
        self._arrange()

    def set_current_side(self, side: int | None) -> None:
        """Mark the side whose controls are shown; None where nothing is compared."""
        self._current = side
        for number, title in enumerate(self.titles):
            title.setChecked(number == side)

    @property
    def splitting(self) -> bool:
        """Whether both sides are on the first canvas."""
        return self.active and not self._beside

    def floating(self) -> list[QWidget]:
        """What lies over the picture and is no part of it."""
        bars = [canvas.bar for canvas in (self._canvas, self.second) if canvas is not None]
        return [widget for widget in (*bars, self.bar) if not widget.isHidden()]

    def render_view(self, view: View) -> NDArray[np.uint8] | None:
        """What the first canvas shows of a comparison: the left side, or both under a line."""
        left = self._render_side(0, view)
        if left is None or not self.splitting:
            return left
        right = self._render_side(1, view)
        if right is None:
            return left
        ratio = self._canvas.devicePixelRatioF()
        column = round(self.line.middle * ratio) - self._canvas.picture_left
        column = min(max(column, 0), left.shape[1])
        # Where the line is in the picture is what a file shows.
        whole = self._canvas.content_size
        if whole is not None:
            self._tell_split((view.rect.x + column / view.scale) / whole.width)
        right[:, :column] = left[:, :column]
        return right

    def _tell_split(self, share: float) -> None:
        if share != self._split:
            self._split = share
            self.split.emit(share)

    def refresh(self, size: Size | None) -> None:
        """Render again; `size` is that of the picture."""
        self._canvas.refresh()
        if self.second is not None:
            self.second.set_content_size(size)
            self._place_bars()
            self.second.refresh()

    def set_stale(self, left: bool, right: bool) -> None:
        """Mark what is out of date."""
        self._canvas.set_stale(left or (right and not (self.active and self._beside)))
        if self.second is not None:
            self.second.set_stale(right)

    def show_titles(self, texts: tuple[str, str], current: int) -> None:
        """Name both sides; the one whose controls are shown is bright."""
        for title, text in zip(self.titles, texts, strict=True):
            room = max(80, (self.width() if self.splitting else self._canvas.width() * 2) // 2 - 3 * BAR_MARGIN)
            metrics = title.fontMetrics()
            title.setText(metrics.elidedText(text, Qt.TextElideMode.ElideRight, room - 24).replace("&", "&&"))
            title.setAccessibleName(text)
        self.set_current_side(current)
        self._place_bars()

    def _arrange(self) -> None:
        """Show as many canvases as there are to be, and what floats on them."""
        beside = self.active and self._beside
        if beside and self.second is None:
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
            self.second.setVisible(beside)
        for widget in (self.bar, *self.titles):
            widget.setVisible(self.active)
        self.line.setVisible(self.splitting)
        self.line.place(self.line.share)
        self.bar.show_way(self._beside)
        self._row.activate()
        self._match(self._canvas, self.second if beside else None)
        self._place_bars()
        self._canvas.refresh()

    def _choose(self, side: int) -> None:
        self.chosen.emit(side)
        # A click has turned the button round, whatever came of it.
        self.set_current_side(self._current)

    def _match(self, moved: Canvas, other: Canvas | None) -> None:
        """Both canvases show the same part."""
        if self._matching or other is None or self.second is None or self.second.isHidden():
            return
        self._matching = True
        other.match(moved)
        self._matching = False

    def _place_bars(self) -> None:
        beside = self.active and self._beside
        there = self._canvas.content_size is not None
        self._canvas.bar.setVisible(there and not beside)
        if self.second is not None:
            self.second.bar.setVisible(there and beside)
        self.bar.adjustSize()
        # In the middle, beside the canvas's own bar where that leaves no room there, or else above it.
        other = self.second if beside and self.second is not None else self._canvas
        room = other.x() + other.bar.x() - self.bar.width() - GAP if there else self.width()
        middle, top = (self.width() - self.bar.width()) // 2, self.height() - self.bar.height() - BAR_MARGIN
        if room < BAR_MARGIN:
            self.bar.move(max(middle, 0), top - self.bar.height() - GAP)
        else:
            self.bar.move(min(middle, room), top)
        for side, title in enumerate(self.titles):
            title.adjustSize()
            left = BAR_MARGIN
            if side == 1:
                second = self.second
                left = second.x() + BAR_MARGIN if beside and second is not None else self.width() - title.width() - left
            title.move(left, BAR_MARGIN)
        for widget in (self.bar, *self.titles):
            widget.raise_()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_bars()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._canvas and event.type() == QEvent.Type.Resize:
            self.line.place(self.line.share)
        return False
