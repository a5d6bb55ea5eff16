"""Which file is meant, whether it is still the same one, and what is said when it is not."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.media.base import Media, MediaKind

HEAD_BYTES = 4096
MAX_PIXELS = 200_000_000
MAX_SIDE = 65_500

_HASHED_BYTES = 65_536


def quoted(path: Path) -> str:
    """The file's name for a message, composed and in quotes."""
    return f"'{unicodedata.normalize('NFC', path.name) or path}'"


def find_file(path: str | os.PathLike[str]) -> Path:
    """The absolute path of an existing, ordinary file that holds at least a byte.

    A name that does not exist as given is looked for in the other Unicode normal form: macOS and archives
    made there decompose Hangul and accents, keyboards compose them.

    Raises
    ------
    MediaError
        It is missing, a folder, no ordinary file, empty or must not be read.
    """
    given = Path(os.path.abspath(os.path.expanduser(os.fspath(path))))
    try:
        found = given if given.exists() else _other_form(given)
        if found is None:
            raise MediaError(f"{quoted(given)} does not exist; check its name and folder, or choose another file.")
        if found.is_dir():
            raise MediaError(f"{quoted(found)} is a folder; choose a file in it.")
        if not found.is_file():
            raise MediaError(f"{quoted(found)} is a device or a pipe; choose an ordinary file.")
        if found.stat().st_size == 0:
            raise MediaError(f"{quoted(found)} is empty (0 bytes); get a fresh copy of it.")
        with found.open("rb"):
            return found
    except PermissionError as error:
        raise _forbidden(given) from error
    except (OSError, ValueError) as error:  # a name that is too long or holds a NUL character
        raise MediaError(f"{quoted(given)} cannot be opened ({error}); choose another file.") from error


def _other_form(path: Path) -> Path | None:
    """The existing path whose every part equals the one given up to Unicode normalisation."""
    found = Path(path.anchor)
    for part in path.parts[1:]:
        if not (found / part).exists():
            wanted = unicodedata.normalize("NFC", part)
            names = os.listdir(found) if found.is_dir() else []
            part = next((name for name in names if unicodedata.normalize("NFC", name) == wanted), "")
            if not part:
                return None
        found /= part
    return found


def _forbidden(path: Path) -> MediaError:
    return MediaError(f"{quoted(path)} must not be read by this user; change its permissions or choose another file.")


def media_id(path: Path, kind: MediaKind) -> str:
    """Identity of a file read as `kind`: xxh3-128 of its size, mtime and 64 KiB each of head, middle and tail.

    The kind is part of it because one file may be open twice, as a picture and as a depth map.
    """
    import xxhash

    with decoding(path), path.open("rb") as file:
        facts = os.fstat(file.fileno())
        digest = xxhash.xxh3_128(f"{facts.st_size} {facts.st_mtime_ns}".encode())
        for offset in (0, facts.st_size // 2, max(0, facts.st_size - _HASHED_BYTES)):
            file.seek(offset)
            digest.update(file.read(_HASHED_BYTES))
    return f"{digest.hexdigest()}-{kind}"


class FileGuard:
    """Notices that a file was removed or changed since it was opened.

    Raises
    ------
    MediaError
        It is not the file any more that `media` was made from.
    """

    def __init__(self, media: Media) -> None:
        self._path = media.path
        self._facts = self._stat()
        if media_id(media.path, media.kind) != media.file_id:
            raise self._changed()

    def check(self) -> None:
        """Raise MediaError where the file was removed or changed. Takes microseconds."""
        if self._stat() != self._facts:
            raise self._changed()

    def _stat(self) -> tuple[int, int]:
        try:
            facts = self._path.stat()
        except PermissionError as error:
            raise _forbidden(self._path) from error
        except OSError as error:
            raise _gone(self._path) from error
        return facts.st_size, facts.st_mtime_ns

    def _changed(self) -> MediaError:
        return MediaError(f"{quoted(self._path)} was changed by another program; open it again.")


def _gone(path: Path) -> MediaError:
    return MediaError(f"{quoted(path)} was removed or renamed while it was open; put it back or open it again.")


def damaged(path: Path) -> MediaError:
    """What is said of a file whose content breaks off or makes no sense."""
    return MediaError(f"{quoted(path)} is damaged or was cut short; get a fresh copy of it.")


def check_size(path: Path, size: Size) -> None:
    """Raise MediaError where a picture claims to be empty or absurdly large: before memory is asked for."""
    if size.width < 1 or size.height < 1:
        raise damaged(path)
    if max(size) > MAX_SIDE or size.width * size.height > MAX_PIXELS:
        raise MediaError(
            f"{quoted(path)} claims to be {size.width} x {size.height} pixels; at most {MAX_PIXELS // 1_000_000} "
            f"megapixels and {MAX_SIDE} pixels a side can be opened, so scale it down first."
        )


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into one MediaError. Put it around the decoder's own calls only."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise _gone(path) from error
    except PermissionError as error:
        raise _forbidden(path) from error
    except MemoryError as error:
        raise MediaError(
            f"{quoted(path)} needs more memory than there is; close other media or scale it down."
        ) from error
    except Exception as error:  # decoders have no common base class, and hostile bytes bring out any of theirs
        raise damaged(path) from error
