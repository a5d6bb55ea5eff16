"""Cameras: a device, or a file that pretends to be one. Only the newest frame counts.

A camera is named by its identity alone: `camera:/dev/video0@1280x720` or `camera:file:/clips/street.mp4`.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.errors import MediaError
from cvstudio.media.base import BaseReader, Media, MediaKind
from cvstudio.media.tap import new_source, tap_of
from cvstudio.progress import Progress
from cvstudio.types import Frame, Size

PREFIX = "camera:"
PRETENDED = "file:"
SIZES = (Size(640, 480), Size(1280, 720), Size(1920, 1080))
"""What is offered; a device takes the nearest that it has, and the frames say which."""
PICTURES_PER_SEC = 10.0
LOST_SECS = 5.0
"""A device that sends nothing for so long has been lost."""
CHECK_SECS = 0.05
BEHIND_SECS = 0.25
"""A file that is decoded so much too slowly leaves frames out, as a camera would."""
_SYSTEM = Path("/sys/class/video4linux")

log = logging.getLogger(__name__)

_started: dict[str, float] = {}
"""When each camera was first opened: its clock goes on while it is off, so that a frame never has a time of before."""


@dataclass(frozen=True)
class Device:
    """A camera that is connected. `place` is what it is opened by, a path on Linux and a number elsewhere."""

    place: str
    name: str


class Source(Protocol):
    """Where frames come from; used by the capturing thread only."""

    def read(self) -> NDArray[np.uint8]:
        """The next frame, RGB uint8 (H, W, 3), at the moment at which it is there. Raises MediaError."""
        ...

    def close(self) -> None: ...


def devices() -> tuple[Device, ...]:
    """The cameras of this machine. Only Linux tells their names without opening them."""
    if sys.platform == "linux":
        found = []
        for entry in sorted(_SYSTEM.glob("video*"), key=lambda path: (len(path.name), path.name)):
            # One camera has several nodes; the others than the first hold metadata.
            if _text(entry / "index", "0") == "0":
                found.append(Device(f"/dev/{entry.name}", _text(entry / "name", entry.name)))
        return tuple(found)
    return tuple(Device(str(number), f"Camera {number + 1}") for number in range(4) if _answers(number))


def _text(path: Path, default: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or default
    except OSError:
        return default


def _answers(number: int) -> bool:
    import cv2

    capture = cv2.VideoCapture(number)
    opened = bool(capture.isOpened())
    capture.release()
    return opened


def camera(place: str, size: Size | None = None) -> Media:
    """The camera at `place`, as a medium; None lets it choose the size. Nothing is opened yet."""
    identity = f"{PREFIX}{place}" + (f"@{size.width}x{size.height}" if size else "")
    return _media(identity, Path(place), size, {"device": place})


def pretended(path: Path) -> Media:
    """A video, or a folder of pictures, that is sent in real time again and again as if it were a camera.

    Raises
    ------
    MediaError
        There is neither a video nor a picture.
    """
    from cvstudio.media.open import open_media

    path = path.expanduser().absolute()
    if path.is_dir():
        pictures = _pictures(path)
        first = open_media(pictures[0], kind=MediaKind.IMAGE)
    else:
        first = open_media(path, kind=MediaKind.VIDEO)
    return _media(f"{PREFIX}{PRETENDED}{path}", path, first.size, {"pretends": path.name})


def camera_from_id(identity: str) -> Media:
    """The camera that was saved under `identity`. Raises MediaError where a file that pretended to be one is gone."""
    place = identity.removeprefix(PREFIX)
    if place.startswith(PRETENDED):
        return pretended(Path(place.removeprefix(PRETENDED)))
    place, _, size = place.partition("@")
    width, _, height = size.partition("x")
    return camera(place, Size(int(width), int(height)) if height else None)


def _media(identity: str, path: Path, size: Size | None, details: dict[str, str]) -> Media:
    return Media(identity, path, MediaKind.CAMERA, size, details=details)


class CameraReader(BaseReader):
    """Captures in a thread of its own and keeps the newest frame.

    Parameters
    ----------
    media : of `camera` or `pretended`
    open_source : callable (media) -> Source, called by the capturing thread
    """

    def __init__(self, media: Media, open_source: Callable[[Media], Source] | None = None) -> None:
        self._media = media
        self._open_source = open_source or _source
        self._condition = threading.Condition()
        self._newest: Frame | None = None
        self._error: MediaError | None = None
        self._closed = False
        self._number = new_source()
        self._thread = threading.Thread(target=self._capture, name="cvstudio-camera", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        return self._media.name

    def latest(self, after: float | None = None, timeout_secs: float = LOST_SECS) -> Frame | None:
        """The newest frame that is later than `after` seconds; None where none came in time.

        `Frame.pts` is when it was captured, in seconds since this camera was first opened.

        Raises
        ------
        MediaError
            The camera is not there, is used by another program, or was unplugged.
        """

        def there() -> bool:
            new = self._newest is not None and (after is None or self._newest.pts > after)
            return new or self._error is not None or self._closed

        with self._condition:
            self._condition.wait_for(there, timeout_secs)
            if self._error is not None:
                raise self._error
            if self._newest is None or (after is not None and self._newest.pts <= after):
                return None
            return self._newest

    def close(self) -> None:
        """Release the device."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._thread.join(LOST_SECS)

    def _capture(self) -> None:
        source: Source | None = None
        try:
            source = self._open_source(self._media)
            began = _started.setdefault(self._media.id, time.monotonic())
            while not self._closed:
                frame = Frame(source.read(), pts=time.monotonic() - began)
                with self._condition:
                    if self._newest is None or frame.pts > self._newest.pts:
                        self._newest = frame
                    self._condition.notify_all()
                if (tap := tap_of(self._media.id)) is not None:
                    tap.put(self._number, frame)
        except Exception as error:  # the thread ends here, and who waits for a frame is told
            told = error if isinstance(error, MediaError) else _stopped(self.name, error)
            with self._condition:
                self._error = told
                self._condition.notify_all()
        finally:
            if source is not None:
                source.close()
            if (tap := tap_of(self._media.id)) is not None:
                tap.end(self._number, self._error)


