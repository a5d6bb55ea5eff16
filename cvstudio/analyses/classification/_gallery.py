"""Galleries: folders of pictures to compare with, whose features are computed once and cached on disk.

Features are stored by the identity of the picture (`media_id`) and of the network (`Describer.key`): renamed pictures
keep theirs, and those of different networks are never mixed.
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
"""Maximum pictures of a batch, and maximum of their pixels: a photograph of 12 megapixels is a batch of its own."""

SHOW_SECS, SAVE_SECS, LIST_SECS = 0.5, 10.0, 2.0
"""Seconds between partial outputs, between saves, and until a listing of the folder is out of date."""

BUDGET_BYTES = 512 << 20
"""Maximum size of the cache of features on disk; least recently used files are removed first."""

log = logging.getLogger(__name__)


class GalleryFile(NamedTuple):
    """A file of the gallery: its name relative to the folder, and size and time, which detect a change."""

    name: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures with their features.

    Parameters
    ----------
    folder : folder of the pictures
    names : paths relative to `folder` of the n pictures whose features are computed so far
    identities : `media_id` of each
    classes : int64 (n,), index into `labels`; -1 for a picture in no subfolder
    labels : names of the subfolders, in natural order
    features : float32 (n, d), of length 1 with `Describer.unit`
    total : number of pictures in the folder
    unread : number of pictures that cannot be read
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
        """Whether the features of all readable pictures are computed."""
        return len(self.names) + self.unread >= self.total


def pictures_in(folder: Path, progress: Progress) -> tuple[GalleryFile, ...]:
    """List the pictures in a folder and its subfolders, in natural order.

    Raises
    ------
    MediaError
        The folder is gone, holds no picture, or too many.
    """
    listing = deque(list_set(MediaSet(folder, recursive=True), progress), maxlen=1).pop()
    images = []
    for file in listing.files:
        if file.kind is MediaKind.IMAGE:
            with suppress(OSError):  # it went away meanwhile
                status = os.stat(folder / file.name)
                images.append(GalleryFile(file.name, status.st_size, status.st_mtime_ns))
    if not images:
        raise MediaError(f"Expected pictures to compare with in {folder}, but there are none; choose another folder.")
    if len(images) > MOST_PICTURES:
        raise MediaError(
            f"Expected at most {MOST_PICTURES:,} pictures to compare with, but there are {len(images):,} in {folder}; "
            f"choose one of its subfolders."
        )
    return tuple(images)


def class_of(name: str) -> str:
    """Class of a picture by its name: the first subfolder; empty where there is none."""
    first, _, below = name.partition("/")
    return first if below else ""


class _FeatureFile:
    """Cache file of one folder and describer: features by identity, and identities by `GalleryFile`."""

    def __init__(self, folder: Path, describer: Describer) -> None:
        import xxhash

        folder_hash = xxhash.xxh3_64_hexdigest(os.fsencode(folder))
        self.path = user_cache_dir() / "features" / f"{folder_hash}-{describer.key}.npz"
        self.rows: dict[str, NDArray[np.float32]] = {}
        self.identities: dict[GalleryFile, str] = {}
        self.changed = False
        self._load()

    def _load(self) -> None:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                features, identities = (
                    archive["features"].astype(np.float32, copy=False),
                    archive["identities"].tolist(),
                )
                names, stamps = archive["names"].tolist(), archive["stamps"].tolist()
            if features.ndim != 2 or not len(features) == len(identities) == len(names) == len(stamps):
                raise ValueError("its parts are of different lengths")
            self.rows = dict(zip(identities, features, strict=True))
            pictures = (GalleryFile(name, *stamp) for name, stamp in zip(names, stamps, strict=True))
            self.identities = dict(zip(pictures, identities, strict=True))
            with suppress(OSError):
                os.utime(self.path)
        except FileNotFoundError:
            return
        except Exception as error:  # any error of a damaged archive: its features are computed again
            log.warning("the features in %s are computed again: %s", self.path, error)
            self.rows, self.identities = {}, {}

    def save(self) -> None:
        """Write the file where anything is new. A failure is only logged: the features are computed again then."""
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
    """Remove the least recently used files until the others fit in `BUDGET_BYTES`."""
    files = [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in newest.parent.glob("*.npz")]
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files, key=lambda entry: entry[0]):
        if total <= BUDGET_BYTES or path == newest:
            break
        path.unlink(missing_ok=True)
        total -= size


class _Open(NamedTuple):
    """A gallery in memory, the listing of its folder, and the monotonic time of that listing."""

    gallery: Gallery
    pictures: tuple[GalleryFile, ...]
    listed_secs: float


MOST_OPEN = 4


class Galleries:
    """Cache of the most recently used galleries in memory. Thread-safe."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, str], _Open] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, folder: Path, describer: Describer, progress: Progress) -> Iterator[Gallery]:
        """Yield the gallery of `folder` while its features are computed, first partially; the last one is complete.

        Features are saved also on cancellation or failure, and the next call continues from there. Pictures that cannot
        be read are left out.

        Raises
        ------
        MediaError
            See `pictures_in`; or none of the pictures can be read.
        """
        folder = Path(os.path.abspath(folder))
        key = (folder, describer.key)
        with self._lock:
            cached = self._open.get(key)
        if cached is not None and time.monotonic() - cached.listed_secs < LIST_SECS:
            yield cached.gallery
            return
        pictures = pictures_in(folder, progress)
        if cached is not None and cached.pictures == pictures:
            gallery = cached.gallery
            yield gallery
        else:
            for partial in _described(folder, pictures, describer, progress):
                gallery = partial
                yield partial
        with self._lock:
            self._open[key] = _Open(gallery, pictures, time.monotonic())
            self._open.move_to_end(key)
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)


