"""Gradient ascent on the input of a network.

Sources: Simonyan et al., "Deep Inside Convolutional Networks", 2013, section 2 (a class, with an L2 penalty); Olah et
al., "Feature Visualization", Distill 2017 (Fourier parametrisation, decorrelated colours, jitter and scale); Yosinski
et al., "Understanding Neural Networks Through Deep Visualization", 2015 (blur). Imported only where torch is in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from cvstudio.foundation.progress import Progress

COLOURS = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Rows R, G and B: principal axes of the colours of natural pictures, each with its deviation (Olah et al. 2017)."""

FIRST_DEVIATION = 0.01
RATE = {True: 0.05, False: 0.02}
"""Adam's rate: in coefficients of the spectrum, and in multiples of the input's deviation."""

LEAST, MOST = 0.02, 0.98
"""Levels 0..1 of a starting picture that the logistic function reaches."""


@dataclass(frozen=True)
class AscentOptions:
    """How a picture is made.

    Parameters
    ----------
    fourier : coefficients of decorrelated colours in the Fourier domain; else the pixels themselves
    penalty : weight of the mean square of the normalised input, the L2 form
    jitter : most pixels by which the picture is moved before each step
    zoom : most share by which it is enlarged or made smaller
    blur : standard deviation in pixels of a Gaussian, which falls to a half towards the last step
    noise : standard deviation of the noise that is added before each step, 0..1 being the range of pixels
    steps, seed
    """

    fourier: bool
    penalty: float
    jitter: int
    zoom: float
    blur: float
    noise: float
    steps: int
    seed: int


class Levels(NamedTuple):
    """What a network's preprocessing makes of black and white, each (1, 3, 1, 1): an input is linear between them."""

    black: Tensor
    white: Tensor

    def to_input(self, picture: Tensor) -> Tensor:
        """Input of the network for pixels 0..1."""
        return self.black + (self.white - self.black) * picture

    def to_picture(self, pixels: Tensor) -> Tensor:
        """Pixels of an input, not clipped."""
        return (pixels - self.black) / (self.white - self.black)


class Parametrisation(Protocol):
    """A picture of which other numbers than its pixels are changed."""

    values: Tensor

    def picture(self) -> Tensor:
        """The picture (1, 3, h, w), 0..1."""
        ...


class Pixels:
    """The input itself, by multiples of the deviation that ImageNet's inputs have."""

    def __init__(self, start: Tensor, levels: Levels) -> None:
        self._levels = levels
        self.values = levels.to_input(start).detach().clone().requires_grad_()

    def picture(self) -> Tensor:
        return self._levels.to_picture(self.values)


class FourierPicture:
    """Fourier coefficients, scaled so that each frequency has the share that it has in natural pictures."""

    def __init__(self, start: Tensor, colours: bool = True) -> None:
        height, width = start.shape[2:]
        self._size = (height, width)
        y = torch.fft.fftfreq(height, device=start.device)[:, None]
        x = torch.fft.rfftfreq(width, device=start.device)[None]
        self._scale = 1 / torch.hypot(y, x).clamp(min=1 / max(height, width)) * (height * width) ** 0.5 / 4
        mixing = torch.tensor(COLOURS, device=start.device)
        self._mixing = mixing / mixing.norm(dim=0).max()
        logits = torch.logit(start.clamp(LEAST, MOST))
        unmixed = torch.einsum("cd,ndhw->nchw", torch.linalg.inv(self._mixing), logits)
        coefficients = torch.fft.rfft2(unmixed) / self._scale
        self.values = torch.view_as_real(coefficients).detach().clone().requires_grad_()

    def picture(self) -> Tensor:
        spectrum = torch.view_as_complex(self.values) * self._scale
        unmixed = torch.fft.irfft2(spectrum, s=self._size)
        return torch.einsum("cd,ndhw->nchw", self._mixing, unmixed).sigmoid()


def ascend(
    objective: Callable[[Tensor], Tensor], start: Tensor, levels: Levels, options: AscentOptions, progress: Progress
) -> Iterator[Tensor]:
    """Raise `objective`, a function of the input (1, 3, h, w), from the picture `start` (1, 3, h, w), 0..1.

    Yields the picture behind each step, 0..1 and clipped; the same for the same seed.
    """
    generator = torch.Generator().manual_seed(options.seed)
    with torch.enable_grad():
        noisy = start + FIRST_DEVIATION * torch.randn(start.shape, generator=generator).to(start.device)
        parameters: Parametrisation = FourierPicture(noisy) if options.fourier else Pixels(noisy, levels)
        optimiser = torch.optim.Adam([parameters.values], RATE[options.fourier])
    for step in range(options.steps):
        progress(step / options.steps, f"step {step + 1} of {options.steps}")
        with torch.enable_grad():
            picture = parameters.picture()
            seen = _disturbed(picture, options, 1 - step / options.steps, generator)
            pixels = levels.to_input(seen)
            gain = objective(pixels) - options.penalty * (pixels**2).mean()
            (parameters.values.grad,) = torch.autograd.grad(-gain, [parameters.values])
            optimiser.step()
        with torch.no_grad():
            yield parameters.picture().clamp(0, 1)


def _disturbed(picture: Tensor, options: AscentOptions, left: float, generator: torch.Generator) -> Tensor:
    """The picture as the network sees it at one step, of which the share `left` is to come."""
    if options.zoom:
        factor = 1 + options.zoom * (2 * float(torch.rand((), generator=generator)) - 1)
        picture = _zoomed(picture, factor)
    if options.jitter:
        shifts = torch.randint(-options.jitter, options.jitter + 1, (2,), generator=generator).tolist()
        picture = picture.roll(shifts, (2, 3))
    deviation = options.blur * max(0.5, left)
    if deviation > 0.1:
        picture = _blurred(picture, deviation)
    if options.noise:
        picture = picture + options.noise * torch.randn(picture.shape, generator=generator).to(picture.device)
    return picture


def _zoomed(picture: Tensor, factor: float) -> Tensor:
    """The picture around its centre by `factor`; beyond its edges it is mirrored."""
    theta = torch.tensor([[[1 / factor, 0, 0], [0, 1 / factor, 0]]], device=picture.device)
    grid = functional.affine_grid(theta, list(picture.shape), align_corners=False)
    return functional.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)


def _blurred(picture: Tensor, deviation: float) -> Tensor:
    radius = max(1, round(3 * deviation))
    places = torch.arange(-radius, radius + 1, device=picture.device, dtype=picture.dtype)
    weights = torch.exp(-((places / deviation) ** 2) / 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    padded = functional.pad(picture, (radius,) * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(padded, weights, groups=3), weights.transpose(2, 3), groups=3)
