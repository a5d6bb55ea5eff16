"""A folder of pictures to compare with: their features, computed once and kept on disk.

A picture is known by its identity (`media_id`), features by the identity of the network (`Describer.key`): what was
computed for a picture is found again when it is renamed, and never taken for that of another network.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.classification._features import Describer, unit_length
from cvstudio.data.geometry import readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.concurrency import prefetch
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.file_identity import media_id
from cvstudio.media.folders import MediaSet, list_set, natural_key

MOST_PICTURES = 100_000
BATCH, BATCH_PIXELS = 16, 16_000_000
"""Pictures at a time, and pixels of all of them: a photograph of 12 megapixels waits alone."""

SHOW_SECS, SAVE_SECS, LIST_SECS = 0.5, 10.0, 2.0
"""How often what is known is handed on and saved while it grows, and how long a listing of the folder counts as new."""

BUDGET_BYTES = 512 << 20
"""Of all kept features; those that were not used for longest go first."""

log = logging.getLogger(__name__)


class GalleryFile(NamedTuple):
    """A file of the gallery: its name below the folder, and the stamp by which a change is noticed."""

    name: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures with their features.

    Parameters
    ----------
    folder : where they are
    names : of the n pictures that are described by now, below `folder`
    identities : `media_id` of each
    classes : int64 (n,), index into `labels`; -1 for one that lies in no subfolder
    labels : names of the subfolders, in the order in which a person counts
    features : float32 (n, d), of length 1 where the describer says so
    total : pictures in the folder
    unread : those of them that could not be read
    """

    folder: Path
    names: tuple[str, ...]
    identities: tuple[str, ...]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    features: NDArray[np.float32]
    total: int
    unread: int = 0

    def __post_init__(self) -> None:
        n = len(self.names)
        if self.features.shape[:1] != (n,) or self.classes.shape != (n,) or len(self.identities) != n:
            raise ValueError(f"expected features and classes of {n} pictures, found {self.features.shape}")
        for name in ("classes", "features"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    @property
    def complete(self) -> bool:
        return len(self.names) + self.unread >= self.total


def pictures_in(folder: Path, progress: Progress) -> tuple[GalleryFile, ...]:
    """The pictures in a folder and its subfolders, in natural order.

    Raises
    ------
    MediaError
        The folder is gone, holds no picture, or too many.
    """
    listing = deque(list_set(MediaSet(folder, recursive=True), progress), maxlen=1).pop()
    found = []
    for file in listing.files:
        if file.kind is MediaKind.IMAGE:
            with suppress(OSError):  # it went away meanwhile
                facts = os.stat(folder / file.name)
                found.append(GalleryFile(file.name, facts.st_size, facts.st_mtime_ns))
    if not found:
        raise MediaError(f"Expected pictures to compare with in {folder}, but there are none; choose another folder.")
    if len(found) > MOST_PICTURES:
        raise MediaError(
            f"Expected at most {MOST_PICTURES:,} pictures to compare with, but there are {len(found):,} in {folder}; "
            f"choose one of its subfolders."
        )
    return tuple(found)


def class_of(name: str) -> str:
    """The first subfolder in the name of a picture; empty where there is none."""
    first, _, rest = name.partition("/")
    return first if rest else ""


class _Known:
    """Features by identity, and identities by name and stamp, of one folder and describer."""

    def __init__(self, folder: Path, describer: Describer) -> None:
        import xxhash

        where = xxhash.xxh3_64_hexdigest(os.fsencode(folder))
        self.path = user_cache_dir() / "features" / f"{where}-{describer.key}.npz"
        self.rows: dict[str, NDArray[np.float32]] = {}
        self.identities: dict[GalleryFile, str] = {}
        self.changed = False
        self._load()

    def _load(self) -> None:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                features, identities = kept["features"].astype(np.float32, copy=False), kept["identities"].tolist()
                names, stamps = kept["names"].tolist(), kept["stamps"].tolist()
            if features.ndim != 2 or not len(features) == len(identities) == len(names) == len(stamps):
                raise ValueError("its parts are of different lengths")
            self.rows = dict(zip(identities, features, strict=True))
            pictures = (GalleryFile(name, *stamp) for name, stamp in zip(names, stamps, strict=True))
            self.identities = dict(zip(pictures, identities, strict=True))
            with suppress(OSError):
                os.utime(self.path)
        except FileNotFoundError:
            return
        except Exception as error:  # whatever a damaged archive raises: it is made again
            log.warning("the features in %s are computed again: %s", self.path, error)
            self.rows, self.identities = {}, {}

    def save(self) -> None:
        """Write what is known, where something is new; a disk that refuses costs time at the next start, no more."""
        pictures = [picture for picture, identity in self.identities.items() if identity in self.rows]
        if not self.changed or not pictures:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self.path) as temporary, temporary.open("wb") as file:
                np.savez(
                    file,
                    features=np.stack([self.rows[self.identities[picture]] for picture in pictures]),
                    identities=np.array([self.identities[picture] for picture in pictures]),
                    names=np.array([picture.name for picture in pictures]),
                    stamps=np.array([picture[1:] for picture in pictures], np.int64),
                )
            self.changed = False
            _trim(self.path)
        except (OSError, UnicodeEncodeError) as error:
            log.warning("the features are not kept in %s: %s", self.path, error)


