"""Gradients of a class with respect to the network's input, plain and with the ReLU's backward pass replaced.

Sources: Simonyan et al., "Deep Inside Convolutional Networks", 2013 (gradient); Zeiler and Fergus, "Visualizing and
Understanding Convolutional Networks", ECCV 2014 (deconvnet); Springenberg et al., "Striving for Simplicity", 2014
(guided backpropagation); Smilkov et al., "SmoothGrad", 2017; Sundararajan et al., "Axiomatic Attribution for Deep
Networks", ICML 2017 (integrated gradients).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cvstudio.analyses.explain._explained_class import ExplainedClass
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import Explainable

if TYPE_CHECKING:
    from torch import Tensor

Rule = Literal["guided", "deconvnet"]

ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "selu", "silu", "gelu", "hardtanh", "hardswish", "mish")
"""Names in torch.nn.functional of the functions whose backward pass is replaced: the ReLU and what stands for it."""


def input_gradient(
    network: Explainable, pixels: Tensor, explained: ExplainedClass, progress: Progress, rule: Rule | None = None
) -> Tensor:
    """Gradient of the score of a class with respect to the network's input.

    Parameters
    ----------
    pixels : float32 (1, 3, h, w), as of `Explainable.preprocess`
    rule : what replaces the backward pass of the activation functions
        With "guided" what they hand back is cut to its positive part, on top of their own derivative; with "deconvnet"
        in place of it. None leaves it as it is.

    Returns
    -------
    float32 (1, 3, h, w); the network is left without hooks and gradients

    Raises
    ------
    ParamsError
        There is a rule, and the network has no activation function that it would apply to.
    """
    import torch

    with torch.enable_grad():
        leaf = pixels.detach().clone().requires_grad_()
        # A layer may work in place, which is not allowed on a leaf.
        x = leaf.clone()
        if rule is None:
            score = _score(network, x, explained, progress)
        else:
            with _replaced(rule) as count:
                score = _score(network, x, explained, progress)
            if count() == 0:
                name = "Guided backpropagation" if rule == "guided" else "The deconvnet"
                raise ParamsError(
                    f"{name} expects a network with ReLUs, but this one has none; choose another method or model."
                )
        # Only the input's gradient is asked for: none is stored in the network's parameters.
        (gradient,) = torch.autograd.grad(score, leaf)
    return gradient.float()


def _score(network: Explainable, x: Tensor, explained: ExplainedClass, progress: Progress) -> Any:
    for step in network.steps():
        progress.check()
        x = step.run(x)
    return explained.score(x[0])


@contextmanager
def _replaced(rule: Rule) -> Iterator[Callable[[], int]]:
    """Context in which activation functions called in this thread have the backward pass of `rule`.

    No module is touched, so other threads may run the same network. Yields a callable for the number of calls.
    """
    import torch
    from torch.overrides import TorchFunctionMode

    functions = {getattr(torch.nn.functional, name) for name in ACTIVATIONS}
    functions |= {torch.relu, torch.Tensor.relu}
    calls = 0

    class Deconvolved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, function: Any, args: Any, kwargs: Any) -> Tensor:
            y: Tensor = function(x, *args, **kwargs)
            return y

        @staticmethod
        def backward(ctx: Any, *gradients: Tensor) -> Any:
            return gradients[0].clamp(min=0), None, None, None

    def guided(x: Tensor, function: Any, args: Any, kwargs: Any) -> Any:
        if x.requires_grad:
            # A view, so that what else takes `x` has its own gradient left alone. In place, as the gradient of this
            # view is what the activation has just made, and memory costs more here than arithmetic.
            seen: Any = x.view_as(x)
            seen.register_hook(lambda gradient: gradient.clamp_(min=0))
            x = seen
        return function(x, *args, **kwargs)

    replaced = guided if rule == "guided" else Deconvolved.apply

    class Mode(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal calls
            kwargs = dict(kwargs or {})
            if func not in functions:
                return func(*args, **kwargs)
            calls += 1
            kwargs.pop("inplace", None)
            x, *others = args or (kwargs.pop("input"),)
            # Out of place, which the only flag among their arguments asks for.
            numbers = tuple(value for value in others if not isinstance(value, bool))
            return replaced(x, func, numbers, kwargs)

    with Mode():
        yield lambda: calls


def smooth_gradient(
    network: Explainable, pixels: Tensor, explained: ExplainedClass, count: int, noise: float, progress: Progress
) -> Iterator[Tensor]:
    """SmoothGrad: mean gradient over `count` copies of the input with Gaussian noise; yields each mean so far.

    Parameters
    ----------
    noise : standard deviation as a share of the input's range
        The random numbers are the same each time.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    deviation = noise * float(pixels.max() - pixels.min())
    total = torch.zeros_like(pixels)
    for number in range(1, count + 1):
        progress(number / count, f"copy {number} of {count}")
        disturbed = pixels + deviation * torch.randn(pixels.shape, generator=generator).to(pixels.device)
        total = total + input_gradient(network, disturbed, explained, progress)
        yield total / number


def integrated_gradients(
    network: Explainable, pixels: Tensor, baseline: Tensor, explained: ExplainedClass, count: int, progress: Progress
) -> Iterator[Tensor]:
    """Integrated gradients: the mean gradient along the straight line from `baseline` to the input, times their
    difference; yields an estimate after each step, the last one with all `count` of Gauss and Legendre's.

    Its sum approaches the difference of the scores of both ends (the paper's completeness).
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    difference = pixels - baseline
    total, weight_sum = 0.0 * pixels, 0.0
    # Steps that follow each other lie far apart, so that the first estimates are of use.
    for number, index in enumerate(_spread(count), 1):
        progress(number / count, f"step {number} of {count}")
        share, weight = float(nodes[index] + 1) / 2, float(weights[index]) / 2
        total = total + weight * input_gradient(network, baseline + share * difference, explained, progress)
        weight_sum += weight
        yield difference * total / weight_sum


def _spread(count: int) -> list[int]:
    """The numbers below `count` in the order of their reversed bits: neighbours come late."""
    bits = max(1, (count - 1).bit_length())
    return [i for i in (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits)) if i < count]
