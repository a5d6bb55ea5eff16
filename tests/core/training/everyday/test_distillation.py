"""Distillation at every cell: targets, losses and what people drew, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvstudio.models.shared.pyramid import places
from cvstudio.training.everyday.chunks import (
    BY_PEOPLE,
    FLOOR,
    INPUTS,
    TAUGHT,
    CellTargets,
    Chunk,
    collate,
    dense_targets,
)
from cvstudio.training.everyday.data import DistilledView
from cvstudio.training.everyday.distillation import BACKGROUND, map_loss, output_losses
from cvstudio.training.everyday.teacher import CELLS, N_CLASSES, SIZE, TeacherOutputs

PIXELS = np.zeros((0, SIZE, 3), np.uint8)
NOTHING = DistilledView(PIXELS, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
SIDES = (52, 26, 13)


def outputs(cell: int, kind: int, objectness: float, box: tuple[float, float, float, float]) -> TeacherOutputs:
    """Of a teacher that sees one thing in one cell."""
    result = TeacherOutputs(
        [],
        np.zeros((1, CELLS), np.float32),
        np.zeros((1, CELLS, N_CLASSES), np.float32),
        np.zeros((1, CELLS, 4), np.float32),
    )
    result.objectness[0, cell], result.classes[0, cell, kind], result.boxes[0, cell] = objectness, 0.75, box
    return result


def chunk(*dense: CellTargets) -> Chunk:
    rng = np.random.default_rng(0)
    maps = {
        key: rng.random((len(dense), side, side, 3)).astype(np.float16)
        for keys in (INPUTS, TAUGHT)
        for key, side in zip(keys, SIDES, strict=True)
    }
    none = [np.zeros((0, 4), np.float32)] * len(dense)
    return Chunk(maps, list(dense), none, [np.zeros(0, np.int64)] * len(dense))


def test_the_grid_is_the_students():
    centres, strides = places(SIZE, SIZE)
    assert len(centres) == len(strides) == CELLS


def test_targets_are_those_of_the_cells_that_show_something():
    dense = dense_targets(outputs(5, 7, 0.5, (1, 2, 3, SIZE + 9)), 0, NOTHING)
    assert dense.cells.tolist() == [5]
    assert dense.boxes.tolist() == [[1, 2, 3, SIZE]]
    assert dense.classes[0, 7] == 0.75
    assert dense.objectness.sum() == 0.5
    assert len(dense_targets(outputs(5, 7, FLOOR / 2, (1, 2, 3, 4)), 0, NOTHING).cells) == 0


def test_a_batch_holds_its_views():
    first = chunk(dense_targets(outputs(5, 7, 0.5, (1, 2, 3, 4)), 0, NOTHING))
    other = chunk(dense_targets(outputs(9, 0, 0.25, (5, 6, 7, 8)), 0, NOTHING))
    batch = collate([(other, 0), (first, 0)], "cpu")
    assert batch.view.tolist() == [0, 1]
    assert batch.cell.tolist() == [9, 5]
    assert batch.boxes.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]
    assert batch.objectness[0, 9] == 0.25
    assert [tuple(maps.shape) for maps in batch.inputs] == [(2, 3, side, side) for side in SIDES]
    np.testing.assert_array_equal(batch.taught[1][1, :, 2, 4].numpy(), first.maps["t4"][0, 2, 4])


def test_what_people_drew_goes_before_the_teacher():
    drawn = DistilledView(PIXELS, np.array([[100, 100, 180, 200]], np.float32), np.array([15], np.int64))
    seen = outputs(5, 7, 0.5, (10, 20, 40, 60))
    centres, _ = places(SIZE, SIZE)
    # The teacher has the box a little wrong, and does not know what it holds.
    near = ((centres - torch.tensor([140.0, 150])).abs() < 16).all(dim=1).numpy()
    seen.boxes[0, near] = (104, 96, 184, 196)
    seen.objectness[0, near], seen.classes[0, near, 15] = 0.1, 0.3
    dense = dense_targets(seen, 0, drawn)
    rows = np.flatnonzero(dense.classes[:, 15] > 0.5)
    assert 0 < len(rows) <= 10
    assert near[dense.cells[rows]].all()
    assert (dense.boxes[rows] == drawn.boxes[0]).all()
    np.testing.assert_allclose(dense.classes[rows, 15], BY_PEOPLE, atol=1e-3)
    # Its score there is the IoU of the teacher's box.
    assert dense.objectness[dense.cells[rows]].max() == pytest.approx(76 * 96 / (2 * 8000 - 76 * 96), abs=1e-3)
    assert dense.objectness[5] == 0.5


def test_a_student_that_says_what_the_teacher_says_has_no_loss_but_the_entropy():
    batch = collate([(chunk(dense_targets(outputs(5, 7, 0.5, (10, 20, 40, 60)), 0, NOTHING)), 0)], "cpu")
    objectness = torch.full((1, CELLS, 1), -40.0)
    objectness[0, 5] = 0.0
    classes = torch.full((1, CELLS, N_CLASSES), -40.0)
    classes[0, 5, 7] = float(np.log(3))
    boxes = torch.zeros(1, CELLS, 4)
    boxes[0, 5] = torch.tensor([10.0, 20, 40, 60])
    terms = output_losses(objectness, classes, boxes, batch)
    assert float(terms["object"]) == pytest.approx(0, abs=1e-6)
    assert float(terms["box"]) == pytest.approx(0, abs=1e-6)
    # Weighted by the objectness of a half; the sum of weights never divides by less than one.
    assert float(terms["class"]) == pytest.approx(-0.5 * (0.75 * np.log(0.75) + 0.25 * np.log(0.25)), rel=1e-4)
    assert float(map_loss(batch.taught, batch, [torch.ones(3)] * 3)) == 0


def test_the_loss_of_objectness_is_the_focused_cross_entropy():
    batch = collate([(chunk(dense_targets(outputs(5, 7, 0.5, (10, 20, 40, 60)), 0, NOTHING)), 0)], "cpu")
    objectness = torch.full((1, CELLS, 1), -40.0)
    objectness[0, 5], objectness[0, 9] = 1.0, -1.0
    terms = output_losses(objectness, torch.zeros(1, CELLS, N_CLASSES), torch.ones(1, CELLS, 4), batch)
    p, q = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    positive = (p - 0.5) * -(0.5 * np.log(p) + 0.5 * np.log(1 - p))
    assert float(terms["object"]) == pytest.approx(positive - q * np.log(1 - q), rel=1e-4)


def test_the_loss_of_maps_counts_in_deviations_and_weights_things():
    batch = collate([(chunk(dense_targets(outputs(5, 7, 0.5, (10, 20, 40, 60)), 0, NOTHING)), 0)], "cpu")
    maps = [taught.clone() for taught in batch.taught]
    maps[0][0, 1, 0, 5] += 2.0
    weights = np.full(52 * 52, BACKGROUND)
    weights[5] += 0.5
    # One of three channels, one of three levels.
    expected = (2.0 / 4.0) ** 2 / 3 * weights[5] / weights.sum() / 3
    assert float(map_loss(maps, batch, [torch.full((3,), 4.0)] * 3)) == pytest.approx(expected, rel=1e-4)


def test_gradients_pull_towards_the_teacher():
    batch = collate([(chunk(dense_targets(outputs(5, 7, 0.9, (10, 20, 40, 60)), 0, NOTHING)), 0)], "cpu")
    objectness = torch.zeros(1, CELLS, 1, requires_grad=True)
    classes = torch.zeros(1, CELLS, N_CLASSES, requires_grad=True)
    centres, _ = places(SIZE, SIZE)
    boxes = torch.cat([centres - 8, centres + 8], dim=1)[None].clone().requires_grad_()
    sum(output_losses(objectness, classes, boxes, batch).values()).backward()
    assert objectness.grad[0, 5] < 0
    assert objectness.grad[0, 6] > 0
    assert classes.grad[0, 5, 7] < 0
    assert classes.grad[0, 5, 8] > 0
    assert torch.nonzero(boxes.grad.abs().sum(dim=2)).tolist() == [[0, 5]]
