"""What a camera sends becomes a video: every frame at its own time, whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import collections
import errno
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame
from cvstudio.exporters import recording
from cvstudio.exporters.recording import Recorded, record
from cvstudio.foundation.errors import Cancelled, ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import camera, open_media, open_reader
from cvstudio.media import camera_tap as taps
from cvstudio.media.camera import CameraReader, DeviceSource, newest_frame
from cvstudio.media.camera_tap import Tap
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats.simulated_camera import simulated_camera

from .conftest import number_of, numbered

FAKE = camera.camera("/dev/nothing", Size(160, 96))
TIMES_SECS = [5.0, 5.033, 5.07, 5.2, 5.21, 5.5]


def frame(number: int, time_secs: float) -> Frame:
    return Frame(numbered(number), pts=time_secs)


def put(tap: Tap, times: list[float], source: int = 1) -> None:
    for number, time_secs in enumerate(times):
        tap.put(source, frame(number, time_secs))


def read(path: Path) -> tuple[list[float], list[int]]:
    """Times in seconds and numbers of the frames, by FFmpeg alone."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        found = [
            (float(one.pts * one.time_base), number_of(one.to_ndarray(format="rgb24"))) for one in container.decode()
        ]
    return [time for time, _ in found], [number for _, number in found]


def test_every_frame_has_its_own_time(tmp_path):
    tap = Tap(FAKE.id)
    put(tap, TIMES_SECS)
    tap.close()
    found = record(tmp_path / "영상 1.mp4", tap, Progress())
    times, numbers = read(found.path)
    assert times == pytest.approx([time - 5.0 for time in TIMES_SECS], abs=1e-5)
    assert numbers == list(range(6))
    assert found == Recorded(tmp_path / "영상 1.mp4", 6, 0, pytest.approx(0.5), "stopped")
    assert os.listdir(tmp_path) == ["영상 1.mp4"]
    media = open_media(found.path)
    assert (media.size, media.frame_count) == (Size(160, 96), 6)


def test_frames_of_another_or_an_odd_size_are_fitted_and_one_time_is_one_frame(tmp_path):
    tap = Tap(FAKE.id)
    tap.put(1, Frame(np.full((41, 61, 3), 200, np.uint8), pts=0.0))
    tap.put(1, Frame(np.full((90, 30, 3), 90, np.uint8), pts=0.1))
    tap.put(1, Frame(np.full((41, 61, 3), 90, np.uint8), pts=0.1))
    tap.close()
    assert record(tmp_path / "a.mp4", tap, Progress()).frames == 2
    with av.open(str(tmp_path / "a.mp4")) as container:
        one, two = (found.to_ndarray(format="rgb24") for found in container.decode(video=0))
    assert one.shape == two.shape == (42, 62, 3)
    assert two[20, 30].mean() == pytest.approx(90, abs=6)
    assert two[20, 2].mean() < 12


def look(reader: CameraReader, secs: float) -> None:
    """Look through a camera for a while."""
    first = newest_frame(reader, None, Progress())
    newest_frame(reader, first.pts + secs, Progress())


class Source:
    """Sends numbered frames as fast as the test lets it, and then does what it is told."""

    def __init__(self, *, last: Exception | None = None, count: int = 1_000_000, every_secs: float = 0.01) -> None:
        self.number, self.last, self.count, self.every_secs = 0, last, count, every_secs

    def read(self) -> Any:
        time.sleep(self.every_secs)
        if self.number == self.count and self.last is not None:
            raise self.last
        self.number += 1
        return numbered(self.number % 64)

    def close(self) -> None:
        pass


