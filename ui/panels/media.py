"""The media that are open, with thumbnails made in the background."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QStackedLayout, QWidget

from cvstudio.errors import UserError
from cvstudio.jobs import Event, Job
from cvstudio.media import Media, MediaKind, open_reader
from cvstudio.progress import Progress
from cvstudio.thumbnails import thumbnail
from ui.controller import Controller
from ui.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel
from ui.widgets.empty_state import EmptyState

ICONS = {
    MediaKind.IMAGE: "file-image",
    MediaKind.VIDEO: "film",
    MediaKind.AUDIO: "audio-lines",
    MediaKind.DEPTH: "layers",
    MediaKind.CAMERA: "camera",
}
THUMBNAIL = QSize(64, 48)


class _List(QListWidget):
    """A list whose Delete key takes an entry out."""

    def __init__(self, panel: MediaPanel) -> None:
        super().__init__()
        self._panel = panel

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete and self.currentItem() is not None:
            self._panel.close_current()
        else:
            super().keyPressEvent(event)


class MediaPanel(QWidget):
    """What is open; a click puts it on the canvas."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._thumbnails: dict[str, QIcon] = {}
        self._list = _List(self)
        self._list.setObjectName("media-list")
        self._list.setAccessibleName(self.tr("Open media"))
        self._list.setIconSize(THUMBNAIL)
        self._list.setUniformItemSizes(True)
        self._list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._list.customContextMenuRequested.connect(self._menu)
        self._list.itemClicked.connect(self._chosen)
        self._list.itemActivated.connect(self._chosen)
        empty = EmptyState("images", self.tr("Nothing is open. Drop files here, or open one."), self.tr("Open …"))
        empty.triggered.connect(self._open)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        self._stack.addWidget(self._list)
        controller.state_changed.connect(lambda old, new: self._update(new.media, new.active))
        controller.pipeline.event.connect(self._job_event)

    def sizeHint(self) -> QSize:
        return QSize(216, 400)

    def _open(self) -> None:
        self.window().open_dialog()  # type: ignore[attr-defined]

    def _update(self, media: tuple[Media, ...], active: str) -> None:
        self._stack.setCurrentIndex(1 if media else 0)
        shown = [self._list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self._list.count())]
        if shown != [item.id for item in media]:
            self._list.clear()
            for item in media:
                self._list.addItem(self._entry(item))
        for row, item in enumerate(media):
            if item.id == active:
                self._list.setCurrentRow(row)

    def _entry(self, media: Media) -> QListWidgetItem:
        facts = f"{media.size.width} × {media.size.height}" if media.size else ""
        if media.duration_secs is not None and media.kind in (MediaKind.VIDEO, MediaKind.AUDIO):
            minutes, seconds = divmod(media.duration_secs, 60)
            facts = f"{int(minutes)}:{seconds:04.1f}" + (f" · {facts}" if facts else "")
        entry = QListWidgetItem(f"{media.name}\n{facts}")
        entry.setData(Qt.ItemDataRole.UserRole, media.id)
        entry.setToolTip(str(media.path))
        entry.setSizeHint(QSize(0, THUMBNAIL.height() + 12))
        known = self._thumbnails.get(media.id)
        entry.setIcon(known or icon(ICONS[media.kind], 20))
        if known is None and media.kind not in (MediaKind.AUDIO, MediaKind.CAMERA):
            work = _thumbnail_work(media)
            self._controller.pipeline.submit("thumbnails", Job(("thumbnail", media.id), "", work, background=True))
        return entry

    def _job_event(self, event: Event) -> None:
        owner = event.job.owner
        if event.kind != "output" or not (isinstance(owner, tuple) and owner[0] == "thumbnail"):
            return
        pixels: NDArray[np.uint8] = event.value
        height, width = pixels.shape[:2]
        picture = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
        made = QIcon(QPixmap.fromImage(picture))
        self._thumbnails[owner[1]] = made
        while len(self._thumbnails) > 500:
            self._thumbnails.pop(next(iter(self._thumbnails)))
        for row in range(self._list.count()):
            if self._list.item(row).data(Qt.ItemDataRole.UserRole) == owner[1]:
                self._list.item(row).setIcon(made)

    def _media(self, entry: QListWidgetItem) -> Media | None:
        wanted = entry.data(Qt.ItemDataRole.UserRole)
        return next((item for item in self._controller.session.state.media if item.id == wanted), None)

    def _chosen(self, entry: QListWidgetItem) -> None:
        media = self._media(entry)
        if media is not None:
            self._controller.activate(media)

    def close_current(self) -> None:
        """Take the chosen entry out of the session; the file stays."""
        media = self._media(self._list.currentItem())
        if media is not None:
            self._controller.close_media(media)

    def _menu(self, place: QPoint) -> None:
        entry = self._list.itemAt(place)
        if entry is None:
            return
        self._list.setCurrentItem(entry)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("x"), self.tr("Close"), self.close_current)
        menu.popup(self._list.mapToGlobal(place))


def _thumbnail_work(media: Media) -> Any:
    def work(progress: Progress) -> Iterator[Any]:
        try:
            with open_reader(media) as reader:
                sample = reader.at(0.0) if media.kind is MediaKind.VIDEO else reader.read()
        except UserError:
            return  # the canvas tells what is wrong with the file; the list keeps the icon of its kind
        yield thumbnail(sample, THUMBNAIL.width() * 2, THUMBNAIL.height() * 2)

    return work


PANELS.register(
    Panel("media", "Media", Qt.DockWidgetArea.LeftDockWidgetArea, MediaPanel, order=10, shortcut="Ctrl+Alt+1")
)
