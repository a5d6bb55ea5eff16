from __future__ import annotations

import numpy as np
import pytest

from cvstudio.data.depth.iris import Iris, iris_kernel


@pytest.mark.parametrize("blades", [0, 3, 5, 6, 9])
@pytest.mark.parametrize("radius", [0.7, 2.0, 4.3, 9.5])
def test_a_point_becomes_a_shape_of_the_area_of_the_disc(blades, radius):
    kernel = iris_kernel(Iris(blades), radius)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    # The light of an evenly bright shape in its middle is the inverse of its area.
    if radius > 2:
        middle = kernel.shape[0] // 2
        assert 1 / kernel[middle, middle] == pytest.approx(np.pi * radius**2, rel=0.01)


def test_the_disc_is_round_and_the_polygon_has_its_corners_where_it_is_turned():
    disc = iris_kernel(Iris(), 12.0)
    np.testing.assert_allclose(disc, disc.T, atol=1e-7)
    np.testing.assert_allclose(disc, disc[::-1], atol=1e-7)
    for turn in (0.0, 20.0, 71.0):
        kernel = iris_kernel(Iris(5, turn), 40.0)
        half = kernel.shape[0] // 2
        lit = np.argwhere(kernel > kernel.max() / 2) - half
        distance = np.hypot(*lit.T)
        corner = lit[distance > distance.max() - 1.0].astype(float)
        angles = np.degrees(np.arctan2(corner[:, 0], corner[:, 1])) % 72
        gap = np.abs((angles - turn + 36) % 72 - 36)
        assert gap.max() < 4


def test_before_the_focal_plane_it_stands_on_its_head():
    behind, before = iris_kernel(Iris(5, 10.0), 8.0), iris_kernel(Iris(5, 10.0), -8.0)
    np.testing.assert_allclose(before, behind[::-1, ::-1], atol=1e-4)
    assert np.abs(before - behind).max() > 1e-3


def test_a_soft_iris_is_brightest_in_its_middle_and_darkens_evenly():
    kernel = iris_kernel(Iris(softness=1.0), 20.0)
    row = kernel[kernel.shape[0] // 2]
    middle = row.size // 2
    np.testing.assert_allclose(row[middle:-1] / row[middle], 1 - np.arange(row.size - middle - 1) / 20, atol=0.03)
