"""Search among the classifiers of timm (PyTorch Image Models)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from cvstudio.analyses import ANALYSES
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from ui.control.controller import Controller
from ui.models.model_chooser import LICENCE, PLACE, SCORE, TwoLines

if TYPE_CHECKING:
    from cvstudio.models.classification.timm_listing import TimmEntry, TimmModel

LANE = "timm"
SIZE = (560, 560)
NAME = Qt.ItemDataRole.UserRole
TYPING_MS = 120


@dataclass(frozen=True)
class Listed:
    """Result of reading timm's list of checkpoints."""

    entries: tuple[TimmEntry, ...]


@dataclass(frozen=True)
class Described:
    """Result of asking timm for the configuration of one classifier."""

    model: TimmModel


class TimmSearch(QObject):
    """Reads timm's list on a worker and uses the chosen classifier; `dialog` is the open dialog, or None."""

    def __init__(self, window: QWidget, controller: Controller) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self._entries: tuple[TimmEntry, ...] = ()
        self.dialog: TimmDialog | None = None
        controller.pipeline.job_event.connect(self._event)

    def ask(self) -> None:
        """Open the dialog; the list is read on a worker the first time, which takes some seconds."""
        if self.dialog is not None:
            self.dialog.raise_()
            return
        self.dialog = TimmDialog(self._window)
        self.dialog.chosen.connect(self._choose)
        self.dialog.finished.connect(self._closed)
        self.dialog.show()
        if self._entries:
            self.dialog.set_entries(self._entries)
            return

        def work(progress: Progress) -> Iterator[Any]:
            progress(None, "importing timm")
            from cvstudio.models.classification.timm_listing import entries

            yield Listed(entries())

        self._submit("list", self.tr("Reading timm's list"), work)

    def _choose(self, name: str) -> None:
        def work(progress: Progress) -> Iterator[Any]:
            progress(None, f"asking timm for {name}")
            from cvstudio.models.classification.timm_listing import describe

            yield Described(describe(name))

        self._submit(name, self.tr("Looking up {name} in timm").format(name=name), work)

    def _submit(self, name: str, title: str, work: Any) -> None:
        self._controller.pipeline.submit(LANE, Job(("timm", name), title, work))

    def _event(self, event: Event) -> None:
        if event.kind != "output":
            return
        if isinstance(event.value, Listed):
            self._entries = event.value.entries
            if self.dialog is not None:
                self.dialog.set_entries(self._entries)
        elif isinstance(event.value, Described):
            self._use(event.value.model)

    def _use(self, model: TimmModel) -> None:
        from cvstudio.foundation.errors import UserError
        from cvstudio.models.classification.timm_classifiers import keep

        controller = self._controller
        try:
            spec = keep(model)
        except UserError as error:
            controller.notice.emit("error", str(error))
            return
        instance = controller.session.state.instance
        if instance is None or instance.spec.task != spec.task:
            controller.use_analysis(next(analysis.key for analysis in ANALYSES if analysis.task == spec.task))
        controller.set_model(spec.key)

    def _closed(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None


class TimmDialog(QDialog):
    """A search field, and the checkpoints that match.

    Signals
    -------
    chosen : name of the checkpoint
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("timm-dialog")
        self.setWindowTitle(self.tr("timm classifiers"))
        self.resize(*SIZE)
        self._entries: Sequence[TimmEntry] = ()
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setPlaceholderText(self.tr("Name, family or licence, such as: seresnet 224px mit"))
        self.search.setAccessibleName(self.tr("Search timm's classifiers"))
        self.search.setClearButtonEnabled(True)
        self.search.installEventFilter(self)
        # A list of more than a thousand entries is not rebuilt at every key stroke.
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self._fill)
        self.search.textChanged.connect(lambda _: self._typing.start())
        self.told = QLabel(self.tr("Reading timm's list; the first time takes some seconds …"))
        self.told.setObjectName("quiet")
        self.told.setWordWrap(True)
        self.model = QStandardItemModel(self)
        self.list = QListView()
        self.list.setObjectName("timm-list")
        self.list.setAccessibleName(self.windowTitle())
        self.list.setModel(self.model)
        self.list.setItemDelegate(TwoLines(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.doubleClicked.connect(self._take)
        self.buttons = QDialogButtonBox()
        self.use = self.buttons.addButton(self.tr("Use it"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.use.setEnabled(False)
        self.buttons.addButton(self.tr("Cancel"), QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.accepted.connect(lambda: self._take(self.list.currentIndex()))
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        for widget in (self.search, self.told):
            layout.addWidget(widget)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.buttons)
        self.search.setFocus()

    def set_entries(self, entries: Sequence[TimmEntry]) -> None:
        """Show the checkpoints of timm's list."""
        self._entries = entries
        self._fill()

    def _fill(self) -> None:
        from cvstudio.models.classification.timm_listing import matching

        if not self._entries:
            return
        matches = matching(self._entries, self.search.text())
        self.model.clear()
        for entry in matches:
            item = QStandardItem(entry.name)
            item.setData(entry.name, NAME)
            item.setData(self.tr("{count} classes").format(count=f"{entry.classes:,}"), SCORE)
            item.setData(f"{entry.side} px", PLACE)
            item.setData(self.tr("Licence: {licence}").format(licence=entry.licence), LICENCE)
            self.model.appendRow(item)
        text = self.tr("{found} of {all}; nothing is downloaded before its size and licence are shown.")
        none = self.tr("None of {all} matches; try fewer words.")
        self.told.setText((text if matches else none).format(found=len(matches), all=len(self._entries)))
        self.list.setCurrentIndex(self.model.index(0, 0))
        self.use.setEnabled(bool(matches))

    def _take(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(NAME))
            self.accept()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 9, Qt.Key.Key_PageUp: -9}
            rows = steps.get(Qt.Key(event.key()))
            if rows is not None:
                row = min(max(self.list.currentIndex().row() + rows, 0), self.model.rowCount() - 1)
                self.list.setCurrentIndex(self.model.index(row, 0))
                return True
        return super().eventFilter(watched, event)
