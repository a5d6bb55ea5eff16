"""What is set in the 3D view comes back with its project, and is refused where it makes no sense."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.foundation.errors import UserError
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State


def test_look_and_visibility_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.cvstudio"
    state = State(
        spatial_look={"style": "flat", "cut": "x", "cut_at": 0.25}, in_space={"file a": True, "layer 1/b": False}
    )
    camera = OrbitCamera(np.array([1.0, 2, 3]), 4.5, up="z").looking("right")
    state = dataclasses.replace(
        state, names_in_space={"file a": "Table"}, eye={"scene": "of this file", **camera.to_json()}
    )
    save_project(path, state)
    loaded, _ = load_project(path)
    assert loaded.names_in_space == {"file a": "Table"}
    assert loaded.eye == state.eye
    again = OrbitCamera.from_json(loaded.eye)
    assert again is not None
    np.testing.assert_array_equal(again.eye, camera.eye)
    assert again.up == "z"
    assert loaded.spatial_look == state.spatial_look
    assert loaded.in_space == state.in_space
    # Projects without anything in space are as they were.
    save_project(path, State())
    assert not {"spatial_look", "in_space", "names_in_space", "eye"} & json.loads(path.read_text()).keys()


@pytest.mark.parametrize("damage", [{"distance": -1}, {"rotation": [[1, 0], [0, 1]]}, {"up": "x"}, {"target": "a"}])
def test_an_eye_that_is_none_is_left_out(tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "a.cvstudio"
    save_project(path, State(eye={"scene": "", **OrbitCamera().to_json()}))
    saved = json.loads(path.read_text())
    saved["eye"] |= damage
    path.write_text(json.dumps(saved))
    assert load_project(path)[0].eye == {}


def test_a_look_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cvstudio"
    save_project(path, State(spatial_look={"style": "flat"}))
    path.write_text(path.read_text().replace('"flat"', '"furry"'))
    with pytest.raises(UserError, match="furry"):
        load_project(path)