def _stopped(name: str, error: Exception) -> MediaError:
    log.error("the camera %s stopped", name, exc_info=error)
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return MediaError(f"The camera {name} stopped ({reason}); check that it is still there, and press play.")


def newest_frame(reader: CameraReader, after: float | None, progress: Progress) -> Frame:
    """The newest frame of a camera that is later than `after` seconds; waits for it, and can be cancelled.

    Raises
    ------
    MediaError
        The camera is not there or sends nothing any more.
    """
    end = time.monotonic() + LOST_SECS
    while time.monotonic() < end:
        progress.check()
        frame = reader.latest(after, CHECK_SECS)
        if frame is not None:
            return frame
    raise MediaError(f"The camera {reader.name} sends no pictures; check its cover and cable, and press play.")


def _source(media: Media) -> Source:
    if "pretends" in media.details:
        return PictureSource(media) if media.path.is_dir() else FileSource(media)
    return DeviceSource(media)


class DeviceSource:
    """A camera that OpenCV opens. Raises MediaError where it cannot."""

    def __init__(self, media: Media) -> None:
        import cv2

        self._place = place = media.details["device"]
        self._answered = False
        linux = sys.platform == "linux"
        if linux:
            _check_device(place)
        target: int | str = place if linux else int(place)
        self._capture = cv2.VideoCapture(target, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not self._capture.isOpened():
            self._capture.release()
            raise MediaError(f"The camera {place} {_BUSY if linux else _BUSY_OR_FORBIDDEN}")
        if media.size is not None:
            # Uncompressed, most cameras send large pictures slowly.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, media.size.width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, media.size.height)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> NDArray[np.uint8]:
        import cv2

        good, frame = self._capture.read()
        if not good or frame is None:
            raise MediaError(f"The camera {self._place} {self._lost()}")
        self._answered = True
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def _lost(self) -> str:
        linux = sys.platform == "linux"
        if linux and not Path(self._place).exists():
            return "was unplugged; plug it in again and press play."
        if not self._answered:
            # Two programs may open a camera; only to the first one it sends pictures.
            return _BUSY if linux else _BUSY_OR_FORBIDDEN
        return "does not answer any more; plug it in again and press play."

    def close(self) -> None:
        self._capture.release()


_BUSY = "is used by another program; close that, and press play."
_BUSY_OR_FORBIDDEN = (
    "cannot be opened; close the program that uses it, allow this one to use cameras in the settings of the system, "
    "and press play."
)
_REASONS = {
    errno.EACCES: "must not be used by this user; join the group that its permissions name (often 'video'), log in "
    "again, and press play.",
    errno.EPERM: "must not be used by this user; allow it in the settings of the system, and press play.",
    errno.EBUSY: _BUSY,
}


def _check_device(place: str) -> None:
    """Say in one sentence why a camera cannot be opened, which OpenCV does not tell. Raises MediaError."""
    try:
        os.close(os.open(place, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, "is not connected; plug it in, or choose another one.")
        raise MediaError(f"The camera {place} {reason}") from error


class FileSource:
    """A video in real time, again and again."""

    def __init__(self, media: Media) -> None:
        from cvstudio.media.open import open_media, open_reader

        self._reader = open_reader(open_media(media.path, kind=MediaKind.VIDEO))
        self._began = time.monotonic()

    def read(self) -> NDArray[np.uint8]:
        frame = self._reader.next()
        if frame is None:
            frame, self._began = self._reader.at(0.0), time.monotonic()
        elif frame.pts == 0.0:
            self._began = time.monotonic()
        behind = time.monotonic() - self._began - frame.pts
        if behind > BEHIND_SECS:
            frame = self._reader.at(frame.pts + behind)
        _wait_until(self._began + frame.pts)
        pixels: NDArray[np.uint8] = frame.rgb8
        return pixels

    def close(self) -> None:
        self._reader.close()


class PictureSource:
    """The pictures of a folder in the order in which a person counts them, each fitted into the size of the first."""

    def __init__(self, media: Media) -> None:
        self._paths = _pictures(media.path)
        self._number = 0
        self._size: Size | None = None
        self._due = time.monotonic()

    def read(self) -> NDArray[np.uint8]:
        from cvstudio.media.open import open_media, open_reader

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


def fitted(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """`pixels` as large as they fit into a black picture of `size`, in its middle."""
    import cv2

    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    scale = min(size.width / width, size.height / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    made = np.zeros((size.height, size.width, 3), np.uint8)
    left, top = (size.width - inner[0]) // 2, (size.height - inner[1]) // 2
    made[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA)
    return made


def _wait_until(moment: float) -> None:
    remaining = moment - time.monotonic()
    if remaining > 0:
        time.sleep(remaining)


def _pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder in natural order. Raises MediaError where there are none or it cannot be read."""
    from cvstudio.folders import MediaSet, list_set

    (*_, listing) = list_set(MediaSet(folder), Progress())
    found = tuple(folder / file.name for file in listing.files if file.kind is MediaKind.IMAGE)
    if not found:
        raise MediaError(f"The folder '{folder.name}' holds no picture; choose one that does, or a video.")
    return found
