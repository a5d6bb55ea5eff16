"""Open folders: listings, filter, current file, and showing of files on the canvas.

Listings are outside of the session: what is on disk is nothing that undo could take back.
"""

from __future__ import annotations

import bisect
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.folders import Listing, MediaSet, SetFile, list_set, natural_key
from cvstudio.session.browsing import find_set, with_browsed, with_opened, with_set, with_shown, without_set
from cvstudio.session.session import Session, State
from cvstudio.session.transitions import with_active, without_all
from ui.base.translate import translated
from ui.control.opening_jobs import Opened, open_files
from ui.control.pipeline import Pipeline

CHANGED_MS = 400
"""From the first sign of a change in a folder to listing it again: a copy of many files is listed a few times only."""

MAX_WATCHED = 256
"""Folders of one set that are watched; the system allows only so many."""

NAMED = 3
"""Files that one notice names."""


@dataclass(frozen=True)
class Filter:
    """Which files of a set are shown: those with every word of `text` and of `kind`.

    `kind` None shows what some format claims by its suffix, and "all" really every file.
    """

    text: str = ""
    kind: MediaKind | str | None = None

    def __call__(self, files: Sequence[SetFile]) -> tuple[SetFile, ...]:
        words = self.text.casefold().split()
        kind = self.kind
        return tuple(
            file
            for file in files
            if (kind == "all" or (file.kind is not None if kind is None else file.kind == kind))
            and all(word in file.words for word in words)
        )


@dataclass(frozen=True)
class _Browsed:
    """A file of a set that was recognised, or why it was not."""

    set: MediaSet
    name: str
    media: Media | None
    error: str = ""


@dataclass(frozen=True)
class _Unlisted:
    """A set that cannot be listed."""

    set: MediaSet
    error: str


