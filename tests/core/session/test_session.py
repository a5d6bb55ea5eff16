from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.foundation.errors import BindingError, ProjectError, UserError
from cvstudio.foundation.params import fields_of
from cvstudio.media import open_media
from cvstudio.running.recipe import load_recipe, make_recipe
from cvstudio.session.project import MissingMediaError, load_project, load_rest, save_project
from cvstudio.session.session import Session, State, activate, differ_in_values, replace_instance
from cvstudio.session.transitions import with_active


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "사진 한 장.png"
    Pillow.fromarray(np.full((32, 48, 3), 90, np.uint8)).save(path)
    return path


@pytest.fixture
def state(picture: Path) -> State:
    media = open_media(picture)
    instance = AnalysisInstance(1, "detect", {"picture": media}, "hog", values={"score": 0.5, "classes": ("person",)})
    return State((media,), media.id, (instance,), 1, {"line_width": 3})


def test_a_value_is_known_where_there_is_no_model_yet():
    instance = AnalysisInstance(1, "segment")
    assert instance.lacks_model
    with pytest.raises(BindingError):
        instance.params()
    name = fields_of(instance.spec.params_types(None)[-1])[0].name
    assert instance.value(name) == getattr(instance.spec.params_types(None)[-1](), name)


def test_a_tick_of_a_slider_is_told_from_every_other_change(state):
    instance = state.instance
    assert instance is not None
    tick = replace_instance(state, dataclasses.replace(instance, values={**instance.values, "score": 0.6}))
    assert differ_in_values(state, tick)
    assert differ_in_values(tick, state)
    assert not differ_in_values(state, state)
    other = dataclasses.replace(instance, id=2)
    for changed in (
        replace_instance(tick, dataclasses.replace(tick.instance, model="pyramid-5")),
        replace_instance(tick, dataclasses.replace(tick.instance, visible=False)),
        dataclasses.replace(tick, selection=frozenset({3})),
        dataclasses.replace(tick, look={}),
        dataclasses.replace(tick, instances=(*tick.instances, other)),
        dataclasses.replace(tick, current=0),
        State(),
    ):
        assert not differ_in_values(state, changed)
        assert not differ_in_values(changed, state)


def test_undo_and_redo_walk_the_states(state):
    session = Session()
    empty = session.state
    session.change("open", state)
    session.change("hide", dataclasses.replace(state, look={}))
    assert session.undo() == "hide"
    assert session.state == state
    assert session.undo() == "open"
    assert session.state == empty
    assert session.undo() is None
    assert session.redo() == "open"
    assert session.redo() == "hide"
    assert session.redo() is None


def test_a_drag_is_one_step(state):
    session = Session()
    session.change("open", state)
    for score in range(10):
        instance = dataclasses.replace(state.instances[0], values={"score": score / 10})
        session.change("score", replace_instance(state, instance), merge="1.score")
    session.end_merge()
    session.change(
        "score", replace_instance(state, dataclasses.replace(state.instances[0], values={})), merge="1.score"
    )
    assert session.undo() == "score"
    assert session.state.instances[0].values == {"score": 0.9}
    assert session.undo() == "score"
    assert session.state == state


def test_selecting_is_not_undone(state):
    session = Session()
    session.change("open", state)
    session.change("select", dataclasses.replace(state, selection=frozenset({3})), undoable=False)
    assert session.undo() == "open"


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["change", "undo", "redo"]), max_size=40))
def test_undo_then_redo_is_where_one_was(steps):
    session = Session()
    for number, step in enumerate(steps):
        if step == "change":
            session.change(str(number), dataclasses.replace(session.state, look={"n": number}))
        elif step == "undo":
            session.undo()
        else:
            session.redo()
        before = session.state
        if session.undo() is not None:
            session.redo()
        assert session.state == before


def test_a_depth_map_that_is_opened_over_a_picture_goes_with_it(state, tmp_path):
    path = tmp_path / "depth.png"
    Pillow.fromarray(np.tile(np.arange(500, 700, 5, dtype=np.uint16), (40, 1))).save(path)
    depth, picture = open_media(path), state.active_media
    numbers = iter(range(9, 20))
    state = with_active(state, depth, lambda: next(numbers))
    assert state.instance.analysis == "refocus"
    assert dict(state.instance.bindings) == {"depth": depth, "picture": picture}
    assert state.active_media == picture
    other = tmp_path / "other.png"
    Pillow.new("RGB", (40, 40)).save(other)
    state = with_active(state, open_media(other), lambda: next(numbers))
    assert state.instance.bindings["picture"] == open_media(other)


def test_activating_puts_the_medium_into_the_slot_that_takes_it(state, tmp_path):
    path = tmp_path / "b.png"
    Pillow.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    other = open_media(path)
    new = activate(state, other)
    assert new.active == other.id
    assert new.instances[0].bindings["picture"] == other


def test_a_project_reopens_equal(state, tmp_path):
    path = tmp_path / "프로젝트.cvstudio"
    save_project(path, state, position_secs=1.25)
    assert load_project(path) == (state, 1.25)


