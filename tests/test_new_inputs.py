"""Inputs that are no single file, each through Python, recipe, project, command line, batch and session."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.annotations import ANNOTATION_FORMATS, AnnotationFormat
from cvstudio.api import Runner, make_instance
from cvstudio.bindings import AnnotationSet, MediaList, ResultOf, Several, TextInput, open_annotations, open_media_list
from cvstudio.errors import BindingError, MediaError, ProjectError
from cvstudio.exporters import EXPORTERS, export, recipe_path
from cvstudio.layers import without_layer
from cvstudio.media import MediaKind, open_media
from cvstudio.progress import Progress
from cvstudio.project import load_project, save_project
from cvstudio.recipe import load_recipe
from cvstudio.resolve import resolve
from cvstudio.samples import sample_path
from cvstudio.session import AnalysisInstance, Session, State, replace_instance, with_bound
from cvstudio.stages import Cache
from cvstudio.transitions import with_active, with_analysis

MODEL = "haar-face"


@pytest.fixture(autouse=True)
def analyses(new_inputs: ModuleType) -> ModuleType:
    return new_inputs


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures of one colour each, and a text."""
    folder = tmp_path / "그림들"
    folder.mkdir()
    for name, colour in (("1.png", (200, 0, 0)), ("2.png", (0, 200, 0)), ("10.png", (0, 0, 200))):
        Pillow.fromarray(np.full((24, 40, 3), colour, np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


def faces(values: dict[str, Any] | None = None) -> AnalysisInstance:
    return make_instance("detect", {"picture": sample_path("astronaut")}, model=MODEL, values=values)


def crop(detect: AnalysisInstance | None = None, **values: Any) -> AnalysisInstance:
    given = {"picture": sample_path("astronaut"), "detections": detect or faces()}
    return make_instance("crop", given, values=values)


def face_pixels() -> np.ndarray:
    """The best face that OpenCV itself finds, cut out of the picture."""
    picture = cv2.imread(str(sample_path("astronaut")))
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    boxes, counts = cascade.detectMultiScale2(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    x, y, width, height = boxes[int(np.argmax(counts))]
    return np.asarray(picture[y : y + height, x : x + width, ::-1])


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


def test_a_detection_gives_its_crop():
    with Runner() as runner:
        found = runner.result(crop())
    assert np.array_equal(found.pixels, face_pixels())
    assert found.source.media_id == open_media(sample_path("astronaut")).id


def test_a_crop_follows_what_it_crops():
    with Runner() as runner:
        one = runner.result(crop())
        none = runner.result(crop(faces({"score": hiding()})))
    assert one.pixels.shape != (1, 1, 3)
    assert none.pixels.shape == (1, 1, 3)


def hiding() -> float:
    """A threshold that no face of the picture passes."""
    model = faces().model_spec
    assert model is not None
    return ANALYSES["detect"].bounds(_score_field().range, model).high


def _score_field() -> Any:
    from cvstudio.params import fields_of

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


def test_an_optional_slot_may_stay_empty(analyses, monkeypatch, pictures):
    seen = []

    def run(inputs: Any, params: Any, progress: Any) -> Iterator[Any]:
        seen.append(dict(inputs.samples))
        yield analyses.answer(["done"], [1.0], inputs)

    picture, question = analyses.ASK.inputs
    slots = (picture, dataclasses.replace(question, optional=True))
    stage = dataclasses.replace(analyses.ASK.stages[0], run=run)
    monkeypatch.setitem(ANALYSES._entries, "ask", dataclasses.replace(analyses.ASK, inputs=slots, stages=(stage,)))
    cvstudio.run("ask", pictures / "1.png")
    assert [*seen[0]] == ["picture"]


def test_ground_truth_is_read_by_its_format_once(analyses, monkeypatch, tmp_path, pictures):
    reads = []

    def read(path: Path) -> tuple[str, ...]:
        reads.append(path)
        return tuple(path.read_text().split())

    truth = AnnotationFormat("words", "Words", lambda path: path.suffix == ".words", read)
    monkeypatch.setitem(ANNOTATION_FORMATS._entries, "words", truth)
    labels = tmp_path / "truth.words"
    labels.write_text("cat dog")
    picture, question = analyses.ASK.inputs
    slots = (picture, dataclasses.replace(question, name="truth", accepts=frozenset({AnnotationSet})))

    def run(inputs: Any, params: Any, progress: Any) -> Iterator[Any]:
        yield analyses.answer([*inputs.samples["truth"]], [0.5, 0.5], inputs)

    stage = dataclasses.replace(analyses.ASK.stages[0], run=run)
    monkeypatch.setitem(ANALYSES._entries, "ask", dataclasses.replace(analyses.ASK, inputs=slots, stages=(stage,)))
    instance = make_instance("ask", {"picture": pictures / "1.png", "truth": labels})
    with Runner() as runner:
        assert runner.result(instance).labels == ("cat", "dog")
        other = instance.on(open_media(pictures / "2.png"))
        assert runner.result(other).labels == ("cat", "dog")
        assert len(reads) == 1
        item = runner.export_item(instance, Progress(), base=tmp_path)
    export(EXPORTERS["json"], tmp_path / "a.json", item, Progress())
    again, _, _ = load_recipe(recipe_path(tmp_path / "a.json"))
    assert again.bindings == instance.bindings
    labels.write_text("horse")
    assert open_annotations(labels).id != instance.bindings["truth"].id
    with pytest.raises(MediaError, match="holds no labels of a known form; known are: Words"):
        open_annotations(pictures)


# Recipes ------------------------------------------------------------------------------------------------------------


def instances(pictures: Path) -> dict[str, AnalysisInstance]:
    return {
        "paint": make_instance("paint", {"prompt": "blue\nred"}),
        "ask": make_instance("ask", {"picture": pictures / "2.png", "question": "Which colour?"}),
        "crop": crop(),
        "sheet": make_instance("sheet", {"pictures": pictures}),
    }


@pytest.mark.parametrize("key", ["paint", "ask", "crop", "sheet"])
def test_a_recipe_makes_it_again(key, pictures, tmp_path):
    instance = instances(pictures)[key]
    exporter = EXPORTERS["png"]
    with Runner() as runner:
        item = runner.export_item(instance, Progress(), base=tmp_path)
        export(exporter, tmp_path / "one.png", item, Progress())
        again, time_secs, _ = load_recipe(recipe_path(tmp_path / "one.png"))
        assert [(item.analysis, item.model, item.params(), item.media) for item in again.lineage] == [
            (item.analysis, item.model, item.params(), item.media) for item in instance.lineage
        ]
        assert key == "crop" or again.bindings == instance.bindings
        export(exporter, tmp_path / "two.png", runner.export_item(again, Progress(), base=tmp_path), Progress())
    assert time_secs is None
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    told = json.loads(recipe_path(tmp_path / "one.png").read_text())
    assert told["version"] == 2
    if key == "crop":
        nested = told["inputs"]["detections"]["result_of"]
        assert (nested["analysis"], nested["model"]) == ("detect", MODEL)
        assert nested["computed"]["device"] == "cpu"


def test_a_recipe_of_files_only_is_written_as_ever(tmp_path):
    with Runner() as runner:
        told = runner.export_item(faces(), Progress(), base=tmp_path).recipe
    assert told["version"] == 1
    assert set(told["inputs"]["picture"]) == {"path", "relative", "id", "kind"}


def test_a_damaged_recipe_is_told(tmp_path, pictures):
    with Runner() as runner:
        item = runner.export_item(instances(pictures)["paint"], Progress(), base=tmp_path)
    path = tmp_path / "a.recipe.json"
    for damage in ({"text": 5}, {"several": 3}, {"result_of": {"model": "hog"}}, "x", 5):
        path.write_text(json.dumps({**item.recipe, "inputs": {"prompt": damage}}))
        with pytest.raises(ProjectError, match="is incomplete"):
            load_recipe(path)


# The session --------------------------------------------------------------------------------------------------------


def session_of(pictures: Path) -> State:
    """Detect and crop on the astronaut, a question on it, a painting and a sheet."""
    session = Session()
    state = with_active(session.state, open_media(sample_path("astronaut")), session.next_id)
    detect = state.instance
    assert detect is not None
    state = replace_instance(state, dataclasses.replace(detect, model=MODEL))
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


def test_an_analysis_begins_with_the_result_of_the_layer_before(pictures):
    state = session_of(pictures)
    assert instance_of(state, "crop").bindings["detections"] == ResultOf(instance_of(state, "detect").id)
    assert state.active == ""  # a sheet shows no medium
    assert state.linked(instance_of(state, "crop")).ready


def test_a_project_opens_equal(pictures, tmp_path):
    state = session_of(pictures)
    save_project(tmp_path / "a.json", state)
    assert json.loads((tmp_path / "a.json").read_text())["version"] == 2
    again, _ = load_project(tmp_path / "a.json")
    assert again.instances == state.instances
    assert again.active == ""
    with Runner() as runner:
        found = runner.result(again.linked(instance_of(again, "crop")))
    assert np.array_equal(found.pixels, face_pixels())


def test_a_project_moves_with_its_folder(pictures, tmp_path):
    state = session_of(pictures)
    save_project(tmp_path / "a.json", state)
    there = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(there)
    again, _ = load_project(there / "a.json")
    sheet = instance_of(again, "sheet").bindings["pictures"]
    assert sheet.folder.path == there / pictures.name
    assert [item.path.parent for item in sheet.media] == [there / pictures.name] * 3


def test_without_the_analysis_before_it_says_what_is_missing(pictures):
    state = session_of(pictures)
    detect, cropped = instance_of(state, "detect"), instance_of(state, "crop")
    left = without_layer(state, detect.id)
    assert not left.linked(cropped).ready
    left = dataclasses.replace(left, active=state.media[0].id, current=cropped.id)
    (layer,) = [item for item in view_of(left).layers if item.instance.analysis == "crop"]
    assert layer.missing == "Crop takes its detections from an analysis that is gone; choose another one."
    # What is added then is not taken for the one that is gone.
    session = Session()
    session.load(left)
    assert session.next_id() != detect.id


def view_of(state: State, cache: Cache | None = None) -> Any:
    return resolve(state, cache or Cache(), pts=None, view=None, network_of={})


def test_nothing_depends_on_itself(analyses, monkeypatch, pictures):
    accepts = frozenset({*analyses.PAINT.inputs[0].accepts, analyses.CROP.result})
    slot = dataclasses.replace(analyses.PAINT.inputs[0], accepts=accepts)
    monkeypatch.setitem(ANALYSES._entries, "paint", dataclasses.replace(analyses.PAINT, inputs=(slot,)))
    one, two = (AnalysisInstance(number, "paint") for number in (1, 2))
    state = with_bound(State(instances=(one, two)), 1, "prompt", ResultOf(2))
    with pytest.raises(BindingError, match="Paint would depend on its own result"):
        with_bound(state, 2, "prompt", ResultOf(1))
    with pytest.raises(BindingError, match="Paint would depend on its own result"):
        with_bound(state, 1, "prompt", ResultOf(1))


def test_a_question_follows_to_the_next_picture_and_so_does_a_crop(pictures):
    session = Session()
    session.load(session_of(pictures))
    first = session.state.media[0]
    state = with_active(session.state, first, session.next_id)
    state = with_active(state, open_media(pictures / "1.png"), session.next_id)
    assert instance_of(state, "ask").canvas_media.name == "1.png"
    assert instance_of(state, "ask").bindings["question"] == TextInput("Which colour?")
    assert instance_of(state, "crop").canvas_media.name == instance_of(state, "detect").canvas_media.name


def test_what_shows_no_medium_is_alone_on_the_canvas(pictures):
    state = session_of(pictures)
    paint = instance_of(state, "paint")
    state = dataclasses.replace(state, current=paint.id)
    (layer,) = view_of(state).layers
    assert (layer.instance.analysis, layer.missing) == ("paint", "")
    on_picture = dataclasses.replace(state, active=state.media[0].id)
    assert "paint" not in {item.instance.analysis for item in view_of(on_picture).layers}


def test_a_layer_waits_for_the_one_before(pictures):
    state = session_of(pictures)
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
        moved = replace_instance(state, dataclasses.replace(detect, values={"score": hiding()}))
        view = resolve(moved, cache, pts=None, view=None, network_of={detect.id: key})
        (layer,) = [item for item in view.layers if item.instance.analysis == "crop"]
        (again,) = layer.to_run()
        assert (again.instance.id, again.next_stage) == (detect.id, len(detect.spec.stages) - 1)


# The command line and batches ---------------------------------------------------------------------------------------


def run(*arguments: str | Path) -> int:
    from cvstudio.cli import main

    return main(["run", *map(str, arguments), "-q"])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Pillow.open(path).convert("RGB"))


def test_the_command_line_takes_a_prompt(tmp_path, capsys):
    assert run("paint", "red and blue", "--side", "20", "-o", tmp_path) == 0
    assert pixels(tmp_path / "paint.png")[0, [0, 19]].tolist() == [[255, 0, 0], [0, 0, 255]]
    (tmp_path / "prompt.txt").write_text("green\n")
    assert run("paint", tmp_path / "prompt.txt", "-o", tmp_path / "b.png") == 0
    assert pixels(tmp_path / "b.png")[0, 0].tolist() == [0, 255, 0]
    assert run("--recipe", tmp_path / "b.png.recipe.json", "-o", tmp_path / "c.png") == 0
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_command_line_takes_a_question(tmp_path, pictures):
    assert run("ask", pictures / "1.png", "--question", "Which colour?", "-o", tmp_path / "a.json") == 0
    told = json.loads((tmp_path / "a.json").read_text())
    assert told["frames"][0]["labels"][0]["label"] == "red"


@pytest.mark.parametrize("by_recipe", [False, True])
def test_the_command_line_takes_another_analysis(by_recipe, tmp_path):
    upstream: str | Path = f"detect:{MODEL}"
    if by_recipe:
        # The recipe is of another picture, which this one takes the place of.
        assert run("detect", sample_path("cat"), "--model", MODEL, "-o", tmp_path / "d.json") == 0
        upstream = tmp_path / "d.json.recipe.json"
    assert run("crop", sample_path("astronaut"), "--detections", upstream, "-o", tmp_path, "--format", "png") == 0
    told = json.loads((tmp_path / "astronaut-crop.png.recipe.json").read_text())
    assert told["inputs"]["detections"]["result_of"]["inputs"]["picture"] == told["inputs"]["picture"]
    with Runner() as runner:
        item = runner.export_item(crop(), Progress(), base=tmp_path)
    export(EXPORTERS["png"], tmp_path / "b.png", item, Progress())
    assert (pixels(tmp_path / "astronaut-crop.png") == pixels(tmp_path / "b.png")).all()


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        ("detec", "did you mean 'detect'"),
        ("detect:hgo", "did you mean 'hog'"),
        ("detect,many", "expects NAME=VALUE behind the first comma, found 'many'"),
        ("detect,score=many", "expects a number"),
        ("detect,sore=1", "has no parameter 'sore'"),
        ("classify", "Classify gives"),
    ],
)
def test_another_analysis_that_makes_no_sense_is_one_sentence(upstream, words, tmp_path, capsys):
    assert run("crop", sample_path("cat"), "--detections", upstream, "-o", tmp_path) == 1
    assert words in capsys.readouterr().err