class Library(QObject):
    """Opens files and folders, and leafs through them. Part of the controller: it writes the session as that does.

    Signals
    -------
    opened : paths that were opened, for the list of recent ones
    rows_changed : the rows of the list have changed
    place_changed : the current file has changed
    listed : the listing of the current set is complete, whether it has changed or not
    notice : (level, text) for the user
    unopened : text of the notice about files that could not be opened
    unreadable : text of the notice about the current file of a folder
    """

    opened = Signal(object)
    rows_changed = Signal()
    place_changed = Signal()
    listed = Signal()
    notice = Signal(str, str)
    unopened = Signal(str)
    unreadable = Signal(str)

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

    def open(self, paths: Sequence[Path], *, keep_set: bool = False) -> None:
        """Recognise files and folders on a worker. Files join what is open, a folder becomes a set; what is open stays
        open if one of them fails.

        `keep_set` goes on with the folder that is leafed through; without it the open files are shown.
        """
        if paths:
            work = open_files(paths)
            self._pipeline.submit("probe", Job(("open", *paths), self.tr("Opening files"), work, keep_set))

    def _add_opened(self, opened: Opened, *, keep_set: bool) -> None:
        state = with_opened(self._session.state, opened.media)
        folders = [MediaSet(path) for path in opened.folders]
        for media_set in folders:
            state = with_set(state, find_set(state, media_set.path) or media_set)
        if opened.media:
            state = with_active(state, opened.media[0], self._session.next_id)
        names = [media.name for media in opened.media] + [media_set.name for media_set in folders]
        if opened.media and not folders and not keep_set:
            # The open files are what is leafed through from here.
            state = dataclasses.replace(state, current_set=None)
        if names:
            self._fresh = set() if opened.media else {folders[-1].path}
            title = self.tr("Open {name}").format(name=names[0])
            self._session.change(title, state, merge=_merge(folders[-1].path) if folders else None)
            self.opened.emit((*(media.path for media in opened.media), *opened.folders))
            if folders and folders[-1].path in self._listings:
                self._show_first(folders[-1].path)
        if opened.errors:
            text = self._error_text(opened)
            self.notice.emit("error", text)
            self.unopened.emit(text)

    def _error_text(self, opened: Opened) -> str:
        """One sentence for all that could not be opened: fifty notices would hide what they say."""
        first = translated(opened.errors[0][1])
        if len(opened.errors) == 1:
            return first
        names = ", ".join(path.name for path, _ in opened.errors[:NAMED])
        rest = len(opened.errors) - NAMED
        if rest > 0:
            names = self.tr("{names} and {count} more").format(names=names, count=rest)
        total = len(opened.errors) + len(opened.media) + len(opened.folders)
        text = self.tr("{count} of {total} files could not be opened: {names}. The first: {reason}")
        return text.format(count=len(opened.errors), total=total, names=names, reason=first)

    def close_files(self, media: Sequence[Media]) -> None:
        """Take open files out of the session, in one step."""
        if media:
            state = without_all(self._session.state, media, self._session.next_id)
            name = media[0].name if len(media) == 1 else self.tr("{count} files").format(count=len(media))
            self._session.change(self.tr("Close {name}").format(name=name), state)

    # Sets -----------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> MediaSet | None:
        """The set that is leafed through; None where it is the open files."""
        return find_set(self._session.state, self._session.state.current_set)

    def show_set(self, path: Path | None) -> None:
        """Leaf through another set, or through the open files. No step of undo: nothing is lost by it."""
        state = dataclasses.replace(self._session.state, current_set=path)
        self._session.change(self.tr("Show folder"), state, undoable=False)

    def close_set(self, media_set: MediaSet) -> None:
        """Take a folder out of the session; its files stay on disk."""
        state = without_set(self._session.state, media_set, self._session.next_id)
        self._session.change(self.tr("Close {name}").format(name=media_set.name), state)

    def set_recursive(self, recursive: bool) -> None:
        """Take the files of subfolders into the current set, or leave them out."""
        media_set = self.current
        if media_set is not None:
            new = dataclasses.replace(media_set, recursive=recursive)
            title = self.tr("Include subfolders") if recursive else self.tr("Leave out subfolders")
            self._session.change(title, with_set(self._session.state, new))

    def set_filter(self, new: Filter) -> None:
        """Show only some files of the set; the place stays where it is."""
        if new != self.filter:
            self.filter = new
            self._make_rows()

    @property
    def rows(self) -> tuple[SetFile, ...]:
        """The files of the current set that the filter lets through."""
        return self._rows

    @property
    def listing(self) -> Listing | None:
        """The current set as far as it was read; None before."""
        media_set = self.current
        return self._listings.get(media_set.path) if media_set is not None else None

    @property
    def error(self) -> str:
        """Why the current set cannot be listed; "" where it can."""
        media_set = self.current
        return self._errors.get(media_set.path, "") if media_set is not None else ""

    def refresh(self) -> None:
        """List the current set again."""
        media_set = self.current
        if media_set is not None:
            title = self.tr("Listing {name}").format(name=media_set.name)
            self._pipeline.submit("listing", Job(("list", media_set.path), title, _listing_of(media_set)))

    def state_changed(self, old: State, new: State) -> None:
        """The session is another: follow it."""
        before = find_set(old, old.current_set)
        current = find_set(new, new.current_set)
        for gone in {item.path for item in old.sets} - {item.path for item in new.sets}:
            self._listings.pop(gone, None)
            self._errors.pop(gone, None)
            self._pipeline.lanes.cancel(("list", gone))
        if current != before:
            if current is not None and before is not None and current.path == before.path:
                self._pipeline.lanes.cancel(("list", current.path))  # it lists what is not wanted any more
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
            # Its own folder tells nothing of being renamed; the one above does.
            self._watch((*listing.folders[: MAX_WATCHED - 1], listing.set.path.parent))
        if old is None or old.files != listing.files or old.complete != listing.complete:
            self._make_rows()
        if listing.complete:
            self.listed.emit()
        self._show_first(listing.set.path)

    def _show_first(self, path: Path) -> None:
        """Show the first file of a folder that the user has just opened."""
        if path in self._fresh and self._rows:
            self._fresh.discard(path)
            self._submit(self._rows[0].name, merge=_merge(path))

    def _unlisted(self, unlisted: _Unlisted) -> None:
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
        # Of what happens beside the folder only its going and coming back is of interest.
        beside = Path(path) == media_set.path.parent
        if not beside or os.path.isdir(media_set.path) == bool(self.error):
            self._changed.start()

    # The place ------------------------------------------------------------------------------------------------------

    @property
    def place(self) -> tuple[int | None, int]:
        """Which file is the current one, counted from 0, and of how many; None where it is not among those shown."""
        if self.current is not None:
            return (self._row_of.get(self._place) if self._place is not None else None), len(self._rows)
        media = self.files
        active = self._session.state.active
        return next((row for row, item in enumerate(media) if item.id == active), None), len(media)

    @property
    def files(self) -> tuple[Media, ...]:
        """The media that stay open, without the file of a set that is only being looked at."""
        state = self._session.state
        return tuple(media for media in state.media if media.id != state.browsed)

    def go(self, row: int) -> None:
        """Put the file in `row` of the list on the canvas. The newest wish wins; those between are never opened."""
        if self.current is None:
            media = self.files[row]
            state = with_shown(self._session.state, media, self._session.next_id)
            self._session.change(self.tr("Show {name}").format(name=media.name), state, merge="browse")
        else:
            self._submit(self._rows[row].name, merge="browse")

    def step(self, rows: int) -> None:
        """Go `rows` files on (or back), as far as there are any."""
        row, count = self.place
        if not count:
            return
        target = self._beside(rows) if row is None else row + rows
        target = min(max(target, 0), count - 1)
        if target != row:
            self.go(target)

    def _beside(self, rows: int) -> int:
        """The row beside a file that is gone or filtered out."""
        if self.current is None or self._place is None:
            return 0
        after = bisect.bisect_left(self._rows, natural_key(self._place), key=lambda file: natural_key(file.name))
        return after if rows > 0 else after - 1

    def _name_of(self, media: Media) -> str | None:
        """The name of a medium in the current set; None where it does not belong to it."""
        media_set = self.current
        if media_set is None or not media_set.holds(media.path):
            return None
        return media.path.relative_to(media_set.path).as_posix()

    def _submit(self, name: str, *, merge: str) -> None:
        media_set = self.current
        assert media_set is not None
        self._place = name
        self._pipeline.submit("probe", Job("browse", "", _recognise(media_set, name), merge))
        self.place_changed.emit()

    def _arrived(self, browsed: _Browsed, merge: str) -> None:
        state = self._session.state
        if self.current is None or self.current.path != browsed.set.path:
            return  # somebody went elsewhere meanwhile: nothing may take the place of what is shown there
        if browsed.media is None:
            # While somebody leafs on, what was passed needs no word; the list marks what cannot be read.
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
        if event.kind != "output":
            return
        value = event.value
        if isinstance(value, Listing):
            self._listed(value)
        elif isinstance(value, _Browsed):
            self._arrived(value, event.job.tag)
        elif isinstance(value, Opened):
            self._add_opened(value, keep_set=bool(event.job.tag))
        elif isinstance(value, _Unlisted):
            self._unlisted(value)

    def close(self) -> None:
        """Watch nothing any more."""
        self._changed.stop()
        if self._watcher is not None:
            self._watcher.deleteLater()
            self._watcher = None


def _merge(path: Path) -> str:
    """Opening a folder and showing its first file are one step of undo."""
    return f"open {path}"


def _listing_of(media_set: MediaSet) -> Callable[[Progress], Iterator[Any]]:
    def work(progress: Progress) -> Iterator[Any]:
        try:
            yield from list_set(media_set, progress)
        except UserError as error:
            yield _Unlisted(media_set, str(error))

    return work


def _recognise(media_set: MediaSet, name: str) -> Callable[[Progress], Iterator[Any]]:
    def work(progress: Progress) -> Iterator[Any]:
        try:
            yield _Browsed(media_set, name, open_media(media_set.path / name))
        except UserError as error:
            yield _Browsed(media_set, name, None, str(error))

    return work
