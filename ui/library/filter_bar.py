"""Filter bar above the list of a folder: a text search and the kinds of files."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from cvstudio.media import MediaKind
from cvstudio.media.folders import Listing
from ui.base.icons import icon
from ui.control.library import Filter, Library
from ui.library.kinds import kind_icon, kind_title


def mark_checked(action: QAction) -> None:
    """Set the text of a checked action in bold: a menu with icons shows no check marks."""
    font = action.font()
    font.setBold(action.isChecked())
    action.setFont(font)


class FilterBar(QWidget):
    """Bar that sets the filter of the library.

    Signals
    -------
    left : Enter or Down was pressed in the search field: the list is to take the focus
    """

    left = Signal()

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search this folder"))
        self.search.setAccessibleName(self.tr("Search this folder"))
        self.search.setToolTip(self.tr("Lists the files whose names have all of the words (Ctrl+Shift+F)"))
        # Files dropped anywhere in the window are opened, rather than inserted as text.
        self.search.setAcceptDrops(False)
        self.search.textChanged.connect(lambda text: library.set_filter(dataclasses.replace(library.filter, text=text)))
        self.search.returnPressed.connect(self.left)
        self.button = QToolButton()
        self.button.setIcon(icon("list-filter"))
        self.button.setCheckable(True)
        self.button.setToolTip(self.tr("Filter files by type"))
        self.button.setAccessibleName(self.tr("File filter"))
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.button)
        self._menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self._menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 2, 8, 6)
        layout.setSpacing(4)
        layout.addWidget(self.search, 1)
        layout.addWidget(self.button)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Only now: Qt loads its first icon from the style for it, which an empty window does without.
        self.search.setClearButtonEnabled(True)

    def show_listing(self, listing: Listing | None) -> None:
        """Show the filter of the current folder, as each folder has its own."""
        media_set = self._library.current
        self.button.setChecked(self._library.filter.kind is not None or bool(media_set and media_set.recursive))
        if self.search.text() != self._library.filter.text:
            self.search.blockSignals(True)
            self.search.setText(self._library.filter.text)
            self.search.blockSignals(False)

    def _fill(self) -> None:
        menu, listing = self._menu, self._library.listing
        menu.clear()
        counts: dict[MediaKind | None, int] = {}
        for file in listing.files if listing is not None else ():
            counts[file.kind] = counts.get(file.kind, 0) + 1
        total = sum(counts.values())
        self._add(self.tr("All media"), None, "images", total - counts.get(None, 0))
        for kind in sorted(kind for kind in counts if kind is not None):
            self._add(kind_title(kind), kind, kind_icon(kind), counts[kind])
        self._add(self.tr("All files"), "all", "file", total)
        menu.addSeparator()
        media_set = self._library.current
        below = menu.addAction(icon("layers"), self.tr("Include subfolders"))
        below.setCheckable(True)
        below.setChecked(media_set is not None and media_set.recursive)
        mark_checked(below)
        below.toggled.connect(self._library.set_recursive)

    def _add(self, title: str, kind: MediaKind | str | None, icon_name: str, count: int) -> None:
        action = self._menu.addAction(icon(icon_name), f"{title}  ({count:,})")
        action.setCheckable(True)
        action.setChecked(self._library.filter.kind == kind)
        mark_checked(action)
        new_filter = Filter(self._library.filter.text, kind)
        action.triggered.connect(lambda: self._set(new_filter))

    def _set(self, new_filter: Filter) -> None:
        self._library.set_filter(new_filter)
        self.show_listing(self._library.listing)
