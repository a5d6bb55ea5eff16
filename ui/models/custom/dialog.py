"""The dialog that adds a custom model: its declaration on the left, a preview on the open picture on the right."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.custom.store import PREFIX, add, declaration_of, remove, save, spec_of
from ui.base import theme
from ui.base.icons import icon
from ui.base.translate import translated
from ui.control.controller import Controller
from ui.models.custom.form import OwnModelForm
from ui.models.custom.trial import Declared, Refused, Tried, attempt, declare, refusing

FORM_WIDTH = 392
TRY_AFTER_MS = 350
"""Delay after the last edit before the network runs, so that it does not run at every key stroke."""

_numbers = itertools.count(1)


class Preview(QWidget):
    """Shows a picture at the largest size that fits; dimmed while it is `stale`."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(280, 220)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._pixels: NDArray[np.uint8] | None = None
        self._image: QImage | None = None
        self.stale = False

    def show_pixels(self, pixels: NDArray[np.uint8]) -> None:
        """Show `pixels`, uint8 RGB (h, w, 3)."""
        self._pixels = np.ascontiguousarray(pixels)
        height, width = pixels.shape[:2]
        self._image = QImage(self._pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
        self.set_stale(False)

    def set_stale(self, stale: bool) -> None:
        self.stale = stale
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("window"))
        if self._image is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setOpacity(0.35 if self.stale else 1.0)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect((self.width() - size.width()) // 2, (self.height() - size.height()) // 2, *size.toTuple())
        painter.drawImage(place, self._image)


class CustomModelDialog(QDialog):
    """Not modal: the user can change the open picture while the dialog tries the declaration on it."""

    def __init__(self, parent: QWidget, controller: Controller, path: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Your own model"))
        self._controller = controller
        self._owner = ("own-model", next(_numbers))
        self._path = path
        self._key = ""
        self._ended = False
        self.form = OwnModelForm()
        self.form.changed.connect(self._changed)
        self.file = QLabel(path.name)
        self.file.setObjectName("card-title")
        self.file.setToolTip(str(path))
        self.note = QLabel(self.tr("Reading the file …"))
        self.note.setObjectName("quiet")
        self.note.setWordWrap(True)
        self.preview = Preview()
        self.found = QLabel()
        self.found.setWordWrap(True)
        self.found.setMinimumHeight(36)
        self.found.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.found.setTextFormat(Qt.TextFormat.PlainText)
        self.remove_button = QPushButton(icon("trash-2"), self.tr("Remove"))
        self.remove_button.setToolTip(self.tr("Removes the model from the program; its files stay on disk."))
        self.remove_button.clicked.connect(self._remove)
        self.remove_button.hide()
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.clicked.connect(self.close)
        self.add_button = QPushButton(self.tr("Add model"))
        self.add_button.setDefault(True)
        self.add_button.setEnabled(False)
        self.add_button.clicked.connect(self._add)
        self._arrange()
        self._soon = QTimer(self, interval=TRY_AFTER_MS, singleShot=True)
        self._soon.timeout.connect(self.try_it)
        controller.pipeline.job_event.connect(self._job_event)
        controller.view_changed.connect(self._picture_changed)
        self._picture: Image | None = None
        self.form.setEnabled(False)
        self._submit(self.tr("Reading {name}").format(name=path.name), lambda progress: declare(path, progress))
        self.show()

    def sizeHint(self) -> QSize:
        return QSize(940, 640)

    def _arrange(self) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.form)
        scroll.setFixedWidth(FORM_WIDTH)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.preview, 1)
        right.addWidget(self.found)
        sides = QHBoxLayout()
        sides.setSpacing(16)
        sides.addWidget(scroll)
        sides.addLayout(right, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.remove_button)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.file)
        layout.addWidget(self.note)
        layout.addSpacing(4)
        layout.addLayout(sides, 1)
        layout.addLayout(buttons)

    # Work -----------------------------------------------------------------------------------------------------------

    def _submit(self, title: str, work: Any) -> None:
        # Networks run on the accelerator's thread only, custom ones too.
        self._controller.pipeline.submit("accelerator", Job(self._owner, title, lambda p: refusing(work(p))))

    def _job_event(self, event: Event) -> None:
        if event.job.owner != self._owner:
            return
        if event.kind == "output" and isinstance(event.value, Declared):
            self._declared(event.value)
        elif event.kind == "output" and isinstance(event.value, Tried):
            self._tried(event.value)
        elif event.kind == "output" and isinstance(event.value, Refused):
            self._say(event.value.text, warning=True)
        elif event.kind == "failed":
            self._say(self.tr("This failed; the log has the details."), warning=True)

    def _declared(self, declared: Declared) -> None:
        self._key = PREFIX + declared.model.key
        try:
            registered = declaration_of(self._key) is not None
        except UserError:
            registered = False
        self.remove_button.setVisible(registered)
        self.add_button.setText(self.tr("Save changes") if registered else self.tr("Add model"))
        self.file.setText(declared.model.file.name)
        notes = [
            self.tr("Filled in from the file as far as possible. Compare with the preview and correct the rest.")
            if declared.guessed
            else self.tr("Filled in from the declaration beside the file.")
        ]
        if declared.program:
            notes.append(self.tr("A TorchScript file is a program; add it only where you trust its author."))
        self.note.setText(" ".join(notes))
        self.form.setEnabled(True)
        self.form.show_model(declared.model)
        self._changed()

    def _changed(self) -> None:
        self.preview.set_stale(True)
        model = self._model()
        self.add_button.setEnabled(model is not None)
        if model is not None:
            self._soon.start()

    def _model(self) -> CustomModel | None:
        try:
            return self.form.model()
        except UserError as error:
            self._soon.stop()
            self._say(str(error), warning=True)
            return None

    def _picture_changed(self) -> None:
        sample = self._controller.shown.sample
        if self.form.isEnabled() and isinstance(sample, Image) and sample is not self._picture:
            self._soon.start()

    def try_it(self) -> None:
        """Run the declared network on the open picture, or on a sample picture where none is open."""
        model = self._model()
        if model is None:
            return
        sample = self._controller.shown.sample
        self._picture = sample if isinstance(sample, Image) else None
        image, size = self._picture, Size(*self.preview.size().toTuple())
        self._say(self.tr("Testing …"))

        def work(progress: Any) -> Any:
            return attempt(model, spec_of(model), image or _sample(), size, progress)

        self._submit(self.tr("Testing {name}").format(name=model.title), work)

    def _tried(self, tried: Tried) -> None:
        self.preview.show_pixels(tried.pixels)
        names = ", ".join(f"{name} {share:.2f}" for name, share in tried.first)
        text = self.tr("{headline} in {ms} ms")
        summary = text.format(headline=translated(tried.headline), ms=f"{tried.elapsed_secs * 1000:.0f}")
        self._say(f"{summary}: {names}" if names else summary)

    def _say(self, text: str, *, warning: bool = False) -> None:
        self.found.setObjectName("message" if warning else "quiet")
        self.found.style().polish(self.found)
        self.found.setText(translated(text))

    # Ending ---------------------------------------------------------------------------------------------------------

    def _add(self) -> None:
        model = self._model()
        if model is None:
            return
        try:
            spec = add(save(model))
        except UserError as error:
            self._say(str(error), warning=True)
            return
        self._controller.use_custom_model(spec)
        self.close()

    def _remove(self) -> None:
        try:
            remove(self._key, in_use=True)
        except UserError as error:
            self._say(str(error), warning=True)
            return
        self._controller.leave_model(self._key)
        self.close()

    def done(self, result: int) -> None:
        """Stop the jobs of the dialog, however it closes: by a button, Escape or the window's frame."""
        if not self._ended:
            self._ended = True
            self._soon.stop()
            self._controller.pipeline.job_event.disconnect(self._job_event)
            self._controller.view_changed.disconnect(self._picture_changed)
            self._controller.pipeline.lanes.cancel(self._owner)
        super().done(result)
        self.deleteLater()


def _sample() -> Image:
    """The sample picture for a trial where none is open; read on the worker."""
    from cvstudio.media import open_media
    from cvstudio.media.examples.files import sample_path
    from cvstudio.media.reader_pool import Readers

    with Readers() as readers:
        image: Image = readers.get(open_media(sample_path("cat"))).read()
    return image