def test_an_analysis_that_waits_for_a_network_keeps_no_project_from_being_saved(state, tmp_path):
    """No network for key points comes with the program: the analysis is open, and its sliders are set, without one."""
    waiting = AnalysisInstance(2, "keypoints", {"picture": state.media[0]}, values={"certainty": 0.6})
    both = dataclasses.replace(state, instances=(*state.instances, waiting), current=2)
    save_project(tmp_path / "p.cvstudio", both)
    assert load_project(tmp_path / "p.cvstudio") == (both, 0.0)
    with pytest.raises(UserError, match="needs a network"):
        waiting.params()


@pytest.mark.parametrize("look", [{"line_width": "thick"}, {"colour": 3}, {"opacity": 7}])
def test_a_look_that_cannot_be_drawn_is_told_before_it_is_drawn(state, tmp_path, look):
    save_project(tmp_path / "p.cvstudio", dataclasses.replace(state, look=look))
    with pytest.raises(UserError, match=r"parameter 'colour'|expects"):
        load_project(tmp_path / "p.cvstudio")
    path = tmp_path / "r.recipe.json"
    path.write_text(json.dumps(make_recipe(state.instances[0], tmp_path, pts=None, look=look)), encoding="utf-8")
    with pytest.raises(UserError, match=r"parameter 'colour'|expects"):
        load_recipe(path)


def test_a_number_beyond_all_bounds_is_one_sentence(state, tmp_path):
    path = tmp_path / "p.cvstudio"
    save_project(path, state)
    path.write_text(path.read_text(encoding="utf-8").replace('"score": 0.5', f'"score": {10**400}'), encoding="utf-8")
    with pytest.raises(UserError, match="Minimum confidence expects"):
        load_project(path)


def test_a_project_moved_with_its_files_reopens(state, tmp_path, picture):
    save_project(tmp_path / "p.cvstudio", state)
    target = tmp_path / "moved"
    target.mkdir()
    for name in (picture.name, "p.cvstudio"):
        (tmp_path / name).rename(target / name)
    found, _ = load_project(target / "p.cvstudio")
    assert found.media[0].path == target / picture.name
    assert found.instances[0].values == state.instances[0].values


def test_a_missing_file_is_named_and_can_be_relocated(state, tmp_path, picture):
    save_project(tmp_path / "p.cvstudio", state)
    new = tmp_path / "elsewhere.png"
    picture.rename(new)
    with pytest.raises(MissingMediaError, match="사진") as caught:
        load_project(tmp_path / "p.cvstudio")
    found, _ = load_project(tmp_path / "p.cvstudio", moved=dict.fromkeys(caught.value.paths, new))
    assert found.media[0].path == new
    assert found.instances[0].bindings["picture"].path == new


@pytest.mark.parametrize("unreadable", [False, True])
def test_one_unusable_file_does_not_refuse_the_rest(state, tmp_path, picture, unreadable):
    path = tmp_path / "b.png"
    Pillow.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    other = open_media(path)
    analysis = dataclasses.replace(state.instances[0], id=2, bindings={"picture": other})
    both = dataclasses.replace(state, media=(*state.media, other), instances=(*state.instances, analysis), current=1)
    save_project(tmp_path / "p.cvstudio", both)
    if unreadable:
        picture.write_bytes(b"nonsense" * 20)
    else:
        picture.unlink()
    rest, _, left_out = load_rest(tmp_path / "p.cvstudio")
    assert rest.media == (other,)
    assert rest.instances == (analysis,)
    assert (rest.active, rest.current) == (other.id, 2)
    assert left_out.paths == (str(picture),)
    assert len(left_out.layers) == 1
    path.unlink()
    assert load_rest(tmp_path / "p.cvstudio")[0].media == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": "cvstudio-project", "version": 99}',
        '{"format": "cvstudio-project", "version": 1}',
    ],
)
def test_a_broken_project_is_one_sentence(tmp_path, text):
    path = tmp_path / "p.cvstudio"
    path.write_text(text)
    with pytest.raises(ProjectError) as caught:
        load_project(path)
    assert "p.cvstudio" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_saving_where_one_may_not_is_told(state, tmp_path):
    with pytest.raises(ProjectError, match="choose another folder"):
        save_project(tmp_path / "gone" / "p.cvstudio", state)


def test_a_recipe_gives_the_same_instance_with_every_value_written_out(state, tmp_path):
    instance = state.instances[0]
    recipe = make_recipe(instance, tmp_path, pts=None, look={"line_width": 3})
    path = tmp_path / "r.recipe.json"
    path.write_text(json.dumps(recipe), encoding="utf-8")
    found, pts, look = load_recipe(path)
    assert (found.params(), found.bindings, found.model) == (instance.params(), instance.bindings, "hog")
    assert (pts, look) == (None, {"line_width": 3})
    assert "iou" in recipe["values"]


def test_a_recipe_of_an_unknown_analysis_is_told(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"format": "cvstudio-recipe", "version": 1, "analysis": "detct"}))
    with pytest.raises(UserError, match="did you mean 'detect'"):
        load_recipe(path)
