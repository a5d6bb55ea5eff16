"""What is in the 3D view: open files and results, their visibility and look."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.params import from_mapping
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_reader
from cvstudio.session.session import Session
from ui.base.translate import translated
from ui.control.frame_on_screen import FrameOnScreen
from ui.control.pipeline import Pipeline

if TYPE_CHECKING:
    from cvstudio.draw.spatial.look import SpatialLook
    from cvstudio.draw.spatial.orbit_camera import OrbitCamera
    from cvstudio.results.scene3d import LinkedPixels, Object3D, UpAxis

FILE = "space-file"


@dataclass(frozen=True, eq=False)
class SceneRow:
    """A row of the tree of objects.

    Parameters
    ----------
    key : by which the session keeps its visibility
    title : name of the file or object
    group : titles of the groups that it stands in, the outermost first
    item : the object; None for a file that is not read yet
    visible : whether it is drawn
    media : the file; None for the object of a result
    links : where its points are seen in the picture on the canvas; None where they are not
    """

    key: str
    title: str
    group: tuple[str, ...]
    item: Object3D | None
    visible: bool
    media: Media | None = None
    links: LinkedPixels | None = None


@dataclass(frozen=True, eq=False)
class SpatialScene:
    """All that can be seen in the 3D view.

    Parameters
    ----------
    rows : objects, in the order of the tree
    up : axis that points up: "y", "z" or "-y"
    unit : of the coordinates; empty where it is not known
    side_by_side : whether the groups stand beside one another
    identity : of the scene; another one is seen from where a scene is first seen
    name : of the scene in projects
    """

    rows: tuple[SceneRow, ...] = ()
    up: UpAxis = "y"
    unit: str = ""
    side_by_side: bool = False
    identity: Hashable = None
    name: str = ""

    def same(self, other: SpatialScene) -> bool:
        """Whether both look the same and have the same rows."""

        def key(scene: SpatialScene) -> Any:
            rows = [(row.key, row.title, row.group, id(row.item), row.visible) for row in scene.rows]
            return scene.up, scene.unit, scene.side_by_side, scene.identity, rows

        return bool(key(self) == key(other))


class SpatialController(QObject):
    """Part of the controller for the 3D view. Main thread only.

    Signals
    -------
    scene_changed : `scene` is another one
    look_changed : the `SpatialLook` is another one
    marked_changed : key of the object that is chosen; "" for none
    """

    scene_changed = Signal(object)
    look_changed = Signal(object)
    marked_changed = Signal(str)

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._pipeline = session, pipeline
        self.scene = SpatialScene()
        self.marked = ""
        self._shown = FrameOnScreen(None, None, ())
        self._files: dict[str, Object3D | None] = {}
        self._unreadable: set[str] = set()
        self._named: dict[str, tuple[Object3D, Object3D]] = {}
        self._eye: tuple[Hashable, OrbitCamera] | None = None
        self._saved_eye = session.state.eye
        self._loads = 0
        self._look_values = session.state.spatial_look
        pipeline.job_event.connect(self._job_event)

    # Intents --------------------------------------------------------------------------------------------------------

    def set_visible(self, key: str, visible: bool) -> None:
        """Show or hide an object."""
        row = next(row for row in self.scene.rows if row.key == key)
        if visible and row.media is not None and row.media.id in self._unreadable:
            # It may be there again.
            self._unreadable.discard(row.media.id)
            self._files.pop(row.media.id, None)
        title = self.tr("Show {name}") if visible else self.tr("Hide {name}")
        self._set_in_space(title.format(name=row.title), {key: visible})

    def rename(self, key: str, name: str) -> None:
        """Give an object another name in the view; an empty one is its own again."""
        state, name = self._session.state, name.strip()
        names = {other: title for other, title in state.names_in_space.items() if other != key}
        if name:
            names[key] = name
        row = next(row for row in self.scene.rows if row.key == key)
        title = self.tr("Rename {name}").format(name=row.title)
        self._session.change(title, dataclasses.replace(state, names_in_space=names))

    def show_only(self, key: str) -> None:
        """Hide all objects but one."""
        row = next(row for row in self.scene.rows if row.key == key)
        title = self.tr("Show only {name}").format(name=row.title)
        self._set_in_space(title, {other.key: other.key == key for other in self.scene.rows})

    def show_all(self) -> None:
        """Show all objects."""
        self._set_in_space(self.tr("Show all objects"), {row.key: True for row in self.scene.rows})

    def _set_in_space(self, title: str, visible: dict[str, bool]) -> None:
        state = self._session.state
        self._session.change(title, dataclasses.replace(state, in_space={**state.in_space, **visible}))

    def point_at(self, x: float, y: float) -> int | None:
        """Number of the point in space that is seen at a place of the picture; None where there is none."""
        links = next((row.links for row in self.scene.rows if row.links is not None), None)
        return links.nearest(x, y) if links is not None else None

    def mark(self, key: str) -> None:
        """Choose an object, which is no change of the session; "" chooses none."""
        if key != self.marked:
            self.marked = key
            self.marked_changed.emit(key)

    def set_look(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Set an option of `SpatialLook`; changes while `dragging` are one undo step."""
        state = self._session.state
        new = dataclasses.replace(state, spatial_look={**state.spatial_look, name: value})
        self._session.change(self.tr("Change the 3D view"), new, merge=f"spatial.{name}" if dragging else None)

    def look(self) -> SpatialLook:
        """The look of the session."""
        from cvstudio.draw.spatial.look import SpatialLook

        return from_mapping(SpatialLook, self._session.state.spatial_look)

    # The eye --------------------------------------------------------------------------------------------------------

    def see_from(self, camera: OrbitCamera) -> None:
        """Remember from where the user looks at the scene."""
        self._eye = self.scene.identity, camera

    def keep_eye(self) -> None:
        """Write from where the user looks into the session, for its project."""
        if self._eye is None or self._eye[0] != self.scene.identity:
            return
        eye = self._saved_eye = {"scene": self.scene.name, **self._eye[1].to_json()}
        self._session.change("", dataclasses.replace(self._session.state, eye=eye), undoable=False)

    def eye_of(self, scene: SpatialScene) -> OrbitCamera | None:
        """From where a project looks at a scene; None where it does not say."""
        saved = self._session.state.eye
        if not saved or saved.get("scene") != scene.name:
            return None
        from cvstudio.draw.spatial.orbit_camera import OrbitCamera

        return OrbitCamera.from_json(saved)

    # The scene ------------------------------------------------------------------------------------------------------

    def follow(self, shown: FrameOnScreen) -> None:
        """Take what is on screen: the sample of a 3D file, and results in space."""
        self._shown = shown
        self.refresh()

    def refresh(self) -> None:
        """Look at the session again."""
        values = self._session.state.spatial_look
        if values is not self._look_values and values != self._look_values:
            self.look_changed.emit(self.look())
        self._look_values = values
        if self._session.state.eye is not self._saved_eye:
            # A project was opened, which looks at its scene from elsewhere.
            self._saved_eye = self._session.state.eye
            self._loads += 1
        scene = self._made()
        if not scene.same(self.scene):
            self.scene = scene
            if self.marked not in {row.key for row in scene.rows}:
                self.mark("")
            self.scene_changed.emit(scene)

    def _made(self) -> SpatialScene:
        state = self._session.state
        active = state.active_media
        files = [media for media in state.media if media.kind is MediaKind.GEOMETRY]
        results = self._results()
        if not results and (active is None or active.kind is not MediaKind.GEOMETRY):
            # Files beside a picture are no reason to look at anything in space.
            self._files.clear()
            return SpatialScene()
        for identity in [identity for identity in self._files if identity not in {media.id for media in files}]:
            del self._files[identity]
        self._unreadable &= {media.id for media in files}
        rows = [self._file_row(media, alone=not results) for media in files]
        for number, title, scene in results:
            rows += [
                SceneRow(
                    f"layer {number}/{item.name}",
                    item.name,
                    (title, *filter(None, item.group.split("/"))),
                    item,
                    state.in_space.get(f"layer {number}/{item.name}", item.visible),
                    links=scene.linked if scene.linked is not None and scene.linked.name == item.name else None,
                )
                for item in scene.objects
            ]
        rows = [self._renamed(row) for row in rows]
        files_up = active.details.get("up") if active is not None and active.kind is MediaKind.GEOMETRY else "y"
        up: UpAxis = "z" if files_up == "z" else "y"
        up = next((scene.up for *_, scene in results if scene.up), up)
        chosen = state.spatial_look.get("up_axis")
        up = "z" if chosen == "z" else "y" if chosen == "y" else up
        unit = next((scene.unit for *_, scene in results if scene.unit), "")
        beside = any(scene.side_by_side for *_, scene in results)
        seen = (active.file_id if active is not None else "", tuple(number for number, *_ in results), up)
        return SpatialScene(tuple(rows), up, unit, beside, (*seen, self._loads), str(seen))

    def _renamed(self, row: SceneRow) -> SceneRow:
        """A row by the name that the user has given its object."""
        name = self._session.state.names_in_space.get(row.key)
        if not name:
            return row
        item = row.item
        if item is not None:
            known = self._named.get(row.key)
            if known is None or known[0] is not item or known[1].name != name:
                # The same object stays the same one, as the view tells by it what has changed.
                known = self._named[row.key] = item, dataclasses.replace(item, name=name)
            item = known[1]
        return dataclasses.replace(row, title=name, item=item)

    def _results(self) -> list[tuple[int, str, Any]]:
        """Number, title and scene of each visible layer with a result in space."""
        drawn = [layer for layer in self._shown.layers if layer.result is not None and layer.layer.instance.visible]
        if not drawn:
            return []
        from cvstudio.results.scene3d import Scene3D

        return [
            (layer.layer.instance.id, translated(layer.layer.instance.spec.title), layer.result)
            for layer in drawn
            if isinstance(layer.result, Scene3D)
        ]

    def _file_row(self, media: Media, *, alone: bool) -> SceneRow:
        state = self._session.state
        active = media.id == state.active
        visible = state.in_space.get(f"file {media.file_id}", active and alone)
        if active and self._shown.sample is not None:
            known = self._files.get(media.id)
            if known is None or known.geometry is not self._shown.sample:
                self._files[media.id] = _object(media, self._shown.sample)
        elif visible and not active and media.id not in self._files:
            self._read(media)
        return SceneRow(f"file {media.file_id}", media.name, (), self._files.get(media.id), visible, media)

    def _read(self, media: Media) -> None:
        """Read a file that is shown beside the one on the canvas."""
        self._files[media.id] = None

        def work(progress: Progress) -> Iterator[Any]:
            with open_reader(media) as reader:
                yield _object(media, reader.read())

        title = self.tr("Reading {name}").format(name=media.name)
        self._pipeline.submit("preview", Job((FILE, media.id), title, work))

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if not isinstance(owner, tuple) or owner[0] != FILE or owner[1] not in self._files:
            return
        if event.kind == "output":
            self._files[owner[1]] = event.value
            self.refresh()
        elif event.kind == "cancelled":
            # Another look at the scene reads it again.
            del self._files[owner[1]]
        elif event.kind == "failed":
            self._unreadable.add(owner[1])


def _object(media: Media, sample: Any) -> Object3D | None:
    from cvstudio.data.samples import PointCloud, TriangleMesh
    from cvstudio.results.scene3d import Object3D

    return Object3D(media.name, sample) if isinstance(sample, TriangleMesh | PointCloud) else None
