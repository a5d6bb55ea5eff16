"""View of a mesh or a point cloud: it rotates slowly, once; a drag rotates it, the wheel zooms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.samples.mesh import Preview, ViewCamera
from cvstudio.foundation.lanes import Event, Job, Work
from cvstudio.foundation.progress import Progress
from ui.base import theme

OWNER = "model-view"
TURN_MS = 40
TURN_DEG_PER_SEC = 18.0
ROUND_DEG = 360.0
"""Degrees after which the model rests: all sides were seen, and a view at rest costs no time."""
REST_MS = 160
DRAG_DEG_PER_PIXEL = 0.45
ZOOM_PER_NOTCH = 1.2
MARGIN = 12


@dataclass
class _PreviewState:
    """Model and its preview, which the worker creates on first use, as a large mesh takes a moment."""

    sample: TriangleMesh | PointCloud
    z_up: bool
    preview: Preview | None = None


@dataclass(frozen=True, eq=False)
class _Picture:
    state: _PreviewState
    pixels: NDArray[np.uint8]


class MeshView(QWidget):
    """Shows one model. A worker renders it, one picture at a time, at a lower resolution while it moves.

    Parameters
    ----------
    submit : passes a job to a lane, whose events are to be passed to `job_event`
    """

    def __init__(self, submit: Callable[[Job], None]) -> None:
        super().__init__()
        self._submit = submit
        self._state: _PreviewState | None = None
        self._camera = ViewCamera()
        self._busy = False
        self._again = False
        self._image: QImage | None = None
        self._pixels: NDArray[np.uint8] | None = None
        self._last: QPointF | None = None
        self._ticked = 0.0
        self._turned_deg = 0.0
        self.turning = False
        self.setAccessibleName(self.tr("Model"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self.setToolTip(self.tr("Drag to rotate, scroll to zoom, double-click to reset."))
        self._turn = QTimer(self, interval=TURN_MS)
        self._turn.timeout.connect(self._tick)
        self._rest = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest.timeout.connect(self._request_picture)

    @property
    def camera(self) -> ViewCamera:
        """The camera of the view."""
        return self._camera

    @property
    def sharp(self) -> bool:
        """Whether the picture on screen was rendered at full resolution, for a view at rest."""
        size = self._size()
        return not self._busy and self._pixels is not None and self._pixels.shape[:2] == (size.height, size.width)

    def show_model(self, sample: TriangleMesh | PointCloud | None, *, z_up: bool = False) -> None:
        """Show `sample`, rotating slowly for one round or until the first mouse input; the same one again changes
        nothing."""
        if self._state is not None and self._state.sample is sample:
            return
        self._state = None if sample is None else _PreviewState(sample, z_up)
        self._image = self._pixels = None
        self._begin()

    def _begin(self) -> None:
        self._camera = ViewCamera()
        self._turned_deg = 0.0
        self.turning = self._state is not None
        self._animate()
        self._request_picture()
        self.update()

    # Turning --------------------------------------------------------------------------------------------------------

    def _animate(self) -> None:
        if self.turning and self.isVisible():
            self._ticked = time.monotonic()
            self._turn.start()
        else:
            self._turn.stop()

    def _tick(self) -> None:
        # A model that is slow to render rotates in larger steps, at the same speed.
        now_secs = time.monotonic()
        if not self._busy:
            degrees = min((now_secs - self._ticked) * TURN_DEG_PER_SEC, 0.5 * TURN_DEG_PER_SEC)
            degrees = min(degrees, ROUND_DEG - self._turned_deg)
            self._camera = self._camera.spun(degrees)
            self._ticked = now_secs
            self._turned_deg += degrees
            if self._turned_deg >= ROUND_DEG:
                self._stop_turning()
            self._request_picture()

    def _stop_turning(self) -> None:
        self.turning = False
        self._animate()

    # Pictures -------------------------------------------------------------------------------------------------------

    def _size(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def _request_picture(self) -> None:
        """Request a picture of the current view; if one is being rendered, after it."""
        if self._state is None or not self.isVisible():
            return
        if self._busy:
            self._again = True
            return
        self._busy, self._again = True, False
        moving = self.turning or self._last is not None or self._rest.isActive()
        colour = theme.colour("space")
        background = (colour.red(), colour.green(), colour.blue())
        self._submit(Job(OWNER, "", _render_work(self._state, self._camera, self._size(), background, moving)))

    def job_event(self, event: Event) -> None:
        """Handle an event of a lane; events of other owners are ignored."""
        if event.job.owner != OWNER:
            return
        if event.kind == "output" and event.value.state is self._state:
            self._pixels = np.ascontiguousarray(event.value.pixels)
            height, width = self._pixels.shape[:2]
            self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            self.update()
        elif event.kind in ("finished", "failed", "cancelled"):
            self._busy = False
            if self._again and event.kind == "finished":
                self._request_picture()

    # Events ---------------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        self._animate()
        self._request_picture()

    def hideEvent(self, event: QHideEvent) -> None:
        self._turn.stop()
        self._rest.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._request_picture()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._stop_turning()
            self._last = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._last is not None:
            rotation = (event.position() - self._last) * DRAG_DEG_PER_PIXEL
            self._last = event.position()
            self._camera = self._camera.turned(rotation.x(), rotation.y())
            self._request_picture()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._last is not None:
            self._last = None
            self.unsetCursor()
            self._request_picture()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._last = None
        self._begin()

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if notches:
            self._stop_turning()
            self._camera = self._camera.zoomed(ZOOM_PER_NOTCH**notches)
            self._rest.start()
            self._request_picture()
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("space"))
        if self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(self.rect()), self._image)
        if self._state is not None:
            painter.setPen(theme.colour("on_space"))
            text = size_text(self._state.sample) if self._image is not None else self.tr("Preparing the 3D model …")
            text_rect = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
            alignment = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom
            painter.drawText(text_rect, alignment if self._image is not None else Qt.AlignmentFlag.AlignCenter, text)
        painter.end()


def size_text(sample: TriangleMesh | PointCloud) -> str:
    """Numbers of vertices and triangles, or of points, as text."""
    if isinstance(sample, PointCloud):
        return f"{len(sample.points):,} point{'s' * (len(sample.points) != 1)}"
    triangles = f"{len(sample.triangles):,} triangle{'s' * (len(sample.triangles) != 1)}"
    return f"{len(sample.vertices):,} vertices · {triangles}"


def _render_work(
    state: _PreviewState, camera: ViewCamera, size: Size, background: tuple[int, int, int], moving: bool
) -> Work:
    def work(progress: Progress) -> Iterator[Any]:
        if state.preview is None:
            state.preview = Preview(state.sample, z_up=state.z_up)
        yield _Picture(state, state.preview.render(camera, size, background=background, moving=moving))

    return work
