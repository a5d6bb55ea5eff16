"""An implicit function for a mesh: a small network that is fitted to its signed distances.

The idea is that of Park et al., "DeepSDF", 2019, for a single shape. The network is a multilayer perceptron on Fourier
features of the place (Tancik et al., 2020). It is trained on points near the surface and in the whole box, with
distances that are cut off as DeepSDF's are, and looked at on a grid again and again while it learns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.checks import usable_mesh
from cvstudio.conversion.open3d_geometry import middle
from cvstudio.conversion.sampling import uniform_points
from cvstudio.conversion.solids import Interior, SurfaceDistance
from cvstudio.data.samples import TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    import torch

MARGIN = 0.15
"""Room around the object, as a share of its longest side."""
TRUNCATION = 0.1
"""Distances are cut off at this share of the object's longest side, as farther ones tell nothing of its shape."""
_WIDTH, _LAYERS = 96, 3
_BANDS = 5
"""Octaves of the Fourier features."""
_BATCH = 4096
_NEAR_POINTS, _FAR_POINTS = 60_000, 20_000
_NEAR_SPREADS = (0.01, 0.04)
"""Standard deviations of the points near the surface, as shares of the longest side."""
_RATE = 4e-3
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class ImplicitFit:
    """What a network has learnt so far.

    Parameters
    ----------
    field : its signed distances on a grid, in the unit of the coordinates, cut off at `TRUNCATION` of the longest side
    step, steps : training steps done, and of the whole training
    error : mean absolute error of the distances it was trained on lately, in the unit of the coordinates
    closed : whether the mesh is closed; the inside of an open one is a guess
    """

    field: DistanceField
    step: int
    steps: int
    error: float
    closed: bool

    @property
    def complete(self) -> bool:
        """Whether the training is over."""
        return self.step >= self.steps


def distance_field(mesh: TriangleMesh, resolution: int, progress: Progress | None = None) -> DistanceField:
    """The signed distances of a mesh on a grid, cut off at `TRUNCATION` of its longest side; exact near its surface.

    Parameters
    ----------
    mesh : with an area
    resolution : nodes along the longest side of the box
    """
    mesh = usable_mesh(mesh, "A distance field")
    frame = _Frame(mesh, resolution)
    values = _signed_distances(mesh, frame.nodes * frame.side + frame.centre, progress)[0]
    return frame.field(values / frame.side)


def fitted(
    mesh: TriangleMesh, steps: int, resolution: int, progress: Progress, *, looks: int = 12, seed: int = 0
) -> Iterator[ImplicitFit]:
    """Fit a network to a mesh, and yield what it has learnt `looks` times, the last time at the end.

    Parameters
    ----------
    mesh : with an area; of an open one the majority of many rays tells what is inside
    steps : training steps
    resolution : nodes of the grid along its longest side
    progress : asked at every step

    Raises
    ------
    GeometryError
        There is no triangle with an area.
    Cancelled
    """
    import torch

    mesh = usable_mesh(mesh, "An implicit function")
    frame = _Frame(mesh, resolution)
    progress(None, "distances")
    places, targets, closed = _training_set(mesh, frame, seed, progress)
    generator = torch.Generator().manual_seed(seed)
    layers = _layers(generator)
    optimiser = torch.optim.Adam([tensor for layer in layers for tensor in layer], _RATE)
    inputs, distances = torch.from_numpy(places), torch.from_numpy(targets)
    nodes = torch.from_numpy(frame.nodes.astype(np.float32))
    shown = {round(steps * (look / looks) ** 1.5) for look in range(1, looks + 1)} - {0}
    error = 0.0
    for step in range(1, steps + 1):
        progress(step / steps, "fitting")
        for group in optimiser.param_groups:
            group["lr"] = _RATE * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        rows = torch.randint(len(inputs), (_BATCH,), generator=generator)
        # Outside of `enable_grad` a caller that only infers would get no gradients.
        with torch.enable_grad():
            loss = (_predicted(layers, inputs[rows]) - distances[rows]).abs().mean()
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        error = loss.item() if step == 1 else 0.9 * error + 0.1 * loss.item()
        if step in shown:
            with torch.no_grad():
                parts = [_predicted(layers, part) for part in torch.split(nodes, _BLOCK)]
            values = torch.cat(parts).numpy().astype(np.float64)
            yield ImplicitFit(frame.field(values), step, steps, error * frame.side, closed)