@pytest.fixture
def recorded(tmp_path) -> Iterator[Callable[..., Any]]:
    """`start(source)` -> (reader, tap, wait), where wait() gives what became of the recording."""
    made: list[Any] = []

    def start(source: Any, progress: Progress | None = None, path: Path | None = None) -> Any:
        tap = Tap(FAKE.id)
        result: list[Any] = []

        def work() -> None:
            try:
                result.append(record(path or tmp_path / "a.mp4", tap, progress or Progress()))
            except BaseException as error:
                result.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        reader = CameraReader(FAKE, lambda media: source)
        made.append((reader, tap, thread))

        def wait() -> Any:
            thread.join(20)
            assert not thread.is_alive()
            return result[0]

        return reader, tap, wait

    yield start
    for reader, tap, thread in made:
        tap.close()
        thread.join(20)
        reader.close()


def test_who_records_gets_every_frame_and_who_looks_the_newest(recorded, tmp_path):
    source = Source(every_secs=0.02)
    reader, tap, wait = recorded(source)
    seen = first = newest_frame(reader, None, Progress())
    while seen.pts < first.pts + 0.5:
        time.sleep(0.1)  # a slow network
        seen = newest_frame(reader, seen.pts, Progress())
    tap.close()
    found = wait()
    assert found.ended == "stopped"
    times, numbers = read(found.path)
    assert numbers == [number % 64 for number in range(1, len(numbers) + 1)]
    assert len(numbers) == found.frames > 10
    assert times[0] == 0
    assert np.diff(times).min() > 0.01
    assert found.secs == pytest.approx(times[-1], abs=1e-4)


def test_a_camera_that_is_unplugged_keeps_what_it_sent(recorded):
    lost = MediaError("The camera /dev/nothing was unplugged; plug it in again and press play.")
    reader, _, wait = recorded(Source(last=lost, count=9))
    found = wait()
    assert (found.ended, found.error, found.frames) == ("camera", str(lost), 9)
    assert read(found.path)[1] == list(range(1, 10))
    with pytest.raises(MediaError, match="was unplugged"):
        newest_frame(reader, 1e9, Progress())


def test_a_camera_that_is_switched_off_ends_the_recording(recorded):
    reader, _, wait = recorded(Source())
    look(reader, 0.3)
    reader.close()
    found = wait()
    assert found.ended == "stopped"
    assert found.frames > 5


def test_what_a_driver_throws_is_told_and_what_was_sent_is_kept(recorded, caplog):
    reader, _, wait = recorded(Source(last=cv2.error("select timeout"), count=4))
    assert wait().frames == 4
    with pytest.raises(MediaError, match=r"The camera nothing stopped \(select timeout\)"):
        newest_frame(reader, 1e9, Progress())


def test_a_camera_that_never_sends_leaves_no_file(recorded, tmp_path):
    busy = MediaError("The camera /dev/nothing is used by another program; close that, and press play.")
    _, _, wait = recorded(Source(last=busy, count=0))
    error = wait()
    assert isinstance(error, ExportError)
    assert str(error) == f"Nothing was recorded: {busy}"
    assert os.listdir(tmp_path) == []
    silent = Tap("camera:another")
    silent.close()
    with pytest.raises(ExportError, match="the camera sent no picture"):
        record(tmp_path / "b.mp4", silent, Progress())


def test_cancelling_leaves_nothing(recorded, tmp_path):
    progress = Progress()
    reader, _, wait = recorded(Source(), progress)
    look(reader, 0.1)
    progress.cancel()
    assert isinstance(wait(), Cancelled)
    assert os.listdir(tmp_path) == []


def test_a_disk_that_becomes_full_keeps_what_fits(recorded, monkeypatch):
    monkeypatch.setattr(recording, "LOOK_SECS", 0.05)
    free = [10 << 30]
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, free[0]))
    reader, _, wait = recorded(Source())
    look(reader, 0.3)
    free[0] = 1 << 20
    found = wait()
    assert found.ended == "disk"
    times, _ = read(found.path)
    assert len(times) == found.frames > 5