def test_a_value_of_another_analysis_may_hold_commas():
    from cvstudio.cli_inputs import upstream_of

    found = upstream_of("detect:hog,score=0.25,classes=person")
    assert (found.model, found.values) == ("hog", {"score": 0.25, "classes": ("person",)})


def test_the_command_line_takes_a_folder(tmp_path, pictures):
    assert run("sheet", pictures, "--columns", "3", "-o", tmp_path) == 0
    assert pixels(tmp_path / "sheet.png").shape == (32, 96, 3)
    assert run("sheet", pictures / "1.png", pictures / "2.png", "-o", tmp_path / "two.png") == 0
    assert pixels(tmp_path / "two.png").shape == (32, 64, 3)


def test_help_says_how_inputs_are_written(capsys):
    with pytest.raises(SystemExit):
        run("crop", "--help")
    told = " ".join(capsys.readouterr().out.split())
    assert "ANALYSIS[:MODEL][,NAME=VALUE...], such as detect:" in told
    assert "PICTURE" in told


def test_a_batch_goes_over_prompts(tmp_path, capsys):
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    for word in ("red", "blue"):
        (prompts / f"{word}.txt").write_text(word)
    (prompts / "notes.md").write_text("no prompt")
    out = tmp_path / "out"
    assert run("paint", f"{prompts}/", "-o", out) == 0
    assert {path.stem: pixels(path)[0, 0].tolist() for path in (out / "png").iterdir()} == {
        "red": [255, 0, 0],
        "blue": [0, 0, 255],
    }
    # Only what has changed is done again.
    (prompts / "red.txt").write_text("green")
    assert run("paint", prompts / "red.txt", prompts / "blue.txt", "-o", out) == 0
    assert pixels(out / "png" / "red.png")[0, 0].tolist() == [0, 255, 0]
    report = (out / "batch-report.csv").read_text()
    assert report.count("done") == 2


