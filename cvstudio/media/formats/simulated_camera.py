"""Simulated cameras: a video, or the pictures of a folder, played repeatedly in real time.

The id of such a camera is `camera:file:/clips/street.mp4`.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.camera import PREFIX, CameraReader, CameraSource, camera, fitted
from cvstudio.media.camera_tap import tap_of
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats.camera import not_a_file
from cvstudio.media.open import open_media, open_reader

KEY = "simulated-camera"
PRETENDED = "file:"
PICTURES_PER_SEC = 10.0
USUAL_RATE = 25.0
BEHIND_SECS = 0.25
"""Decoding that lags behind real time by more than this skips frames, as a camera would."""
RECORDED_SECS = 1.5
"""As `BEHIND_SECS` while the camera is recorded: a late frame is better than none, and decoding catches up."""


def simulated_camera(path: Path) -> Media:
    """A camera that plays the video, or the pictures of the folder, at `path` repeatedly in real time.

    Raises
    ------
    MediaError
        `path` is neither a video nor a folder with pictures.
    """
    path = path.expanduser().absolute()
    if path.is_dir():
        pictures = _pictures(path)
        first = open_media(pictures[0], kind=MediaKind.IMAGE)
    else:
        first = open_media(path, kind=MediaKind.VIDEO)
    identity = f"{PREFIX}{PRETENDED}{path}"
    return Media(identity, path, MediaKind.CAMERA, first.size, details={"pretends": path.name}, format=KEY)


def camera_from_id(identity: str) -> Media:
    """The camera with the id `identity`. Raises MediaError where the file of a simulated one is missing."""
    place = identity.removeprefix(PREFIX)
    if place.startswith(PRETENDED):
        return simulated_camera(Path(place.removeprefix(PRETENDED)))
    place, _, size = place.partition("@")
    width, _, height = size.partition("x")
    return camera(place, Size(int(width), int(height)) if height else None)


def _source(media: Media) -> CameraSource:
    return PictureSource(media) if media.path.is_dir() else FileSource(media)


class FileSource:
    """Plays a video repeatedly in real time.

    Attributes
    ----------
    missed : number of frames that were skipped before the last one
    captured_secs : when the last frame was due, on the monotonic clock; one that is late keeps its place
    """

    def __init__(self, media: Media) -> None:
        video = open_media(media.path, kind=MediaKind.VIDEO)
        self._identity = media.id
        self._reader = open_reader(video)
        self._rate = video.frame_rate or USUAL_RATE
        self._length_secs = video.duration_secs or 0.0
        self._last_secs = 0.0
        self._started: float | None = None
        self.missed = 0
        self.captured_secs = 0.0

    def read(self) -> NDArray[np.uint8]:
        frame = self._reader.next()
        self._started = time.monotonic() if self._started is None else self._started
        if frame is None:
            # The clock goes on: what is lost at the end of the video is lost like anywhere else.
            self._length_secs = max(self._length_secs, self._last_secs + 1 / self._rate)
            self._started += self._length_secs
            frame = self._reader.at(0.0)
        behind = time.monotonic() - self._started - frame.pts
        self.missed = 0
        if behind > (BEHIND_SECS if tap_of(self._identity) is None else RECORDED_SECS):
            self.missed = round(behind * self._rate)
            target = frame.pts + behind
            if self._length_secs > 0:
                loops, target = divmod(target, self._length_secs)
                self._started += loops * self._length_secs
            frame = self._reader.at(target)
        self._last_secs = frame.pts
        self.captured_secs = self._started + frame.pts
        _wait_until(self.captured_secs)
        pixels: NDArray[np.uint8] = frame.rgb8
        return pixels

    def close(self) -> None:
        self._reader.close()


class PictureSource:
    """Plays the pictures of a folder repeatedly in natural order, each fitted into the size of the first."""

    def __init__(self, media: Media) -> None:
        self._paths = _pictures(media.path)
        self._number = 0
        self._size: Size | None = None
        self._due = time.monotonic()

    def read(self) -> NDArray[np.uint8]:
        path = self._paths[self._number % len(self._paths)]
        self._number += 1
        with open_reader(open_media(path, kind=MediaKind.IMAGE)) as reader:
            pixels = reader.read().rgb8
        if self._size is None:
            self._size = Size(pixels.shape[1], pixels.shape[0])
        _wait_until(self._due)
        self._due = max(self._due, time.monotonic() - 1) + 1 / PICTURES_PER_SEC
        return fitted(pixels, self._size)

    def close(self) -> None:
        self._paths = ()


def _wait_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        time.sleep(remaining)


def _pictures(folder: Path) -> tuple[Path, ...]:
    """Pictures in `folder` in natural order. Raises MediaError where there are none or it is not readable."""
    from cvstudio.media.folders import MediaSet, list_set

    (*_, listing) = list_set(MediaSet(folder), Progress())
    pictures = tuple(folder / file.name for file in listing.files if file.kind is MediaKind.IMAGE)
    if not pictures:
        raise MediaError(f"The folder '{folder.name}' holds no picture; choose one that does, or a video.")
    return pictures


FORMATS.register(
    Format(
        key=KEY,
        kind=MediaKind.CAMERA,
        title="simulated camera",
        suffixes=(),
        probe=not_a_file,
        reader=lambda media: CameraReader(media, _source),
        order=91,
    )
)