_folder_times: OrderedDict[Path, tuple[float, tuple[int, ...]]] = OrderedDict()
"""Monotonic time of the last query of each folder, and its answer: a state of the disk, not of a window."""
_times_lock = threading.Lock()


def times_of(folder: Path) -> tuple[int, ...]:
    """Modification times in ns of the folder and its direct subfolders; empty for a folder that is gone.

    The disk is queried every `LIST_SECS` at most.
    """
    now = time.monotonic()
    with _times_lock:
        cached = _folder_times.get(folder)
        if cached is not None and now - cached[0] < LIST_SECS:
            return cached[1]
    times: list[int] = []
    with suppress(OSError), os.scandir(folder) as entries:
        subfolders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        times = [os.stat(path).st_mtime_ns for path in [str(folder), *sorted(subfolders)]]
    with _times_lock:
        _folder_times[folder] = now, tuple(times)
        _folder_times.move_to_end(folder)
        while len(_folder_times) > MOST_OPEN:
            _folder_times.popitem(last=False)
    return tuple(times)


def _described(
    folder: Path, pictures: Sequence[GalleryFile], describer: Describer, progress: Progress
) -> Iterator[Gallery]:
    stored = _FeatureFile(folder, describer)
    missing, unread = [], set[GalleryFile]()
    for number, picture in enumerate(pictures):
        if number % 256 == 0:
            progress(number / len(pictures), f"looking at {folder.name}")
        if picture not in stored.identities:
            with suppress(MediaError):
                stored.identities[picture] = media_id(folder / picture.name, MediaKind.IMAGE)
                stored.changed = True
        if stored.identities.get(picture) not in stored.rows:
            missing.append(picture)
    stored.identities = {picture: stored.identities[picture] for picture in pictures if picture in stored.identities}

    def gallery() -> Gallery:
        return _assembled(folder, pictures, stored, describer, len(unread))

    yielded = saved = time.monotonic()
    done = len(pictures) - len(missing)
    try:
        with prefetch(_batches(folder, missing), depth=2) as batches:
            for batch, images in batches:
                progress(done / len(pictures), f"describing {done:,} of {len(pictures):,} pictures")
                readable = [picture for picture, image in zip(batch, images, strict=True) if image is not None]
                unread.update(picture for picture in batch if picture not in readable)
                if readable:
                    rows = describer.extract([image for image in images if image is not None])
                    stored.rows.update(zip((stored.identities[item] for item in readable), rows, strict=True))
                    stored.changed = True
                done += len(batch)
                if time.monotonic() - saved > SAVE_SECS:
                    stored.save()
                    saved = time.monotonic()
                if stored.rows and done < len(pictures) and time.monotonic() - yielded > SHOW_SECS:
                    yield gallery()
                    yielded = time.monotonic()
    finally:
        stored.save()
    complete = gallery()
    if not complete.names:
        raise MediaError(
            f"Expected pictures to compare with in {folder}, but none of its {len(pictures)} can be read; choose "
            f"another folder."
        )
    yield complete


def _batches(
    folder: Path, pictures: Sequence[GalleryFile]
) -> Iterator[tuple[tuple[GalleryFile, ...], tuple[Image | None, ...]]]:
    """Batches of pictures with their images, None for one that cannot be read; read by the consuming thread."""
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


def _assembled(
    folder: Path, pictures: Sequence[GalleryFile], stored: _FeatureFile, describer: Describer, unread: int
) -> Gallery:
    described = [picture for picture in pictures if stored.identities.get(picture) in stored.rows]
    identities = tuple(stored.identities[picture] for picture in described)
    rows = [stored.rows[identity] for identity in identities]
    features = np.stack(rows) if rows else np.zeros((0, 1), np.float32)
    labels = tuple(sorted({class_of(picture.name) for picture in pictures} - {""}, key=natural_key))
    numbers = {label: number for number, label in enumerate(labels)}
    return Gallery(
        folder,
        tuple(picture.name for picture in described),
        identities,
        np.array([numbers.get(class_of(picture.name), -1) for picture in described], np.int64),
        labels,
        unit_length(features) if describer.unit else features,
        len(pictures),
        unread,
    )