def test_a_batch_asks_the_same_of_all_pictures(tmp_path, pictures):
    out = tmp_path / "out"
    assert run("ask", pictures, "--question", "Which colour?", "-o", out, "--format", "json") == 0
    answers = {
        path.stem: json.loads(path.read_text())["frames"][0]["labels"][0]["label"] for path in (out / "json").iterdir()
    }
    assert answers == {"1": "red", "2": "green", "10": "blue"}


def test_a_batch_runs_what_comes_before_on_each_picture(tmp_path, pictures):
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "face.png").write_bytes(Path(sample_path("astronaut")).read_bytes())
    (folder / "none.png").write_bytes((pictures / "1.png").read_bytes())
    out = tmp_path / "out"
    from cvstudio.batch import Batch, BatchPlan

    # As the window asks: the analysis is on one picture, and the other one with it.
    plan = BatchPlan(crop(), (folder,), out, ("png",))
    outcomes = {Path(item.file).name: item.state for item in Batch(plan).run(Progress())}
    assert outcomes == {"face.png": "done", "none.png": "done"}
    with Runner() as runner:
        item = runner.export_item(crop(), Progress(), base=tmp_path)
    export(EXPORTERS["png"], tmp_path / "alone.png", item, Progress())
    assert (pixels(out / "png" / "face.png") == pixels(tmp_path / "alone.png")).all()
    told = json.loads((out / "batch.recipe.json").read_text())
    assert "picture" not in told["inputs"]["detections"]["result_of"]["inputs"]


