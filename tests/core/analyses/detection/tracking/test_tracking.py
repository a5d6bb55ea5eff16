"""Identities: kept through crossing, occlusion and low scores, and the same whatever was looked at before."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.detection._tracking import FLOOR, Tracking, TrackParams, confidences
from cvstudio.analyses.stages import Request
from cvstudio.analyses.temporal import CATCH_UP, SNAPSHOT_EVERY, Chain, TemporalChains, chain_key
from cvstudio.data.geometry import Size
from cvstudio.results.detections import Detections

FOLLOW = Tracking("suppress")
PARAMS = TrackParams(trail_secs=1.0)


def chain(params=PARAMS, rate=25.0):
    return Chain(FOLLOW, params, rate)


def told(world, times, params=PARAMS, made=None):
    """True and told identities of each frame, gone through in order."""
    made = chain(params) if made is None else made
    pairs = []
    for time in times:
        found, true = world.seen(time)
        result = FOLLOW.finish(found, made.follow(time, found, reach_secs=params.trail_secs), params)
        pairs.append((true, result.track_ids.tolist()))
    return pairs


@pytest.mark.parametrize("tracker", ["ByteTrack", "C-BIoU"])
def test_things_that_cross_keep_their_identity(crossing, accuracy, tracker):
    params = dataclasses.replace(PARAMS, tracker=tracker)
    switches, pairs = accuracy(told(crossing, crossing.frames(3.0), params))
    assert switches == 0
    assert len(pairs) == 3


def test_two_classes_on_the_same_place_are_two_things(crossing, accuracy):
    times = list(crossing.frames(3.0))
    boxes = [crossing.seen(time)[0] for time in times]
    # The car drives over the first person: their boxes do meet.
    assert any((found.boxes[:, 0].max() - found.boxes[:, 0].min()) < 100 for found in boxes)
    pairs = accuracy(told(crossing, times))[1]
    assert {one for one, _ in pairs} == {1, 2, 3}


@pytest.mark.parametrize("tracker", ["ByteTrack", "C-BIoU"])
def test_a_low_score_and_a_short_absence_keep_the_identity_and_a_long_one_does_not(occluded, accuracy, tracker):
    params = dataclasses.replace(PARAMS, tracker=tracker)
    switches, pairs = accuracy(told(occluded, occluded.frames(5.0), params))
    by_thing = {true: {told for one, told in pairs if one == true} for true in (1, 2, 3)}
    assert len(by_thing[1]) == 1
    assert len(by_thing[2]) == 1
    assert len(by_thing[3]) == 2
    assert switches == 1


def test_without_the_low_scores_the_second_association_has_nothing_to_go_by(occluded):
    # The same thing is seen with a low score for half a second: with a high lower bound those boxes have no number.
    deaf = told(occluded, occluded.frames(1.4), dataclasses.replace(PARAMS, track_low=0.4))
    heard = told(occluded, occluded.frames(1.4))
    assert deaf[-1][1][deaf[-1][0].index(1)] == -1
    assert heard[-1][1][heard[-1][0].index(1)] > 0


def test_of_two_boxes_on_one_thing_the_better_has_the_number(twice):
    assert {tuple(ids) for _, ids in told(twice, twice.frames(1.0))[2:]} == {(1, -1)}
    both = told(twice, twice.frames(1.0), dataclasses.replace(PARAMS, track_apart=1.0))
    assert both[-1][1] == [1, 2]


def test_a_thing_is_seen_a_few_times_before_it_has_a_number(crossing):
    pairs = told(crossing, crossing.frames(0.2), dataclasses.replace(PARAMS, min_hits=4))
    assert [max(ids) for _, ids in pairs] == [-1, -1, -1, 3, 3]


def test_the_same_range_has_the_same_identities_each_time(crossing):
    times = list(crossing.frames(3.0))
    assert told(crossing, times) == told(crossing, times)


def test_a_seek_resumes_from_the_nearest_snapshot(occluded):
    times = list(occluded.frames(4.0))
    straight = told(occluded, times)
    made = chain()
    half = len(times) // 2
    assert half % SNAPSHOT_EVERY
    told(occluded, times[:half], made=made)
    # Back to the beginning and in again: what was followed is not followed anew.
    again = told(occluded, times[:10], made=made)
    assert again == straight[:10]
    assert told(occluded, times[half:], made=made) == straight[half:]


def test_frames_that_come_in_between_give_what_going_through_all_of_them_gives(occluded):
    times = list(occluded.frames(3.0))
    straight = told(occluded, times)
    made = chain()
    told(occluded, times[::3], made=made)
    assert told(occluded, times, made=made) == straight


def test_going_back_behind_a_snapshot_repeats_the_steps_from_it(occluded):
    times = list(occluded.frames(3.0))
    made = chain()
    told(occluded, times[: SNAPSHOT_EVERY + 10], made=made)
    between = (times[SNAPSHOT_EVERY + 4] + times[SNAPSHOT_EVERY + 5]) / 2
    fresh = chain()
    told(occluded, times[: SNAPSHOT_EVERY + 5], made=fresh)
    assert told(occluded, [between], made=made) == told(occluded, [between], made=fresh)


def test_what_is_only_looked_at_changes_nothing(occluded):
    times = list(occluded.frames(3.0))
    made = chain()
    told(occluded, times[:40], made=made)
    version = made.version
    found, _ = occluded.seen(times[60])
    looked = made.follow(times[60], found, keep=False)
    assert looked[-1][0] == times[60]
    assert (len(made), made.version) == (40, version)
    assert told(occluded, times[40:], made=made) == told(occluded, times)[40:]


def test_a_far_jump_does_not_step_through_what_lies_between(occluded):
    made = chain()
    times = [0.5 + number / 100 for number in range(3 * CATCH_UP)]
    told(occluded, times, made=made)
    # A frame before all the others loosens them.
    told(occluded, [0.0], made=made)
    told(occluded, [10.0], made=made)
    assert [entry.note is not None for entry in made.entries].count(True) == 2


def test_a_chain_of_every_frame_takes_the_place_of_one_with_gaps(occluded):
    times = list(occluded.frames(3.0))
    made, whole = chain(), chain()
    told(occluded, times[::4], made=made)
    straight = told(occluded, times, made=whole)
    made.adopt(whole)
    assert told(occluded, times, made=made) == straight
    assert len(made) == len(times)


def test_a_trail_is_the_way_of_the_middle_and_no_longer_than_wanted(crossing):
    made, params = chain(), dataclasses.replace(PARAMS, trail_secs=0.4)
    for time in crossing.frames(2.0):
        found, true = crossing.seen(time)
        result = FOLLOW.finish(found, made.follow(time, found, reach_secs=0.4), params)
    row = true.index(1)
    mine = result.trails.track_ids == result.track_ids[row]
    assert mine.sum() == 11
    assert np.all(np.diff(result.trails.ages[mine]) < 0)
    walker = crossing.walkers[0]
    for point, age in zip(result.trails.points[mine], result.trails.ages[mine], strict=True):
        left, top, right, bottom = walker.box(time - age)
        assert point == pytest.approx(((left + right) / 2, (top + bottom) / 2), abs=5)


def test_scores_that_are_no_probabilities_become_confidences():
    def detections(score, kind):
        one = np.zeros(1, np.int64)
        scores = np.array([score], np.float32)
        return Detections(np.zeros((1, 4), np.float32), scores, one, ("person",), one, Size(9, 9), kind)

    assert confidences(detections(2.0, "margin")) == pytest.approx([1 / (1 + np.exp(-2))])
    assert confidences(detections(4.0, "neighbours")) == pytest.approx([1 - np.exp(-1)])
    assert confidences(detections(0.7, "probability")) == pytest.approx([0.7])


def test_the_tracker_sees_what_the_score_slider_hides(occluded):
    found, _ = occluded.seen(1.2)
    shown = dataclasses.replace(found.take(found.scores >= 0.5), candidates=found)
    seen = FOLLOW.observe(shown, PARAMS)
    assert len(seen.boxes) == len(found) > len(shown)
    assert seen.scores.min() >= FLOOR


def test_what_is_shown_is_no_part_of_what_is_followed():
    spec = ANALYSES["detect"]

    def request(**values):
        params = spec.all_params(values, None)
        made = Request("detect", spec.stages, (("picture", "clip", 1.0),), params[:-1])
        return chain_key(spec.temporal, params[-1], made)

    assert request(score=0.2) == request(score=0.6) == request(trail_secs=5.0)
    assert request(iou=0.3) != request(iou=0.6)
    assert request(track_iou=0.3) != request(track_iou=0.6)


def test_another_moment_is_the_same_chain_and_another_medium_is_not(crossing):
    spec = ANALYSES["detect"]
    params = spec.all_params({}, None)
    followed = TemporalChains(keep=2)
    found, _ = crossing.seen(0.0)
    made = []
    for media, pts in (("one", 0.0), ("one", 0.04), ("two", 0.0)):
        request = Request("detect", spec.stages, (("picture", media, pts),), params[:-1])
        followed.result(spec.temporal, params[-1], request, found, 25.0)
        made.append(followed.chain(spec.temporal, params[-1], request, 25.0))
    assert made[0] is made[1]
    assert made[0] is not made[2]
    assert len(made[0]) == 2


def test_a_still_picture_has_no_identities(crossing):
    spec = ANALYSES["detect"]
    params = spec.all_params({}, None)
    found, _ = crossing.seen(0.0)
    request = Request("detect", spec.stages, (("picture", "one", None),), params[:-1])
    assert TemporalChains().result(spec.temporal, params[-1], request, found, None) is found


def test_a_step_that_fails_loses_no_identity(crossing):
    times = [number / 25 for number in range(60)]
    expected = told(crossing, times)

    class Failing(Tracking):
        def step(self, state, seen, pts):
            super().step(state, seen, pts)
            raise ValueError("no step")

    made = chain()
    half = told(crossing, times[:41], made=made)
    found, _ = crossing.seen(times[41])
    made._temporal = Failing("suppress")
    with pytest.raises(ValueError, match="no step"):
        made.follow(times[41], found)
    made._temporal = FOLLOW
    assert half + told(crossing, times[41:], made=made) == expected


def test_a_chain_that_was_taken_over_goes_on_alone(crossing):
    times = [number / 25 for number in range(60)]
    expected = told(crossing, times)
    part, whole = chain(), chain()
    head = told(crossing, times[:30], made=part)
    whole.adopt(part)
    # Both go on from the same frame, and neither is in the other's way.
    assert head + told(crossing, times[30:], made=part) == expected
    assert head + told(crossing, times[30:], made=whole) == expected
