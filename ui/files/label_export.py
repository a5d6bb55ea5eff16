"""Exporting labels: asks for a format and a place, writes on a worker, and says what the format cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.data.labels import LabelledSet, LeftOut
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from ui.base.icons import icon
from ui.base.settings import Settings, first_folder, pictures_folder
from ui.base.translate import counted, translated
from ui.control.controller import Controller
from ui.widgets.notices import Notices
from ui.widgets.rows.choice_rows import Combo, Switch

WIDTH, SUMMARY_LINES = 460, 2
USUAL = "coco"
FORMAT, PLACE = "labels/format", "labels/folder"
"""Settings: key of the last format, and the last folder."""


@dataclass(frozen=True)
class WrittenLabels:
    """Labels that were written to `path`, and what the format could not hold."""

    path: Path
    annotations: AnnotationSet
    left_out: tuple[LeftOut, ...]


def writable_formats() -> list[AnnotationFormat]:
    """The formats that labels can be written in."""
    return [entry for entry in ANNOTATION_FORMATS if entry.write is not None]


class LabelExportDialog(QDialog):
    """Format and place of exported labels.

    Parameters
    ----------
    name : of the file or folder that is proposed
    form : key of the format of the set, which is proposed where none was chosen before

    Signals
    -------
    wished : (format, path, `WriteOptions`)
    """

    wished = Signal(object, object, object)

    def __init__(self, parent: QWidget, name: str, form: str, settings: Settings) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Export labels"))
        self._name, self._settings = name, settings
        self._browsed: Path | None = None
        self.formats = writable_formats()
        self.format = Combo()
        self.format.setAccessibleName(self.tr("Format"))
        for entry in self.formats:
            self.format.addItem(translated(entry.title), entry.key)
        wanted = (settings.text(FORMAT, ""), form, USUAL)
        self.format.setCurrentIndex(next((i for i in map(self.format.findData, wanted) if i >= 0), 0))
        self.summary = QLabel()
        self.summary.setObjectName("quiet")
        self.summary.setWordWrap(True)
        self.summary.setMinimumHeight(SUMMARY_LINES * self.summary.fontMetrics().lineSpacing())
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.path = QLineEdit()
        self.path.setAccessibleName(self.tr("File or folder"))
        browse = QPushButton(icon("folder-open"), self.tr("Choose …"))
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.path, 1)
        place.addWidget(browse)
        self.pictures = Switch()
        self.pictures.setAccessibleName(self.tr("Copy the pictures"))
        self.pictures.setToolTip(self.tr("Copies each picture beside its labels, where the format has a place for it"))
        copies = QHBoxLayout()
        copies.addWidget(QLabel(self.tr("Copy the pictures")), 1)
        copies.addWidget(self.pictures)
        self.move_pictures = Switch()
        self.move_pictures.setAccessibleName(self.tr("Move the pictures"))
        self.move_pictures.setToolTip(
            self.tr("Removes each picture from its old place once its copy in the folder of its class is complete")
        )
        self.moving = QWidget()
        moves = QHBoxLayout(self.moving)
        moves.setContentsMargins(0, 0, 0, 0)
        moves.addWidget(QLabel(self.tr("Move the pictures")), 1)
        moves.addWidget(self.move_pictures)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.write = buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.write.setDefault(True)
        buttons.accepted.connect(self._wish)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(10)
        layout.addWidget(self.format)
        layout.addWidget(self.summary)
        layout.addLayout(place)
        layout.addLayout(copies)
        layout.addWidget(self.moving)
        layout.addStretch(1)
        layout.addWidget(buttons)
        self.resize(WIDTH, self.sizeHint().height())
        self.format.currentIndexChanged.connect(lambda _: self._show_format())
        self._show_format()

    @property
    def _entry(self) -> AnnotationFormat:
        return self.formats[self.format.currentIndex()]

    def _show_format(self) -> None:
        entry = self._entry
        self.summary.setText(translated(entry.summary))
        self.moving.setVisible(entry.plan is not None)
        folder = first_folder(self._settings.text(PLACE, ""), pictures_folder())
        name = f"{self._name}{entry.suffix}" if entry.suffix else f"{self._name}-{entry.key}"
        self.path.setText(str(Path(folder) / name))

    def _browse(self) -> None:
        entry, title = self._entry, self.tr("Export labels")
        if entry.suffix:
            chosen, _ = QFileDialog.getSaveFileName(self, title, self.path.text(), f"*{entry.suffix}")
        else:
            folder = QFileDialog.getExistingDirectory(self, title, str(Path(self.path.text()).parent))
            chosen = str(Path(folder) / Path(self.path.text()).name) if folder else ""
        if chosen:
            self._browsed = Path(chosen)
            self.path.setText(chosen)

    def _wish(self) -> None:
        from ui.files.export_wish import KEEP, ask_existing, free_path

        text = self.path.text().strip()
        if not text:
            return
        path = self._entry.with_suffix(Path(text).expanduser())
        # The dialog of the system has asked already, about the name as it was typed there.
        if self._entry.suffix and path.is_file() and path != self._browsed:
            existing = ask_existing(self, path)
            if existing is None:
                return
            path = free_path(path, self._entry.suffix) if existing == KEEP else path
        self._settings.set(FORMAT, self._entry.key)
        self._settings.set(PLACE, str(path.parent))
        self.accept()
        move = self._entry.plan is not None and self.move_pictures.isChecked()
        self.wished.emit(self._entry, path, WriteOptions(self.pictures.isChecked(), move))


class LabelExport(QObject):
    """Writes the labels of the set that the picture on the canvas belongs to."""

    def __init__(self, window: QWidget, controller: Controller, settings: Settings, notices: Notices) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller
        self._settings, self._notices = settings, notices
        controller.pipeline.job_event.connect(self._job_event)

    def ask(self) -> LabelExportDialog | None:
        """Open the dialog; None where no labels are open."""
        labelling = self._controller.labelling
        annotations, labelled = labelling.annotations, labelling.labelled
        if annotations is None or labelled is None:
            text = self.tr("There are no labels to export; open a labelled set, or begin labels in the Labels panel.")
            self._notices.post("info", text)
            return None
        name = annotations.path.stem if annotations.path is not None else self.tr("labels")
        if labelled.edited and annotations.path is not None:
            name = self.tr("{name}-edited").format(name=name)
        dialog = LabelExportDialog(self._window, name, annotations.format, self._settings)
        dialog.wished.connect(lambda entry, path, options: self.export(annotations, labelled, entry, path, options))
        dialog.open()
        return dialog

    def export(
        self,
        annotations: AnnotationSet,
        labelled: LabelledSet,
        entry: AnnotationFormat,
        path: Path,
        options: WriteOptions | None = None,
    ) -> None:
        """Write `annotations`, read as `labelled`, to `path` on a worker."""

        def work(progress: Progress) -> Iterator[Any]:
            from cvstudio.media.annotations.writing import write_labels

            yield WrittenLabels(path, annotations, write_labels(labelled, path, entry, progress, options=options))

        title = self.tr("Exporting {name}").format(name=path.name)
        self._controller.pipeline.submit("export", Job(("export labels", str(path)), title, work))

    def _job_event(self, event: Event) -> None:
        if event.kind != "output" or not isinstance(event.value, WrittenLabels):
            return
        path, left_out = event.value.path, event.value.left_out
        if not left_out:
            self._controller.labelling.mark_exported(event.value.annotations)
        level, text = "info", self.tr("The labels are in {name}.").format(name=path.name)
        if left_out:
            level = "warning"
            text += " " + counted(
                sum(item.count for item in left_out),
                self.tr("{count} was left out: {reason}"),
                self.tr("{count} were left out; the first: {reason}"),
                reason=translated(left_out[0].reason),
            )

        def show() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

        self._notices.post(level, text, action=self.tr("Show folder"), run=show)
