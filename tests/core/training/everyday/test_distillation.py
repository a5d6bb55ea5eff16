"""Distillation at every cell: targets, losses and what people drew, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cvstudio.models.shared.pyramid import places
from cvstudio.training.everyday.distillation import FOCUS, collate, dense_losses
from cvstudio.training.everyday.teacher import CELLS, N_CLASSES, SIZE, DenseTargets

NONE = (np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


def targets(cell: int, kind: int, score: float, box: tuple[float, float, float, float]) -> DenseTargets:
    return DenseTargets(
        np.array([cell * N_CLASSES + kind], np.int32),
        np.array([score], np.float16),
        np.array([cell], np.int16),
        np.array([box], np.float32),
    )


def test_the_grid_is_the_students():
    centres, strides = places(SIZE, SIZE)
    assert len(centres) == len(strides) == CELLS


def test_sparse_targets_become_dense_ones():
    batch = collate([targets(5, 7, 0.5, (1, 2, 3, 4)), targets(3000, 0, 0.25, (5, 6, 7, 8))], [NONE, NONE], "cpu")
    assert batch.scores.shape == (2, CELLS, N_CLASSES)
    assert batch.scores.sum() == pytest.approx(0.75)
    assert batch.scores[0, 5, 7] == 0.5
    assert batch.boxes[1, 3000].tolist() == [5, 6, 7, 8]
    assert torch.nonzero(batch.weights).tolist() == [[0, 5], [1, 3000]]
    assert batch.weights[1, 3000] == 0.25


def test_a_student_that_says_what_the_teacher_says_has_no_loss():
    batch = collate([targets(5, 7, 0.5, (10, 20, 40, 60))], [NONE], "cpu")
    centres, strides = places(SIZE, SIZE)
    logits = torch.full((1, CELLS, N_CLASSES), -40.0)
    logits[0, 5, 7] = 0.0
    decoded = torch.zeros(1, CELLS, 4)
    decoded[0, 5] = torch.tensor([10.0, 20, 40, 60])
    terms = dense_losses(logits, decoded, centres, strides, batch)
    assert float(terms["class"]) == pytest.approx(0, abs=1e-6)
    assert float(terms["box"]) == pytest.approx(0, abs=1e-6)


def test_the_class_loss_is_the_focused_cross_entropy():
    batch = collate([targets(5, 7, 0.5, (10, 20, 40, 60))], [NONE], "cpu")
    centres, strides = places(SIZE, SIZE)
    logits = torch.full((1, CELLS, N_CLASSES), -40.0)
    logits[0, 5, 7], logits[0, 9, 2] = 1.0, -1.0
    terms = dense_losses(logits, torch.ones(1, CELLS, 4), centres, strides, batch)
    p, q = 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))
    positive = abs(p - 0.5) ** FOCUS * -(0.5 * np.log(p) + 0.5 * np.log(1 - p))
    negative = q**FOCUS * -np.log(1 - q)
    # The weights of the boxes, here .5 in all, never divide by less than one.
    assert float(terms["class"]) == pytest.approx(positive + negative, rel=1e-4)


def test_what_people_drew_goes_before_the_teacher():
    drawn = (np.array([[100, 100, 180, 200]], np.float32), np.array([15], np.int64))
    centres, strides = places(SIZE, SIZE)
    decoded = torch.cat([centres - 30, centres + 30], dim=1)[None]
    batch = collate([targets(5, 7, 0.5, (10, 20, 40, 60))], [drawn], "cpu")
    dense_losses(torch.zeros(1, CELLS, N_CLASSES), decoded, centres, strides, batch)
    cells = torch.nonzero(batch.scores[0, :, 15] > 0).flatten()
    assert len(cells) > 0
    inside = centres[cells]
    assert ((inside > torch.tensor([100.0, 100])) & (inside < torch.tensor([180.0, 200]))).all()
    assert (batch.boxes[0, cells] == torch.tensor([100.0, 100, 180, 200])).all()
    assert batch.scores[0, 5, 7] == 0.5


def test_gradients_pull_towards_the_teacher():
    batch = collate([targets(5, 7, 0.9, (10, 20, 40, 60))], [NONE], "cpu")
    centres, strides = places(SIZE, SIZE)
    logits = torch.zeros(1, CELLS, N_CLASSES, requires_grad=True)
    decoded = torch.cat([centres - 8, centres + 8], dim=1)[None].clone().requires_grad_()
    terms = dense_losses(logits, decoded, centres, strides, batch)
    (terms["class"] + terms["box"]).backward()
    assert logits.grad[0, 5, 7] < 0
    assert (logits.grad[0, 6] > 0).all()
    assert torch.nonzero(decoded.grad.abs().sum(dim=2)).tolist() == [[0, 5]]
