"""Identities over the frames of a video, against values worked out by hand."""

from __future__ import annotations

import dataclasses

import pytest

from cvstudio.data.frame_names import frame_name, frame_number
from cvstudio.data.label_editing import with_added, with_replaced, without
from cvstudio.data.labels import Annotation, PictureLabels
from cvstudio.data.track_editing import FrameEdits, between, highest_track, next_labelled


class Video:
    """Labels of frames, and edits of them as the window makes them."""

    def __init__(self):
        self.frames = {}
        self.free = 0

    def edits(self):
        return FrameEdits(lambda frame: self.frames.get(frame, PictureLabels()), self.frames)

    def take(self, edits):
        self.frames.update(edits.changed)
        return sorted(edits.changed)

    def set(self, frame, labels):
        edits = self.edits()
        self.free = edits.set_frame(frame, labels, self.free)
        return self.take(edits)

    def at(self, frame):
        return self.frames.get(frame, PictureLabels())

    def draw(self, frame, left):
        return self.set(frame, with_added(self.at(frame), Annotation(0, (left, 0, left + 10, 10))))

    def lefts(self, track=0):
        found = {frame: self.edits().on(frame, track) for frame in sorted(self.frames)}
        return {frame: (item.box[0], item.interpolated) for frame, item in found.items() if item is not None}


@pytest.fixture
def tracked():
    """One object on key frames 10 and 14, moved by 40 pixels."""
    video = Video()
    video.draw(10, 0)
    edits = video.edits()
    assert edits.continue_tracks(14, None) == (0,)
    video.take(edits)
    moved = video.at(14).annotations[0]
    video.set(14, with_replaced(video.at(14), 0, Annotation(0, (40, 0, 50, 10), track_id=moved.track_id)))
    return video


def test_an_object_gets_an_identity_and_what_lies_between_is_interpolated(tracked):
    assert tracked.lefts() == {10: (0, False), 11: (10, True), 12: (20, True), 13: (30, True), 14: (40, False)}
    assert tracked.free == 1
    assert highest_track(tracked.frames.values()) == 0


def test_correcting_an_interpolated_object_makes_a_key_frame_and_moves_both_sides(tracked):
    corrected = Annotation(0, (0, 0, 10, 10), track_id=0, interpolated=True)
    assert tracked.set(12, with_replaced(tracked.at(12), 0, corrected)) == [11, 12, 13]
    assert tracked.lefts() == {10: (0, False), 11: (0, True), 12: (0, False), 13: (20, True), 14: (40, False)}


def test_an_unchanged_object_beside_a_changed_one_stays_interpolated(tracked):
    assert tracked.draw(12, 70) == [12]
    assert tracked.lefts()[12] == (20, True)
    assert tracked.lefts(1) == {12: (70, False)}


def test_a_removed_object_is_gone_until_its_next_key_frame(tracked):
    tracked.set(12, without(tracked.at(12), {0}))
    assert tracked.lefts() == {10: (0, False), 11: (10, True), 14: (40, False)}
    tracked.set(14, with_replaced(tracked.at(14), 0, Annotation(0, (80, 0, 90, 10), track_id=0)))
    assert tracked.lefts() == {10: (0, False), 11: (20, True), 14: (80, False)}, "it does not come back"


def test_a_key_frame_that_is_removed_is_interpolated_or_ends_the_track(tracked):
    tracked.set(12, with_replaced(tracked.at(12), 0, Annotation(0, (0, 0, 10, 10), track_id=0)))
    edits = tracked.edits()
    edits.remove_key(12, 0)
    tracked.take(edits)
    assert tracked.lefts() == {10: (0, False), 11: (10, True), 12: (20, True), 13: (30, True), 14: (40, False)}
    edits = tracked.edits()
    edits.remove_key(14, 0)
    tracked.take(edits)
    assert tracked.lefts() == {10: (0, False)}
    edits = tracked.edits()
    edits.remove_track(0)
    tracked.take(edits)
    assert tracked.lefts() == {}


