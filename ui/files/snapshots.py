"""Keeping the frame on screen as a picture of its own."""

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
class Kept:
    """A frame that is a picture now."""

    media: Media


class Snapshots(QObject):
    """Writes frames as PNG on a worker and puts them into the list of media; what plays goes on."""

    def __init__(self, parent: QObject, controller: Controller) -> None:
        super().__init__(parent)
        self._controller = controller
        controller.pipeline.job_event.connect(self._job_event)

    def keep(self) -> None:
        """Keep what is on screen."""
        frame, media = self._controller.shown.sample, self._controller.session.state.active_media
        if not isinstance(frame, Frame) or media is None:
            self._controller.notice.emit("info", self.tr("There is no frame to keep; open a video or a camera first."))
            return
        import xxhash

        # Below a name of its content: another video may be called the same, and a camera's clock begins anew.
        folder = user_cache_dir() / "snapshots" / xxhash.xxh3_64_hexdigest(frame.rgb8.data)
        path = folder / f"{media.path.stem} {frame.pts:.3f} s.png"
        title = self.tr("Keeping {name}").format(name=path.name)
        self._controller.pipeline.submit("pool", Job(("snapshot", str(path)), title, _work(frame, path)))

    def _job_event(self, event: Event) -> None:
        if event.kind == "output" and isinstance(event.value, Kept):
            media = event.value.media
            self._controller.keep(self.tr("Keep {name}").format(name=media.name), media)
            self._controller.notice.emit("info", self.tr("{name} is in the list of media.").format(name=media.name))


def _work(frame: Frame, path: Path) -> Any:
    def work(progress: Progress) -> Iterator[Any]:
        from PIL import Image

        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                # A quick level: a 4K frame would hold up the lane for a second otherwise.
                Image.fromarray(frame.rgb8).save(temporary, format="PNG", compress_level=3)
        yield Kept(open_media(path))

    return work
