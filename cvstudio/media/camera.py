"""Cameras: a capture thread keeps the newest frame.

The id of a camera is all that names it: `camera:/dev/video0@1280x720`. Files that are played as a camera are in
`cvstudio.media.formats.simulated_camera`.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.priority import start_first
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import BaseReader, Media, MediaKind
from cvstudio.media.camera_tap import new_source, tap_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREFIX = "camera:"
SIZES = (Size(640, 480), Size(1280, 720), Size(1920, 1080))
"""Frame sizes on offer; a device uses its nearest one, and the frames have that size."""
LOST_SECS = 5.0
"""A device that delivers no frame for this long counts as lost."""
CHECK_SECS = 0.05
BUFFERS = 4
"""Frames that the driver keeps while the capture thread waits for the processor."""
COUNTED = 512
"""Number of the newest frames whose numbers are known."""
_SYSTEM = Path("/sys/class/video4linux")

log = logging.getLogger(__name__)

_started: dict[str, float] = {}
"""Monotonic time at which each camera was first opened. Its clock runs on while it is closed: `pts` never goes back."""


_counts: dict[str, FrameCount] = {}
"""Of each camera that was opened."""


class FrameCount:
    """Numbers the frames of a camera, with those that were not taken in time. One thread adds, others may read."""

    def __init__(self) -> None:
        self._number = 0
        self._numbers: deque[tuple[float, int]] = deque(maxlen=COUNTED)

    def add(self, pts: float, missed: int) -> None:
        """Add the frame at `pts` seconds; `missed` ones were lost before it."""
        self._number += 1 + missed
        self._numbers.append((pts, self._number))

    def number_of(self, pts: float) -> int | None:
        """Number of the frame at `pts` seconds, from 1; None for one that is too long ago."""
        return next((number for time_secs, number in tuple(self._numbers) if time_secs == pts), None)


def frame_number(identity: str, pts: float) -> int | None:
    """Number of the frame of the camera `identity` at `pts` seconds: how many it has made since it was first opened,
    whether they were taken or not. None where that is not known."""
    count = _counts.get(identity)
    return None if count is None else count.number_of(pts)


class MissedFrames:
    """Tells from the times of frames how many are missing between them.

    The usual interval is that of the faster ones of the last frames: a camera that becomes slower, as in the dark,
    misses nothing.
    """

    def __init__(self) -> None:
        self._before: float | None = None
        self._intervals: deque[float] = deque(maxlen=60)

    def before(self, time_secs: float) -> int:
        """Number of frames that are missing before the one at `time_secs`."""
        interval = None if self._before is None else time_secs - self._before
        self._before = time_secs
        if interval is None or interval <= 0:
            return 0
        self._intervals.append(interval)
        usual = sorted(self._intervals)[len(self._intervals) // 5]
        return max(0, round(interval / usual) - 1) if len(self._intervals) >= 10 else 0


@dataclass(frozen=True)
class Device:
    """A connected camera. `place` is its device path on Linux, its number elsewhere."""

    place: str
    name: str


class CameraSource(Protocol):
    """Source of frames; used by the capture thread only.

    A source that knows how many frames it could not take in time before the one that it read last says so by an
    attribute `missed`, and one that knows when that frame was captured, by `captured_secs` on the monotonic clock.
    """

    def read(self) -> NDArray[np.uint8]:
        """Wait for the next frame, RGB uint8 (H, W, 3). Raises MediaError."""
        ...

    def close(self) -> None: ...


def devices() -> tuple[Device, ...]:
    """The cameras of this machine. Only Linux tells their names without opening them."""
    if sys.platform == "linux":
        cameras = []
        for entry in sorted(_SYSTEM.glob("video*"), key=lambda path: (len(path.name), path.name)):
            # One camera has several nodes; those after the first hold metadata.
            if _text(entry / "index", "0") == "0":
                cameras.append(Device(f"/dev/{entry.name}", _text(entry / "name", entry.name)))
        return tuple(cameras)
    return tuple(Device(str(number), f"Camera {number + 1}") for number in range(4) if _can_open(number))


def _text(path: Path, default: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or default
    except OSError:
        return default


def _can_open(number: int) -> bool:
    import cv2

    capture = cv2.VideoCapture(number)
    opened = bool(capture.isOpened())
    capture.release()
    return opened


def camera(place: str, size: Size | None = None) -> Media:
    """The camera at `place` as a medium; with `size` None the device chooses. Nothing is opened yet."""
    identity = f"{PREFIX}{place}" + (f"@{size.width}x{size.height}" if size else "")
    return Media(identity, Path(place), MediaKind.CAMERA, size, details={"device": place}, format="camera")


class CameraReader(BaseReader):
    """Captures in its own thread and keeps the newest frame.

    Parameters
    ----------
    media : from `camera` or `simulated_camera.simulated_camera`
    open_source : callable (media) -> CameraSource, called in the capture thread
    """

    def __init__(self, media: Media, open_source: Callable[[Media], CameraSource]) -> None:
        self._media = media
        self._open_source = open_source
        self._condition = threading.Condition()
        self._newest: Frame | None = None
        self._error: MediaError | None = None
        self._closed = False
        self._number = new_source()
        self._thread = threading.Thread(target=self._capture, name="cvstudio-camera", daemon=True)
        start_first(self._thread)

    @property
    def name(self) -> str:
        return self._media.name

    def latest(self, after: float | None = None, timeout_secs: float = LOST_SECS) -> Frame | None:
        """Wait for a frame later than `after` seconds and return the newest; None where none arrives in time.

        `Frame.pts` is when it was captured, in seconds since this camera was first opened.

        Raises
        ------
        MediaError
            The camera is missing, in use by another program, or was unplugged.
        """

        def ready() -> bool:
            new = self._newest is not None and (after is None or self._newest.pts > after)
            return new or self._error is not None or self._closed

        with self._condition:
            self._condition.wait_for(ready, timeout_secs)
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
        source: CameraSource | None = None
        try:
            source = self._open_source(self._media)
            first_opened = _started.setdefault(self._media.id, time.monotonic())
            count = _counts.setdefault(self._media.id, FrameCount())
            while not self._closed:
                pixels = source.read()
                now = time.monotonic()
                captured = min(now, float(getattr(source, "captured_secs", now)))
                frame = Frame(pixels, pts=captured - first_opened)
                missed = int(getattr(source, "missed", 0))
                count.add(frame.pts, missed)
                with self._condition:
                    if self._newest is None or frame.pts > self._newest.pts:
                        self._newest = frame
                    self._condition.notify_all()
                if (tap := tap_of(self._media.id)) is not None:
                    tap.put(self._number, frame, missed, now - captured)
        except Exception as error:  # the thread ends here, and `latest` raises the error
            failure = error if isinstance(error, MediaError) else _stopped(self.name, error)
            with self._condition:
                self._error = failure
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
    """Wait for a frame later than `after` seconds and return the newest; can be cancelled.

    Raises
    ------
    MediaError
        The camera is missing or has stopped sending frames.
    Cancelled
        `progress` was cancelled.
    """
    end = time.monotonic() + LOST_SECS
    while time.monotonic() < end:
        progress.check()
        frame = reader.latest(after, CHECK_SECS)
        if frame is not None:
            return frame
    raise MediaError(f"The camera {reader.name} sends no pictures; check its cover and cable, and press play.")


class DeviceSource:
    """Frames of a device, through OpenCV. Raises MediaError where it cannot be opened."""

    def __init__(self, media: Media) -> None:
        import cv2

        self._place = place = media.details["device"]
        self._has_delivered = False
        self._times = MissedFrames()
        self.missed = 0
        linux = sys.platform == "linux"
        if linux:
            _check_device(place)
        target: int | str = place if linux else int(place)
        self._capture = cv2.VideoCapture(target, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not self._capture.isOpened():
            self._capture.release()
            raise MediaError(f"The camera {place} {_BUSY if linux else _BUSY_OR_FORBIDDEN}")
        if media.size is not None:
            # Most cameras send large uncompressed frames slowly.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, media.size.width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, media.size.height)
        # Each frame is taken as soon as it is there, so that none grows old; a single buffer would be full meanwhile.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, BUFFERS)

    def read(self) -> NDArray[np.uint8]:
        import cv2

        good, frame = self._capture.read()
        if not good or frame is None:
            raise MediaError(f"The camera {self._place} {self._loss_reason()}")
        self._has_delivered = True
        # The driver's time of the frame, where it tells one.
        stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        self.missed = self._times.before(stamp if stamp > 0 else time.monotonic())
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)

    def _loss_reason(self) -> str:
        linux = sys.platform == "linux"
        if linux and not Path(self._place).exists():
            return "was unplugged; plug it in again and press play."
        if not self._has_delivered:
            # Two programs may open a camera, but only the first one gets frames.
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
    errno.EACCES: "cannot be used without permission; join the group that its permissions name (often 'video'), log in "
    "again, and press play.",
    errno.EPERM: "cannot be used without permission; allow it in the settings of the system, and press play.",
    errno.EBUSY: _BUSY,
}


def _check_device(place: str) -> None:
    """Raise MediaError with the reason why a camera cannot be opened, which OpenCV does not report."""
    try:
        os.close(os.open(place, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, "is not connected; plug it in, or choose another one.")
        raise MediaError(f"The camera {place} {reason}") from error


def fitted(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """`pixels` scaled to fit into a black frame of `size`, centred; uint8 (H, W, 3)."""
    import cv2

    height, width = pixels.shape[:2]
    if (width, height) == size:
        return pixels
    scale = min(size.width / width, size.height / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.zeros((size.height, size.width, 3), np.uint8)
    left, top = (size.width - inner[0]) // 2, (size.height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA)
    return canvas
