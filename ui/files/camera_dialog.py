"""Choosing a camera: a connected device, or a file as a simulated camera."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.errors import UserError
from cvstudio.media.camera import SIZES, camera, devices
from cvstudio.media.formats.simulated_camera import simulated_camera
from ui.base.icons import icon
from ui.base.settings import first_folder, pictures_folder, videos_folder
from ui.base.translate import translated
from ui.widgets.rows.choice_rows import Combo


class CameraDialog(QDialog):
    """Choice of a camera and its frame size.

    Signals
    -------
    chosen : `Media` of the camera
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Open Camera"))
        self.setMinimumWidth(420)
        self.device = Combo()
        self.device.setAccessibleName(self.tr("Camera"))
        self.device.setPlaceholderText(self.tr("none"))
        for device in devices():
            self.device.addItem(f"{device.name} ({device.place})", device.place)
        self.size_picker = Combo()
        self.size_picker.setAccessibleName(self.tr("Size"))
        self.size_picker.addItem(self.tr("camera default"), None)
        for size in SIZES:
            self.size_picker.addItem(f"{size.width} × {size.height}", size)
        connected = self.device.count() > 0
        form = QFormLayout()
        form.setSpacing(8)
        form.addRow(self.tr("Camera"), self.device)
        form.addRow(self.tr("Size"), self.size_picker)
        self.message = QLabel()
        self.message.setObjectName("quiet")
        self.message.setWordWrap(True)
        self.message.setText(
            self.tr("Or use a video or a folder of pictures as the camera: it plays in real time, in a loop.")
            if connected
            else self.tr("No camera is connected. Connect one and open this again, or use a file as the camera.")
        )
        video = QPushButton(icon("film"), self.tr("Choose a video …"))
        video.setAutoDefault(False)
        video.clicked.connect(self._choose_video)
        folder = QPushButton(icon("images"), self.tr("Choose a folder …"))
        folder.setAutoDefault(False)
        folder.clicked.connect(self._choose_folder)
        files = QHBoxLayout()
        files.setSpacing(8)
        files.addWidget(video)
        files.addWidget(folder)
        files.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        # The platform's own icon would be the only coloured one.
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.open_button = buttons.addButton(self.tr("Open"), QDialogButtonBox.ButtonRole.AcceptRole)
        for item in (self.open_button, self.device, self.size_picker):
            item.setEnabled(connected)
        buttons.accepted.connect(self._choose_device)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(form)
        layout.addWidget(self.message)
        layout.addLayout(files)
        layout.addSpacing(4)
        layout.addWidget(buttons)

    def _choose_device(self) -> None:
        self.chosen.emit(camera(self.device.currentData(), self.size_picker.currentData()))
        self.accept()

    def _choose_video(self) -> None:
        title = self.tr("Video to use as the camera")
        name, _ = QFileDialog.getOpenFileName(self, title, first_folder(videos_folder()))
        if name:
            self.pretend(Path(name))

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(
            self, self.tr("Folder of pictures to use as the camera"), first_folder(pictures_folder())
        )
        if name:
            self.pretend(Path(name))

    def pretend(self, path: Path) -> None:
        """Choose `path`, a video or a folder of pictures, as a simulated camera; shows why where it cannot be one."""
        try:
            media = simulated_camera(path)
        except UserError as error:
            self.message.setText(translated(str(error)))
            return
        self.chosen.emit(media)
        self.accept()
