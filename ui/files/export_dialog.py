"""The export dialog: scope, format, options and destination of an export."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, QTimer, Signal
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
from ui.base.settings import Settings, first_folder, pictures_folder, videos_folder
from ui.base.translate import translated
from ui.files import folder_question
from ui.files.export_preview import ExportPreview
from ui.files.export_wish import (
    ASK,
    FOLDER,
    KEEP,
    MEDIA,
    MERGE,
    MOMENT,
    PART,
    REPLACE,
    WHOLE,
    Subject,
    Wish,
    ask_existing,
    existing_setting,
    stem_of,
)
from ui.files.format_options import FormatOptions
from ui.widgets.param_form import ParamForm
from ui.widgets.rows.choice_rows import Combo

PREVIEW_AFTER_MS = 150
LIST_WIDTH = 300
ROW_HEIGHT = 44
SUMMARY_PX = 11
PICTURES, VIDEOS = "export-folder", "export/videos"
"""Settings of the folder of the last export."""


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

    Parameters
    ----------
    written : files and folders of this session's exports; more may be written to such a folder without a question

    Signals
    -------
    wished : `Wish`, emitted after the dialog has closed
    preview_wanted : `Wish` whose preview is to be shown in `preview`
    """

    wished = Signal(object)
    preview_wanted = Signal(object)

    def __init__(self, window: QWidget, subject: Subject, settings: Settings, written: Collection[Path] = ()) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Export"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(680, 460)
        # Within the window, which is within the screen: the buttons at the bottom must be seen.
        self.resize(min(800, window.width() - 32), min(640, window.height() - 48))
        self._subject = subject
        self._settings = settings
        self._written = written
        self._named = False
        self._policy_of = ""  # the setting of what the policies are offered for
        self._shown_folder = ""
        self._preferred = settings.text("export/format", "png")
        self._preview_timer = QTimer(self, singleShot=True, interval=PREVIEW_AFTER_MS)
        self._preview_timer.timeout.connect(self._want_preview)
        self._build()
        self._fill_scopes()
        self._scope_chosen()
        self.formats.setFocus()

    # Building -------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.scope = Combo()
        self.scope.setAccessibleName(self.tr("What"))
        self.scope.activated.connect(lambda _: self._scope_chosen())
        self.formats = QListWidget()
        self.formats.setAccessibleName(self.tr("Format"))
        self.formats.setItemDelegate(_FormatDelegate(self.formats))
        self.formats.setMouseTracking(True)
        self.formats.setFixedWidth(LIST_WIDTH)
        self.formats.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.formats.currentItemChanged.connect(lambda _new, _old: self._format_picked())
        self.formats.itemDoubleClicked.connect(lambda _: self.accept())
        self._title = QLabel()
        self._title.setObjectName("card-title")
        self._about = QLabel()
        self._about.setObjectName("quiet")
        self._about.setWordWrap(True)
        self.options = FormatOptions(self._settings, "export/options")
        self.options.edited.connect(lambda _: self._preview_timer.start())
        self.preview = ExportPreview()
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(4, 4, 8, 4)
        column.setSpacing(8)
        for widget in (self._title, self._about, self.options, self.preview):
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
        chosen = QVBoxLayout()
        chosen.setSpacing(4)
        chosen.addWidget(scroll, 1)
        chosen.addWidget(self.preview.caption)
        middle.addLayout(chosen, 1)

        self.folder = QLineEdit()
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
        self.policy.activated.connect(lambda _: self._update())
        self._name_label = QLabel(self.tr("Name"))
        self._policy_label = QLabel()
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

        browsed = self._subject.browsed
        self.source = QLineEdit(str(browsed) if browsed is not None else self._settings.text("export/source", ""))
        self.source.setAccessibleName(self.tr("Folder with the files"))
        self.source.setPlaceholderText(self.tr("Folder with the files"))
        self.source.textEdited.connect(lambda _: self._update())
        self.browse_source = QToolButton()
        self.browse_source.setIcon(icon("folder-open"))
        self.browse_source.setToolTip(self.tr("Choose the folder with the files"))
        self.browse_source.setAccessibleName(self.browse_source.toolTip())
        self.browse_source.clicked.connect(self._browse_source)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(QLabel(self.tr("What")))
        top.addWidget(self.scope, 1)
        top.addWidget(self.source, 1)
        top.addWidget(self.browse_source)
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
        choices.append((self.tr("A folder"), FOLDER))
        if not subject.video and subject.result_type.placement is Placement.OWN_VIEW:
            choices[0] = (self.tr("This sound"), MOMENT)
        for title, key in choices:
            self.scope.addItem(title, key)
        self.scope.setCurrentIndex(max(0, self.scope.findData(self._settings.text("export/scope", MOMENT))))

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
        self._preferred = key
        self._scope_chosen()
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
        """Offer the formats of the scope. The format that the user chose last stays, and comes back with its scope."""
        for widget in (self.source, self.browse_source):
            widget.setVisible(self.scope.currentData() == FOLDER)
        self._fill_formats(self._preferred)

    def _browse_source(self) -> None:
        start = first_folder(self.source.text().strip(), self.folder.text().strip())
        name = QFileDialog.getExistingDirectory(self, self.tr("Source folder"), start)
        if name:
            self.source.setText(name)
            self._update()

    def _format_picked(self) -> None:
        self._preferred = self.exporter.key
        self._format_chosen()

    @property
    def _folder_setting(self) -> str:
        """Setting of the last folder: videos have one of their own."""
        return VIDEOS if self.exporter.video and self.exporter.draws else PICTURES

    def _usual_folder(self) -> str:
        """Where an export goes unless the user says otherwise: the folder of the settings, or where the last of its
        kind went."""
        last = self._settings.text("folders/export", ""), self._settings.text(self._folder_setting, "")
        usual = (videos_folder(),) if self._folder_setting == VIDEOS else ()
        # A home without these folders: better where the last export of any kind went than among all of one's files.
        others = (self._settings.text(setting, "") for setting in (PICTURES, VIDEOS))
        return first_folder(*last, *usual, pictures_folder(), *others)

    def _offer_policies(self) -> None:
        """Offer what may become of an existing file or folder: a folder is added to, and never replaced."""
        folder, setting = self.exporter.folder, existing_setting(self.exporter)
        if setting == self._policy_of:
            return
        self._policy_of = setting
        title = self.tr("If the folder exists") if folder else self.tr("If the file exists")
        self._policy_label.setText(title)
        self.policy.setAccessibleName(title)
        self.policy.clear()
        self.policy.addItem(self.tr("Ask"), ASK)
        if folder:
            self.policy.addItem(self.tr("Merge"), MERGE)
        else:
            self.policy.addItem(self.tr("Replace"), REPLACE)
        self.policy.addItem(self.tr("Keep both"), KEEP)
        # Earlier versions stored "replace" at every export, whether it was chosen or not.
        usual = KEEP if self._settings.text("export/policy", "") == KEEP else ASK
        self.policy.setCurrentIndex(max(0, self.policy.findData(self._settings.text(setting, usual))))

    def _format_chosen(self) -> None:
        self._offer_policies()
        if self.folder.text() in ("", self._shown_folder):
            self._shown_folder = self._usual_folder()
            self.folder.setText(self._shown_folder)
        exporter = self.exporter
        self._title.setText(translated(exporter.title))
        self._about.setText(translated(exporter.summary))
        self.options.set_formats([exporter])
        self.preview.show_preview(None)
        if not self._named:
            ending = f"-{exporter.key}" if exporter.folder else exporter.suffix
            self.name.setText(self._subject.stem + ending)
        else:
            self.name.setText(stem_of(self.name.text(), *(item.suffix for item in EXPORTERS)) + exporter.suffix)
        self._update()

    def _name_edited(self, text: str) -> None:
        self._named = bool(text)
        self._update()

    def _browse(self) -> None:
        start = first_folder(self.folder.text().strip(), self._usual_folder())
        name = QFileDialog.getExistingDirectory(self, self.tr("Export to"), start)
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
            self.policy.currentData(),
            Path(self.source.text().strip()).expanduser() if scope == FOLDER else None,
            self._subject.part if scope == PART else None,
        )

    def _update(self) -> None:
        wish = self.wish()
        for widget in (self.name, self._name_label, self.policy, self._policy_label):
            widget.setEnabled(not wish.several)
        for widget in (self.policy, self._policy_label):
            widget.setVisible(not wish.several)  # a batch asks, or goes on with its own folder
        exists = not wish.several and bool(wish.name) and (wish.folder / wish.name).exists()
        complete = wish.source is None or (bool(self.source.text().strip()) and wish.source.is_dir())
        if not complete:
            self.hint.setText(self.tr("Choose the source folder."))
        elif wish.several:
            if wish.source is None:
                text = self.tr("All open media are exported; those already done are skipped.")
            else:
                text = self.tr("All files in {name} are exported; those already done are skipped.")
                text = text.format(name=wish.source.name)
            if self._asks_merge(wish):
                text += " " + self.tr("{name} already holds files; you will be asked.").format(name=wish.folder.name)
            self.hint.setText(text)
        elif not wish.folder.is_dir():
            self.hint.setText(self.tr("This folder does not exist yet and will be created."))
        elif exists and wish.existing == KEEP:
            self.hint.setText(self.tr("Will be saved as {name}.").format(name=wish.path.name))
        elif self._asks_merge(wish):
            self.hint.setText(self.tr("{name} already holds files; you will be asked.").format(name=wish.name))
        elif exists and wish.exporter.folder:
            self.hint.setText(
                self.tr("New files are added to {name}; files of the same name are replaced.").format(name=wish.name)
            )
        elif exists:
            asks = wish.existing == ASK
            text = (
                self.tr("{name} exists; you will be asked.") if asks else self.tr("{name} exists and will be replaced.")
            )
            self.hint.setText(text.format(name=wish.name))
        else:
            self.hint.setText("")
        named = bool(self.folder.text().strip()) and (wish.several or bool(wish.name))
        self.ok.setEnabled(named and complete)
        self._preview_timer.start()

    def _want_preview(self) -> None:
        self.preview.wait()
        self.preview_wanted.emit(self.wish())

    def _asks_merge(self, wish: Wish) -> bool:
        return wish.merges and wish.target not in self._written

    def accept(self) -> None:
        if not self.ok.isEnabled():
            return
        wish = self.wish()
        if self._asks_merge(wish):
            answer = folder_question.ask_merge(self, wish.target)
            if answer == "other":
                self._browse()
            if answer != "merge":
                return
        if not wish.several:
            self._settings.set(existing_setting(wish.exporter), wish.existing)
        if wish.replaces:
            existing = ask_existing(self, wish.path)
            if existing is None:
                return
            wish = dataclasses.replace(wish, existing=existing)
        self._settings.set("export/format", wish.format)
        self._settings.set("export/scope", wish.scope)
        if wish.source is not None:
            self._settings.set("export/source", str(wish.source))
        self._settings.set(self._folder_setting, str(wish.folder))
        self.options.remember(wish.format)
        super().accept()
        self.wished.emit(wish)
