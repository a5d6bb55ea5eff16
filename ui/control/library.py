"""Library of open files and folders: listings, filter, and browsing.

Listings are not part of the session, as undo cannot restore what is on disk.
"""

from __future__ import annotations

import bisect
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from cvstudio.foundation.lanes import Event, Job
from cvstudio.media import Media, MediaKind
from cvstudio.media.folders import Listing, MediaSet, SetFile, natural_key
from cvstudio.session.browsing import find_set, with_browsed, with_opened, with_set, with_shown, without_set
from cvstudio.session.labelled_sets import found_pictures, with_labelled_set, with_own
from cvstudio.session.partners import first_shown
from cvstudio.session.session import Session, State
from cvstudio.session.transitions import without_all
from ui.base.translate import counted, translated
from ui.control.pipeline import Pipeline

if TYPE_CHECKING:
    from ui.control.opening_jobs import Browsed, OpenedFiles, OpenedLabels, Unlisted

CHANGED_MS = 400
"""Delay from the first change in a folder to listing it again, so that copying many files causes few listings."""

MAX_WATCHED = 256
"""Maximum number of watched folders of a set; the operating system has a limit."""

NAMED = 3
"""Maximum number of files that a notice names."""


@dataclass(frozen=True)
class Filter:
    """Filter of the files of a set: by kind, and by words that all have to be in the name.

    `kind` None passes all files with the suffix of a known format, "all" every file.
    """

    text: str = ""
    kind: MediaKind | str | None = None

    def __call__(self, files: Sequence[SetFile]) -> tuple[SetFile, ...]:
        words, kind = self.text.casefold().split(), self.kind
        return tuple(
            file
            for file in files
            if (kind == "all" or (file.kind is not None if kind is None else file.kind == kind))
            and all(word in file.words for word in words)
        )


