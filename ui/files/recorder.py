"""Recording of the camera on screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QStandardPaths, QUrl, Signal
from PySide6.QtGui import QDesktopServices

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.camera_tap import Tap
from ui.base.translate import counted
from ui.control.controller import Controller
from ui.control.pipeline import RECORD
from ui.widgets.notices import Notices

if TYPE_CHECKING:
    from cvstudio.exporters.recording import Recorded

OWNER = ("record",)


@dataclass(frozen=True)
class SavedRecording:
    """Result of a recording: the video as a medium."""

    recorded: Recorded
    media: Media


class Recorder(QObject):
    """Writes the camera's frames to a video on a worker, until `stop` or until the camera ends.

    Signals
    -------
    changed : elapsed time as text; None where nothing is recorded
    """

    changed = Signal(object)

    def __init__(self, parent: QObject, controller: Controller, notices: Notices) -> None:
        super().__init__(parent)
        self._controller = controller
        self._notices = notices
        self._tap: Tap | None = None
        self._ending = False
        self._done = threading.Event()
        self.folder = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation))
        controller.pipeline.job_event.connect(self._job_event)

    @property
    def recording(self) -> bool:
        return self._tap is not None

    def toggle(self) -> None:
        """Start a recording, or end it and keep the video."""
        if self._tap is None:
            self.start()
        else:
            self.stop()

    def start(self) -> None:
        """Record the camera on screen; starts its playback where it is paused."""
        media = self._controller.session.state.active_media
        if media is None or media.kind is not MediaKind.CAMERA:
            self._notices.post("info", self.tr("There is no camera to record; open one first."))
            return
        if self._tap is not None:
            return
        path = self._path(media)
        # A camera that was paused may still send its last frame.
        tap, done = Tap(media.id, only_new=not self._controller.playback.playing), threading.Event()
        self._tap, self._done = tap, done

        def work(progress: Progress) -> Iterator[Any]:
            # Imported with the first recording: the window must not wait for it.
            from cvstudio.exporters.recording import record

            try:
                recorded = record(path, tap, progress)
                yield SavedRecording(recorded, open_media(path))
            finally:
                tap.close()
                done.set()

        title = self.tr("Recording {name}").format(name=path.name)
        self._controller.pipeline.submit(RECORD, Job(OWNER, title, work))
        if not self._controller.playback.playing:
            self._controller.playback.play()
        self.changed.emit("0:00")

    def _path(self, media: Media) -> Path:
        from cvstudio.exporters.file_names import safe_name

        name = media.path.stem if "pretends" in media.details else media.name
        return self.folder / f"{safe_name(name)} {datetime.now():%Y-%m-%d %H.%M.%S}.mp4"

    def stop(self) -> None:
        """End the recording and keep the video."""
        if self._tap is not None and not self._ending:
            self._ending = True
            self._tap.close()
            # Frames that wait in the queue are still written.
            self.changed.emit(self.tr("Saving …"))

    def discard(self) -> None:
        """End the recording and discard the video."""
        if self._tap is not None:
            self._controller.pipeline.lanes.cancel(OWNER)

    def close(self, timeout_secs: float) -> None:
        """End the recording, keep the video, and wait until it is written, at most `timeout_secs`."""
        if self._tap is not None:
            self.stop()
            self._done.wait(timeout_secs)

    def _job_event(self, event: Event) -> None:
        if event.job.owner != OWNER:
            return
        if event.kind == "progress" and event.value[1] and not self._ending:
            self.changed.emit(event.value[1])
        elif event.kind == "output":
            self._keep(event.value)
        elif event.kind in ("finished", "failed", "cancelled"):
            self._tap, self._ending = None, False
            self.changed.emit(None)
            if event.kind == "cancelled":
                self._notices.post("info", self.tr("The recording was discarded."))

    def _keep(self, kept: SavedRecording) -> None:
        recorded = kept.recorded
        self._controller.keep(self.tr("Record {name}").format(name=kept.media.name), kept.media)
        texts = {
            "stopped": self.tr("Recorded {name}; it is in the media list."),
            "camera": self.tr("The camera stopped; {name} holds what was recorded until then."),
            "disk": self.tr("The disk is nearly full; {name} holds what was recorded until then. Free some space."),
        }
        text = texts[recorded.ended].format(name=kept.media.name)
        if recorded.dropped:
            one, many = (
                self.tr("{count} of {all} frames was lost: the computer was too busy."),
                self.tr("{count} of {all} frames were lost: the computer was too busy."),
            )
            text += " " + counted(recorded.dropped, one, many, all=recorded.frames + recorded.dropped)
        folder = QUrl.fromLocalFile(str(recorded.path.parent))
        level = "info" if recorded.ended == "stopped" and not recorded.dropped else "warning"
        self._notices.post(level, text, action=self.tr("Show folder"), run=lambda: QDesktopServices.openUrl(folder))