@pytest.mark.skipif(sys.platform != "linux", reason="a disk that is always full")
def test_a_disk_that_is_full_already_is_told(tmp_path, monkeypatch):
    tap = Tap(FAKE.id)
    put(tap, TIMES_SECS)
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 0))
    with pytest.raises(ExportError, match="the disk is nearly full; free some space"):
        record(tmp_path / "a.mp4", tap, Progress())
    assert os.listdir(tmp_path) == []


def test_a_write_that_fails_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    tap = Tap(FAKE.id)
    put(tap, TIMES_SECS)
    monkeypatch.setattr(recording, "encoded_form", full)
    with pytest.raises(ExportError, match=r"a\.mp4 cannot be written: the disk is full"):
        record(tmp_path / "a.mp4", tap, Progress())
    assert os.listdir(tmp_path) == []
    assert taps.tap_of(FAKE.id) is None


def test_more_than_can_be_written_is_left_out_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(taps, "WAITING_BYTES", numbered(0).nbytes * 10)
    tap = Tap(FAKE.id)
    put(tap, [number / 30 for number in range(25)])
    tap.close()
    found = record(tmp_path / "a.mp4", tap, Progress())
    assert (found.frames, found.dropped) == (10, 15)
    assert read(found.path)[1] == list(range(10))


def test_what_waits_may_take_a_third_of_the_free_memory_up_to_a_limit(monkeypatch):
    for free, most in ((1 << 20, taps.LEAST_WAITING_BYTES), (3 << 30, 1 << 30), (64 << 30, taps.WAITING_BYTES)):
        monkeypatch.setattr(taps, "available_bytes", lambda free=free: free)
        with Tap(FAKE.id) as tap:
            assert tap._most_bytes == most


def test_the_end_of_a_camera_of_before_is_none_of_this(tmp_path):
    tap = Tap(FAKE.id)
    tap.end(1, None)
    put(tap, TIMES_SECS, 2)
    tap.end(1, MediaError("gone"))
    assert not tap.ended
    tap.end(2, None)
    assert record(tmp_path / "a.mp4", tap, Progress()).ended == "stopped"


def test_a_reader_that_is_about_to_close_is_none_of_a_recording_that_waits_for_a_new_one(tmp_path):
    old = taps.new_source()
    tap = Tap(FAKE.id, only_new=True)
    put(tap, [1.0, 1.1], old)
    tap.end(old, MediaError("gone"))
    assert not tap.ended
    put(tap, TIMES_SECS, taps.new_source())
    tap.close()
    assert record(tmp_path / "a.mp4", tap, Progress()).frames == 6


def test_a_file_that_pretends_is_recorded(tmp_path):
    media = simulated_camera(sample_path("clip"))
    tap = Tap(media.id)
    with open_reader(media) as reader:

        def end() -> None:
            pts = None
            for _ in range(8):
                pts = newest_frame(reader, pts, Progress()).pts
            tap.close()

        thread = threading.Thread(target=end)
        thread.start()
        found = record(tmp_path / "a.mp4", tap, Progress())
        thread.join()
        assert newest_frame(reader, None, Progress()).size == media.size
    made = open_media(found.path)
    assert made.size == media.size
    assert made.frame_count == found.frames > 5


# What a device answers ------------------------------------------------------------------------------------------------


class Capture:
    """OpenCV's, of a camera that opens or not and sends some frames."""

    opens, frames = True, 0

    def __init__(self, *_: Any) -> None:
        self.left = self.frames

    def isOpened(self) -> bool:
        return self.opens

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return (True, np.zeros((6, 8, 3), np.uint8)) if self.left >= 0 else (False, None)

    def set(self, *_: Any) -> bool:
        return True

    def get(self, *_: Any) -> float:
        return 0.0  # a driver that does not tell the times of frames

    def release(self) -> None:
        pass


@pytest.fixture
def device(tmp_path, monkeypatch) -> Path:
    """A node that can be opened."""
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    path = tmp_path / "video7"
    path.touch()
    return path