def test_only_what_is_missing_is_continued_from_the_frame_before(tracked):
    tracked.draw(14, 70)
    edits = tracked.edits()
    assert edits.continue_tracks(20, {1}) == (1,)
    tracked.take(edits)
    edits = tracked.edits()
    assert edits.continue_tracks(20, None) == ()
    assert edits.continue_tracks(21, None) == (1,)
    assert edits.continue_tracks(22, {0}) == (0,), "from the last frame that it is on"


def test_a_copied_object_is_another_one(tracked):
    copy = tracked.at(10).annotations[0]
    tracked.set(10, with_added(tracked.at(10), copy))
    assert [item.track_id for item in tracked.at(10).annotations] == [0, 1]


def test_outlines_and_points_are_interpolated_where_they_can_be():
    line = ((0.0, 0.0), (10.0, 0.0), (0.0, 10.0))
    other = tuple((x + 4, y + 8) for x, y in line)
    before = Annotation(0, (0, 0, 10, 10), (line,), keypoints=((1, 1, 2), (2, 2, 1), (0, 0, 0)), track_id=3)
    after = Annotation(0, (4, 8, 14, 18), (other,), keypoints=((5, 9, 2), (0, 0, 0), (7, 7, 2)), track_id=3)
    middle = between(before, after, 0.25)
    assert middle.polygons == (((1, 2), (11, 2), (1, 12)),)
    assert middle.box == (1, 2, 11, 12)
    assert middle.keypoints == ((2, 3, 2), (2, 2, 1), (0, 0, 0))
    assert (middle.track_id, middle.interpolated) == (3, True)
    square = ((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    kept = between(before, Annotation(0, (0, 0, 9, 9), (square,), track_id=3), 0.5)
    assert (kept.polygons, kept.box) == (before.polygons, before.box)


def test_points_that_the_next_key_frame_lacks_stay_where_they_were():
    before = Annotation(0, (0, 0, 10, 10), keypoints=((0, 0, 2), (4, 4, 2), (8, 8, 1)))
    after = Annotation(0, (0, 0, 10, 10), keypoints=((2, 0, 2),))
    assert between(before, after, 0.5).keypoints == ((1, 0, 2), (4, 4, 2), (8, 8, 1))
    assert between(after, before, 0.5).keypoints == ((1, 0, 2),)


def test_frames_are_named_as_cvat_does():
    assert frame_name("clip.mp4/", 12) == "clip.mp4/frame_000012"
    assert frame_number("clip.mp4/frame_000012", "clip.mp4/") == 12
    assert frame_number("clip.mp4/frame_000012", "") is None
    assert frame_number("frame_1234567", "") == 1234567


def test_what_is_far_away_is_found_without_reading_what_lies_between():
    box = Annotation(0, (0, 0, 10, 10), track_id=3)
    frames = {number: PictureLabels() for number in range(5000)}
    frames |= {number: PictureLabels(annotations=(box,)) for number in (10, 4000)}
    read = []

    def labels(frame):
        read.append(frame)
        return frames[frame]

    edits = FrameEdits(labels, frames, lambda track: (4000, 10) if track == 3 else ())
    assert (edits.key_frame(2000, 3, 1), edits.key_frame(2000, 3, -1)) == (4000, 10)
    edits.set_frame(2000, PictureLabels(annotations=(dataclasses.replace(box, track_id=None),)), 4)
    assert edits.changed.keys() == {2000}
    edits.remove_track(3)
    assert edits.changed.keys() == {10, 2000, 4000}
    assert set(read) <= {10, 2000, 4000}


def test_the_next_labelled_frame_is_the_nearest():
    assert next_labelled({3, 9, 5}, 5, 1) == 9
    assert next_labelled({3, 9, 5}, 5, -1) == 3
    assert next_labelled({3}, 3, 1) is None
