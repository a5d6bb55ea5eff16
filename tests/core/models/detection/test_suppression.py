"""Suppression taken apart, against torchvision and against what is worked out by hand."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms, box_iou, nms

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.detection.suppress import suppression
from cvstudio.data.boxes import iou_with
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.base import Emphasis
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.detections import Detections
from cvstudio.results.suppression import Suppression
from cvstudio.running.runner import Runner, make_instance


def detections(boxes: list[list[float]] | np.ndarray, scores: list[float], classes: list[int]) -> Detections:
    order = np.argsort(-np.array(scores, np.float32), kind="stable")
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4)[order],
        np.array(scores, np.float32)[order],
        np.array(classes, np.int64)[order],
        ("cat", "dog", "bus"),
        order.astype(np.int64),
        Size(100, 100),
    )


# Squares of side 10: beside each other by 1, 3 and 6 they share 9/11, 7/13 and 4/16; the dog lies on the first cat.
ROW = detections(
    [[0, 0, 10, 10], [1, 0, 11, 10], [3, 0, 13, 10], [6, 0, 16, 10], [0, 0, 10, 10]],
    [0.9, 0.8, 0.7, 0.6, 0.5],
    [0, 0, 0, 0, 1],
)


def test_the_steps_are_those_worked_out_by_hand() -> None:
    found = suppression(ROW, 0.5, class_wise=True)
    # The first takes the second and the third along; the fourth shares 1/4 with it and stays, as does the dog.
    assert found.kept.tolist() == [0, 3, 4]
    assert found.suppressed_by.tolist() == [0, 0, 0, 1, 2]
    assert found.last_step == 6
    start = found.at(0)
    assert start.pairs() is None
    assert start.waiting().tolist() == [0, 1, 2, 3, 4]
    assert start.stays().tolist() == []
    take = found.at(1)
    assert not take.dropping
    assert take.stays().tolist() == [0]
    assert take.waiting().tolist() == [1, 2, 3, 4]
    drop = found.at(2)
    pairs = drop.pairs()
    assert drop.dropping
    assert pairs is not None
    assert (pairs.taken, pairs.rows.tolist(), pairs.suppressed.tolist()) == (0, [1, 2, 3], [True, True, False])
    assert pairs.iou == pytest.approx([9 / 11, 7 / 13, 4 / 16])
    assert drop.waiting().tolist() == [3, 4]
    end = found.at(99)
    assert end.ended
    assert end.step == 6
    assert end.stays().tolist() == [0, 3, 4]
    assert end.waiting().tolist() == []


def test_without_classes_the_dog_goes_with_the_cat_that_it_lies_on() -> None:
    found = suppression(ROW, 0.5, class_wise=False)
    assert found.kept.tolist() == [0, 3]
    assert found.suppressed_by.tolist() == [0, 0, 0, 1, 0]
    pairs = found.pairs(0)
    assert pairs is not None
    assert pairs.rows.tolist() == [4, 1, 2, 3]


def test_at_one_nothing_goes_and_of_nothing_nothing_comes() -> None:
    assert suppression(ROW, 1.0, class_wise=False).kept.tolist() == [0, 1, 2, 3, 4]
    empty = suppression(detections([], [], []), 0.5, class_wise=True)
    assert empty.last_step == 0
    assert empty.ended
    assert empty.pairs() is None


@st.composite
def candidates(draw: st.DrawFn) -> Detections:
    n = draw(st.integers(0, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = random.integers(0, 12, (n, 2)) * draw(st.sampled_from([1.0, 0.1, 33.3]))
    side = random.integers(0, 9, (n, 2))
    boxes = np.concatenate((corner, corner + side), axis=1)
    return detections(boxes, list(random.permutation(n) / max(n, 1)), random.integers(0, 3, n).tolist())


@settings(deadline=None, max_examples=150)
@given(candidates(), st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.8]), st.booleans())
def test_every_turn_is_what_torchvision_would_say_of_what_is_left(found: Detections, iou: float, apart: bool) -> None:
    result = suppression(found, iou, class_wise=apart)
    boxes, scores = torch.from_numpy(found.boxes.copy()), torch.from_numpy(found.scores.copy())
    classes = torch.from_numpy(found.classes.copy())
    # batched_nms shifts small inputs by class, which rounds; class by class it is the plain one.
    if apart:
        kept = [
            rows[nms(boxes[rows], scores[rows], iou)] for rows in (torch.nonzero(classes == n)[:, 0] for n in range(3))
        ]
        expected = sorted(torch.cat(kept).tolist())
    else:
        expected = nms(boxes, scores, iou).tolist()
    assert sorted(result.kept.tolist()) == sorted(expected)
    alive = list(range(len(found)))
    for turn in range(len(result.kept)):
        pairs = result.pairs(turn)
        assert pairs is not None
        assert pairs.taken == alive[0]
        same = [row for row in alive[1:] if not apart or found.classes[row] == found.classes[pairs.taken]]
        shares = torch.nan_to_num(box_iou(boxes[pairs.taken][None], boxes[same]))[0]
        told = dict(zip(pairs.rows.tolist(), pairs.iou.tolist(), strict=True))
        assert told == {row: share for row, share in zip(same, shares.tolist(), strict=True) if share > 0}
        gone = set(pairs.rows[pairs.suppressed].tolist())
        # Where both sides of the comparison are rounded alike, nms itself decides in float32.
        assert gone <= {row for row, share in told.items() if share >= np.float32(iou)}
        assert gone >= {row for row, share in told.items() if share > np.nextafter(np.float32(iou), np.float32(2))}
        alive = [row for row in alive[1:] if row not in gone]
        after = result.at(2 * turn + 2)
        assert after.waiting().tolist() == alive
    assert alive == []


def test_the_overlap_is_the_number_that_torchvision_computes() -> None:
    random = np.random.default_rng(3)
    corner = random.uniform(0, 900, (500, 2))
    boxes = np.concatenate((corner, corner + random.uniform(1, 300, (500, 2))), axis=1).astype(np.float32)
    expected = box_iou(torch.from_numpy(boxes[:1]), torch.from_numpy(boxes))[0].numpy()
    assert np.array_equal(iou_with(boxes[0], boxes), expected)


def run(model: str, **values: object) -> Suppression:
    with Runner() as runner:
        result = runner.result(
            make_instance("suppression", {"picture": sample_path("cat")}, model=model, values=values)
        )
    assert isinstance(result, Suppression)
    return result


@pytest.mark.parametrize("model", ["pyramid-5", "haar-cat-face"])
def test_what_remains_is_what_detecting_finds(model: str) -> None:
    result = run(model, score=0.2 if model == "pyramid-5" else 0, iou=0.5)
    with Runner() as runner:
        values = {"score": 0.2 if model == "pyramid-5" else 0, "iou": 0.5}
        detected = runner.result(make_instance("detect", {"picture": sample_path("cat")}, model=model, values=values))
    assert result.candidates.ids[result.kept].tolist() == detected.ids.tolist()
    if model == "pyramid-5":
        assert len(result.candidates) > len(result.kept) > 0
        expected = batched_nms(
            torch.from_numpy(result.candidates.boxes.copy()).double(),
            torch.from_numpy(result.candidates.scores.copy()).double(),
            torch.from_numpy(result.candidates.classes.copy()),
            0.5,
        )
        assert result.kept.tolist() == expected.tolist()


def test_the_slider_ends_where_the_steps_do() -> None:
    spec = ANALYSES["suppression"]
    result = run("pyramid-5", score=0.2)
    assert spec.input_facts is not None
    facts = spec.input_facts(result.candidates, {**MODELS["pyramid-5"].defaults, "score": 0.2})
    assert facts.ranges["step"].high == result.last_step
    assert run("pyramid-5", score=0.2, step=10**6).step == result.last_step


def test_a_pointed_place_finds_the_pair_before_anything_else() -> None:
    drop = suppression(ROW, 0.5, class_wise=True).at(2)
    # All are of one size: the first of those in the pair that lie around the place.
    assert drop.part_at(12.5, 5) == 2
    assert drop.part_at(15, 5) == 3
    assert drop.part_at(50, 50) is None


def test_what_is_dropped_is_drawn_broken_and_afterwards_not_at_all() -> None:
    size = Size(200, 120)
    boxes = [[20, 20, 100, 100], [30, 24, 110, 104], [150, 20, 190, 60]]
    found = detections(boxes, [0.9, 0.8, 0.7], [0, 0, 0])
    found = Detections(found.boxes, found.scores, found.classes, found.labels, found.ids, size)
    base = Image(np.full((size.height, size.width, 3), 90, np.uint8))
    steps = suppression(found, 0.3, class_wise=True)
    look = Look(show_labels=False, show_scores=False)

    def right_edge(step: int) -> np.ndarray:
        """The second box's, where the first one does not reach."""
        drawn = render(base, [(steps.at(step), look)], View.whole(size))
        return (drawn[30:98, 106:112] != 90).any(axis=(1, 2))

    assert right_edge(1).all()
    share = right_edge(2).mean()
    assert 0.4 < share < 0.9
    assert not right_edge(3).any()
    whole = render(base, [(steps.at(2), Look())], View.whole(size))
    part = render(base, [(steps.at(2), Look())], View(Rect(40, 10, 90, 80), 1.0))
    assert np.array_equal(part, whole[10:90, 40:130])
    pointed = render(base, [(steps.at(2), Look())], View.whole(size), emphasis=Emphasis(hovered=1))
    assert not np.array_equal(pointed, whole)


def test_the_command_line_goes_to_a_step_and_writes_every_pair(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cvstudio", "run", "suppression", str(sample_path("cat")), "--step", "2"]
    command += ["--score", "0.2", "--iou", "0.5", "--format", "png", "--format", "csv", "-q", "-o", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (table,) = tmp_path.glob("*.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    result = run("pyramid-lite0", score=0.2, iou=0.5)
    assert max(int(row["turn"]) for row in rows) == len(result.kept)
    dropped = [row for row in rows if row["dropped"] == "1"]
    assert len(dropped) == len(result.candidates) - len(result.kept)
    assert all(float(row["iou"]) > 0.5 for row in dropped)
