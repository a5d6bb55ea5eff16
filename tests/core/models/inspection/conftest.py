"""Small networks of every kind, whose receptive fields are compared with what really has a say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from cvstudio.models.inspection.layers import Inspection
from cvstudio.models.inspection.trace import inspect
from cvstudio.models.spec import Architecture


@pytest.fixture
def looked_into() -> Callable[..., Inspection]:
    """`looked_into(build, size)`: the inspection of what `build` makes for a square picture."""

    def look(build: Callable[[], nn.Module], size: int | tuple[int, int] = 64, call: Any = None) -> Inspection:
        sides = (size, size) if isinstance(size, int) else size
        return inspect(Architecture(build, sides, call))

    return look


@pytest.fixture
def support() -> Callable[..., tuple[tuple[int, int], tuple[int, int]]]:
    """`support(module, size, unit)`: rows and columns of the pixels that move one unit of the output, by gradient.

    All weights are positive, so that no two ways cancel; the support is from the first to behind the last. A maximum
    hands its gradient to one pixel of its window only, so that a mean of the same window stands in for it.
    """

    def without_maxima(module: nn.Module) -> nn.Module:
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
            else:
                without_maxima(child)
        return module

    def find(module: nn.Module, size: tuple[int, int], unit: tuple[int, int]) -> Any:
        module = without_maxima(module).double().eval()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.fill_(0.1)
        pixels = torch.rand(1, 3, *size, dtype=torch.float64, requires_grad=True)
        out = module(pixels)
        out[0, :, unit[0], unit[1]].sum().backward()
        assert pixels.grad is not None
        moved = pixels.grad[0].abs().sum(0) > 0
        rows, columns = moved.any(1).nonzero().flatten(), moved.any(0).nonzero().flatten()
        return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)

    return find