def test_a_batch_makes_a_sheet_of_each_folder(tmp_path, pictures):
    other = pictures / "more"
    other.mkdir()
    (other / "a.png").write_bytes((pictures / "1.png").read_bytes())
    out = tmp_path / "out"
    from cvstudio.batch import Batch, BatchPlan

    plan = BatchPlan(make_instance("sheet", {"pictures": pictures}), (pictures,), out, ("png",))
    assert [item.state for item in Batch(plan).run(Progress())] == ["done", "done"]
    assert {path.stem: pixels(path).shape for path in (out / "png").iterdir()} == {
        pictures.name: (64, 64, 3),
        f"{pictures.name}_more": (32, 32, 3),
    }
    assert [item.resumed for item in Batch(plan).run(Progress())] == [True, True]


def test_a_video_gives_a_crop_of_each_frame(tmp_path):
    clip = sample_path("clip")
    detect = make_instance("detect", {"picture": clip}, model=MODEL)
    instance = make_instance("crop", {"picture": clip, "detections": detect})
    with Runner() as runner:
        walked = [(frame.pts, found.pixels) for frame, found in runner.frames(instance, Progress(), stop_secs=0.2)]
    with Runner() as runner:
        alone = [runner.result(instance, pts=pts).pixels for pts, _ in walked]
    assert len(walked) > 2
    assert all(np.array_equal(one, other) for (_, one), other in zip(walked, alone, strict=True))
