"""The 3D view of the window: connects the view with the session's scene, its look, and the picture beside it."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cvstudio.draw.spatial.scene_picture import number_text
from ui.control.controller import Controller
from ui.control.spatial import SceneRow, SpatialScene
from ui.views.canvas import Canvas
from ui.views.spatial.bar import SpatialBar
from ui.views.spatial.marks import measure_texts
from ui.views.spatial.picture_mark import PictureMark
from ui.views.spatial.scene_objects import ViewObject
from ui.views.spatial.view import Picked, SpatialView

BAR_MARGIN = 8
LINK_SHARE = 0.02
"""Share of the extent of a scene up to which a place belongs to a point that is seen in the picture."""


class SpatialArea(QWidget):
    """The view with its bar.

    Signals
    -------
    read_out : text for the status line
    """

    read_out = Signal(str)

    def __init__(self, controller: Controller, canvas: Canvas) -> None:
        super().__init__()
        self._controller = controller
        self.mark = PictureMark(canvas)
        self.view = SpatialView(lambda job: controller.pipeline.submit("preview", job))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.bar = SpatialBar(self)
        self.bar.fit.connect(self.view.fit)
        self.bar.view.connect(self.view.look_from)
        self.bar.orthographic.connect(self.toggle_orthographic)
        self.bar.measure.connect(self.view.set_measuring)
        self.bar.settings.connect(lambda: controller.requests.show_spatial.emit())
        self.view.pointed.connect(self._pointed)
        self.view.picked.connect(self._picked)
        self.view.measured.connect(self._measured)
        self.view.installEventFilter(self)
        spatial = controller.spatial
        self.view.camera_changed.connect(lambda: spatial.see_from(self.view.camera))
        controller.pipeline.job_event.connect(self.view.job_event)
        spatial.scene_changed.connect(self._show)
        spatial.look_changed.connect(self._show_look)
        spatial.marked_changed.connect(self.view.mark)
        controller.state_changed.connect(lambda old, new: self._link())
        controller.notice.connect(lambda level, text: self._tell())
        self._show_look(spatial.look())
        self._show(spatial.scene)

    def toggle_orthographic(self) -> None:
        """Switch between perspective and orthographic."""
        spatial = self._controller.spatial
        spatial.set_look("orthographic", not spatial.look().orthographic)

    def _show_look(self, look: Any) -> None:
        self.bar.show_orthographic(look.orthographic)
        self.view.set_look(look)

    def _show(self, scene: SpatialScene) -> None:
        self._tell()
        objects = [ViewObject(row.key, row.item, row.visible) for row in scene.rows if row.item is not None]
        self.view.show_objects(
            objects,
            identity=scene.identity,
            up=scene.up,
            unit=scene.unit,
            beside=scene.side_by_side,
            eye=self._controller.spatial.eye_of(scene),
        )
        self._link()

    def _tell(self) -> None:
        """Say in the view what has become of a file that is not there yet."""
        missing = any(row.visible and row.item is None for row in self._controller.spatial.scene.rows)
        errors = self._controller.failures()
        message = self._controller.failure_text("", errors[0]) if missing and errors else ""
        self.view.tell(message, waiting=missing and not errors)

    # Read-out -------------------------------------------------------------------------------------------------------

    def _extent(self) -> float:
        return 2 * self.view.scene.radius

    def _pointed(self, picked: Picked | None) -> None:
        if picked is None:
            self.read_out.emit("")
            return
        extent = self._extent() / 100
        unit = f" {self._controller.spatial.scene.unit}".rstrip()
        values = zip("xyz", picked.point.tolist(), strict=True)
        numbers = " · ".join(f"{axis} {number_text(value, extent)}{unit}" for axis, value in values)
        vertex = "" if picked.vertex is None else f" · #{picked.vertex}"
        self.read_out.emit(f"{picked.name}{vertex} · {numbers}")

    def _measured(self) -> None:
        self.bar.show_measuring(self.view.measuring)
        distances, angles = measure_texts(self.view.points, self._extent(), self._controller.spatial.scene.unit)
        self.read_out.emit(" · ".join([*distances, *filter(None, angles)]))

    # Selection ------------------------------------------------------------------------------------------------------

    def _picked(self, picked: Picked | None) -> None:
        """Select the object that was clicked and, where its points are seen in the picture, the point there."""
        spatial = self._controller.spatial
        spatial.mark(picked.key if picked is not None else "")
        linked = self._linked_row()
        if linked is None:
            return
        vertex = None
        if picked is not None:
            vertex = picked.vertex if picked.key == linked.key else self._linked_to(picked, linked)
        self._controller.select(frozenset() if vertex is None else frozenset([vertex]))

    def _linked_to(self, picked: Picked, linked: SceneRow) -> int | None:
        """Number of the linked point that is nearest to a place on another object of its result, such as the surface
        of its points; None where none is near."""
        points = getattr(linked.item.geometry, "points", None) if linked.item is not None else None
        if points is None or not len(points) or picked.key.partition("/")[0] != linked.key.partition("/")[0]:
            return None
        squared = ((points - picked.point) ** 2).sum(axis=1)
        nearest = int(squared.argmin())
        return nearest if squared[nearest] <= (LINK_SHARE * self._extent()) ** 2 else None

    def _linked_row(self) -> SceneRow | None:
        return next((row for row in self._controller.spatial.scene.rows if row.links is not None), None)

    def _link(self) -> None:
        """Mark the selected point, in space and in the picture."""
        row, chosen = self._linked_row(), self._controller.session.state.selection
        number = next(iter(chosen)) if row is not None and len(chosen) == 1 else None
        self.view.point_at(row.key if row is not None else "", number)
        place = None
        if row is not None and row.links is not None and number is not None and number < len(row.links.places):
            x, y = row.links.places[number].tolist()
            place = (x, y) if math.isfinite(x) and math.isfinite(y) else None
        self.mark.show_place(place)

    # Place of the bar -----------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self.bar.adjustSize()
            self.bar.move(QPoint(max(0, self.width() - self.bar.width() - BAR_MARGIN), BAR_MARGIN))
            self.bar.raise_()
        return False
