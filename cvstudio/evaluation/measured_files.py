"""What the names of a labelled set stand for: pictures, and frames of videos, which are read one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.data.frame_names import frame_number
from cvstudio.data.labels import LabelledSet
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import counted
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.frame_times import read_frame_times
from cvstudio.media.reader_pool import Readers


@dataclass(frozen=True)
class MeasuredFile:
    """A picture that has labels.

    Parameters
    ----------
    path : of the picture, or of the video
    frame : number of the frame, from 0; None of a picture
    """

    path: Path
    frame: int | None = None

    @property
    def key(self) -> str:
        """What its prediction is kept under."""
        return str(self.path) if self.frame is None else f"{self.path}#{self.frame}"


def measured_files(labelled: LabelledSet) -> Mapping[str, MeasuredFile]:
    """The labelled pictures and frames whose files are there, by name, in the order of the set."""
    files: dict[str, MeasuredFile] = {}
    for name in labelled.names:
        if name in labelled.pictures:
            files[name] = MeasuredFile(labelled.pictures[name])
            continue
        for prefix, video in labelled.videos.items():
            frame = frame_number(name, prefix)
            if frame is not None:
                files[name] = MeasuredFile(video, frame)
    return files


class MeasuredReader(Closeable):
    """Opens and decodes labelled pictures. Owned by one thread.

    Parameters
    ----------
    cache : where the times of the frames of a video are kept
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._videos: dict[Path, Media] = {}
        self._readers = Readers(keep=1)

    def close(self) -> None:
        self._readers.close()

    def open(self, file: MeasuredFile) -> tuple[Media, float | None]:
        """The medium, and the time in seconds at which its frame begins; None of a picture. Raises MediaError."""
        if file.frame is None:
            return open_media(file.path, kind=MediaKind.IMAGE), None
        if file.path not in self._videos:
            self._videos[file.path] = open_media(file.path, kind=MediaKind.VIDEO)
        media = self._videos[file.path]
        starts = read_frame_times(media, self._cache).starts
        if file.frame >= len(starts):
            raise MediaError(
                f"The labels name the frame {file.frame}, but the video has {counted(len(starts), 'frame')}."
            )
        return media, starts[file.frame]

    def read(self, media: Media, pts: float | None) -> Any:
        """The picture, or the frame at `pts` seconds, decoded. Raises MediaError."""
        if pts is not None:
            return self._readers.get(media).at(pts)
        with open_reader(media) as reader:
            return reader.read()
