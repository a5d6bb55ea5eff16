"""Depth over time: what stays is averaged, what moves is followed."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.depth.steady import SteadyDepth, coarse_logarithms

SHAPE = (30, 40)


def frames(count: int, noise: float, *, scale: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    still = np.tile(np.linspace(0, 1, SHAPE[1]), (SHAPE[0], 1))
    return [(still + rng.normal(0, noise, SHAPE) + scale * rng.normal()).astype(np.float32) for _ in range(count)]


def followed(values: list[np.ndarray], secs: float = 0.5, rate: float = 25) -> list[np.ndarray]:
    steady = SteadyDepth(secs)
    return [frame + steady.step(frame, number / rate) for number, frame in enumerate(values)]


def flicker(values: list[np.ndarray]) -> float:
    """Mean change of the logarithms from frame to frame."""
    return float(np.mean([np.abs(one - other).mean() for one, other in zip(values[10:], values[9:], strict=False)]))


def test_noise_and_the_scale_of_each_frame_are_smoothed() -> None:
    noisy = frames(40, 0.02, scale=0.2)
    assert flicker(followed(noisy)) < 0.15 * flicker(noisy)
    # The mean stays where the still scene is.
    still = frames(1, 0.0)[0]
    last = followed(noisy)[-1]
    assert np.abs((last - last.mean()) - (still - still.mean())).mean() < 0.01


def test_something_that_moves_is_not_left_behind() -> None:
    values = frames(20, 0.0)
    for frame in values[10:]:
        frame[5:15, 5:15] += 0.8
    steady = followed(values)
    np.testing.assert_allclose(steady[10][7:13, 7:13], values[10][7:13, 7:13], atol=0.02)


def test_another_scene_begins_anew() -> None:
    rng = np.random.default_rng(1)
    values = [*frames(5, 0.0), rng.normal(0, 2, SHAPE).astype(np.float32)]
    np.testing.assert_allclose(followed(values)[-1], values[-1], atol=1e-6)


def test_depths_are_compared_on_a_coarse_grid() -> None:
    values = np.full((1080, 1920), 2.0, np.float32)
    coarse = coarse_logarithms(values)
    assert max(coarse.shape) == 104
    assert coarse == pytest.approx(np.log(2.0))