class _Frame:
    """The box around a mesh, in which its longest side is 1, and its grid.

    Attributes
    ----------
    nodes : float64 (n, 3), of the grid, relative to `centre`, in longest sides
    """

    def __init__(self, mesh: TriangleMesh, resolution: int) -> None:
        sides = np.ptp(mesh.vertices, axis=0)
        self.centre = middle(mesh.vertices)
        self.side = float(sides.max())
        self._step = (1 + 2 * MARGIN) / (resolution - 1)
        self._shape = tuple((np.ceil((sides / self.side + 2 * MARGIN) / self._step).astype(int) + 1).tolist())
        self._first = -(np.array(self._shape) - 1) / 2 * self._step
        self.nodes = np.moveaxis(np.indices(self._shape), 0, -1).reshape(-1, 3) * self._step + self._first

    def field(self, values: NDArray[np.float64]) -> DistanceField:
        """The values at the nodes, in longest sides, as a field in the unit of the coordinates."""
        grid = np.clip(values, -TRUNCATION, TRUNCATION).reshape(self._shape) * self.side
        return DistanceField(grid.astype(np.float32), self.centre + self._first * self.side, self._step * self.side)


def _signed_distances(
    mesh: TriangleMesh, points: NDArray[np.float64], progress: Progress | None
) -> tuple[NDArray[np.float64], bool]:
    """Signed distances, cut off, and whether the mesh is closed."""
    interior = Interior(mesh, middle(mesh.vertices))
    most = TRUNCATION * float(np.ptp(mesh.vertices, axis=0).max())
    distances = SurfaceDistance(mesh, most)(points, progress)
    return np.where(interior.holds(points, progress), -distances, distances), interior.closed


def _training_set(
    mesh: TriangleMesh, frame: _Frame, seed: int, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float32], bool]:
    """Places (n, 3) relative to the middle and their distances (n,), both in longest sides."""
    random = np.random.default_rng(seed)
    surface = uniform_points(mesh, _NEAR_POINTS, seed).points
    spreads = np.repeat(_NEAR_SPREADS, len(surface) // len(_NEAR_SPREADS))[:, None] * frame.side
    near = surface + random.normal(size=surface.shape) * spreads
    half = np.abs(frame.nodes[0]) * frame.side
    far = frame.centre + random.uniform(-half, half, (_FAR_POINTS, 3))
    points = np.concatenate([near, far])
    distances, closed = _signed_distances(mesh, points, progress)
    places = (points - frame.centre) / frame.side
    return places.astype(np.float32), (distances / frame.side).astype(np.float32), closed


def _layers(generator: torch.Generator) -> list[tuple[Any, Any]]:
    """Weights and biases of the perceptron, as PyTorch begins them, but from a generator of their own."""
    import torch

    widths = [3 + 6 * _BANDS, *[_WIDTH] * _LAYERS, 1]
    layers = []
    for before, after in itertools.pairwise(widths):
        reach = math.sqrt(6 / before) if after > 1 else 1e-2
        weight = (torch.rand(before, after, generator=generator) * 2 - 1) * reach
        layers.append((weight.requires_grad_(), torch.zeros(after).requires_grad_()))
    return layers


def _predicted(layers: list[tuple[Any, Any]], places: torch.Tensor) -> Any:
    """Distances (n,) of places (n, 3), cut off smoothly."""
    import torch

    angles = [places * (math.pi * 2**band) for band in range(_BANDS)]
    # Higher octaves are weaker, as they begin with noise.
    waves = [wave(angle) / 2**band for band, angle in enumerate(angles) for wave in (torch.sin, torch.cos)]
    values = torch.cat([places, *waves], dim=1)
    for number, (weight, bias) in enumerate(layers):
        values = torch.addmm(bias, values, weight)
        if number < len(layers) - 1:
            values = torch.relu(values)
    return TRUNCATION * torch.tanh(values[:, 0] / TRUNCATION)
