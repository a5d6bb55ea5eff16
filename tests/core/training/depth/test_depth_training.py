"""What the depth network learns from, its losses, and how it is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cvstudio.training.depth import data as depth_data
from cvstudio.training.depth import orders, views
from cvstudio.training.depth.evaluation import MarkedPicture, depth_figures, marked_pictures, right_pairs
from cvstudio.training.depth.loss import gradient_error, ordinal, scale_invariant

RNG = np.random.default_rng(3)


def depths(n: int = 2) -> torch.Tensor:
    return torch.from_numpy(RNG.uniform(1, 9, (n, 24, 32)).astype(np.float32))


def test_the_scale_of_a_picture_costs_nothing() -> None:
    truth = depths()
    for factor in (1.0, 3.0, 0.1):
        assert float(scale_invariant(truth.log() + np.log(factor), truth)) == pytest.approx(0.01, abs=1e-3)
        assert float(gradient_error(truth.log() + np.log(factor), truth)) == pytest.approx(0, abs=1e-5)


def test_the_scale_invariant_error_is_the_deviation_of_the_logarithms() -> None:
    truth, found = depths(), depths().log()
    truth[0, :5] = 0
    errors = [(f - t.clamp(min=1e-9).log())[t > 0].numpy() for f, t in zip(found, truth, strict=True)]
    expected = np.mean([np.sqrt(error.astype(np.float64).var() + 1e-4) for error in errors])
    assert float(scale_invariant(found, truth)) == pytest.approx(expected, rel=1e-4)


def test_a_picture_without_depth_has_no_part_in_it() -> None:
    truth, found = depths(), depths().log()
    alone = float(scale_invariant(found[:1], truth[:1]))
    truth[1] = 0
    assert float(scale_invariant(found, truth)) == pytest.approx(alone, rel=1e-5)
    truth[0] = 0
    assert float(scale_invariant(found, truth)) == float(gradient_error(found, truth)) == 0


def test_a_pair_in_the_wrong_order_costs_more() -> None:
    log_depth = torch.zeros(1, 4, 4)
    log_depth[0, 0, 0], log_depth[0, 3, 3] = 0.0, 2.0
    right, wrong = torch.tensor([[[0, 0, 3, 3]]]), torch.tensor([[[3, 3, 0, 0]]])
    assert float(ordinal(log_depth, right)) < 1e-3
    assert float(ordinal(log_depth, wrong)) == pytest.approx(2.0, abs=0.01)
    assert float(ordinal(log_depth, torch.full((1, 5, 4), -1))) == 0


def test_a_view_and_its_plane_show_the_same_part() -> None:
    pixels = RNG.integers(0, 255, (192, 256, 3), np.uint8)
    for window in (views.whole(192, 256), views.Window(30, 20, 160, 120, True), views.Window(40, 0, 144, 192)):
        picture = views.picture_of(pixels, window)
        plane = views.plane_of(pixels[..., 0].astype(np.float32), window, missing=-1)
        assert picture.shape[:2] == (plane.shape[0] * views.STRIDE, plane.shape[1] * views.STRIDE)
        ramp = np.tile(np.arange(256, dtype=np.float32), (192, 1))
        columns = views.plane_of(ramp, window, missing=-1)
        shown = columns[0][columns[0] >= 0]
        first, last = (
            (window.left + window.width - 1, window.left)
            if window.mirrored
            else (
                window.left,
                window.left + window.width - 1,
            )
        )
        assert abs(shown[0] - first) <= 2
        assert abs(shown[-1] - last) <= 2


def test_purposes_share_no_room(tmp_path: Path) -> None:
    (tmp_path / "nyu_depth" / "rgb").mkdir(parents=True)
    for number in range(1449):
        (tmp_path / "nyu_depth" / "rgb" / f"{number:05}.jpg").touch()
    parts = {name: depth_data.nyu_numbers(tmp_path, name) for name in ("training", "validation", "test")}
    assert {len(parts["validation"]), len(parts["test"])} == {90, 180}
    for name, others in (("training", ("validation", "test")), ("validation", ("test",))):
        for other in others:
            apart = np.abs(np.subtract.outer(parts[name], parts[other])).min()
            assert apart > (depth_data.MARGIN if name == "training" else 1)


def test_pairs_of_a_street_are_true_of_it() -> None:
    classes = np.full((80, 104), 1, np.uint8)
    classes[:20], classes[50:] = orders.SKY, orders.ROAD
    pairs = orders.street_pairs(np.random.default_rng(0), classes)
    assert len(pairs) > 100
    near, far = classes[pairs[:, 0], pairs[:, 1]], classes[pairs[:, 2], pairs[:, 3]]
    assert not (near == orders.SKY).any()
    ground = (near == orders.ROAD) & (far == orders.ROAD)
    assert ground.any()
    assert (pairs[ground, 0] > pairs[ground, 2]).all()
    assert ((far == orders.SKY) | (near == orders.ROAD)).all()


def test_the_marked_pairs_are_many_and_within_their_pictures(data) -> None:
    pictures = marked_pictures()
    assert sum(len(picture.pairs) for picture in pictures) >= 200
    assert {picture.indoors for picture in pictures} == {True, False}
    for picture in pictures:
        assert data(*picture.name.split("/")).is_file()
        assert all(0 < value < 1 for pair in picture.pairs for value in pair)


def test_a_pair_is_right_where_the_nearer_place_is_nearer() -> None:
    nearness = np.tile(np.linspace(0, 1, 20, dtype=np.float32)[:, None], (1, 30))
    picture = MarkedPicture("a.jpg", True, ((0.5, 0.9, 0.5, 0.1), (0.5, 0.1, 0.5, 0.9)))
    assert right_pairs(nearness, picture) == [True, False]


def test_figures_do_not_depend_on_the_scale() -> None:
    truth = RNG.uniform(1, 4, (48, 64)).astype(np.float32)
    error, within = depth_figures((7 / truth).astype(np.float32), truth)
    assert error == pytest.approx(0, abs=1e-5)
    assert within == 1
    worse = 1 / (truth * np.where(np.arange(64) % 2, 1.0, 1.5))
    error, within = depth_figures(worse.astype(np.float32), truth)
    assert error > 0.1
    assert within < 0.8
