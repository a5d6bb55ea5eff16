"""The media panel: open files, and open folders as sets to step through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QStackedLayout, QToolButton, QVBoxLayout, QWidget

from cvstudio.session.session import State
from ui.base.icons import icon
from ui.panels import PANELS
from ui.panels.base import Panel, PanelContext
from ui.widgets.empty_state import EmptyState
from ui.widgets.icon_label import IconLabel

if TYPE_CHECKING:
    from cvstudio.media.folders import Listing, MediaSet


class MediaPanel(QWidget):
    """Lists one source, the open files or a folder; a button at the top names and changes it.

    The lists are made by `complete`: the window's first picture has nothing to list.
    """

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._controller = context.controller
        self._library = context.controller.library
        self._settings = context.settings
        self._requests = context.requests
        empty = EmptyState(
            "images", self.tr("Nothing is open. Drop files or a folder here, or open one."), self.tr("Open …")
        )
        empty.triggered.connect(self._requests.open_files)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(empty)
        self._complete = False

    def complete(self) -> None:
        """Make the lists, and follow what is open."""
        from ui.library.entries import Entries
        from ui.library.entries_view import EntriesView
        from ui.library.filter_bar import FilterBar
        from ui.library.thumbnails import Thumbnails

        self.thumbnails = Thumbnails(self)
        self.entries = Entries(self.thumbnails, self)
        self.view = EntriesView(self.entries)
        self.view.setObjectName("media-list")
        self.view.setAccessibleName(self.tr("Files"))
        self.filter_bar = FilterBar(self._library)
        self._shown_set: MediaSet | None = None
        self._stack.addWidget(self._body())
        self._complete = True
        self.view.set_grid(self._settings.text("media/grid", "") == "yes")
        self._show_layout()
        library, view = self._library, self.view
        view.chosen.connect(self._chosen)
        view.visible_changed.connect(self._request_thumbnails)
        view.removal_asked.connect(self.close_selected)
        view.menu_asked.connect(self._menu)
        self.filter_bar.left.connect(view.setFocus)
        library.rows_changed.connect(self._show_rows)
        library.place_changed.connect(self._follow)
        library.listed.connect(self._listed)
        self._controller.state_changed.connect(self._state_changed)
        self._current: Path | None = None
        self._show_rows()

    def sizeHint(self) -> QSize:
        return QSize(216, 400)

    def minimumSizeHint(self) -> QSize:
        return QSize(208, 160)

    def _body(self) -> QWidget:
        """The page with the lists."""
        from ui.library.only_folders import OnlyFolders

        self.source = QToolButton()
        self.source.setObjectName("source")
        self.source.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.source.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.source.setToolTip(self.tr("Switch between open files and folders"))
        self._sources = QMenu(self.source)
        self._sources.aboutToShow.connect(self._fill_sources)
        self.source.setMenu(self._sources)
        mark = QHBoxLayout(self.source)
        mark.setContentsMargins(0, 0, 6, 0)
        mark.addStretch(1)
        mark.addWidget(IconLabel("chevron-down", 14))
        self._layout_button = QToolButton()
        self._layout_button.clicked.connect(self.toggle_grid)
        self._close_button = QToolButton()
        self._close_button.setIcon(icon("x"))
        self._close_button.setToolTip(self.tr("Close this folder; its files stay on disk"))
        self._close_button.setAccessibleName(self.tr("Close folder"))
        self._close_button.clicked.connect(self._close_set)
        # Its place stays empty without a folder: it must not come up where another button was just pressed.
        policy = self._close_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._close_button.setSizePolicy(policy)
        self.position = QLabel()
        self.position.setObjectName("small")
        head = QHBoxLayout()
        head.setContentsMargins(8, 2, 8, 2)
        head.setSpacing(2)
        head.addWidget(self.source, 1)
        head.addWidget(self._layout_button)
        head.addWidget(self._close_button)
        self._message = EmptyState("folder", "")
        self.only_folders = OnlyFolders()
        self.only_folders.labels_asked.connect(self._open_as_labels)
        self.only_folders.folder_asked.connect(self._open_below)
        self.only_folders.subfolders_asked.connect(lambda: self._library.set_recursive(True))
        lists = QWidget()
        self._list_stack = QStackedLayout(lists)
        self._list_stack.addWidget(self.view)
        self._list_stack.addWidget(self._message)
        self._list_stack.addWidget(self.only_folders)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 4, 12, 6)
        foot.addWidget(self.position)
        foot.addStretch(1)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.filter_bar)
        layout.addWidget(lists, 1)
        layout.addLayout(foot)
        self.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return body

    # Following the library ------------------------------------------------------------------------------------------

    def _state_changed(self, old: State, new: State) -> None:
        if (old.sets, old.current_set) != (new.sets, new.current_set) or bool(old.media) != bool(new.media):
            self._show_source()
        if _readings(old) != _readings(new):
            self._request_thumbnails()

    def _show_rows(self) -> None:
        library, media_set = self._library, self._library.current
        same = media_set is not None and self._shown_set is not None and media_set.path == self._shown_set.path
        anchor = self.view.anchor() if same or media_set == self._shown_set else None
        self._shown_set = media_set
        self.entries.show_rows(media_set, library.rows if media_set is not None else library.files)
        self.filter_bar.show_listing(library.listing)
        self._show_source()
        # The scroll position stays, unless another file was opened, whose row must be visible.
        row, _ = library.place
        current = self.entries.path(row) if row is not None else None
        if current != self._current:
            anchor = None
        self._follow(anchored=anchor is not None)
        self.view.restore(anchor)

    def _listed(self) -> None:
        self.thumbnails.check_again()
        self._request_thumbnails()

    def _show_source(self) -> None:
        media_set = self._library.current
        state = self._controller.session.state
        self._stack.setCurrentIndex(1 if state.media or state.sets else 0)
        self.source.setIcon(icon("folder" if media_set is not None else "images"))
        name = media_set.name if media_set is not None else self.tr("Open files")
        # A space before it: a tool button leaves none between icon and text.
        elided = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, self._name_width())
        self.source.setText(f" {elided}".replace("&", "&&"))
        self.source.setAccessibleName(name)
        self.source.setToolTip(str(media_set.path) if media_set is not None else self.tr("All files that stay open"))
        self._close_button.setVisible(media_set is not None)
        self.filter_bar.setVisible(media_set is not None)
        message = self._empty_text()
        self._message.set_text(message)
        self._list_stack.setCurrentIndex(1 if message else 0)
        listing = self._library.listing
        if message and listing is not None and not self._library.filter.text and _has_only_folders(listing):
            self.only_folders.tell(listing.subfolders, others=len(listing.files))
            self._list_stack.setCurrentWidget(self.only_folders)
        self._show_position()

    def _name_width(self) -> int:
        return max(40, self.width() - 124)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._complete:
            self._show_source()

    def _empty_text(self) -> str:
        """Sentence in place of an empty list; "" where it has entries."""
        library = self._library
        if self.entries.rowCount():
            return ""
        if library.current is None:
            return self.tr("No single file is open. Open one, or keep one of a folder open.")
        if library.error:
            return library.error
        listing = library.listing
        if listing is None or not listing.complete:
            return self.tr("Reading the folder …")
        if not listing.files:
            return self.tr("The folder is empty.")
        if library.filter.text or library.filter.kind is not None:
            return self.tr("No file matches the filter.")
        return self.tr("The folder holds no pictures, videos or sounds; “All files” in the filter shows what it holds.")

    def _follow(self, *, anchored: bool = False) -> None:
        row, _ = self._library.place
        self._current = self.entries.path(row) if row is not None else None
        bar = self.view.verticalScrollBar()
        scroll = bar.value()
        self.view.follow(row)
        if anchored:
            bar.setValue(scroll)
        self._show_position()

    def _show_position(self) -> None:
        row, count = self._library.place
        position = f"{row + 1:,}" if row is not None else "–"
        listing = self._library.listing
        incomplete = self.tr(" and more") if listing is not None and not listing.complete else ""
        self.position.setText(f"{position} / {count:,}{incomplete}" if count else "")

    def _request_thumbnails(self) -> None:
        """Request thumbnails of the visible rows."""
        rows = self.view.visible_rows()
        paths = [self.entries.path(row) for row in rows if self.entries.has_picture(row)]
        self.thumbnails.want(paths, _readings(self._controller.session.state))

    # What the user does ---------------------------------------------------------------------------------------------

    def _chosen(self, row: int) -> None:
        current_row, _ = self._library.place
        active = self._controller.session.state.active_media
        if row != current_row or active is None or active.path != self.entries.path(row):
            self._library.go(row)

    def _open_as_labels(self) -> None:
        """Open the folder as a labelled set, in place of a set of files."""
        media_set = self._library.current
        if media_set is not None:
            self._controller.open_labels([media_set.path])

    def _open_below(self, name: str) -> None:
        """Open a folder of the current one as a set of its own."""
        media_set = self._library.current
        if media_set is not None:
            self._library.open([media_set.path / name])

    def search(self) -> None:
        """Focus the search field of the folder, or the list where the source is the open files."""
        (self.filter_bar.search if self._library.current is not None else self.view).setFocus()

    def toggle_grid(self) -> None:
        """Change between lines with names and a grid of thumbnails."""
        self.view.set_grid(not self.view.grid)
        self._settings.set("media/grid", "yes" if self.view.grid else "")
        self._show_layout()

    def _show_layout(self) -> None:
        text = self.tr("Show as list") if self.view.grid else self.tr("Show as a grid")
        self._layout_button.setIcon(icon("list" if self.view.grid else "layout-grid"))
        self._layout_button.setToolTip(text)
        self._layout_button.setAccessibleName(text)

    def close_selected(self) -> None:
        """Close the selected files, which stay on disk; files of an open folder cannot be closed."""
        media = [self.entries.media(row) for row in self.view.selected_rows()]
        if self._library.current is not None:
            text = self.tr(
                "The files of a folder close together; close the folder, or delete the file in your file manager."
            )
            self._controller.notice.emit("info", text)
        else:
            self._library.close_files([item for item in media if item is not None])

    def _close_set(self) -> None:
        media_set = self._library.current
        if media_set is not None:
            self._library.close_set(media_set)

    def _fill_sources(self) -> None:
        menu, library, state = self._sources, self._library, self._controller.session.state
        menu.clear()
        count = len(library.files)
        self._add_source(self.tr("Open files ({count})").format(count=count), None, "images")
        for media_set in state.sets:
            self._add_source(media_set.name, media_set, "folder")
        menu.addSeparator()
        menu.addAction(icon("folder-open"), self.tr("Open Folder …"), self._requests.open_folder.emit)
        if library.current is not None:
            menu.addAction(icon("rotate-ccw"), self.tr("Refresh"), library.refresh)
            menu.addAction(icon("x"), self.tr("Close Folder"), self._close_set)

    def _add_source(self, title: str, media_set: MediaSet | None, icon_name: str) -> None:
        from ui.library.filter_bar import mark_checked

        path = media_set.path if media_set is not None else None
        action = self._sources.addAction(icon(icon_name), title.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(path == self._controller.session.state.current_set)
        mark_checked(action)
        action.setToolTip(str(path or ""))
        action.triggered.connect(lambda: self._library.show_set(path))

    def _menu(self, place: QPoint) -> None:
        rows = self.view.selected_rows()
        if not rows:
            return
        paths = [self.entries.path(row) for row in rows]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._library.current is not None:
            menu.addAction(icon("pin"), self.tr("Keep Open"), lambda: self._keep(paths))
        else:
            close = QAction(icon("x"), self.tr("Close"), menu)
            close.setShortcut(QKeySequence(Qt.Key.Key_Delete))
            close.triggered.connect(self.close_selected)
            menu.addAction(close)
        menu.addAction(icon("copy"), self.tr("Copy Path"), lambda: _copy_paths(paths))
        menu.addAction(icon("folder-open"), self.tr("Show in Folder"), lambda: _show_in_folder(paths[0]))
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _keep(self, paths: list[Path]) -> None:
        """Keep files of a folder open beside it; the folder stays the current source."""
        self._library.open(paths, keep_set=True)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._complete:
            self.thumbnails.close()
        super().closeEvent(event)


def _has_only_folders(listing: Listing) -> bool:
    """Whether a folder was read to its end and holds folders that were not looked into, and no file that is listed."""
    nothing = all(file.kind is None for file in listing.files)
    return listing.complete and nothing and bool(listing.subfolders) and not listing.set.recursive


def _readings(state: State) -> dict[Path, str]:
    """What open files are read as where the user has chosen it."""
    return {media.path: media.read_as for media in state.media if media.reading_chosen}


def _copy_paths(paths: list[Path]) -> None:
    QGuiApplication.clipboard().setText("\n".join(str(path) for path in paths))


def _show_in_folder(path: Path) -> None:
    from ui.library.show_in_folder import show_in_folder

    show_in_folder(path)


PANELS.register(
    Panel(
        "media",
        "Media",
        Qt.DockWidgetArea.LeftDockWidgetArea,
        MediaPanel,
        order=10,
        shortcut="Ctrl+Alt+1",
        keywords=("open files", "list of files", "미디어", "파일 목록"),
        icon="images",
    )
)
