"""Cameras: the newest frame only, a clock that only goes on, files that pretend, and clear sentences."""

from __future__ import annotations

import itertools
import shutil
import threading
import time

import numpy as np
import pytest
from PIL import Image as Pil

from cvstudio.analyses import ANALYSES
from cvstudio.data.geometry import Size
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import Cancelled, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, camera, open_media, open_reader
from cvstudio.media.camera import CameraReader, Device, FrameCount, MissedFrames, fitted, frame_number, newest_frame
from cvstudio.media.camera_tap import Tap
from cvstudio.media.examples.files import sample_path
from cvstudio.media.formats import simulated_camera as simulated
from cvstudio.media.formats.simulated_camera import FileSource, PictureSource, camera_from_id, simulated_camera
from cvstudio.media.reader_pool import Readers, read_sample
from cvstudio.running.recipe import media_from_json, media_to_json
from cvstudio.session.session import State, add_media

FAKE = camera.camera("/dev/nothing", Size(8, 6))


class Counter:
    """A source whose frames are numbered, sent when the test says so."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.number = 0
        self.closed = False
        self.lost = False

    def read(self):
        while not self.go.acquire(timeout=0.02):
            if self.lost:
                raise MediaError("The camera went away; plug it in again.")
        self.number += 1
        return np.full((6, 8, 3), self.number, np.uint8)

    def close(self):
        self.closed = True


@pytest.fixture
def source():
    return Counter()


@pytest.fixture
def reader(source):
    with CameraReader(FAKE, lambda media: source) as made:
        yield made
        source.lost = True


def test_only_the_newest_frame_is_kept_and_time_goes_on(reader, source):
    source.go.release()
    first = reader.latest(timeout_secs=5)
    assert first.pixels[0, 0, 0] == 1
    for _ in range(5):
        source.go.release()
    while source.number < 6:
        time.sleep(0.01)
    newest = reader.latest(first.pts, timeout_secs=5)
    while newest.pixels[0, 0, 0] < 6:
        newest = reader.latest(newest.pts, timeout_secs=5)
    assert newest.pts > first.pts
    assert reader.latest(newest.pts, timeout_secs=0.05) is None


def test_the_device_is_released(source):
    with CameraReader(FAKE, lambda media: source) as reader:
        source.go.release()
        reader.latest(timeout_secs=5)
        # The thread looks whether it is wanted after each frame, as a device's read returns.
        threading.Timer(0.05, source.go.release).start()
    assert source.closed


def test_the_clock_goes_on_while_a_camera_is_off():
    times = []
    for _ in range(2):
        source = Counter()
        source.go.release()
        source.go.release()
        with CameraReader(FAKE, lambda media, source=source: source) as reader:
            times.append(reader.latest(timeout_secs=5).pts)
            source.lost = True
    assert times[1] > times[0]


def test_a_camera_that_goes_away_is_told(reader, source):
    source.go.release()
    assert reader.latest(timeout_secs=5) is not None
    source.lost = True
    with pytest.raises(MediaError, match="plug it in"):
        newest_frame(reader, 1e9, Progress())


def test_waiting_for_a_frame_can_be_cancelled(reader):
    progress = Progress()
    threading.Timer(0.1, progress.cancel).start()
    with pytest.raises(Cancelled):
        newest_frame(reader, None, progress)


def test_a_device_that_is_not_there_is_told_in_one_sentence():
    with open_reader(camera.camera("/dev/video97")) as reader, pytest.raises(MediaError) as caught:
        reader.latest(timeout_secs=20)
    assert "/dev/video97" in str(caught.value)
    assert str(caught.value).count(".") == 1


def test_devices_have_their_names_and_metadata_is_none(tmp_path, monkeypatch):
    for node, name, index in (("video0", "Front", "0"), ("video1", "Front", "1"), ("video10", "Desk", "0")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(f"{name}\n")
        (tmp_path / node / "index").write_text(f"{index}\n")
    monkeypatch.setattr(camera, "_SYSTEM", tmp_path)
    monkeypatch.setattr(camera.sys, "platform", "linux")
    assert camera.devices() == (Device("/dev/video0", "Front"), Device("/dev/video10", "Desk"))


def test_a_video_pretends_in_real_time():
    media = simulated_camera(sample_path("clip"))
    with pytest.raises(MediaError, match="a camera is needed"):
        open_media(sample_path("clip"), kind=MediaKind.CAMERA)
    assert media.kind is MediaKind.CAMERA
    assert media.moving
    began = time.monotonic()
    with open_reader(media) as reader:
        frame = reader.latest(timeout_secs=20)
        first = frame.pts
        while frame.pts - first < 0.5:
            frame = reader.latest(frame.pts, timeout_secs=20)
    assert time.monotonic() - began >= 0.5
    assert frame.size == open_media(sample_path("clip")).size == media.size


def test_a_folder_of_pictures_is_sent_again_and_again_in_one_size(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "PICTURES_PER_SEC", 1000.0)
    for name, size, colour in (("a.png", (40, 20), 10), ("b.png", (20, 40), 200)):
        Pil.new("RGB", size, (colour,) * 3).save(tmp_path / name)
    source = PictureSource(simulated_camera(tmp_path))
    found = [source.read() for _ in range(4)]
    assert [picture.shape for picture in found] == [(20, 40, 3)] * 4
    assert [int(picture[10, 20, 0]) for picture in found] == [10, 200, 10, 200]
    # The tall one stands in the middle, between black.
    assert found[1][10, 2].tolist() == [0, 0, 0]


def test_fitting_keeps_the_shape():
    picture = np.full((10, 30, 3), 255, np.uint8)
    made = fitted(picture, Size(60, 60))
    rows = np.flatnonzero(made[:, 30, 0])
    assert (rows.min(), rows.max()) == (20, 39)


def test_pictures_come_as_a_person_counts_them_and_hidden_ones_do_not(tmp_path, monkeypatch):
    monkeypatch.setattr(simulated, "PICTURES_PER_SEC", 1000.0)
    for number in (10, 9, 1):
        Pil.fromarray(np.full((6, 8, 3), number, np.uint8)).save(tmp_path / f"frame{number}.png")
    # What macOS puts beside a picture on a foreign disk.
    (tmp_path / "._frame1.png").write_bytes(b"\0\5\x16\7")
    source = PictureSource(simulated_camera(tmp_path))
    assert [source.read()[0, 0, 0] for _ in range(4)] == [1, 9, 10, 1]


def test_a_folder_that_goes_away_is_told(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    Pil.fromarray(np.zeros((6, 8, 3), np.uint8)).save(folder / "1.png")
    media = simulated_camera(folder)
    shutil.rmtree(folder)
    with pytest.raises(MediaError):
        PictureSource(media)


def test_a_driver_that_fails_is_told_instead_of_waited_for(source, caplog):
    def broken():
        raise RuntimeError("the driver gave up")

    source.read = broken
    with CameraReader(FAKE, lambda media: source) as reader, pytest.raises(MediaError, match="the driver gave up"):
        reader.latest(timeout_secs=20)
    assert source.closed


def test_an_empty_folder_is_no_camera(tmp_path):
    with pytest.raises(MediaError, match="holds no picture"):
        simulated_camera(tmp_path)


@pytest.mark.parametrize(
    "media", [FAKE, camera.camera("/dev/video0"), camera.camera("0")], ids=["size", "any", "number"]
)
def test_a_camera_is_saved_and_opened_again(media, tmp_path):
    assert camera_from_id(media.id) == media
    assert media_from_json(media_to_json(media, tmp_path), tmp_path) == media


def test_a_file_that_pretends_is_saved_and_opened_again(tmp_path):
    media = simulated_camera(sample_path("clip"))
    assert media_from_json(media_to_json(media, tmp_path), tmp_path) == media


def test_two_files_that_begin_alike_before_a_plus_are_two_cameras(tmp_path):
    pair = []
    for name in ("day+rain", "day+snow"):
        (tmp_path / name).mkdir()
        Pil.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / name / "1.png")
        pair.append(simulated_camera(tmp_path / name))
    state = add_media(add_media(State(), pair[0]), pair[1])
    assert state.media == tuple(pair)


def test_what_takes_a_video_takes_a_camera_and_what_listens_does_not():
    takes = {spec.key for spec in ANALYSES if spec.shows(FAKE)}
    assert {"detect", "classify"} <= takes
    assert "spectrogram" not in takes


def test_a_moment_that_is_gone_is_not_read_again():
    with Readers() as readers, pytest.raises(MediaError, match="gone"):
        read_sample(FAKE, 1.0, readers, Cache())
    assert list(itertools.islice(Readers()._open, 1)) == []


class Clock:
    """Stands in for the time: reading takes none, waiting takes what it should."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, secs: float) -> None:
        self.now += secs