def _trim(newest: Path) -> None:
    """Remove what was not used for longest until the rest fits."""
    kept = [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in newest.parent.glob("*.npz")]
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept, key=lambda entry: entry[0]):
        if total <= BUDGET_BYTES or path == newest:
            break
        path.unlink(missing_ok=True)
        total -= size


class _Open(NamedTuple):
    """A gallery in memory, what the folder held, and when it was looked at, by the steady clock."""

    gallery: Gallery
    pictures: tuple[GalleryFile, ...]
    looked_secs: float


MOST_OPEN = 4


class Galleries:
    """The galleries in memory, those that were used last; any thread may ask."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, str], _Open] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, folder: Path, describer: Describer, progress: Progress) -> Iterator[Gallery]:
        """The pictures of `folder`, more and more of them while their features are computed; the last is complete.

        What was computed is kept on disk also where it is cancelled or fails, and goes on from there. A picture that
        cannot be read is left out.

        Raises
        ------
        MediaError
            See `pictures_in`; or none of the pictures can be read.
        """
        folder = Path(os.path.abspath(folder))
        key = (folder, describer.key)
        with self._lock:
            kept = self._open.get(key)
        if kept is not None and time.monotonic() - kept.looked_secs < LIST_SECS:
            yield kept.gallery
            return
        pictures = pictures_in(folder, progress)
        if kept is not None and kept.pictures == pictures:
            gallery = kept.gallery
            yield gallery
        else:
            for found in _described(folder, pictures, describer, progress):
                gallery = found
                yield found
        with self._lock:
            self._open[key] = _Open(gallery, pictures, time.monotonic())
            self._open.move_to_end(key)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)


_times: OrderedDict[Path, tuple[float, tuple[int, ...]]] = OrderedDict()
"""When each folder was last asked, by the steady clock, and what it told: the disk's state, no window's."""
_timing = threading.Lock()


def times_of(folder: Path) -> tuple[int, ...]:
    """When pictures last came to or went from the folder and those in it, in ns; nothing for one that is gone.

    It asks the disk every `LIST_SECS` at most.
    """
    now = time.monotonic()
    with _timing:
        kept = _times.get(folder)
        if kept is not None and now - kept[0] < LIST_SECS:
            return kept[1]
    found: list[int] = []
    with suppress(OSError), os.scandir(folder) as entries:
        inside = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        found = [os.stat(path).st_mtime_ns for path in [str(folder), *sorted(inside)]]
    with _timing:
        _times[folder] = now, tuple(found)
        _times.move_to_end(folder)
        while len(_times) > MOST_OPEN:
            _times.popitem(last=False)
    return tuple(found)


def _described(
    folder: Path, pictures: Sequence[GalleryFile], describer: Describer, progress: Progress
) -> Iterator[Gallery]:
    known = _Known(folder, describer)
    missing, unread = [], set[GalleryFile]()
    for number, picture in enumerate(pictures):
        if number % 256 == 0:
            progress(number / len(pictures), f"looking at {folder.name}")
        if picture not in known.identities:
            with suppress(MediaError):
                known.identities[picture] = media_id(folder / picture.name, MediaKind.IMAGE)
                known.changed = True
        if known.identities.get(picture) not in known.rows:
            missing.append(picture)
    known.identities = {picture: known.identities[picture] for picture in pictures if picture in known.identities}

    def gallery() -> Gallery:
        return _gathered(folder, pictures, known, describer, len(unread))

    shown = saved = time.monotonic()
    done = len(pictures) - len(missing)
    try:
        with prefetch(_batches(folder, missing), depth=2) as batches:
            for batch, images in batches:
                progress(done / len(pictures), f"describing {done:,} of {len(pictures):,} pictures")
                there = [picture for picture, image in zip(batch, images, strict=True) if image is not None]
                unread.update(picture for picture in batch if picture not in there)
                if there:
                    rows = describer.extract([image for image in images if image is not None])
                    known.rows.update(zip((known.identities[item] for item in there), rows, strict=True))
                    known.changed = True
                done += len(batch)
                if time.monotonic() - saved > SAVE_SECS:
                    known.save()
                    saved = time.monotonic()
                if known.rows and done < len(pictures) and time.monotonic() - shown > SHOW_SECS:
                    yield gallery()
                    shown = time.monotonic()
    finally:
        known.save()
    found = gallery()
    if not found.names:
        raise MediaError(
            f"Expected pictures to compare with in {folder}, but none of its {len(pictures)} can be read; choose "
            f"another folder."
        )
    yield found


def _batches(
    folder: Path, pictures: Sequence[GalleryFile]
) -> Iterator[tuple[tuple[GalleryFile, ...], tuple[Image | None, ...]]]:
    """Pictures with what they show, None for one that cannot be read; read by the thread that asks."""
    batch: list[tuple[GalleryFile, Image | None]] = []
    pixels = 0
    for picture in pictures:
        image = _read(folder / picture.name)
        size = image.size.width * image.size.height if image is not None else 0
        if batch and (len(batch) >= BATCH or pixels + size > BATCH_PIXELS):
            yield _split(batch)
            batch, pixels = [], 0
        batch.append((picture, image))
        pixels += size
    if batch:
        yield _split(batch)


def _split(batch: list[tuple[GalleryFile, Image | None]]) -> tuple[tuple[GalleryFile, ...], tuple[Image | None, ...]]:
    return tuple(picture for picture, _ in batch), tuple(image for _, image in batch)


def _read(path: Path) -> Image | None:
    try:
        with open_reader(open_media(path, kind=MediaKind.IMAGE)) as reader:
            image: Image = reader.read()
            return image
    except MediaError as error:
        log.info("left out of the gallery: %s", error)
        return None


def _gathered(
    folder: Path, pictures: Sequence[GalleryFile], known: _Known, describer: Describer, unread: int
) -> Gallery:
    there = [picture for picture in pictures if known.identities.get(picture) in known.rows]
    identities = tuple(known.identities[picture] for picture in there)
    rows = [known.rows[identity] for identity in identities]
    features = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
    labels = tuple(sorted({class_of(picture.name) for picture in pictures} - {""}, key=natural_key))
    numbers = {label: number for number, label in enumerate(labels)}
    return Gallery(
        folder,
        tuple(picture.name for picture in there),
        identities,
        np.array([numbers.get(class_of(picture.name), -1) for picture in there], np.int64),
        labels,
        unit_length(features) if describer.unit else features,
        len(pictures),
        unread,
    )
