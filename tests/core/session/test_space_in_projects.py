"""What is set in the 3D view comes back with its project, and is refused where it makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cvstudio.foundation.errors import UserError
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State


def test_look_and_visibility_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.cvstudio"
    state = State(
        spatial_look={"style": "flat", "cut": "x", "cut_at": 0.25}, in_space={"file a": True, "layer 1/b": False}
    )
    save_project(path, state)
    loaded, _ = load_project(path)
    assert loaded.spatial_look == state.spatial_look
    assert loaded.in_space == state.in_space
    # Projects without anything in space are as they were.
    save_project(path, State())
    assert not {"spatial_look", "in_space"} & json.loads(path.read_text()).keys()


def test_a_look_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.cvstudio"
    save_project(path, State(spatial_look={"style": "flat"}))
    path.write_text(path.read_text().replace('"flat"', '"furry"'))
    with pytest.raises(UserError, match="furry"):
        load_project(path)
