"""The distillation loss beside torch's divergence, finite differences, and the limit that the paper derives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax
from torch.nn import functional

from cvstudio.training.distill import distillation_loss

N, CLASSES = 6, 5


def logits(seed: int, scale: float = 3.0) -> torch.Tensor:
    return torch.randn(N, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0, 20.0])
def test_it_is_the_divergence_of_the_softened_answers(temperature):
    student, teacher = logits(0), logits(1)
    found = float(distillation_loss(student, teacher, temperature))
    said, wanted = (softmax(x.numpy() / temperature, axis=1) for x in (student, teacher))
    assert found == pytest.approx(temperature**2 * rel_entr(wanted, said).sum() / N, rel=1e-9)
    by_torch = functional.kl_div(torch.from_numpy(np.log(said)), torch.from_numpy(wanted), reduction="batchmean")
    assert found == pytest.approx(float(by_torch) * temperature**2, rel=1e-9)
    # It is the teacher's answer that weighs: the divergence is not symmetric.
    assert found != pytest.approx(float(distillation_loss(teacher, student, temperature)), rel=1e-3)


@pytest.mark.parametrize("hard", [False, True])
def test_its_gradient_is_that_of_finite_differences(hard):
    student = logits(0).requires_grad_()
    labels = torch.tensor([0, 4, 2, 2, 1, 3]) if hard else None
    assert torch.autograd.gradcheck(
        lambda x: distillation_loss(x, logits(1), 2.5, hard_labels=labels, weight=0.7), (student,)
    )


def test_its_gradient_is_the_papers():
    """Equation 2, times T² and averaged over the batch: T (softmax(z / T) - softmax(v / T))."""
    student, temperature = logits(0).requires_grad_(), 4.0
    distillation_loss(student, logits(1), temperature).backward()
    said, wanted = ((x.detach() / temperature).softmax(dim=1) for x in (student, logits(1)))
    assert torch.allclose(student.grad, temperature * (said - wanted) / N)


def test_a_high_temperature_is_the_squared_difference_of_zero_mean_logits():
    """Section 2.1 of the paper: the limit, which holds only because T² keeps the size."""
    student, teacher = logits(0).requires_grad_(), logits(1)
    centred = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    limit = centred.square().sum(dim=1).mean() / (2 * CLASSES)
    (wanted,) = torch.autograd.grad(limit, student)
    off = []
    for temperature in (100.0, 1000.0):
        loss = distillation_loss(student, teacher, temperature)
        (found,) = torch.autograd.grad(loss, student)
        assert loss.item() == pytest.approx(limit.item(), rel=10 / temperature)
        assert torch.allclose(found, wanted, rtol=0, atol=10 / temperature * float(wanted.abs().max()))
        off.append(float((found - wanted).norm() / wanted.norm()))
    # What is left is of the next order in 1 / T.
    assert off[1] == pytest.approx(off[0] / 10, rel=0.1)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_labels_take_their_share_at_a_temperature_of_1(weight):
    student, teacher, labels = logits(0), logits(1), torch.tensor([0, 4, 2, 2, 1, 3])
    found = distillation_loss(student, teacher, 3.0, hard_labels=labels, weight=weight)
    hard = -np.log(softmax(student.numpy(), axis=1)[np.arange(N), labels.numpy()]).mean()
    assert float(found) == pytest.approx(weight * float(distillation_loss(student, teacher, 3.0)) + (1 - weight) * hard)
    shared = distillation_loss(student, teacher, 3.0, hard_labels=functional.one_hot(labels).double(), weight=weight)
    assert float(shared) == pytest.approx(float(found))


def test_the_same_answer_costs_nothing_and_an_offset_is_the_same_answer():
    student = logits(0).requires_grad_()
    loss = distillation_loss(student, student.detach() + 7.0, 2.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.allclose(student.grad, torch.zeros(()).double(), atol=1e-12)


def test_the_teacher_learns_nothing():
    student, teacher = logits(0).requires_grad_(), logits(1).requires_grad_()
    distillation_loss(student, teacher, 2.0).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_certain_answers_stay_finite():
    student = torch.tensor([[1000.0, -1000.0]]).requires_grad_()
    loss = distillation_loss(student, torch.tensor([[-1000.0, 1000.0]]), 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(2000)
    assert torch.isfinite(student.grad).all()


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="temperature above 0, but found 0"):
        distillation_loss(logits(0), logits(1), 0)
    with pytest.raises(ValueError, match=r"\(6, 5\) and \(6, 1\)"):
        distillation_loss(logits(0), logits(1)[:, :1], 1)
