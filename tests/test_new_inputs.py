"""Inputs that are no single file, each through Python, recipe, project, command line, batch and session."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.binding import (
    AnnotationSet,
    MediaList,
    ResultOf,
    Several,
    TextInput,
    open_annotations,
    open_media_list,
)
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, LabelMap, PictureLabels
from cvstudio.exporters import EXPORTERS, export, recipe_path
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import BindingError, MediaError, ProjectError
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, open_media
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat
from cvstudio.media.examples.files import sample_path
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance
from cvstudio.session.layers import without_layer
from cvstudio.session.project import load_project, save_project
from cvstudio.session.resolve import resolve
from cvstudio.session.session import Session, State, replace_instance, with_bound
from cvstudio.session.transitions import with_active, with_analysis


@pytest.fixture(autouse=True)
def analyses(new_inputs: ModuleType) -> ModuleType:
    return new_inputs


# Python -------------------------------------------------------------------------------------------------------------


def test_a_prompt_gives_a_picture_without_a_medium():
    painted = cvstudio.run("paint", "a red and green wall", side=10)
    assert painted.pixels.shape == (10, 10, 3)
    assert painted.pixels[0, 0].tolist() == [255, 0, 0]
    assert painted.pixels[9, 9].tolist() == [0, 255, 0]
    assert painted.source.media_id == ""


def test_a_picture_and_a_question_give_a_text(pictures):
    assert cvstudio.run("ask", pictures / "2.png", "Which colour?").label(0) == "green"
    assert cvstudio.run("ask", pictures / "2.png", "Why?").label(0) == "4 characters"


def test_a_detection_gives_its_crop(analyses):
    with Runner() as runner:
        found = runner.result(analyses.crop())
    assert np.array_equal(found.pixels, analyses.face_pixels())
    assert found.source.media_id == open_media(sample_path("astronaut")).id


def test_a_crop_follows_what_it_crops(analyses):
    with Runner() as runner:
        one = runner.result(analyses.crop())
        none = runner.result(analyses.crop(analyses.faces({"score": hiding(analyses)})))
    assert one.pixels.shape != (1, 1, 3)
    assert none.pixels.shape == (1, 1, 3)


def hiding(analyses: ModuleType) -> float:
    """A threshold that no face of the picture passes."""
    model = analyses.faces().model_spec
    assert model is not None
    return ANALYSES["detect"].bounds(_score_field().range, model).high


def _score_field() -> Any:
    from cvstudio.foundation.params import fields_of

    fields = [field for params in ANALYSES["detect"].params_types(None) for field in fields_of(params)]
    return next(field for field in fields if field.name == "score")


def test_a_folder_gives_a_contact_sheet_in_natural_order(pictures):
    sheet = cvstudio.run("sheet", pictures, columns=3)
    assert sheet.pixels.shape == (32, 96, 3)
    assert [sheet.pixels[5, x].tolist() for x in (5, 40, 70)] == [[200, 0, 0], [0, 200, 0], [0, 0, 200]]
    some = cvstudio.run("sheet", [pictures / "10.png", pictures / "1.png"])
    assert [some.pixels[5, x].tolist() for x in (5, 40)] == [[0, 0, 200], [200, 0, 0]]


def test_what_is_missing_or_does_not_fit_is_told(pictures):
    with pytest.raises(BindingError, match=r"expects 2 input\(s\) \(picture, question\), found 1"):
        cvstudio.run("ask", pictures / "1.png")
    with pytest.raises(BindingError, match=r"Ask needs a question \(text\); type it"):
        make_instance("ask", {"picture": pictures / "1.png"})
    with pytest.raises(BindingError, match=r"Crop needs a detections \(detections of another analysis\)"):
        make_instance("crop", {"picture": pictures / "1.png"})
    with pytest.raises(BindingError, match=r"but Paint gives picture"):
        make_instance("crop", {"picture": pictures / "1.png", "detections": make_instance("paint", {"prompt": "red"})})
    empty = pictures / "empty"
    empty.mkdir()
    with pytest.raises(BindingError, match="empty holds no image; choose a folder that holds some"):
        cvstudio.run("sheet", empty)


def test_so_many_media_fit_as_the_slot_says(pictures, analyses):
    pair = dataclasses.replace(
        analyses.SHEET.inputs[0], accepts=frozenset({Several(frozenset({MediaKind.IMAGE}), 2, 2)})
    )
    files = [open_media(pictures / name) for name in ("1.png", "2.png", "10.png")]
    assert [pair.takes(MediaList(tuple(files[:count]))) for count in (1, 2, 3)] == [False, True, False]


def test_an_optional_slot_may_stay_empty(analyses, pictures):
    seen = []

    def run(inputs: Any, params: Any, progress: Any) -> Iterator[Any]:
        seen.append(dict(inputs.samples))
        yield analyses.answer(["done"], [1.0], inputs)

    picture, question = analyses.ASK.inputs
    slots = (picture, dataclasses.replace(question, optional=True))
    stage = dataclasses.replace(analyses.ASK.stages[0], run=run)
    with ANALYSES.lend(dataclasses.replace(analyses.ASK, inputs=slots, stages=(stage,))):
        cvstudio.run("ask", pictures / "1.png")
    assert [*seen[0]] == ["picture"]


def test_ground_truth_is_read_by_its_format_once(analyses, tmp_path, pictures):
    reads: list[Path] = []
    names: list[str | None] = []

    def read(path: Path) -> LabelledSet:
        reads.append(path)
        words = tuple(Category(word) for word in path.read_text().split())
        files = {name: pictures / name for name in ("1.png", "2.png")}
        return LabelledSet(path, "words", words, (*files, "gone.png"), files, lambda name: PictureLabels())

    truth = AnnotationFormat("words", "Words", lambda path: path.suffix == ".words", read)
    labels = tmp_path / "truth.words"
    labels.write_text("cat dog")
    picture, question = analyses.ASK.inputs
    slots = (picture, dataclasses.replace(question, name="truth", accepts=frozenset({AnnotationSet})))

    def run(inputs: Any, params: Any, progress: Any) -> Iterator[Any]:
        truth = inputs.samples["truth"]
        names.append(truth.name)
        words = [item.name for item in truth.set.categories]
        yield analyses.answer(words, [1 / len(words)] * len(words), inputs)

    stage = dataclasses.replace(analyses.ASK.stages[0], run=run)
    with (
        ANNOTATION_FORMATS.lend(truth),
        ANALYSES.lend(dataclasses.replace(analyses.ASK, inputs=slots, stages=(stage,))),
    ):
        instance = make_instance("ask", {"picture": pictures / "1.png", "truth": labels})
        with Runner() as runner:
            assert runner.result(instance).class_names == ("cat", "dog")
            other = instance.on(open_media(pictures / "2.png"))
            assert runner.result(other).class_names == ("cat", "dog")
            assert len(reads) == 1
            assert names == ["1.png", "2.png"]
            # An edit is another input, for which the file is not read again.
            edited = dataclasses.replace(instance.bindings["truth"], categories=(Category("cow"),))
            changed = instance.with_binding("truth", edited)
            assert runner.result(changed).class_names == ("cat", "dog", "cow")
            assert len(reads) == 1
            item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
        export(EXPORTERS["json"], tmp_path / "a.json", item, Progress())
        again, _, _ = load_recipe(recipe_path(tmp_path / "a.json"))
        assert again.bindings == instance.bindings
        labels.write_text("horse")
        changed = open_annotations(labels)
        assert changed.id != instance.bindings["truth"].id
        # A file that names the labels of before opens those of now, as it does a medium.
        assert load_recipe(recipe_path(tmp_path / "a.json"))[0].bindings["truth"] == changed
        labels.unlink()
        assert load_recipe(recipe_path(tmp_path / "a.json"))[0].bindings == instance.bindings
        with pytest.raises(MediaError, match=r"holds no labels of a known form; known are: .*Words"):
            open_annotations(pictures)


def edits() -> dict[str, PictureLabels]:
    """Labels that use every field."""
    ring = np.ones((3, 4), bool)
    ring[1, 1:3] = False
    labels = PictureLabels(
        Size(40, 30),
        (
            Annotation(0, (1.5, 2, 3, 4.25), (((0.5, 1), (2, 3), (4, 1)),), keypoints=((1, 2.5, 2),), area=3.0),
            Annotation(1, (1, 2, 5, 5), mask=LabelledMask(ring, 1, 2), crowd=True, attributes={"pose": "left"}),
            Annotation(1, (1, 2, 5, 5), track_id=3, file_id=8),
        ),
        (1, 0),
        LabelMap(np.arange(12, dtype=np.int32).reshape(3, 4) - 1),
    )
    return {"1.png": labels, "new.png": PictureLabels()}


def test_edited_labels_are_kept_and_undone(analyses, tmp_path, pictures):
    picture, question = analyses.ASK.inputs
    slots = (picture, dataclasses.replace(question, name="truth", accepts=frozenset({AnnotationSet})))
    with ANALYSES.lend(dataclasses.replace(analyses.ASK, inputs=slots)):
        cow = Category("cow", "animal", False, ("nose", "ear"), ((0, 1),), 4)
        # As many as the edits name.
        added = (cow, *(Category(f"class {number}") for number in range(1, 11)))
        begun = AnnotationSet(edits=edits(), categories=added, pictures={"new.png": pictures / "10.png"})
        instance = make_instance("ask", {"picture": pictures / "1.png", "truth": begun})
        session = Session()
        session.change("open", State(instances=(dataclasses.replace(instance, id=1),)))
        changed = begun.with_labels("1.png", PictureLabels())
        assert changed.key(None) != begun.key(None)
        session.change("erase", with_bound(session.state, 1, "truth", changed))
        session.undo()
        assert session.state.instances[0].bindings["truth"] == begun
        save_project(tmp_path / "a.json", session.state)
        assert json.loads((tmp_path / "a.json").read_text())["version"] == 4
        there = tmp_path.with_name(f"{tmp_path.name}-moved")
        tmp_path.rename(there)
        again = load_project(there / "a.json")[0].instances[0].bindings["truth"]
        assert again.edits == begun.edits
        assert again.categories == added
        assert again.pictures == {"new.png": there / pictures.name / "10.png"}
        labelled = again.read()
        assert labelled.names == ("1.png", "new.png")
        assert labelled.labels("1.png") == edits()["1.png"]
        assert labelled.categories == added


# Recipes ------------------------------------------------------------------------------------------------------------


def instances(pictures: Path, analyses: ModuleType) -> dict[str, AnalysisInstance]:
    return {
        "paint": make_instance("paint", {"prompt": "blue\nred"}),
        "ask": make_instance("ask", {"picture": pictures / "2.png", "question": "Which colour?"}),
        "crop": analyses.crop(),
        "sheet": make_instance("sheet", {"pictures": pictures}),
    }


@pytest.mark.parametrize("key", ["paint", "ask", "crop", "sheet"])
def test_a_recipe_makes_it_again(key, pictures, tmp_path, analyses):
    instance = instances(pictures, analyses)[key]
    exporter = EXPORTERS["png"]
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
        export(exporter, tmp_path / "one.png", item, Progress())
        again, time_secs, _ = load_recipe(recipe_path(tmp_path / "one.png"))
        assert [(item.analysis, item.model, item.params(), item.media) for item in again.lineage] == [
            (item.analysis, item.model, item.params(), item.media) for item in instance.lineage
        ]
        assert key == "crop" or again.bindings == instance.bindings
        export(
            exporter, tmp_path / "two.png", export_item(runner, ExportRequest(again, tmp_path), Progress()), Progress()
        )
    assert time_secs is None
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    told = json.loads(recipe_path(tmp_path / "one.png").read_text())
    assert told["version"] == 2
    if key == "crop":
        nested = told["inputs"]["detections"]["result_of"]
        assert (nested["analysis"], nested["model"]) == ("detect", analyses.MODEL)
        assert nested["computed"]["device"] == "cpu"


def test_a_recipe_of_files_only_is_written_as_ever(tmp_path, analyses):
    with Runner() as runner:
        told = export_item(runner, ExportRequest(analyses.faces(), tmp_path), Progress()).recipe
    assert told["version"] == 1
    assert set(told["inputs"]["picture"]) == {"path", "relative", "id", "kind"}


def test_a_damaged_recipe_is_told(tmp_path, pictures, analyses):
    with Runner() as runner:
        item = export_item(runner, ExportRequest(instances(pictures, analyses)["paint"], tmp_path), Progress())
    path = tmp_path / "a.recipe.json"
    for damage in ({"text": 5}, {"several": 3}, {"result_of": {"model": "hog"}}, "x", 5):
        path.write_text(json.dumps({**item.recipe, "inputs": {"prompt": damage}}))
        with pytest.raises(ProjectError, match="is incomplete"):
            load_recipe(path)


# The session --------------------------------------------------------------------------------------------------------


def session_of(pictures: Path, analyses: ModuleType) -> State:
    """Detect and crop on the astronaut, a question on it, a painting and a sheet."""
    session = Session()
    state = with_active(session.state, open_media(sample_path("astronaut")), session.next_id)
    detect = state.instance
    assert detect is not None
    state = replace_instance(state, dataclasses.replace(detect, model=analyses.MODEL))
    session.change("open", state)
    for key in ("crop", "ask", "paint", "sheet"):
        session.change(key, with_analysis(session.state, ANALYSES[key], session.next_id))
    state = session.state
    by_key = {item.analysis: item for item in state.instances}
    state = with_bound(state, by_key["ask"].id, "question", TextInput("Which colour?"))
    state = with_bound(state, by_key["paint"].id, "prompt", TextInput("red"))
    several = open_media_list([pictures], frozenset({MediaKind.IMAGE}), Progress())
    return with_bound(state, by_key["sheet"].id, "pictures", several)


def instance_of(state: State, key: str) -> AnalysisInstance:
    return next(item for item in state.instances if item.analysis == key)


def test_an_analysis_begins_with_the_result_of_the_layer_before(pictures, analyses):
    state = session_of(pictures, analyses)
    assert instance_of(state, "crop").bindings["detections"] == ResultOf(instance_of(state, "detect").id)
    assert state.active == ""  # a sheet shows no medium
    assert state.linked(instance_of(state, "crop")).ready


def test_a_project_opens_equal(pictures, tmp_path, analyses):
    state = session_of(pictures, analyses)
    save_project(tmp_path / "a.json", state)
    assert json.loads((tmp_path / "a.json").read_text())["version"] == 2
    again, _ = load_project(tmp_path / "a.json")
    assert again.instances == state.instances
    assert again.active == ""
    with Runner() as runner:
        found = runner.result(again.linked(instance_of(again, "crop")))
    assert np.array_equal(found.pixels, analyses.face_pixels())


def test_a_project_moves_with_its_folder(pictures, tmp_path, analyses):
    state = session_of(pictures, analyses)
    save_project(tmp_path / "a.json", state)
    there = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(there)
    again, _ = load_project(there / "a.json")
    sheet = instance_of(again, "sheet").bindings["pictures"]
    assert sheet.folder.path == there / pictures.name
    assert [item.path.parent for item in sheet.media] == [there / pictures.name] * 3


def test_without_the_analysis_before_it_says_what_is_missing(pictures, analyses):
    state = session_of(pictures, analyses)
    detect, cropped = instance_of(state, "detect"), instance_of(state, "crop")
    left = without_layer(state, detect.id)
    assert not left.linked(cropped).ready
    left = dataclasses.replace(left, active=state.media[0].id, current=cropped.id)
    (layer,) = [item for item in view_of(left).layers if item.instance.analysis == "crop"]
    assert layer.missing == "Crop takes its detections from an analysis that was removed; choose another one."
    # What is added then is not taken for the one that is gone.
    session = Session()
    session.load(left)
    assert session.next_id() != detect.id


def view_of(state: State, cache: Cache | None = None) -> Any:
    return resolve(state, cache or Cache(), pts=None, view=None, network_of={})


def test_nothing_depends_on_itself(analyses, pictures):
    accepts = frozenset({*analyses.PAINT.inputs[0].accepts, analyses.CROP.result})
    slot = dataclasses.replace(analyses.PAINT.inputs[0], accepts=accepts)
    with ANALYSES.lend(dataclasses.replace(analyses.PAINT, inputs=(slot,))):
        one, two = (AnalysisInstance(number, "paint") for number in (1, 2))
        state = with_bound(State(instances=(one, two)), 1, "prompt", ResultOf(2))
        with pytest.raises(BindingError, match="Paint would depend on its own result"):
            with_bound(state, 2, "prompt", ResultOf(1))
        with pytest.raises(BindingError, match="Paint would depend on its own result"):
            with_bound(state, 1, "prompt", ResultOf(1))


def test_a_question_follows_to_the_next_picture_and_so_does_a_crop(pictures, analyses):
    session = Session()
    session.load(session_of(pictures, analyses))
    first = session.state.media[0]
    state = with_active(session.state, first, session.next_id)
    state = with_active(state, open_media(pictures / "1.png"), session.next_id)
    assert instance_of(state, "ask").canvas_media.name == "1.png"
    assert instance_of(state, "ask").bindings["question"] == TextInput("Which colour?")
    assert instance_of(state, "crop").canvas_media.name == instance_of(state, "detect").canvas_media.name


def test_what_shows_no_medium_is_alone_on_the_canvas(pictures, analyses):
    session = Session()
    session.load(session_of(pictures, analyses))
    state = with_analysis(session.state, ANALYSES["paint"], session.next_id)
    (layer,) = view_of(state).layers
    assert (layer.instance.analysis, layer.missing) == ("paint", "")
    on_picture = dataclasses.replace(state, active=state.media[0].id)
    assert "paint" not in {item.instance.analysis for item in view_of(on_picture).layers}


def test_a_layer_waits_for_the_one_before(pictures, analyses):
    state = session_of(pictures, analyses)
    detect, cropped = instance_of(state, "detect"), instance_of(state, "crop")
    state = dataclasses.replace(state, active=state.media[0].id, current=cropped.id)
    cache = Cache()
    (layer,) = [item for item in view_of(state, cache).layers if item.instance.analysis == "crop"]
    assert [item.instance.id for item in layer.to_run()] == [detect.id]
    with Runner(cache=cache) as runner:
        key = runner.host.network_key(detect.model_spec, None)
        runner.result(state.linked(detect))
        view = resolve(state, cache, pts=None, view=None, network_of={detect.id: key})
        (layer,) = [item for item in view.layers if item.instance.analysis == "crop"]
        assert [item.instance.id for item in layer.to_run()] == [cropped.id]
        runner.result(state.linked(cropped))
        view = resolve(state, cache, pts=None, view=None, network_of={detect.id: key})
        (layer,) = [item for item in view.layers if item.instance.analysis == "crop"]
        assert [*layer.to_run()] == []
        # The slider of the one before makes the crop old, and nothing else.
        moved = replace_instance(state, dataclasses.replace(detect, values={"score": hiding(analyses)}))
        view = resolve(moved, cache, pts=None, view=None, network_of={detect.id: key})
        (layer,) = [item for item in view.layers if item.instance.analysis == "crop"]
        (again,) = layer.to_run()
        assert (again.instance.id, again.next_stage) == (detect.id, len(detect.spec.stages) - 1)
