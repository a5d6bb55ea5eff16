"""The export dialog: scope, format, options and destination of an export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QIcon, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QScrollArea,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cvstudio.exporters import EXPORTERS, Exporter, exporters_for
from cvstudio.results.result import Placement
from ui.base import theme
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.base.translate import translated
from ui.files.format_options import FormatOptions
from ui.widgets.param_form import ParamForm
from ui.widgets.rows.choice_rows import Combo

MOMENT, PART, WHOLE, MEDIA, FOLDER = "moment", "part", "whole", "media", "folder"
REPLACE, KEEP = "replace", "keep"
LIST_WIDTH = 300
ROW_HEIGHT = 44
SUMMARY_PX = 11


@dataclass(frozen=True)
class Wish:
    """The export that the user asked for.

    Parameters
    ----------
    format : key of the exporter
    scope : "moment" (the picture or frame), "part" or "whole" of a video, "media" (all that are open), "folder"
    folder, name : destination; `name` is empty where several files are written
    options : values of the format's options by name
    keep : whether an existing file stays and the new one gets a number
    source : input folder of the scope "folder"
    part : (start, stop) in seconds, of the scope "part"
    """

    format: str
    scope: str
    folder: Path
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    source: Path | None = None
    part: tuple[float, float] | None = None

    @property
    def exporter(self) -> Exporter:
        return EXPORTERS[self.format]

    @property
    def several(self) -> bool:
        """Whether the export is a batch of several files."""
        return self.scope in (MEDIA, FOLDER)

    @property
    def path(self) -> Path:
        """The file or folder to write; a numbered name that is free where `keep` is set."""
        path = self.folder / self.name
        number = 2
        while self.keep and path.exists():
            path = self.folder / f"{_stem(self.name, self.exporter.suffix)} {number}{self.exporter.suffix}"
            number += 1
        return path


@dataclass(frozen=True)
class Subject:
    """The result that the dialog offers to export.

    Parameters
    ----------
    result_type : result class of the current analysis
    stem : file name without suffix
    analysis : key of the analysis
    video : whether the medium is a video
    part : (start, stop) of the loop in seconds; None without a loop
    count : number of open media
    """

    result_type: type[Any]
    stem: str
    analysis: str
    video: bool = False
    part: tuple[float, float] | None = None
    count: int = 1


class _FormatDelegate(QStyledItemDelegate):
    """Two lines: the title of a format, and its summary."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(LIST_WIDTH - 24, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        rect: QRect = option.rect.adjusted(2, 1, -2, -1)
        state = option.state
        chosen, hovered = state & QStyle.StateFlag.State_Selected, state & QStyle.StateFlag.State_MouseOver
        if chosen or hovered:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selection" if chosen else "raised"))
            painter.drawRoundedRect(rect, 4, 4)
        inner = rect.adjusted(8, 4, -8, -4)
        font = QFont(option.font)
        painter.setFont(font)
        painter.setPen(theme.colour("text"))
        top = QRect(inner.left(), inner.top(), inner.width(), inner.height() // 2)
        painter.drawText(top, Qt.AlignmentFlag.AlignVCenter, str(index.data()))
        painter.setPen(theme.colour("text" if chosen else "quiet"))
        font.setPixelSize(SUMMARY_PX)
        painter.setFont(font)
        below = QRect(inner.left(), top.bottom() + 1, inner.width(), inner.height() // 2)
        summary = str(index.data(Qt.ItemDataRole.ToolTipRole))
        summary = painter.fontMetrics().elidedText(summary, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, summary)
        painter.restore()


class ExportDialog(QDialog):
    """Asks for scope, format, options and destination in one place, and remembers them.

    Signals
    -------
    wished : `Wish`, emitted after the dialog has closed
    """

    wished = Signal(object)

    def __init__(self, window: QWidget, subject: Subject, settings: Settings, folder: Path) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Export"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(620, 420)
        self.resize(760, 520)
        self._subject = subject
        self._settings = settings
        self._named = False
        self._source = Path(settings.text("export/source", ""))
        self._build(folder)
        self._fill_scopes()
        self._fill_formats(settings.text("export/format", "png"))
        self.formats.setFocus()

    # Building -------------------------------------------------------------------------------------------------------

    def _build(self, folder: Path) -> None:
        self.scope = Combo()
        self.scope.setAccessibleName(self.tr("What"))
        self.scope.activated.connect(lambda _: self._scope_chosen())
        self.formats = QListWidget()
        self.formats.setAccessibleName(self.tr("Format"))
        self.formats.setItemDelegate(_FormatDelegate(self.formats))
        self.formats.setMouseTracking(True)
        self.formats.setFixedWidth(LIST_WIDTH)
        self.formats.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.formats.currentItemChanged.connect(lambda _new, _old: self._format_chosen())
        self.formats.itemDoubleClicked.connect(lambda _: self.accept())
        self._title = QLabel()
        self._title.setObjectName("card-title")
        self._about = QLabel()
        self._about.setObjectName("quiet")
        self._about.setWordWrap(True)
        self.options = FormatOptions(self._settings, "export/options")
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(4, 4, 8, 4)
        column.setSpacing(8)
        for widget in (self._title, self._about, self.options):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(right)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(self.formats)
        middle.addWidget(scroll, 1)

        self.folder = QLineEdit(str(folder))
        self.folder.setAccessibleName(self.tr("Folder"))
        self.folder.textEdited.connect(lambda _: self._update())
        self.browse = QToolButton()
        self.browse.setIcon(icon("folder-open"))
        self.browse.setToolTip(self.tr("Choose a folder"))
        self.browse.setAccessibleName(self.browse.toolTip())
        self.browse.clicked.connect(self._browse)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name"))
        self.name.textEdited.connect(self._name_edited)
        self.policy = Combo()
        self.policy.setAccessibleName(self.tr("If the file exists"))
        self.policy.addItem(self.tr("Replace"), REPLACE)
        self.policy.addItem(self.tr("Keep both"), KEEP)
        self.policy.setCurrentIndex(max(0, self.policy.findData(self._settings.text("export/policy", REPLACE))))
        self.policy.activated.connect(lambda _: self._update())
        self._name_label = QLabel(self.tr("Name"))
        self._policy_label = QLabel(self.tr("If the file exists"))
        where = QGridLayout()
        where.setSpacing(8)
        where.setColumnStretch(1, 1)
        where.addWidget(QLabel(self.tr("Folder")), 0, 0)
        where.addWidget(self.folder, 0, 1, 1, 3)
        where.addWidget(self.browse, 0, 4)
        where.addWidget(self._name_label, 1, 0)
        where.addWidget(self.name, 1, 1)
        where.addWidget(self._policy_label, 1, 2)
        where.addWidget(self.policy, 1, 3, 1, 2)
        self.hint = QLabel()
        self.hint.setObjectName("quiet")
        self.hint.setWordWrap(True)
        self.hint.setTextFormat(Qt.TextFormat.PlainText)

        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(QLabel(self.tr("What")))
        top.addWidget(self.scope, 1)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        # Some styles put an icon of their own on it, in colours that are not the theme's.
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setIcon(QIcon())
        self.ok = self.buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.ok.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addLayout(middle, 1)
        layout.addLayout(where)
        layout.addWidget(self.hint)
        layout.addWidget(self.buttons)

    def _fill_scopes(self) -> None:
        subject = self._subject
        choices = [(self.tr("This frame") if subject.video else self.tr("This picture"), MOMENT)]
        if subject.video and subject.part is not None:
            start, stop = subject.part
            choices.append((self.tr("The loop, {start:.2f} to {stop:.2f} s").format(start=start, stop=stop), PART))
        if subject.video:
            choices.append((self.tr("The whole video"), WHOLE))
        if subject.count > 1:
            choices.append((self.tr("All {count} open media").format(count=subject.count), MEDIA))
        choices.append((self.tr("A folder …"), FOLDER))
        if not subject.video and subject.result_type.placement is Placement.OWN_VIEW:
            choices[0] = (self.tr("This sound"), MOMENT)
        for title, key in choices:
            self.scope.addItem(title, key)
        # The scope "folder" opens a file dialog, so it is never the initial one.
        last_scope = self._settings.text("export/scope", MOMENT)
        self.scope.setCurrentIndex(max(0, self.scope.findData(last_scope) if last_scope != FOLDER else 0))

    def _offered(self) -> Sequence[Exporter]:
        """Exporters that fit the result type and the chosen scope."""
        scope = self.scope.currentData()
        kind = self._subject.result_type
        if scope in (PART, WHOLE):
            return exporters_for(kind, video=True)
        exporters = list(exporters_for(kind))
        if scope in (MEDIA, FOLDER):
            exporters += [item for item in exporters_for(kind, video=True) if item not in exporters]
        return exporters

    def _fill_formats(self, chosen: str) -> None:
        self.formats.blockSignals(True)
        self.formats.clear()
        # Formats that show the picture come first: most exports are of one.
        for exporter in sorted(self._offered(), key=lambda exporter: not exporter.draws):
            item = QListWidgetItem(translated(exporter.title))
            item.setData(Qt.ItemDataRole.UserRole, exporter.key)
            item.setToolTip(translated(exporter.summary))
            self.formats.addItem(item)
        keys = [self.formats.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.formats.count())]
        self.formats.setCurrentRow(keys.index(chosen) if chosen in keys else 0)
        self.formats.blockSignals(False)
        self._format_chosen()

    # What is chosen -------------------------------------------------------------------------------------------------

    def choose(self, key: str, scope: str | None = None) -> None:
        """Choose scope and format. Raises ValueError where the scope does not offer the format."""
        if scope is not None:
            self.scope.setCurrentIndex(self.scope.findData(scope))
        self._fill_formats(key)
        if self.exporter.key != key:
            raise ValueError(f"the format '{key}' is not offered")

    @property
    def form(self) -> ParamForm:
        """The form of the chosen format. Raises KeyError where it has no options."""
        return self.options.form(self.exporter.key)

    @property
    def exporter(self) -> Exporter:
        """The chosen format."""
        key: str = self.formats.currentItem().data(Qt.ItemDataRole.UserRole)
        return EXPORTERS[key]

    def _scope_chosen(self) -> None:
        if self.scope.currentData() == FOLDER:
            start = str(self._source) if self._source.parts else self.folder.text()
            name = QFileDialog.getExistingDirectory(self, self.tr("Source folder"), start)
            if not name:
                self.scope.setCurrentIndex(0)
            else:
                self._source = Path(name)
        self._fill_formats(self.exporter.key)

    def _format_chosen(self) -> None:
        exporter = self.exporter
        self._title.setText(translated(exporter.title))
        self._about.setText(translated(exporter.summary))
        self.options.set_formats([exporter])
        if not self._named:
            ending = f"-{exporter.key}" if exporter.folder else exporter.suffix
            self.name.setText(self._subject.stem + ending)
        else:
            self.name.setText(_stem(self.name.text(), *(item.suffix for item in EXPORTERS)) + exporter.suffix)
        self._update()

    def _name_edited(self, text: str) -> None:
        self._named = bool(text)
        self._update()

    def _browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Export to"), self.folder.text())
        if name:
            self.folder.setText(name)
            self._update()

    def wish(self) -> Wish:
        """The export that the controls describe."""
        exporter, scope = self.exporter, self.scope.currentData()
        name = self.name.text().strip()
        if name and not exporter.folder and not name.lower().endswith(exporter.suffix):
            name += exporter.suffix
        return Wish(
            exporter.key,
            scope,
            Path(self.folder.text()).expanduser(),
            "" if scope in (MEDIA, FOLDER) else name,
            self.options.values(exporter),
            self.policy.currentData() == KEEP,
            self._source if scope == FOLDER else None,
            self._subject.part if scope == PART else None,
        )

    def _update(self) -> None:
        wish = self.wish()
        for widget in (self.name, self._name_label, self.policy, self._policy_label):
            widget.setEnabled(not wish.several)
        exists = not wish.several and bool(wish.name) and (wish.folder / wish.name).exists()
        if wish.several:
            source = self._source.name if wish.source else self.tr("the open media")
            text = self.tr("All files of {whose} are processed; finished ones are not processed again.")
            self.hint.setText(text.format(whose=source))
        elif not wish.folder.is_dir():
            self.hint.setText(self.tr("This folder does not exist yet and will be created."))
        elif exists and wish.keep:
            self.hint.setText(self.tr("Will be saved as {name}.").format(name=wish.path.name))
        elif exists and not wish.exporter.folder:
            self.hint.setText(self.tr("{name} exists and will be replaced.").format(name=wish.name))
        else:
            self.hint.setText("")
        self.ok.setEnabled(bool(self.folder.text().strip()) and (wish.several or bool(wish.name)))

    def accept(self) -> None:
        if not self.ok.isEnabled():
            return
        wish = self.wish()
        self._settings.set("export/format", wish.format)
        self._settings.set("export/scope", wish.scope)
        self._settings.set("export/policy", KEEP if wish.keep else REPLACE)
        self._settings.set("export/source", str(wish.source or ""))
        self._settings.set("export-folder", str(wish.folder))
        self.options.remember(wish.format)
        super().accept()
        self.wished.emit(wish)


def _stem(name: str, *suffixes: str) -> str:
    """`name` without the longest of `suffixes` that it ends in."""
    suffix = max((item for item in suffixes if item and name.lower().endswith(item)), key=len, default="")
    return name[: len(name) - len(suffix)]
