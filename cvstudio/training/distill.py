"""Knowledge distillation: a student network is trained on a teacher's class probabilities.

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", NeurIPS workshop 2014, arXiv 1503.02531.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float,
    *,
    hard_labels: Tensor | None = None,
    weight: float = 0.9,
) -> Tensor:
    """Mean over the batch of T² · KL(teacher ‖ student), both softened by the temperature T.

    The factor T² keeps the gradient's size whatever T is (section 2 of the paper): for a large T the loss is half the
    squared difference of the zero-mean logits, averaged over the classes (section 2.1).

    Parameters
    ----------
    student, teacher : float (n, classes), logits; no gradient goes to the teacher
    temperature : above 0; 1 softens nothing
    hard_labels : int64 (n,) classes or float (n, classes) probabilities, optional
        With them, the result is `weight` of the above and 1 - `weight` of the cross entropy with the labels at a
        temperature of 1.
    weight : 0..1, of the teacher's term; the paper recommends a high one

    Returns
    -------
    Tensor, scalar

    Raises
    ------
    ValueError
        `temperature` is not above 0, or the shapes differ.
    """
    from torch.nn import functional

    if not temperature > 0:
        raise ValueError(f"Expected a temperature above 0, but found {temperature}.")
    if student.shape != teacher.shape:
        raise ValueError(
            f"Expected logits of the same shape, but found {tuple(student.shape)} and {tuple(teacher.shape)}."
        )
    softened = functional.log_softmax(student / temperature, dim=1)
    target = functional.log_softmax(teacher.detach() / temperature, dim=1)
    soft = functional.kl_div(softened, target, reduction="batchmean", log_target=True) * temperature**2
    if hard_labels is None:
        return soft
    return weight * soft + (1 - weight) * functional.cross_entropy(student, hard_labels)
