"""The objects of a view, made ready for drawing on a worker, and the panes in which they stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.draw.spatial.prepared import Prepared, prepare
from cvstudio.draw.spatial.scene_picture import Backdrop, ReadyObject, ScenePictures, legend_of
from cvstudio.draw.spatial.scene_view import beside_one_another, group_of
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import Geometry3D, Object3D, Scene3D
from ui.views.spatial.drawer import Pane

PREPARE = "spatial-prepare"


@dataclass(frozen=True, eq=False)
class ViewObject:
    """An object to be shown: its key, what it is, and whether it is visible."""

    key: str
    item: Object3D
    visible: bool


@dataclass(frozen=True, eq=False)
class _Ready:
    geometry: Geometry3D
    parts: tuple[Prepared, ...]


class SceneObjects(QObject):
    """Keeps what is drawn of the objects of a scene while they stay.

    Parameters
    ----------
    submit : passes a job to a lane, whose events are to be passed to `job_event`

    Signals
    -------
    arrived : an object is ready
    """

    arrived = Signal()

    def __init__(self, submit: Callable[[Job], None], parent: QObject) -> None:
        super().__init__(parent)
        self._submit = submit
        self._objects: tuple[ViewObject, ...] = ()
        self._ready: dict[int, _Ready] = {}
        self._preparing = False
        self._beside = False
        self._pictures = ScenePictures()
        self.bounds: NDArray[np.float64] = np.zeros((2, 3))
        """Smallest and largest x, y, z of the visible objects; of all where none is."""

    def set_objects(self, objects: Sequence[ViewObject], *, beside: bool) -> bool:
        """Take other objects, and make them ready; whether some are gone. `beside` : one group beside the other."""
        self._objects, self._beside = tuple(objects), beside
        kept = {id(item.item.geometry) for item in objects}
        gone = [number for number in self._ready if number not in kept]
        for number in gone:
            del self._ready[number]
        # What is hidden may lie in other coordinates, kilometres away.
        seen = [item.item for item in objects if item.visible] or [item.item for item in objects]
        self.bounds = _bounds_of(seen)
        self._prepare()
        return bool(gone)

    @property
    def prepared(self) -> tuple[Prepared, ...]:
        """All that is drawn of objects that are ready."""
        return tuple(part for ready in self._ready.values() for part in ready.parts)

    @property
    def visible(self) -> list[ViewObject]:
        """Objects that are drawn, as far as they are ready."""
        return [item for item in self._objects if item.visible and id(item.item.geometry) in self._ready]

    @property
    def ready(self) -> list[ReadyObject]:
        """The visible objects with what is drawn of them."""
        return [self._ready_object(item) for item in self.visible]

    def _ready_object(self, item: ViewObject) -> ReadyObject:
        return ReadyObject(item.item, self._ready[id(item.item.geometry)].parts)

    @property
    def radius(self) -> float:
        """Of a ball around the visible objects; 1 for a single point."""
        return float(np.linalg.norm(self.bounds[1] - self.bounds[0])) / 2 or 1.0

    @property
    def preparing(self) -> bool:
        """Whether an object that is to be seen is not ready yet."""
        return any(item.visible and id(item.item.geometry) not in self._ready for item in self._objects)

    def owner(self, prepared: Prepared) -> ViewObject | None:
        """The visible object of which this is drawn; None for guides."""
        for item in self.visible:
            if any(part is prepared for part in self._ready[id(item.item.geometry)].parts):
                return item
        return None

    def item_of(self, key: str) -> ViewObject | None:
        """The object of a key, visible or not."""
        return next((item for item in self._objects if item.key == key), None)

    def _prepare(self) -> None:
        """Make the visible objects ready on a worker, one after the other."""
        waiting = [item.item for item in self._objects if item.visible and id(item.item.geometry) not in self._ready]
        if self._preparing or not waiting:
            return
        self._preparing = True
        radius = self.radius

        def work(progress: Progress) -> Iterator[Any]:
            for item in waiting:
                progress.check()
                yield _Ready(item.geometry, prepare(item.geometry, radius))

        self._submit(Job(PREPARE, "", work))

    def job_event(self, event: Event) -> None:
        """Handle an event of a lane; events of other owners are ignored."""
        if event.job.owner != PREPARE:
            return
        if event.kind == "output" and any(item.item.geometry is event.value.geometry for item in self._objects):
            self._ready[id(event.value.geometry)] = event.value
            self.arrived.emit()
        elif event.kind in ("finished", "failed", "cancelled"):
            self._preparing = False
            if event.kind == "finished":
                self._prepare()

    def panes(
        self, size: Size, scale: float, look: SpatialLook, camera: OrbitCamera, backdrop: Backdrop, marked: str
    ) -> tuple[tuple[Pane, ...], tuple[str, ...]]:
        """The parts of a picture of `size` pixels and their titles.

        Parameters
        ----------
        scale : by which lines and points are larger
        marked : key of the object around which a box is drawn; "" for none
        """
        legend = legend_of(self.ready, look, self.bounds)
        visible = [(group_of(item.item), item) for item in self.visible]
        panes, titles = [], []
        for place in beside_one_another(visible, size, apart=self._beside):
            ready = [self._ready_object(item) for item in place.content]
            number = next((number for number, item in enumerate(place.content) if item.key == marked), None)
            picture = self._pictures.picture(
                ready, look, camera, place.size, self.bounds, backdrop=backdrop, marked=number, legend=legend
            )
            panes.append(Pane((place.left, place.top), picture.resized(place.size, scale)))
            titles.append(place.title)
        return tuple(panes), tuple(titles)


def _bounds_of(items: Sequence[Object3D]) -> NDArray[np.float64]:
    """Bounds float64 (2, 3) of objects; zeros where nothing is there."""
    # Files of different folders may have one name.
    named = (dataclasses.replace(item, name=f"{number} {item.name}") for number, item in enumerate(items))
    return np.array(Scene3D(tuple(named)).bounds)


def size_text(items: Sequence[Object3D]) -> str:
    """Numbers of vertices and triangles, and of points, of all objects."""
    counts = {"vertex": 0, "triangle": 0, "point": 0, "voxel": 0}
    for item in items:
        geometry = item.geometry
        if item.kind == "mesh":
            counts["vertex"] += len(getattr(geometry, "vertices", ()))
            counts["triangle"] += len(getattr(geometry, "triangles", ()))
        elif item.kind == "point cloud":
            counts["point"] += len(getattr(geometry, "points", ()))
        elif item.kind == "voxels":
            counts["voxel"] += int(getattr(geometry, "count", 0))
    plural = {"vertex": "vertices"}
    return " · ".join(
        f"{count:,} {name if count == 1 else plural.get(name, name + 's')}" for name, count in counts.items() if count
    )
