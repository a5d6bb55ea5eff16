"""Reader of files with one sample: a picture, a mesh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from cvstudio.media.base import BaseReader, Media
from cvstudio.media.file_identity import FileGuard

S = TypeVar("S")


class WholeReader(BaseReader, Generic[S]):
    """Reads the one sample of a file.

    Parameters
    ----------
    media : the file
    decode : callable (path) -> sample; raises MediaError where the file is damaged

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """

    def __init__(self, media: Media, decode: Callable[[Path], S]) -> None:
        self._path = media.path
        self._guard = FileGuard(media)
        self._decode = decode

    def read(self) -> S:
        """Decode the sample. Raises MediaError where the file is damaged, or was removed or changed since."""
        self._guard.check()
        return self._decode(self._path)
