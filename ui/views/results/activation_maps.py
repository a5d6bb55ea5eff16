"""View of the feature maps of a layer: all of them as tiles, of which one is chosen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from cvstudio.draw.explain.activation_maps import GAP, TileGrid, activation_tiles, tile_grid
from cvstudio.results.activation_maps import ActivationMaps
from ui.base import theme
from ui.base.translate import counted
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec

TILE = 40
FRAME = 2.0


class Tiles(QWidget):
    """The feature maps as tiles; one is chosen by a click or the arrow keys.

    Signals
    -------
    unit_chosen : number of the unit
    """

    unit_chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._shown: ActivationMaps | None = None
        self._unit = 0
        self._grid = TileGrid(0, 1, TILE)
        self._picture = QImage()
        self.colour_map = "viridis"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(self.tr("Feature maps"))

    def show_maps(self, result: ActivationMaps) -> None:
        self._shown, self._unit = result, result.unit
        self._render()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return tile_grid(self._count(), width, TILE).size[1] + 2 * GAP

    def sizeHint(self) -> QSize:
        return QSize(6 * (TILE + GAP), self.heightForWidth(max(self.width(), TILE)))

    def minimumSizeHint(self) -> QSize:
        return QSize(TILE + 2 * GAP, TILE)

    def place_rect(self, place: int) -> QRect:
        """The tile at `place` of the order."""
        left, top = self._grid.corner(place)
        return QRect(left + GAP, top + GAP, TILE, TILE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._render()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._render()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawImage(GAP, GAP, self._picture)
        place = self._chosen_place()
        if place is not None:
            painter.setPen(QPen(theme.colour("accent"), FRAME))
            painter.drawRect(QRectF(self.place_rect(place)).adjusted(-1, -1, 1, 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._place_at(event.position().x(), event.position().y())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._choose(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        place, step = self._chosen_place(), self._step_of(event)
        if place is None or step is None:
            super().keyPressEvent(event)
        elif 0 <= place + step < self._grid.count:
            self._choose(place + step)

    def event(self, event: QEvent) -> bool:
        # The arrow keys are shortcuts of the window, too.
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and self._step_of(event) is not None
        ):
            event.accept()
            return True
        if isinstance(event, QHelpEvent) and self._shown is not None:
            place = self._place_at(event.pos().x(), event.pos().y())
            if place is not None:
                unit = int(self._shown.order[place])
                values = self._shown.maps[unit]
                text = self.tr("Unit {unit}: mean {mean}, maximum {maximum}")
                text = text.format(unit=unit, mean=f"{values.mean():.3g}", maximum=f"{values.max():.3g}")
                QToolTip.showText(event.globalPos(), text, self)
                return True
        return super().event(event)

    def _step_of(self, event: QKeyEvent) -> int | None:
        """Places by which a key moves in the order; None for another key."""
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return None
        columns = self._grid.columns
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -columns, Qt.Key.Key_Down: columns}
        return steps.get(Qt.Key(event.key()))

    def _count(self) -> int:
        return len(self._shown) if self._shown is not None else 0

    def _chosen_place(self) -> int | None:
        if self._shown is None:
            return None
        places = (self._shown.order == self._unit).nonzero()[0]
        return int(places[0]) if len(places) else None

    def _place_at(self, x: float, y: float) -> int | None:
        return self._grid.place_at(x - GAP, y - GAP)

    def _choose(self, place: int) -> None:
        assert self._shown is not None
        # At once, so that keys that follow each other closely go on from here.
        self._unit = int(self._shown.order[place])
        self.update()
        self.unit_chosen.emit(self._unit)

    def _render(self) -> None:
        if self._shown is None or self.width() < TILE:
            return
        self._grid = tile_grid(len(self._shown), self.width() - 2 * GAP, TILE)
        colour = theme.colour("window")
        background = colour.red(), colour.green(), colour.blue()
        tiles = activation_tiles(self._shown, self._grid, self.colour_map, background)
        height, width = tiles.shape[:2]
        # A copy, as the image does not keep the array alive.
        self._picture = QImage(tiles.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.updateGeometry()
        self.update()


class ActivationsView(QWidget):
    """The feature maps of a layer in a list that scrolls.

    Signals
    -------
    value_chosen : name and value of a parameter
    """

    value_chosen = Signal(str, object)

    def __init__(self) -> None:
        super().__init__()
        self.colour_map = "viridis"
        self.about = QLabel()
        self.about.setObjectName("quiet")
        self.about.setWordWrap(True)
        self.tiles = Tiles()
        self.tiles.unit_chosen.connect(lambda unit: self.value_chosen.emit("unit", unit))
        self.scroll_area = QScrollArea()
        self.scroll_area.setFrameShape(QFrame.Shape.NoFrame)
        self.scroll_area.setWidgetResizable(True)
        self.scroll_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scroll_area.setWidget(self.tiles)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.about)
        layout.addWidget(self.scroll_area, 1)

    def show_result(self, result: ActivationMaps, pointed: int | None) -> str:
        self.tiles.colour_map = self.colour_map
        self.tiles.show_maps(result)
        count, height, width = result.maps.shape
        one = self.tr("{layer}: {count} unit, {width} × {height}")
        many = self.tr("{layer}: {count} units, {width} × {height}")
        self.about.setText(counted(count, one, many, layer=result.layer, width=width, height=height))
        return self.tr("Unit {unit}").format(unit=result.unit)


RESULT_VIEWS.register(ResultViewSpec(ActivationMaps, ActivationsView))