def told(path: Path, frames: int = 0) -> str:
    def use() -> None:
        source = DeviceSource(camera.camera(str(path)))
        for _ in range(frames + 1):
            source.read()

    with pytest.raises(MediaError) as caught:
        use()
    assert str(caught.value).count(".") == 1
    return str(caught.value).removeprefix(f"The camera {path} ")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells why")
class TestDevice:
    @pytest.mark.parametrize(
        ("number", "sentence"),
        [
            (errno.EACCES, "cannot be used without permission; join the group"),
            (errno.EPERM, "cannot be used without permission; allow it"),
            (errno.EBUSY, "is used by another program; close that"),
            (errno.ENODEV, "is not connected; plug it in"),
        ],
    )
    def test_one_that_cannot_be_opened(self, number, sentence, device, monkeypatch):
        def refuse(*_: Any) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", refuse)
        assert told(device).startswith(sentence)

    def test_one_that_is_not_there(self, device):
        device.unlink()
        assert told(device).startswith("is not connected")

    def test_one_that_another_program_looks_through(self, device, monkeypatch):
        assert told(device).startswith("is used by another program")
        monkeypatch.setattr(Capture, "opens", False)
        assert told(device).startswith("is used by another program")

    def test_one_that_is_unplugged_while_it_runs(self, device, monkeypatch):
        monkeypatch.setattr(Capture, "frames", 3)
        assert told(device, 3).startswith("does not answer any more")
        source = DeviceSource(camera.camera(str(device)))
        for _ in range(3):
            source.read()
        device.unlink()
        with pytest.raises(MediaError, match="was unplugged; plug it in again and press play"):
            source.read()


def test_elsewhere_both_reasons_are_named(device, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(Capture, "opens", False)
    with pytest.raises(MediaError, match="allow this one to use cameras in the settings of the system"):
        DeviceSource(camera.camera("0"))


def test_a_recording_is_behind_while_frames_wait_or_were_lost_just_now(monkeypatch):
    tap = Tap(FAKE.id)
    assert not taps.recording_behind(FAKE.id)
    put(tap, [number / 30 for number in range(taps.BEHIND_FRAMES)])
    assert taps.recording_behind(FAKE.id)
    while tap.next() is not None:
        pass
    assert not taps.recording_behind(FAKE.id)
    tap.put(1, frame(0, 5.0), 2)
    tap.next()
    assert taps.recording_behind(FAKE.id)
    monkeypatch.setattr(taps, "BEHIND_SECS", 0.0)
    assert not taps.recording_behind(FAKE.id)
    monkeypatch.setattr(taps, "BEHIND_SECS", 0.5)
    tap._lost_secs = -1.0
    tap.put(1, frame(0, 5.1), 0, 2 * taps.LATE_SECS)
    tap.next()
    assert taps.recording_behind(FAKE.id), "one was late"
    assert tap.missed == 2
    put(tap, [6 + number / 30 for number in range(taps.BEHIND_FRAMES + 3)])
    tap.close()
    assert taps.recording_behind(FAKE.id), "what waits is still written"
    while tap.next() is not None:
        pass
    assert not taps.recording_behind(FAKE.id)


def test_the_time_is_that_of_what_is_captured_though_it_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "LOOK_SECS", -1.0)
    tap, told = Tap(FAKE.id), []
    put(tap, [number / 2 for number in range(21)])
    tap.close()
    record(tmp_path / "a.mp4", tap, Progress(lambda fraction, text: told.append(text)))
    assert told[-1] == told[1] == "0:10"


def test_what_the_camera_could_not_be_asked_for_in_time_is_told(tmp_path):
    tap = Tap(FAKE.id)
    tap.put(1, frame(0, 5.0), 7)
    tap.put(1, frame(1, 5.04), 0)
    tap.put(1, frame(2, 5.2), 3)
    tap.close()
    found = record(tmp_path / "a.mp4", tap, Progress())
    assert (found.frames, found.dropped) == (3, 3)