def test_a_file_that_is_read_too_late_tells_what_it_skipped(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(simulated, "time", clock)
    source = FileSource(simulated_camera(sample_path("clip")))
    video = open_media(sample_path("clip"))
    began, taken, missed = clock.now, 0, 0
    # Up to and over the end of the video, whose length is 6 s.
    for late_secs in (0, 0, 0.1, 0, 1.0, 0, 0, 3.0, 2.5, 0, 0, 0, 9.0, 0):
        clock.now += late_secs
        source.read()
        taken, missed = taken + 1, missed + source.missed
        made = (clock.now - began) * video.frame_rate + 1
        assert taken + missed == pytest.approx(made, abs=simulated.BEHIND_SECS * video.frame_rate + 1)
    assert missed > 400
    source.close()


def test_a_file_that_is_recorded_is_late_rather_than_skipped_and_each_frame_keeps_its_place(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(simulated, "time", clock)
    media = simulated_camera(sample_path("clip"))
    rate = open_media(sample_path("clip")).frame_rate
    source, places, missed = FileSource(media), [], 0
    with Tap(media.id):
        for late_secs in (0.0, *((1.2, *((0.0,) * 60)) * 3)):
            clock.now += late_secs
            source.read()
            missed += source.missed
            places.append(source.captured_secs)
    assert missed == 0
    np.testing.assert_allclose(np.diff(places), 1 / rate, atol=1e-3)
    assert places[-1] == pytest.approx(clock.now, abs=1e-3), "what was late is caught up"
    # Without a recording the newest frame counts.
    clock.now += 1.2
    source.read()
    assert source.missed == pytest.approx(1.2 * rate, abs=1)
    source.close()


def test_gaps_between_frames_are_missing_frames_and_a_slow_camera_misses_nothing():
    times = MissedFrames()
    told = [times.before(number / 30) for number in range(40)]
    assert sum(told) == 0
    assert times.before(42 / 30) == 2
    assert times.before(43 / 30) == 0
    slow = MissedFrames()
    # In the dark a camera exposes longer.
    assert sum(slow.before(number / 30) for number in range(20)) == 0
    dark = [slow.before(20 / 30 + number / 10) for number in range(200)]
    assert sum(dark[-100:]) == 0


def test_frames_are_numbered_with_those_that_are_missing():
    count = FrameCount()
    for number in range(600):
        count.add(number / 10, 2 if number == 599 else 0)
    assert count.number_of(59.9) == 602
    assert count.number_of(59.8) == 599
    assert count.number_of(0.0) is None
    assert frame_number("camera:none", 1.0) is None


def test_a_recording_counts_what_was_not_taken_from_the_camera(source, reader):
    source.missed = 3
    with Tap(FAKE.id) as tap:
        for _ in range(4):
            source.go.release()
            tap.next()
            while (newest := reader.latest()) is None:
                pass
        # What was missed before the first frame is no part of the recording.
        assert tap.missed == 9
    assert frame_number(FAKE.id, newest.pts) is not None