class Library(QObject):
    """Part of the controller that opens files and folders and browses them; it writes the session. Main thread only.

    A file or folder that cannot be read is reported by `notice`, or by `error` for the current set.

    Signals
    -------
    opened : paths that were opened, for the list of recent files
    rows_changed : the rows of the list have changed
    place_changed : the current file has changed
    listed : the listing of the current set is complete, whether it has changed or not
    notice : (level, text) for the user
    unopened : text of the notice about files that could not be opened
    unreadable : text of the notice about the current file of a folder
    checked : `CheckedLabels` of a labelled set that was opened
    """

    opened = Signal(object)
    rows_changed = Signal()
    place_changed = Signal()
    listed = Signal()
    notice = Signal(str, str)
    unopened = Signal(str)
    unreadable = Signal(str)
    checked = Signal(object)

    def __init__(self, session: Session, pipeline: Pipeline, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        self._listings: dict[Path, Listing] = {}
        self._errors: dict[Path, str] = {}
        self._fresh: set[Path] = set()
        self._place: str | None = None
        self._arriving = False
        self._rows: tuple[SetFile, ...] = ()
        self._row_of: dict[str, int] = {}
        self.filter = Filter()
        self._watcher: QFileSystemWatcher | None = None
        self._changed = QTimer(self, interval=CHANGED_MS, singleShot=True)
        self._changed.timeout.connect(self.refresh)
        pipeline.job_event.connect(self._job_event)

    # Opening --------------------------------------------------------------------------------------------------------

    def open(self, paths: Sequence[Path], *, keep_set: bool = False, as_labels: bool = False) -> None:
        """Open files as media, folders as sets and labels as sets of their pictures, on a worker thread; media that are
        open stay so.

        With `keep_set` the current set stays; otherwise the list shows the open files. With `as_labels` all are labels.
        """
        from ui.control.opening_jobs import open_files

        if paths:
            work = open_files(paths, self._pipeline.cache, as_labels=as_labels)
            self._pipeline.submit("probe", Job(("open", *paths), self.tr("Opening files"), work, keep_set))

    def _add_opened(self, opened: OpenedFiles, *, keep_set: bool) -> None:
        state = with_opened(self._session.state, opened.media)
        folders = [MediaSet(path) for path in opened.folders]
        for media_set in folders:
            state = with_set(state, find_set(state, media_set.path) or media_set)
        if opened.media:
            state = with_own(state, first_shown(opened.media), self._session.next_id)
        names = [media.name for media in opened.media] + [media_set.name for media_set in folders]
        if opened.media and not folders and not keep_set:
            # From here the open files are browsed.
            state = dataclasses.replace(state, current_set=None)
        if names:
            self._fresh = set() if opened.media else {folders[-1].path}
            title = self.tr("Open {name}").format(name=names[0])
            self._session.change(title, state, merge=_merge(folders[-1].path) if folders else None)
            self.opened.emit((*(media.path for media in opened.media), *opened.folders))
            if folders and folders[-1].path in self._listings:
                self._show_first(folders[-1].path)
        for labels in opened.labels:
            self._add_labels(labels)
        if opened.errors:
            text = self._error_text(opened)
            self.notice.emit("error", text)
            self.unopened.emit(text)

    def _add_labels(self, opened: OpenedLabels) -> None:
        from ui.control.opening_jobs import check_labels

        media_set, annotations = opened.listing.set, opened.annotations
        self._listings[media_set.path] = opened.listing
        state = with_labelled_set(
            self._session.state, media_set, annotations, opened.analyses, opened.media, self._session.next_id
        )
        self._session.change(self.tr("Open {name}").format(name=annotations.name), state)
        self.opened.emit((annotations.path,))
        title, work = self.tr("Checking {name}"), check_labels(annotations, self._pipeline.cache)
        self._pipeline.submit(
            "listing", Job(("check labels", annotations.path), title.format(name=annotations.name), work)
        )

    def _error_text(self, opened: OpenedFiles) -> str:
        """One sentence for all files that cannot be opened, in place of a notice for each."""
        first = translated(opened.errors[0][1])
        if len(opened.errors) == 1:
            return first
        names = ", ".join(path.name for path, _ in opened.errors[:NAMED])
        rest = len(opened.errors) - NAMED
        if rest > 0:
            names = self.tr("{names} and {count} more").format(names=names, count=rest)
        total = len(opened.errors) + len(opened.media) + len(opened.folders) + len(opened.labels)
        text = self.tr("{count} of {total} files could not be opened: {names}. The first: {reason}")
        return text.format(count=len(opened.errors), total=total, names=names, reason=first)

    def close_files(self, media: Sequence[Media]) -> None:
        """Remove media from the session, as one undo step."""
        if media:
            state = without_all(self._session.state, media, self._session.next_id)
            name = counted(len(media), "{name}", self.tr("{count} files"), name=media[0].name)
            self._session.change(self.tr("Close {name}").format(name=name), state)

    # Sets -----------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> MediaSet | None:
        """The set that is browsed; None for the open files."""
        return find_set(self._session.state, self._session.state.current_set)

    def show_set(self, path: Path | None) -> None:
        """Browse the set of the folder `path`, or for None the open files; not an undo step."""
        state = dataclasses.replace(self._session.state, current_set=path)
        self._session.change(self.tr("Show folder"), state, undoable=False)

    def close_set(self, media_set: MediaSet) -> None:
        """Remove a set from the session; its files stay on disk."""
        state = without_set(self._session.state, media_set, self._session.next_id)
        self._session.change(self.tr("Close {name}").format(name=media_set.name), state)

    def set_recursive(self, recursive: bool) -> None:
        """Include or exclude the files of subfolders in the current set."""
        media_set = self.current
        if media_set is not None:
            new = dataclasses.replace(media_set, recursive=recursive)
            title = self.tr("Include subfolders") if recursive else self.tr("Leave out subfolders")
            self._session.change(title, with_set(self._session.state, new))

    def set_filter(self, new: Filter) -> None:
        """Set the filter of the current set; the current file stays."""
        if new != self.filter:
            self.filter = new
            self._make_rows()

    @property
    def rows(self) -> tuple[SetFile, ...]:
        """Files of the current set that pass the filter."""
        return self._rows

    @property
    def listing(self) -> Listing | None:
        """Listing of the current set, complete or partial; None before the first part."""
        media_set = self.current
        return self._listings.get(media_set.path) if media_set is not None else None

    @property
    def error(self) -> str:
        """Reason why the current set cannot be listed, else ""."""
        media_set = self.current
        return self._errors.get(media_set.path, "") if media_set is not None else ""

    def refresh(self) -> None:
        """List the current set again on a worker thread."""
        from ui.control.opening_jobs import list_files

        media_set = self.current
        if media_set is not None:
            title = self.tr("Listing {name}").format(name=media_set.name)
            found = found_pictures(self._session.state, media_set.labels)
            work = list_files(media_set, self._pipeline.cache, found)
            self._pipeline.submit("listing", Job(("list", media_set.path), title, work))

    def state_changed(self, old: State, new: State) -> None:
        """Update listing, filter and current file after a change of the session."""
        before = find_set(old, old.current_set)
        current = find_set(new, new.current_set)
        for closed_path in {item.path for item in old.sets} - {item.path for item in new.sets}:
            self._listings.pop(closed_path, None)
            self._errors.pop(closed_path, None)
            self._pipeline.lanes.cancel(("list", closed_path))
        if current != before:
            if current is not None and before is not None and current.path == before.path:
                self._pipeline.lanes.cancel(("list", current.path))  # its options have changed
            else:
                self.filter = Filter()
                self._place = None
            self._watch(())
            self.refresh()
        media = new.active_media
        if not self._arriving and media is not None and (media != old.active_media or current != before):
            name = self._name_of(media)
            if name is not None:
                self._place = name
        if current != before:
            self._make_rows()
        elif current is None and old.media != new.media:
            self.rows_changed.emit()
        if new.active != old.active:
            self.place_changed.emit()

    def _make_rows(self) -> None:
        listing = self.listing
        self._rows = self.filter(listing.files) if listing is not None else ()
        self._row_of = {file.name: row for row, file in enumerate(self._rows)}
        self.rows_changed.emit()

    def _listed(self, listing: Listing) -> None:
        if listing.set != find_set(self._session.state, listing.set.path):
            return
        old = self._listings.get(listing.set.path)
        self._errors.pop(listing.set.path, None)
        self._listings[listing.set.path] = listing
        if listing.set != self.current:
            return
        if listing.complete:
            # Renaming the folder itself is only reported by its parent.
            self._watch((*listing.folders[: MAX_WATCHED - 1], listing.set.path.parent))
        # All but the folders read, which are not shown.
        if old is None or dataclasses.replace(old, folders=listing.folders) != listing:
            self._make_rows()
        if listing.complete:
            self.listed.emit()
        self._show_first(listing.set.path)

    def _show_first(self, path: Path) -> None:
        """Show the first file of a folder that was just opened."""
        if path in self._fresh and self._rows:
            self._fresh.discard(path)
            self._submit(self._rows[0].name, merge=_merge(path))

    def _unlisted(self, unlisted: Unlisted) -> None:
        self._listings.pop(unlisted.set.path, None)
        self._errors[unlisted.set.path] = translated(unlisted.error)
        if unlisted.set == self.current:
            self._watch((unlisted.set.path.parent,))
            self._make_rows()

    def _watch(self, folders: Sequence[Path]) -> None:
        folder_names = [str(path) for path in folders if os.path.isdir(path)]
        if self._watcher is None:
            if not folder_names:
                return
            self._watcher = QFileSystemWatcher(self)
            self._watcher.directoryChanged.connect(self._folder_changed)
        watched = set(self._watcher.directories())
        if removed := list(watched - set(folder_names)):
            self._watcher.removePaths(removed)
        if new := [path for path in folder_names if path not in watched]:
            self._watcher.addPaths(new)

    def _folder_changed(self, path: str) -> None:
        media_set = self.current
        if media_set is None or self._changed.isActive():
            return
        # Of the changes in the parent, only removal and return of the folder itself matter.
        in_parent = Path(path) == media_set.path.parent
        if not in_parent or os.path.isdir(media_set.path) == bool(self.error):
            self._changed.start()

    # The place ------------------------------------------------------------------------------------------------------

    @property
    def place(self) -> tuple[int | None, int]:
        """Row of the current file, from 0, and the number of rows; the row is None if the filter hides the file."""
        if self.current is not None:
            return (self._row_of.get(self._place) if self._place is not None else None), len(self._rows)
        media = self.files
        active = self._session.state.active
        return next((row for row, item in enumerate(media) if item.id == active), None), len(media)

    @property
    def files(self) -> tuple[Media, ...]:
        """Open media, without the file of a set that is shown by browsing."""
        state = self._session.state
        return tuple(media for media in state.media if media.id != state.browsed)

    def go(self, row: int) -> None:
        """Show the file in `row` of the list. A newer request replaces one that still waits."""
        if self.current is None:
            media = self.files[row]
            state = with_shown(self._session.state, media, self._session.next_id)
            self._session.change(self.tr("Show {name}").format(name=media.name), state, merge="browse")
        else:
            self._submit(self._rows[row].name, merge="browse")

    def show(self, path: Path) -> bool:
        """Show the file at `path` at its place in an open set, the current one first; False where none lists it."""
        others = (item for item in self._session.state.sets if item != self.current)
        for media_set in filter(None, (self.current, *others)):
            listing = self._listings.get(media_set.path)
            if listing is None or not media_set.holds(path):
                continue
            name = path.relative_to(media_set.path).as_posix()
            if any(file.name == name for file in listing.files):
                if media_set != self.current:
                    self.show_set(media_set.path)
                self._submit(name, merge=f"show {name}")
                return True
        return False

    def step(self, rows: int) -> None:
        """Show the file `rows` rows further, back if negative, up to the ends of the list."""
        row, count = self.place
        if not count:
            return
        target = self._beside(rows) if row is None else row + rows
        target = min(max(target, 0), count - 1)
        if target != row:
            self.go(target)

    def _beside(self, rows: int) -> int:
        """Row next to the current file, which was deleted or is hidden by the filter."""
        if self.current is None or self._place is None:
            return 0
        after = bisect.bisect_left(self._rows, natural_key(self._place), key=lambda file: natural_key(file.name))
        return after if rows > 0 else after - 1

    def _name_of(self, media: Media) -> str | None:
        """Name of a medium within the current set; None if it does not belong to the set."""
        media_set = self.current
        if media_set is None or not media_set.holds(media.path):
            return None
        return media.path.relative_to(media_set.path).as_posix()

    def _submit(self, name: str, *, merge: str) -> None:
        from ui.control.opening_jobs import recognise

        media_set = self.current
        assert media_set is not None
        self._place = name
        self._pipeline.submit("probe", Job("browse", "", recognise(media_set, name, self._reading()), merge))
        self.place_changed.emit()

    def _reading(self) -> str:
        """What the user has chosen to read the file before as, which goes on with the next one; "" for nothing."""
        state = self._session.state
        browsed = next((item for item in state.media if item.id == state.browsed), None)
        return browsed.read_as if browsed is not None and browsed.reading_chosen else ""

    def _arrived(self, browsed: Browsed, merge: str) -> None:
        state = self._session.state
        if self.current is None or self.current.path != browsed.set.path:
            return  # the user has changed to another set
        if browsed.media is None:
            # Files that were passed need no notice: the list marks those that cannot be read.
            if browsed.name == self._place:
                text = translated(browsed.error)
                self.notice.emit("warning", text)
                self.unreadable.emit(text)
            return
        self._arriving = True
        try:
            state = with_browsed(state, browsed.media, self._session.next_id)
            self._session.change(self.tr("Show {name}").format(name=browsed.media.name), state, merge=merge)
        finally:
            self._arriving = False

    # Jobs -----------------------------------------------------------------------------------------------------------

    def _job_event(self, event: Event) -> None:
        from ui.control.opening_jobs import Browsed, CheckedLabels, OpenedFiles, Unlisted

        if event.kind != "output":
            return
        value = event.value
        if isinstance(value, Listing):
            self._listed(value)
        elif isinstance(value, Browsed):
            self._arrived(value, event.job.tag)
        elif isinstance(value, OpenedFiles):
            self._add_opened(value, keep_set=bool(event.job.tag))
        elif isinstance(value, Unlisted):
            self._unlisted(value)
        elif isinstance(value, CheckedLabels):
            self.checked.emit(value)

    def close(self) -> None:
        """Stop watching folders."""
        self._changed.stop()
        if self._watcher is not None:
            self._watcher.deleteLater()
        self._watcher = None


def _merge(path: Path) -> str:
    """Merge key that makes opening a folder and showing its first file one undo step."""
    return f"open {path}"
