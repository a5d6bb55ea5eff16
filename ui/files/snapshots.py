"""Snapshots: the frame on screen saved as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from cvstudio.data.samples import Frame
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_media
from ui.control.controller import Controller


@dataclass(frozen=True)
class SavedSnapshot:
    """Result of a snapshot: the frame as a medium of its own."""

    media: Media


class Snapshots(QObject):
    """Writes frames as PNG on a worker and adds them to the media; playback goes on."""

    def __init__(self, parent: QObject, controller: Controller) -> None:
        super().__init__(parent)
        self._controller = controller
        controller.pipeline.job_event.connect(self._job_event)

    def keep(self) -> None:
        """Save the frame on screen."""
        frame, media = self._controller.shown.sample, self._controller.session.state.active_media
        if not isinstance(frame, Frame) or media is None:
            self._controller.notice.emit("info", self.tr("There is no frame to save; open a video or a camera first."))
            return
        import xxhash

        # In a folder named by its content: videos may share a name, and a camera's clock restarts at zero.
        folder = user_cache_dir() / "snapshots" / xxhash.xxh3_64_hexdigest(frame.rgb8.data)
        path = folder / f"{media.path.stem} {frame.pts:.3f} s.png"
        title = self.tr("Saving {name}").format(name=path.name)
        self._controller.pipeline.submit("pool", Job(("snapshot", str(path)), title, _writing(frame, path)))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and isinstance(event.value, SavedSnapshot):
            media = event.value.media
            self._controller.keep(self.tr("Save {name}").format(name=media.name), media)
            self._controller.notice.emit("info", self.tr("{name} was added to the media list.").format(name=media.name))


def _writing(frame: Frame, path: Path) -> Any:
    """Work that writes `frame` to `path`, unless it exists, and yields it as `SavedSnapshot`."""

    def work(progress: Progress) -> Iterator[Any]:
        from PIL import Image

        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                # Low compression: at the default a 4K frame occupies the lane for a second.
                Image.fromarray(frame.rgb8).save(temporary, format="PNG", compress_level=3)
        yield SavedSnapshot(open_media(path))

    return work
