"""Adjustments of single files, in place of those of all: what analysis, project, batch and recipe make of them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from cvstudio.analyses.request import make_request
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Size
from cvstudio.exporters import EXPORTERS, export, recipe_path
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State, with_adjusted, with_shared_adjustments


@pytest.fixture(autouse=True)
def analysis(patch_finder: ModuleType) -> ModuleType:
    return patch_finder


@pytest.fixture
def picture(patch_picture: Path) -> Path:
    return patch_picture


def pictures_of(picture: Path, count: int) -> list[Path]:
    """Copies of `picture` in a folder of their own."""
    folder = picture.parent / "set"
    folder.mkdir()
    paths = [folder / f"{name}.png" for name in "abcdef"[:count]]
    for path in paths:
        path.write_bytes(picture.read_bytes())
        # Equal content of one second would be one medium.
        os.utime(path, (1_000_000_000 + paths.index(path),) * 2)
    return paths


def test_a_file_has_adjustments_of_its_own_in_place_of_those_of_all(picture: Path) -> None:
    first, second, third = pictures_of(picture, 3)
    own = {"picture": {second: Adjustments(flip="h"), third: Adjustments()}}
    instance = make_instance(
        "find-patch", {"picture": first}, adjustments={"picture": Adjustments(rotate=90)}, file_adjustments=own
    )
    assert instance.adjustments_of("picture") == Adjustments(rotate=90)
    on = {path: instance.on(open_media(path)) for path in (second, third)}
    assert on[second].adjustments_of("picture") == Adjustments(flip="h")
    assert on[third].adjustments_of("picture") is None
    told = [make_request(item, pts=None).adjustments for item in (instance, *on.values())]
    assert told == [(("picture", Adjustments(rotate=90)),), (("picture", Adjustments(flip="h")),), ()]
    # Back to those of all, for one and for every file.
    assert on[second].without_file_adjustments("picture", second).adjustments_of("picture") == Adjustments(rotate=90)
    assert instance.without_file_adjustments("picture").file_adjustments == {}
    with pytest.raises(BindingError, match="no input"):
        instance.with_adjustments("sound", Adjustments(), file=first)


def test_own_adjustments_are_set_shared_undone_and_kept_where_the_folder_moves(picture: Path, tmp_path: Path) -> None:
    first, second = pictures_of(picture, 2)
    instance = dataclasses.replace(make_instance("find-patch", {"picture": first}), id=1)
    media = (open_media(first), open_media(second))
    state = State(media=media, active=media[0].id, instances=(instance,), current=1)
    state = with_adjusted(state, 1, "picture", Adjustments(rotate=90))
    alone = with_adjusted(state, 1, "picture", Adjustments(flip="v"), alone=True)
    assert alone.instances[0].adjustments == {"picture": Adjustments(rotate=90)}
    assert alone.instances[0].file_adjustments == {"picture": {first: Adjustments(flip="v")}}
    (first.parent / "project").mkdir()
    save_project(first.parent / "project" / "a.json", alone)
    saved = json.loads((first.parent / "project" / "a.json").read_text())
    assert saved["version"] == 5
    moved = tmp_path / "moved"
    shutil.move(first.parent, moved)
    again, _ = load_project(moved / "project" / "a.json")
    assert again.instances[0].file_adjustments == {"picture": {moved / "a.png": Adjustments(flip="v")}}
    assert again.instances[0].adjustments_of("picture") == Adjustments(flip="v")
    shared = with_shared_adjustments(alone, 1, "picture", of_this=True)
    assert (shared.instances[0].adjustments, shared.instances[0].file_adjustments) == (
        {"picture": Adjustments(flip="v")},
        {},
    )
    assert with_shared_adjustments(alone, 1, "picture", of_this=False) == state
    with pytest.raises(MediaError, match="lies outside"):
        with_adjusted(state, 1, "picture", Adjustments(crop=(500, 0, 5, 5)), alone=True)


def test_a_batch_and_the_command_line_adjust_each_file_in_its_own_way(picture, tmp_path, analysis, monkeypatch):
    """The second of three pictures is turned, the third taken as it is, the first cropped as all others."""
    from cvstudio.cli.main import main

    paths = pictures_of(picture, 3)
    monkeypatch.chdir(paths[0].parent)  # files as a user names them
    arguments = ["find-patch", ".", "--adjust", "crop=10,12,70,50", "--adjust-file", "b.png", "rotate=90"]
    arguments += ["--adjust-file", "c.png", "", "-o", str(tmp_path / "out"), "--format", "json", "-q"]
    assert main(["run", *arguments]) == 0
    assert sorted(sample.size for sample in analysis.SEEN) == sorted([Size(70, 50), Size(80, 100), Size(100, 80)])
    for path in (tmp_path / "out").rglob("*patch*.json"):
        assert json.loads(path.read_text())["frames"][0]["detections"][0]["box"] == list(map(float, analysis.PATCH))
    assert main(["run", "find-patch", "a.png", "--adjust-file", "lost.png", "flip=h", "-o", str(tmp_path / "no")]) == 1


def test_the_recipe_of_one_file_holds_its_own_adjustments_and_not_those_of_others(
    picture: Path, tmp_path: Path
) -> None:
    first, second = pictures_of(picture, 2)
    own = {"picture": {first: Adjustments(flip="h"), second: Adjustments(rotate=180)}}
    instance = make_instance("find-patch", {"picture": first}, file_adjustments=own)
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
        export(EXPORTERS["json"], tmp_path / "one.json", item, Progress())
    again, _, _ = load_recipe(recipe_path(tmp_path / "one.json"))
    assert again.file_adjustments == {"picture": {first: Adjustments(flip="h")}}
    assert again.adjustments_of("picture") == Adjustments(flip="h")
