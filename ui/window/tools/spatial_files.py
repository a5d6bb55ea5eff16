"""Saving the 3D view as a picture, or as a film in which it turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.params import to_mapping
from cvstudio.foundation.progress import Progress
from ui.base.settings import Settings, first_folder, pictures_folder
from ui.control.controller import Controller
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cvstudio.draw.spatial.look import SpatialLook
    from cvstudio.draw.spatial.orbit_camera import OrbitCamera
    from cvstudio.draw.spatial.scene_view import SceneView

PLACE = "spatial/folder"
OWNER = "spatial-export"
PICTURE_SCALE = 2.0
"""A saved picture has so many pixels for each one of the view along each side."""


class ShownInSpace(Protocol):
    """What is written: the 3D view, by its look and the eye of whoever looks."""

    @property
    def look(self) -> SpatialLook: ...

    @property
    def camera(self) -> OrbitCamera: ...

    def pixels(self, scale: float) -> NDArray[np.uint8]:
        """The view as it is seen, uint8 RGB (h, w, 3), with `scale` pixels for each one along each side."""
        ...


@dataclass(frozen=True)
class WrittenView:
    """The file that was written."""

    path: Path


class SpatialFiles(QObject):
    """Writes what the 3D view shows, by the program's formats."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings, notices: Notices) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._settings, self._notices = settings, notices
        controller.pipeline.job_event.connect(self._job_event)

    def ask_picture(self, view: ShownInSpace) -> None:
        """Ask for the name of a picture of the view, and write it."""
        path = self._ask(self.tr("Save the 3D view as a picture"), "-view", ".png", "PNG (*.png)")
        if path is not None:
            self.write_picture(view, path)

    def ask_turntable(self, view: ShownInSpace) -> None:
        """Ask for the name of a film in which the scene turns once, and write it."""
        path = self._ask(self.tr("Save a film of the turning scene"), "-turntable", ".mp4", "MP4 (*.mp4)")
        if path is not None:
            self.write_turntable(view, path)

    def _ask(self, title: str, ending: str, suffix: str, chosen: str) -> Path | None:
        media = self._controller.session.state.active_media
        stem = media.path.stem if media is not None else "scene"
        beside = str(media.path.parent) if media is not None else ""
        folder = first_folder(self._settings.text(PLACE, ""), beside, pictures_folder())
        name, _ = QFileDialog.getSaveFileName(
            self._window, title, str(Path(folder) / f"{stem}{ending}{suffix}"), chosen
        )
        if not name:
            return None
        path = Path(name)
        path = path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)
        self._settings.set(PLACE, str(path.parent))
        return path

    def write_picture(self, view: ShownInSpace, path: Path) -> None:
        """Write the view as it is seen, in more pixels, to `path` on a worker."""
        from cvstudio.data.geometry import Rect, Size
        from cvstudio.results.picture import Picture

        pixels = view.pixels(PICTURE_SCALE)
        size = Size(pixels.shape[1], pixels.shape[0])
        picture = Picture(pixels, Rect(0, 0, *size), 1.0, size)
        self._write("png", path, picture, None, _recipe(self.shown(view)))

    def write_turntable(self, view: ShownInSpace, path: Path, options: Mapping[str, Any] | None = None) -> None:
        """Write a film of the scene as it is looked at, which turns once, to `path` on a worker."""
        shown = self.shown(view)
        self._write("turntable", path, shown.scene, shown, _recipe(shown), options or {})

    def shown(self, view: ShownInSpace) -> SceneView:
        """What the view shows: visible objects, look and eye."""
        from cvstudio.draw.spatial.scene_view import SceneView
        from cvstudio.results.scene3d import Scene3D

        scene = self._controller.spatial.scene
        items = [row.item for row in scene.rows if row.visible and row.item is not None]
        # Objects of different files and results may have one name.
        objects = tuple(
            dataclasses.replace(item, name=f"{item.name} {number}" if number else item.name, visible=True)
            for number, item in enumerate(items)
        )
        whole = Scene3D(objects, up=scene.up, unit=scene.unit, side_by_side=scene.side_by_side)
        return SceneView(whole, view.look, view.camera)

    def _write(
        self,
        key: str,
        path: Path,
        result: Any,
        composition: Any,
        recipe: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        media = self._controller.session.state.active_media

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.exporters import EXPORTERS, ExportItem, export

            item = ExportItem(
                media, None, result, {}, recipe, options=options or {}, composition=composition, stem=path.stem
            )
            export(EXPORTERS[key], path, item, progress)
            yield WrittenView(path)

        title = self.tr("Saving {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job((OWNER, str(path)), title, work))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and isinstance(event.value, WrittenView):
            self._notices.post("info", self.tr("Saved {name}.").format(name=event.value.path.name))


def _recipe(shown: SceneView) -> dict[str, Any]:
    camera: OrbitCamera | None = shown.camera
    assert camera is not None
    return {
        "scene": [item.name for item in shown.scene.objects],
        "look": to_mapping(shown.look),
        "camera": camera.to_json(),
    }
