"""Identity of media files: finding them, noticing changes, and the errors for missing or damaged ones."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.foundation.names import shown_name
from cvstudio.media.base import Media, MediaKind

HEAD_BYTES = 4096
MAX_PIXELS = 200_000_000
MAX_SIDE = 65_500

_HASHED_BYTES = 65_536


def quoted(path: Path) -> str:
    """File name for a message, in quotes, on one line."""
    return f"'{shown_name(path.name or str(path))}'"


def find_file(path: str | os.PathLike[str]) -> Path:
    """Absolute path of an existing, readable, ordinary file of at least one byte.

    A name that does not exist as it is written is matched up to Unicode normalisation: macOS and archives made there
    decompose Hangul and accents, keyboards compose them.

    Raises
    ------
    MediaError
        The file is missing, a folder, no ordinary file, empty or not readable.
    """
    absolute = Path(os.path.abspath(os.path.expanduser(os.fspath(path))))
    try:
        existing = absolute if absolute.exists() else _normalised_match(absolute)
        if existing is None:
            raise MediaError(f"{quoted(absolute)} does not exist; check its name and folder, or choose another file.")
        if not existing.exists():
            raise MediaError(
                f"{quoted(existing)} is a link that leads to no file; mend the link, or choose another file."
            )
        if existing.is_dir():
            raise MediaError(f"{quoted(existing)} is a folder; choose a file in it.")
        if not existing.is_file():
            raise MediaError(f"{quoted(existing)} is a device or a pipe; choose an ordinary file.")
        if existing.stat().st_size == 0:
            raise MediaError(f"{quoted(existing)} is empty (0 bytes); get a fresh copy of it.")
        with existing.open("rb"):
            return existing
    except PermissionError as error:
        raise _forbidden(absolute) from error
    except (OSError, ValueError) as error:  # a name that is too long or holds a NUL character
        raise MediaError(f"{quoted(absolute)} cannot be opened ({error}); choose another file.") from error


def _normalised_match(path: Path) -> Path | None:
    """The existing path that equals `path` up to Unicode normalisation; None where there is none."""
    existing = Path(path.anchor)
    for part in path.parts[1:]:
        if not (existing / part).exists():
            normalised = unicodedata.normalize("NFC", part)
            names = os.listdir(existing) if existing.is_dir() else []
            part = next((name for name in names if unicodedata.normalize("NFC", name) == normalised), "")
            if not part:
                return None
        existing /= part
    return existing


def _forbidden(path: Path) -> MediaError:
    return MediaError(
        f"You do not have permission to read {quoted(path)}; change its permissions or choose another file."
    )


def media_id(path: Path, kind: MediaKind) -> str:
    """Identity of a file read as `kind`: xxh3-128 of its size, mtime and 64 KiB each of head, middle and tail.

    The kind is part of it because one file may be open twice: as a picture and as a depth map.
    """
    import xxhash

    with decoding(path), path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = xxhash.xxh3_128(f"{status.st_size} {status.st_mtime_ns}".encode())
        for offset in (0, status.st_size // 2, max(0, status.st_size - _HASHED_BYTES)):
            file.seek(offset)
            digest.update(file.read(_HASHED_BYTES))
    return f"{digest.hexdigest()}-{kind}"


class FileGuard:
    """Detects that a file was removed or changed since it was opened.

    Raises
    ------
    MediaError
        The file is no longer the one that `media` was made from.
    """

    def __init__(self, media: Media) -> None:
        self._path = media.path
        self._size_and_mtime = self._stat()
        if media_id(media.path, media.kind) != media.file_id:
            raise self._changed()

    def check(self) -> None:
        """Raise MediaError where the file was removed or changed. Takes microseconds."""
        if self._stat() != self._size_and_mtime:
            raise self._changed()

    def _stat(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except PermissionError as error:
            raise _forbidden(self._path) from error
        except OSError as error:
            raise _gone(self._path) from error
        return status.st_size, status.st_mtime_ns

    def _changed(self) -> MediaError:
        return MediaError(f"{quoted(self._path)} was changed by another program; open it again.")


def _gone(path: Path) -> MediaError:
    return MediaError(f"{quoted(path)} was removed or renamed while it was open; put it back or open it again.")


def damaged(path: Path) -> MediaError:
    """The error for a file whose content is truncated or invalid."""
    return MediaError(f"{quoted(path)} is damaged or was cut short; get a fresh copy of it.")


def check_size(path: Path, size: Size) -> None:
    """Raise MediaError where a picture claims to be empty or absurdly large, before memory is allocated."""
    if size.width < 1 or size.height < 1:
        raise damaged(path)
    if max(size) > MAX_SIDE or size.width * size.height > MAX_PIXELS:
        raise MediaError(
            f"{quoted(path)} claims to be {size.width} x {size.height} pixels; at most {MAX_PIXELS // 1_000_000} "
            f"megapixels and {MAX_SIDE} pixels a side can be opened, so scale it down first."
        )


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn any exception of a decoder into a MediaError about `path`. Wrap the decoder's own calls only."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise _gone(path) from error
    except PermissionError as error:
        # FFmpeg has the same number for what its decoders refuse.
        raise (damaged(path) if os.access(path, os.R_OK) else _forbidden(path)) from error
    except MemoryError as error:
        raise MediaError(
            f"{quoted(path)} needs more memory than there is; close other media or scale it down."
        ) from error
    except Exception as error:  # decoders share no base class of errors, and hostile bytes provoke any of them
        raise damaged(path) from error
