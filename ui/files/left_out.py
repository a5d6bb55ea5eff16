"""Labels that were left out, and why: a notice, and the whole list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLabel,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.data.labels import LeftOut
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.lanes import Job
from cvstudio.foundation.names import shown_name
from cvstudio.media.annotations.summary import by_reason, left_out_text
from ui.base.translate import counted, translated
from ui.control.controller import Controller
from ui.control.opening_jobs import CheckedLabels, find_pictures
from ui.widgets.notices import Notices

MAX_PLACES = 1000
"""Pictures that are listed below one reason."""
WIDTH, HEIGHT = 560, 420


class LeftOutDialog(QDialog):
    """The reasons for which labels were left out, the most frequent first, with the pictures below each."""

    def __init__(self, parent: QWidget, path: Path, left_out: Sequence[LeftOut]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Left out of {name}").format(name=shown_name(path.name)))
        what = self.what = QLabel(
            self.tr("These labels are not shown, measured or exported. The file itself is unchanged.")
        )
        what.setObjectName("quiet")
        what.setWordWrap(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels([self.tr("Reason"), self.tr("Labels")])
        self.tree.setAccessibleName(self.tr("Reasons"))
        self.tree.setUniformRowHeights(True)
        self.tree.setRootIsDecorated(True)
        places: dict[str, list[LeftOut]] = {}
        for item in left_out:
            places.setdefault(item.reason, []).append(item)
        for reason, items in sorted(places.items(), key=lambda entry: -sum(item.count for item in entry[1])):
            row = QTreeWidgetItem([translated(reason), f"{sum(item.count for item in items):,}"])
            row.setToolTip(0, translated(reason))
            for item in items[:MAX_PLACES]:
                if item.where:
                    row.addChild(QTreeWidgetItem([shown_name(item.where), f"{item.count:,}"]))
            if len(items) > MAX_PLACES:
                more = self.tr("and {count} more").format(count=f"{len(items) - MAX_PLACES:,}")
                row.addChild(QTreeWidgetItem([more, ""]))
            self.tree.addTopLevelItem(row)
        self._left_out = tuple(left_out)
        buttons = self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        save = buttons.addButton(self.tr("Save as text …"), QDialogButtonBox.ButtonRole.ActionRole)
        save.setToolTip(self.tr("Writes each reason with all its pictures into a text file"))
        save.clicked.connect(self._save)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(10)
        layout.addWidget(what)
        layout.addWidget(self.tree, 1)
        layout.addWidget(buttons)
        self.resize(WIDTH, HEIGHT)
        self.tree.setColumnWidth(0, WIDTH - 140)
        self._folder, self._name = path.parent, shown_name(path.stem)

    def offer_finding(self, find: Callable[[], None]) -> None:
        """Offer to find pictures that are not there."""
        button = self.buttons.addButton(self.tr("Find pictures …"), QDialogButtonBox.ButtonRole.ActionRole)
        button.setToolTip(self.tr("Choose the folder that the missing pictures are in; they are found by their names"))
        button.clicked.connect(self.accept)
        button.clicked.connect(find)

    def _save(self) -> None:
        title = self.tr("Save what was left out")
        # Beside the labels: the folder that the program was started in says nothing to the user.
        proposed = str(self._folder / f"{self._name}-left-out.txt")
        chosen, _ = QFileDialog.getSaveFileName(self, title, proposed, "*.txt")
        if chosen:
            self.save(Path(chosen))

    def save(self, path: Path) -> None:
        """Write the whole list into a text file."""
        try:
            with atomic_path(path) as temporary:
                temporary.write_text(left_out_text(self._left_out), encoding="utf-8", errors="replace")
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.what.setText(self.tr("{name} cannot be written ({reason}).").format(name=path.name, reason=reason))


class LeftOutReport(QObject):
    """Says after the opening of a labelled set what of it was left out, and finds pictures that are not there.

    Signals
    -------
    changed : `last` has changed

    Attributes
    ----------
    last : what was left out of the sets that were opened, by the file or folder of the labels
    """

    changed = Signal()

    def __init__(self, window: QWidget, controller: Controller, notices: Notices) -> None:
        super().__init__(window)
        self._window, self._controller, self._notices = window, controller, notices
        self.last: dict[Path, CheckedLabels] = {}
        controller.library.checked.connect(self._checked)
        controller.requests.left_out.connect(self._show_of_picture)

    def _checked(self, checked: CheckedLabels) -> None:
        self.last[checked.path] = checked
        self._controller.labelling.left_out = {path: item.left_out for path, item in self.last.items()}
        self.changed.emit()
        if checked.missing and checked.missing == checked.pictures:
            text = counted(
                checked.pictures,
                self.tr("The only picture of {name} is missing; choose the folder that holds it."),
                self.tr("None of the {count} pictures of {name} was found; choose the folder that holds them."),
                name=shown_name(checked.path.name),
            )
            # An error stays: without its button there is no way to the pictures but opening the labels again.
            self._notices.post(
                "error",
                text,
                action=self.tr("Find pictures …"),
                run=lambda: self.ask_pictures(checked.annotations),
            )
            return
        if not checked.left_out:
            return
        reasons = by_reason(checked.left_out)
        text = counted(
            sum(reason.count for reason in reasons),
            self.tr("{name}: {count} label or picture was left out: {reason}"),
            self.tr("{name}: {count} labels or pictures were left out, most often: {reason}"),
            name=shown_name(checked.path.name),
            reason=translated(reasons[0].text),
        )
        self._notices.post(
            "warning", text, action=self.tr("Show list"), run=lambda: self.show(checked.path, checked.left_out)
        )

    def ask_pictures(self, annotations: AnnotationSet) -> None:
        """Choose a folder in which the missing pictures of labels are found by their names."""
        start = str(annotations.path.parent) if annotations.path is not None else ""
        folder = QFileDialog.getExistingDirectory(self._window, self.tr("Find pictures"), start)
        if folder:
            self.find_pictures(annotations, Path(folder))

    def find_pictures(self, annotations: AnnotationSet, folder: Path) -> None:
        """Find the missing pictures of labels in a folder, and open the set with them."""
        pipeline = self._controller.pipeline
        title = self.tr("Finding pictures in {name}").format(name=shown_name(folder.name))
        pipeline.submit(
            "probe", Job(("find pictures", folder), title, find_pictures(annotations, folder, pipeline.cache))
        )

    def _show_of_picture(self) -> None:
        annotations = self._controller.labelling.annotations
        path = annotations.path if annotations is not None else None
        if path is not None and path in self.last:
            self.show(path, self.last[path].left_out)

    def show(self, path: Path, left_out: Sequence[LeftOut]) -> LeftOutDialog:
        """Show the list of what was left out."""
        dialog = LeftOutDialog(self._window, path, left_out)
        checked = self.last.get(path)
        if checked is not None and checked.missing:
            dialog.offer_finding(lambda: self.ask_pictures(checked.annotations))
        dialog.open()
        return dialog
