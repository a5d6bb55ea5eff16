"""Leafing through sets: what passes, what stays, and what a project keeps of it."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.folders import MediaSet
from cvstudio.session.browsing import (
    find_set,
    with_browsed,
    with_opened,
    with_read_as,
    with_set,
    with_shown,
    without_set,
)
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State, add_media, replace_instance
from cvstudio.session.transitions import with_active, with_analysis


@pytest.fixture
def next_id():
    return itertools.count(1).__next__


def medium(name: str, kind: MediaKind = MediaKind.IMAGE, folder: str = "/set") -> Media:
    return Media(f"id-{name}-{kind}", Path(folder) / name, kind, rate_hz=8000 if kind is MediaKind.AUDIO else 0)


def test_a_thousand_files_leave_one_in_the_session(next_id):
    state = with_set(State(), MediaSet(Path("/set")))
    for number in range(1000):
        state = with_browsed(state, medium(f"{number}.jpg"), next_id)
        assert state.active_media.name == f"{number}.jpg"
    assert [media.name for media in state.media] == ["999.jpg"]
    assert len(state.instances) == 1
    assert state.instance.bindings["picture"].name == "999.jpg"


def test_files_that_were_opened_stay_while_others_pass(next_id):
    kept = medium("kept.jpg", folder="/elsewhere")
    state = with_active(with_opened(State(), (kept,)), kept, next_id)
    for number in range(3):
        state = with_browsed(state, medium(f"{number}.jpg"), next_id)
    assert [media.name for media in state.media] == ["kept.jpg", "2.jpg"]
    state = with_browsed(state, kept, next_id)  # the set holds it, too
    assert state.active == kept.id
    assert kept in state.media


def test_a_copy_of_the_same_file_takes_its_place(next_id):
    first = medium("1.jpg")
    copy = dataclasses.replace(first, path=Path("/set/2.jpg"))
    state = with_browsed(with_browsed(State(), first, next_id), copy, next_id)
    assert state.active_media.path == Path("/set/2.jpg")
    assert state.instance.bindings["picture"].path == Path("/set/2.jpg")
    assert len(state.media) == 1


def test_a_second_input_chosen_from_a_set_stays(next_id):
    picture, depth = medium("p.jpg"), medium("d.png", MediaKind.DEPTH)
    from cvstudio.analyses import ANALYSES

    state = with_analysis(with_browsed(State(), picture, next_id), ANALYSES["refocus"], next_id)
    state = with_browsed(state, depth, next_id)
    assert state.active == depth.id, "leafing shows each file, a depth map alone"
    bound = dataclasses.replace(state.instance, bindings={**state.instance.bindings, "depth": depth})
    state = replace_instance(state, bound)
    state = with_browsed(state, medium("q.jpg"), next_id)
    assert state.instance.bindings["depth"] == depth
    assert state.instance.bindings["picture"].name == "q.jpg"
    assert [media.name for media in state.media] == ["d.png", "q.jpg"]


def test_every_analysis_on_the_picture_goes_on_with_the_next(next_id):
    state = with_browsed(State(), medium("1.jpg"), next_id)
    detect = state.instance
    other = dataclasses.replace(detect, id=99)
    state = dataclasses.replace(state, instances=(detect, other))
    state = with_browsed(state, medium("2.jpg"), next_id)
    assert [item.bindings["picture"].name for item in state.instances] == ["2.jpg", "2.jpg"]
    state = with_browsed(state, medium("3.wav", MediaKind.AUDIO), next_id)
    assert all("picture" not in item.bindings for item in state.instances if item.id in (detect.id, 99))
    assert state.instance.analysis == "spectrogram"


def test_opening_what_is_only_looked_at_makes_it_stay(next_id):
    first = medium("1.jpg")
    state = with_opened(with_browsed(State(), first, next_id), (first,))
    assert state.media == (first,)
    state = with_browsed(state, medium("2.jpg"), next_id)
    assert [media.name for media in state.media] == ["1.jpg", "2.jpg"]


def test_closing_a_set_takes_its_file_along_and_nothing_else(next_id):
    one, two = MediaSet(Path("/set")), MediaSet(Path("/other"))
    kept = medium("kept.jpg", folder="/elsewhere")
    state = with_opened(with_set(with_set(State(), two), one), (kept,))
    state = with_browsed(state, medium("1.jpg"), next_id)
    closed = without_set(state, two, next_id)
    assert closed.active_media.name == "1.jpg"
    assert closed.current_set == one.path
    closed = without_set(state, one, next_id)
    assert closed.sets == (two,)
    assert closed.current_set is None
    assert closed.media == (kept,)
    assert closed.active == kept.id


def test_a_folder_is_open_once_however_it_is_listed():
    flat, deep = MediaSet(Path("/set")), MediaSet(Path("/set"), True)
    state = with_set(with_set(State(), flat), deep)
    assert state.sets == (deep,)
    assert find_set(state, Path("/set")) == deep
    assert find_set(state, None) is None


def test_a_project_keeps_sets_and_place(tmp_path, next_id):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        Pillow.fromarray(np.full((8, 8, 3), number, np.uint8)).save(folder / f"{number}.png")
    state = with_set(with_set(State(), MediaSet(folder, True)), MediaSet(tmp_path / "gone"))
    state = dataclasses.replace(state, current_set=folder)
    state = with_opened(state, (open_media(folder / "0.png"),))
    state = with_browsed(state, open_media(folder / "1.png"), next_id)
    save_project(tmp_path / "p.cvstudio", state)
    loaded, _ = load_project(tmp_path / "p.cvstudio")
    assert loaded == state
    moved = tmp_path.with_name(tmp_path.name + " moved")
    tmp_path.rename(moved)
    loaded, _ = load_project(moved / "p.cvstudio")
    moved.rename(tmp_path)
    assert loaded.current_set == moved / "pictures"
    assert loaded.active_media.path == moved / "pictures" / "1.png"


def test_a_project_of_before_has_no_sets(tmp_path):
    import json

    save_project(tmp_path / "p.cvstudio", State())
    saved = json.loads((tmp_path / "p.cvstudio").read_text(encoding="utf-8"))
    for name in ("sets", "current_set", "browsed"):
        del saved[name]
    (tmp_path / "p.cvstudio").write_text(json.dumps(saved), encoding="utf-8")
    assert load_project(tmp_path / "p.cvstudio")[0] == State()


def test_showing_a_kind_that_no_analysis_begins_with_shows_it_alone(next_id):
    depth = medium("d.png", MediaKind.DEPTH)
    state = with_shown(with_opened(State(), (depth,)), depth, next_id)
    assert state.active == depth.id
    assert state.instances == ()


def grey(path: Path) -> Path:
    values = np.tile(np.arange(64, dtype=np.uint16) * 40 + 500, (48, 1))
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return path


def test_a_file_read_as_something_else_stays_where_it_was(tmp_path: Path, next_id) -> None:
    depth = open_media(grey(tmp_path / "a.png"))
    assert depth.kind is MediaKind.DEPTH
    state = dataclasses.replace(with_shown(State(media=(depth,)), depth, next_id), browsed=depth.id)
    picture = open_media(depth.path, read_as="picture")
    state = with_read_as(state, depth, picture, next_id)
    assert state.media == (picture,)
    assert state.active == state.browsed == picture.id
    assert [item.canvas_media for item in state.instances] == [picture]
    # The analysis of a picture lets go of what is none.
    labels = open_media(depth.path, read_as="labels")
    state = with_read_as(state, picture, labels, next_id)
    assert [item.canvas_media for item in state.instances] == [labels]
    state = with_read_as(state, labels, depth, next_id)
    assert (state.media, state.active) == ((depth,), depth.id)
    assert [item.bindings for item in state.instances] == [{}]
    # What is open no more is left alone.
    assert with_read_as(state, labels, picture, next_id) is state
    # A file that is open twice is open once where both become the same.
    both = dataclasses.replace(state, media=(depth, picture))
    assert with_read_as(both, picture, depth, next_id).media == (depth,)


def test_a_picture_read_as_a_depth_map_goes_into_the_slot_for_it(tmp_path: Path, next_id) -> None:
    from cvstudio.analyses import ANALYSES

    photo = medium("p.jpg")
    picture = open_media(grey(tmp_path / "a.png"), read_as="picture")
    state = with_analysis(with_active(State(), photo, next_id), ANALYSES["refocus"], next_id)
    state = with_active(with_opened(state, (picture,)), picture, next_id)
    assert state.instance.bindings == {"picture": picture}
    depth = open_media(picture.path, read_as="depth")
    state = with_read_as(state, picture, depth, next_id)
    assert (state.instance.analysis, state.instance.bindings) == ("refocus", {"depth": depth})
    # The picture to it is the next one that is looked at.
    state = with_shown(state, photo, next_id)
    assert state.instance.bindings == {"picture": photo, "depth": depth}
    assert state.active == photo.id
    # A slot that is taken stays as it is.
    other = dataclasses.replace(depth, id="other")
    taken = replace_instance(state, dataclasses.replace(state.instance, bindings={"picture": picture, "depth": other}))
    taken = with_read_as(dataclasses.replace(taken, media=(picture, other)), picture, depth, next_id)
    assert next(item for item in taken.instances if item.analysis == "refocus").bindings == {"depth": other}


def test_a_file_that_is_opened_again_stays_as_it_is_read(tmp_path: Path, next_id) -> None:
    depth = open_media(grey(tmp_path / "a.png"))
    labels = open_media(depth.path, read_as="labels")
    state = with_opened(State(media=(labels,)), (depth,))
    assert state.media == (labels,)
    assert with_active(state, depth, next_id).active == labels.id
    assert add_media(state, depth) is state
    # Another kind that is asked for, as for a second input, is another medium.
    picture = open_media(depth.path, read_as="picture")
    assert add_media(State(media=(depth,)), picture).media == (depth, picture)
