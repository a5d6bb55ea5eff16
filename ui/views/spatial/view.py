"""The 3D view: objects that are turned, moved, looked at from all sides, picked and measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.guides import extent_axes, near_corner
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import Floats, OrbitCamera, beginning
from cvstudio.draw.spatial.picking import point_of, vertex_of
from cvstudio.draw.spatial.picture import Hit
from cvstudio.draw.spatial.scene_picture import Backdrop, legend_of
from cvstudio.foundation.lanes import Event, Job
from ui.base import theme
from ui.base.keys import claims
from ui.views.spatial import marks
from ui.views.spatial.drawer import Pane, SceneDrawer
from ui.views.spatial.scene_objects import SceneObjects, ViewObject, size_text

REST_MS = 90
"""Time without a move after which a view is at rest."""
PAUSE_MS = 150
"""Time for which the mouse stays before the point under it is looked for."""
TURN_DEG_PER_PIXEL = 0.45
TURN_KEY_DEG = 15.0
ZOOM_PER_NOTCH = 1.2
MARGIN = 12
_CLICK_PIXELS = 4
_ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
"""Directions in which the arrows turn the front: right and down."""
_GRID_SHARE = 0.22
"""How far the colour of the grid is from the background towards that of the text."""


@dataclass(frozen=True, eq=False)
class Picked:
    """A place in the scene.

    Parameters
    ----------
    key, name : of its object
    point : float64 (3,)
    vertex : number of the point, or of the nearest vertex of the mesh; None for lines
    """

    key: str
    name: str
    point: Floats
    vertex: int | None


class SpatialView(QWidget):
    """Shows a scene. At rest it costs nothing.

    Parameters
    ----------
    submit : passes a job to a lane, whose events are to be passed to `job_event`

    Signals
    -------
    pointed : `Picked` under the mouse, or None
    picked : `Picked` that was clicked, or None for the background
    measured : the points of the measure tool have changed
    orthographic_wanted : the user wants the other projection
    camera_changed : the user has moved the eye
    """

    pointed = Signal(object)
    picked = Signal(object)
    measured = Signal()
    orthographic_wanted = Signal()
    camera_changed = Signal()

    def __init__(self, submit: Callable[[Job], None]) -> None:
        super().__init__()
        self.measuring = False
        self.drawer = SceneDrawer(submit, self)
        self.drawer.drawn.connect(self.update)
        self.camera = OrbitCamera()
        self.look = SpatialLook()
        self.waiting = False
        self._message = ""
        self.points: list[Floats] = []
        self.scene = SceneObjects(submit, self)
        self.scene.arrived.connect(self._arrive)
        self._identity: Any = None
        self._begun = False
        self._eye: OrbitCamera | None = None
        self._unit = ""
        self._marked = ""
        self._linked: tuple[str, int] | None = None
        self._panes: tuple[Pane, ...] = ()
        self._titles: tuple[str, ...] = ()
        self._pressed: QPointF | None = None
        self._last: QPointF | None = None
        self._moved = False
        self._mouse = QPointF()
        self.setAccessibleName(self.tr("3D view"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(lambda: self._draw(moving=False))
        self._pause = QTimer(self, interval=PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._point)
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(lambda: self._draw(moving=True))

    # The scene ------------------------------------------------------------------------------------------------------

    def show_objects(
        self,
        objects: Sequence[ViewObject],
        *,
        identity: Any,
        up: str,
        unit: str = "",
        beside: bool = False,
        eye: OrbitCamera | None = None,
    ) -> None:
        """Show a scene; one of another `identity` is seen by `eye`, or as a whole, from where a scene is first seen."""
        self._unit = unit
        if identity != self._identity:
            self._identity, self._begun = identity, False
            self.camera = OrbitCamera(up=up or "y")
            self._eye = eye if eye is not None and eye.up == self.camera.up else None
            self.points.clear()
            self._marked, self._linked = "", None
            self.drawer.forget()
        if self.scene.set_objects(objects, beside=beside):
            self.drawer.keep(self.scene.prepared)
        self._arrive()

    def tell(self, message: str, *, waiting: bool = False) -> None:
        """Say why nothing is seen, or that a file is still being read."""
        if (message, waiting) != (self._message, self.waiting):
            self._message, self.waiting = message, waiting
            self.update()

    def set_look(self, look: SpatialLook) -> None:
        """Draw in another style."""
        self.look = look
        self._draw(moving=False)

    def mark(self, key: str) -> None:
        """Draw a box around the object of that key; "" draws none."""
        if key != self._marked:
            self._marked = key
            self._draw(moving=False)

    def point_at(self, key: str, vertex: int | None) -> None:
        """Mark a point or vertex that is chosen elsewhere; None marks none."""
        linked = None if vertex is None else (key, vertex)
        if linked != self._linked:
            self._linked = linked
            self.update()

    def job_event(self, event: Event) -> None:
        """Handle an event of a lane; events of other owners are ignored."""
        self.drawer.job_event(event)
        self.scene.job_event(event)

    def _arrive(self) -> None:
        """Show what has come, from the beginning where it is the first of its scene."""
        if self.scene.visible and not self._begun:
            self._begun = True
            first = beginning(self.scene.bounds.mean(axis=0), self.scene.radius, self.camera.up)
            self.camera = self._eye or first
        self._draw(moving=False)
        self.update()

    # The eye --------------------------------------------------------------------------------------------------------

    def fit(self) -> None:
        """Show all visible objects as large as fits; the direction stays."""
        self._look_through(self.camera.fitted(self.scene.bounds.mean(axis=0), self.scene.radius))

    def look_from(self, view: str) -> None:
        """Look from one of `STANDARD_VIEWS`; the size stays."""
        self._look_through(self.camera.looking(view))

    def zoom(self, factor: float) -> None:
        """Show the middle of the view larger."""
        self._look_through(self.camera.zoomed(factor, None, self.scene.radius), moving=True)

    def set_camera(self, camera: OrbitCamera) -> None:
        """Look from elsewhere."""
        self._look_through(camera)

    def _look_through(self, camera: OrbitCamera, *, moving: bool = False) -> None:
        self.camera = camera
        self.camera_changed.emit()
        if moving:
            self._soon.start()
            self._rest.start()
        else:
            self._draw(moving=False)

    # Drawing --------------------------------------------------------------------------------------------------------

    def _size(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def _backdrop(self) -> Backdrop:
        background, line, marked, model = (
            (colour.red(), colour.green(), colour.blue())
            for colour in map(theme.colour, ("space", "on_space", "warning", "model"))
        )
        red, green, blue = (round(a + (b - a) * _GRID_SHARE) for a, b in zip(background, line, strict=True))
        return Backdrop(background, (red, green, blue), marked, model)

    def _draw(self, *, moving: bool) -> None:
        self._soon.stop()
        if not moving:
            self._rest.stop()
        if not self.isVisible() or not self._begun:
            return
        size = self._size()
        self._panes, self._titles = self._made(size, self.devicePixelRatioF())
        self.drawer.draw(self._panes, size, moving=moving)

    def _made(self, size: Size, scale: float) -> tuple[tuple[Pane, ...], tuple[str, ...]]:
        return self.scene.panes(size, scale, self.look, self.camera, self._backdrop(), self._marked)

    def pixels(self, scale: float) -> NDArray[np.uint8]:
        """The view as it is seen, with `scale` times as many pixels along each side: uint8 RGB (h, w, 3)."""
        ratio = self.devicePixelRatioF() * scale
        size = Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))
        panes, titles = self._made(size, ratio)
        image = self.drawer.picture(panes, size).convertToFormat(QImage.Format.Format_RGB888)
        image.setDevicePixelRatio(ratio)
        painter = QPainter(image)
        painter.setFont(self.font())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_marks(painter, panes, titles, ratio)
        painter.end()
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(size.height, image.bytesPerLine())
        return rows[:, : 3 * size.width].reshape(size.height, size.width, 3).copy()

    @property
    def at_rest(self) -> bool:
        """Whether the whole and smooth picture is on screen, and nothing is going on."""
        timers = (self._rest, self._soon, self._pause)
        idle = not any(timer.isActive() for timer in timers) and not self.drawer.at_work
        return self.drawer.sharp and idle and not self.scene.preparing and not self.waiting

    def showEvent(self, event: QShowEvent) -> None:
        self._draw(moving=False)

    def hideEvent(self, event: QHideEvent) -> None:
        for timer in (self._rest, self._soon, self._pause):
            timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._soon.start()
        self._rest.start()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.StyleChange:
            self._draw(moving=False)
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("space"))
        if self.drawer.image is not None and self._begun:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(self.rect()), self.drawer.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_marks(painter, self._panes, self._titles, self.devicePixelRatioF())
        painter.end()

    def _paint_marks(self, painter: QPainter, panes: tuple[Pane, ...], titles: tuple[str, ...], ratio: float) -> None:
        ink = theme.colour("on_space")
        message = self._message
        if self.waiting or self.scene.preparing:
            message = self.tr("Preparing the 3D model …")
        if message:
            painter.setPen(ink)
            place = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, message)
        if not self._begun:
            return
        camera = dataclasses.replace(self.camera, orthographic=self.look.orthographic)
        for pane, title in zip(panes, titles, strict=True):
            corner = QPointF(*pane.corner) / ratio
            size = Size(max(1, round(pane.picture.size.width / ratio)), max(1, round(pane.picture.size.height / ratio)))
            painter.save()
            painter.translate(corner)
            painter.setClipRect(QRectF(0, 0, size.width, size.height))
            if self.look.axes:
                _, ticks = extent_axes(self.scene.bounds, near_corner(camera))
                places = camera.places(np.array([tick.place for tick in ticks]).reshape(-1, 3), size)
                marks.paint_ticks(painter, places, ticks, 2 * self.scene.radius, ink)
            if self.points:
                places = camera.places(np.stack(self.points), size)
                marks.paint_measures(painter, self.points, places, 2 * self.scene.radius, self._unit)
            self._paint_linked(painter, camera, size)
            if title:
                painter.setFont(self.font())
                marks.paint_text(painter, QPointF(MARGIN, MARGIN + 12), title, ink)
            painter.restore()
        marks.paint_directions(painter, QPointF(MARGIN + 46, self.height() - MARGIN - 46), camera)
        legend = legend_of(self.scene.ready, self.look, self.scene.bounds)
        if legend is not None:
            marks.paint_legend(painter, self.width() - MARGIN, self.height() / 2, legend, ink)
        place = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        painter.setPen(ink)
        alignment = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom
        painter.drawText(place, alignment, size_text([item.item for item in self.scene.visible]))
        if self.drawer.without_opengl:
            text = self.tr("Drawn without OpenGL 3.3, which this machine or remote desktop does not offer.")
            painter.drawText(place, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom, text)

    def _paint_linked(self, painter: QPainter, camera: OrbitCamera, size: Size) -> None:
        if self._linked is None:
            return
        key, vertex = self._linked
        item = self.scene.item_of(key)
        geometry = item.item.geometry if item is not None else None
        points = getattr(geometry, "points", getattr(geometry, "vertices", None))
        if points is not None and vertex < len(points):
            marks.paint_measures(painter, [points[vertex]], camera.places(points[vertex][None], size), 1.0, "")

    # Hands ----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = self._last = event.position()
        self._moved = False
        self._pause.stop()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._mouse = event.position()
        if self._last is None or self._pressed is None:
            self._pause.start()
            return
        if not self._moved and (event.position() - self._pressed).manhattanLength() < _CLICK_PIXELS:
            return
        if not self._moved:
            self._moved = True
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.pointed.emit(None)
        step, self._last = event.position() - self._last, event.position()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.buttons() & Qt.MouseButton.LeftButton and not shift:
            free = self.look.rotation == "free"
            turned = self.camera.orbited(step.x() * TURN_DEG_PER_PIXEL, step.y() * TURN_DEG_PER_PIXEL, free=free)
            self._look_through(turned, moving=True)
        else:
            pane = self._pane_at(event.position())
            ratio = self.devicePixelRatioF()
            size = pane.picture.size if pane is not None else self._size()
            self._look_through(self.camera.panned(step.x() * ratio, -step.y() * ratio, size), moving=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        clicked = self._pressed is not None and not self._moved and event.button() == Qt.MouseButton.LeftButton
        if event.buttons() == Qt.MouseButton.NoButton:
            self._pressed = self._last = None
            self.unsetCursor()
        if clicked:
            self._click(event.position())

    def _click(self, place: QPointF) -> None:
        picked = self.at(place)
        if self.measuring:
            if picked is not None:
                self.points.append(picked.point)
                self.measured.emit()
                self.update()
            return
        self.picked.emit(picked)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Turn about the point that was clicked from now on; on the background, show all."""
        if event.button() != Qt.MouseButton.LeftButton or self.measuring:
            return
        picked = self.at(event.position())
        if picked is None:
            self.fit()
        else:
            self._look_through(dataclasses.replace(self.camera, target=picked.point))

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        pane = self._pane_at(event.position())
        if notches and pane is not None:
            x, y = self._in_pane(pane, event.position())
            about = self.camera.on_target_plane(x, y, pane.picture.size)
            self._look_through(self.camera.zoomed(ZOOM_PER_NOTCH**notches, about, self.scene.radius), moving=True)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        self._pause.stop()
        self.pointed.emit(None)

    def event(self, event: QEvent) -> bool:
        keys = {*_ARROWS}
        if self.measuring:
            keys |= {Qt.Key.Key_Escape, Qt.Key.Key_Backspace, Qt.Key.Key_Delete}
        return claims(event, keys) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _ARROWS:
            right, down = _ARROWS[key]
            self._look_through(
                self.camera.orbited(right * TURN_KEY_DEG, down * TURN_KEY_DEG, free=self.look.rotation == "free"),
                moving=True,
            )
        elif key == Qt.Key.Key_Escape and self.measuring:
            self.set_measuring(False)
        elif key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete) and self.points:
            self.points.pop()
            self.measured.emit()
            self.update()
        else:
            super().keyPressEvent(event)

    def set_measuring(self, measuring: bool) -> None:
        """Let clicks pick the points between which lengths and angles are told; the end forgets them."""
        self.measuring = measuring
        self.points.clear()
        self.measured.emit()
        self.update()

    def _pane_at(self, place: QPointF) -> Pane | None:
        ratio = self.devicePixelRatioF()
        x, y = place.x() * ratio, place.y() * ratio
        for pane in self._panes:
            left, top = pane.corner
            size = pane.picture.size
            if left <= x < left + size.width and top <= y < top + size.height:
                return pane
        return None

    def _in_pane(self, pane: Pane, place: QPointF) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return place.x() * ratio - pane.corner[0], place.y() * ratio - pane.corner[1]

    def at(self, place: QPointF) -> Picked | None:
        """What is seen at a place of the view; None where nothing is."""
        pane = self._pane_at(place)
        if pane is None:
            return None
        x, y = self._in_pane(pane, place)
        hit: Hit | None = self.drawer.hit(pane, x, y)
        if hit is None:
            return None
        item = self.scene.owner(pane.picture.parts[hit.part].prepared)
        if item is None:
            return None
        vertex = vertex_of(pane.picture, hit, x, y)
        return Picked(item.key, item.item.name, point_of(pane.picture, hit, x, y), vertex)

    def _point(self) -> None:
        if self._begun and self._last is None and self.drawer.sharp:
            self.pointed.emit(self.at(self._mouse))

    def close_drawer(self) -> None:
        """Give back the memory of the graphics card, before the program ends."""
        self.drawer.close()
