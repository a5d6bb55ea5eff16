"""A scene of things in space: its names, its extent, its table, and the points that are seen in a picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvstudio.results.scene3d import LinkedPixels, Object3D, Scene3D
from tests.example_results import scene3d


def test_names_are_unique_and_a_link_names_one() -> None:
    scene = scene3d()
    assert scene["cloud"].kind == "point cloud"
    with pytest.raises(KeyError):
        scene["nobody"]
    with pytest.raises(ValueError, match="names of the objects' own"):
        dataclasses.replace(scene, objects=scene.objects[:1] * 2, linked=None)
    with pytest.raises(ValueError, match="expected a link"):
        dataclasses.replace(scene, linked=LinkedPixels("nobody", np.zeros((1, 2), np.float32)))


def test_single_precision_about_the_origin_keeps_millimetres() -> None:
    scene = dataclasses.replace(scene3d(), objects=scene3d().objects[:5])
    cloud = scene["cloud"].geometry
    local = (cloud.points - scene.origin).astype(np.float32)
    assert np.abs(local + scene.origin - cloud.points).max() < 1e-6
    # What the origin is for: without it they are lost.
    assert np.abs(cloud.points.astype(np.float32) - cloud.points).max() > 1e-2


def test_the_table_tells_what_each_object_is() -> None:
    table = scene3d().table()
    rows = {row["name"]: row for row in table.json_rows()}
    assert rows["=surface"]["watertight"] == 1
    assert rows["=surface"]["volume"] == pytest.approx(1 / 6)
    assert rows["=surface"]["area"] == pytest.approx(1.5 + np.sqrt(3) / 2)
    assert (rows["voxels"]["points"], rows["voxels"]["volume"]) == (3, pytest.approx(3 / 64))
    assert rows["nothing"]["size_x"] is None
    assert rows["field"]["size_z"] == pytest.approx(1.5)
    assert [column.title for column in table.columns if column.key == "size_x"] == ["Size x"]


def test_a_place_in_the_picture_finds_its_point() -> None:
    linked = scene3d().linked
    assert linked is not None
    assert linked.nearest(78, 61) == 2
    assert linked.nearest(50, 45) is None
    assert LinkedPixels("a", np.zeros((0, 2), np.float32)).nearest(0, 0) is None


def test_nothing_has_no_extent() -> None:
    assert Scene3D(()).bounds.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert Scene3D(()).headline() == "0 objects"
    assert np.isnan(Object3D("a", scene3d()["nothing"].geometry).bounds).all()
