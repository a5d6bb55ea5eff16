"""Decoding ahead gives what reading gives, in a range, and leaves no thread; exports have reproducible identities."""

from __future__ import annotations

import dataclasses
import shutil
import threading

import numpy as np
import pytest

from cvstudio.analyses.temporal import TemporalChains
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.examples.files import sample_path
from cvstudio.media.read_ahead import prefetch_frames
from cvstudio.media.reader_pool import Readers, iterate_frames
from cvstudio.running.runner import Runner, make_instance


@pytest.fixture(scope="module")
def clip():
    return open_media(sample_path("clip"))


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "cvstudio-prefetch"]


def test_every_frame_comes_in_order(clip):
    with Readers() as readers, prefetch_frames(clip) as ahead:
        for read, frame in zip(iterate_frames(clip, readers), ahead, strict=True):
            assert read.pts == frame.pts
            assert np.array_equal(read.pixels, frame.pixels)
    assert not threads()


def test_a_range_begins_with_the_frame_that_is_shown_there(clip):
    with Readers() as readers:
        times = [frame.pts for frame in iterate_frames(clip, readers)]
    start, stop = (times[10] + times[11]) / 2, times[20]
    with prefetch_frames(clip, start_secs=start, stop_secs=stop) as ahead:
        assert [frame.pts for frame in ahead] == times[10:20]


def test_leaving_in_the_middle_ends_the_thread(clip):
    with prefetch_frames(clip, depth=1) as ahead:
        next(ahead)
        assert threads()
    assert not threads()


def test_a_file_that_is_gone_is_told_where_the_frames_are_taken(clip, tmp_path):
    path = tmp_path / "clip.mp4"
    shutil.copy(clip.path, path)
    media = open_media(path)
    path.unlink()
    with pytest.raises(MediaError), prefetch_frames(media) as ahead:
        next(ahead)
    assert not threads()


def test_exports_have_the_same_identities_each_time_and_say_so_in_every_frame(clip):
    instance = make_instance("detect", {"picture": clip}, model="hog", values={"score": 0.0})
    found = []
    with Runner(device="cpu") as runner:
        for _ in range(2):
            # The second time everything is in the cache, and what was followed before is not taken over.
            results = [result for _, result in zip(range(12), runner.frames(instance, Progress()), strict=False)]
            assert all(result.track_ids is not None for _, result in results)
            found.append([result.track_ids.tolist() for _, result in results])
        off = dataclasses.replace(instance, values={"score": 0.0, "track": False})
        assert next(runner.frames(off, Progress()))[1].track_ids is None
        followed = TemporalChains()
        list(zip(range(5), runner.frames(instance, Progress(), followed=followed), strict=False))
    assert found[0] == found[1]
    ((_, chain),) = followed.all()
    assert len(chain) in (5, 6)


def test_frames_that_go_through_the_network_side_by_side_come_in_order_and_are_the_same(clip):
    instance = make_instance("detect", {"picture": clip}, values={"score": 0.2})
    found = {}
    with Runner(device="cpu", precision="float32") as runner:
        for streams in (1, 2):
            runner.cache.clear()
            walk = runner.frames(instance, Progress(), stop_secs=0.5, streams=streams)
            found[streams] = [(frame.pts, result) for frame, result in walk]
    assert [pts for pts, _ in found[1]] == sorted(pts for pts, _ in found[1])
    assert len(found[1]) > 5
    for (one_pts, one), (other_pts, other) in zip(found[1], found[2], strict=True):
        assert one_pts == other_pts
        assert np.array_equal(one.classes, other.classes)
        # One thread or two sum up in another order.
        assert np.allclose(one.boxes, other.boxes, atol=0.05)
        assert np.allclose(one.scores, other.scores, atol=1e-3)
    assert sum(len(result) for _, result in found[1])
