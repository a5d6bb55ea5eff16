"""Adjustments belong to the binding: the analysis sees them, results and exports stay in the pixels of the file."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE
from cvstudio.analyses.binding import ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.request import given_values, make_request, value_on_file
from cvstudio.analyses.stages import Stage
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.exporters import EXPORTERS, export, recipe_path
from cvstudio.foundation.errors import BindingError, MediaError, ParamsError
from cvstudio.foundation.params import Doc, Pick, values_of
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Stroke
from cvstudio.media import open_media
from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.masks import PrototypeMasks
from cvstudio.results.picture import Picture
from cvstudio.results.result import Result
from cvstudio.results.segmentation import Segmentation
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import Runner, make_instance
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import Session, State, with_adjusted, with_shared_adjustments

SPATIAL = [
    "crop=10,12,70,50",
    "crop=-5,15,60,999",
    "rotate=90",
    "rotate=180",
    "rotate=270",
    "flip=h",
    "flip=v",
    "flip=hv",
    "crop=10,12,70,50 rotate=90 flip=h",
    "crop=25,3,40,77 rotate=270 flip=v",
    "rotate=180 flip=hv",
    "rotate=90 flip=hv levels=0.1,0.95,1.2 channel=red",
]
TONAL = ["levels=0.1,0.9,1.2", "channel=red", "channel=green", "levels=0.05,1,0.5 channel=blue"]


class Unplaced(Result):
    """A type that does not say how it lies on another picture."""

    def headline(self) -> str:
        return ""


@pytest.fixture(autouse=True)
def analysis(patch_finder: ModuleType) -> ModuleType:
    return patch_finder


@pytest.fixture
def picture(patch_picture: Path) -> Path:
    return patch_picture


def found(instance: AnalysisInstance) -> Detections:
    with Runner() as runner:
        result = runner.result(instance)
    assert isinstance(result, Detections)
    return result


def of(picture: Path, text: str, **values: Any) -> AnalysisInstance:
    return make_instance(
        "find-patch", {"picture": picture}, values=values, adjustments={"picture": Adjustments.from_text(text)}
    )


def independent(pixels: np.ndarray, text: str) -> np.ndarray:
    """What `text` makes of `pixels`, in numpy's own words; the values are left as they are."""
    given = dict(part.split("=") for part in text.split())
    if "crop" in given:
        x, y, width, height = map(int, given["crop"].split(","))
        pixels = pixels[max(y, 0) : y + height, max(x, 0) : x + width]
    pixels = np.rot90(pixels, -int(given.get("rotate", 0)) // 90)
    if "h" in given.get("flip", ""):
        pixels = np.fliplr(pixels)
    return np.flipud(pixels) if "v" in given.get("flip", "") else pixels


# What the analysis is given ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SPATIAL[:-1])
def test_the_analysis_is_given_the_adjusted_picture(picture, text, analysis):
    found(of(picture, text))
    np.testing.assert_array_equal(analysis.SEEN[0].pixels, independent(analysis.pixels_of_picture(), text))


@pytest.mark.parametrize("text", [*SPATIAL, *TONAL])
def test_the_result_is_in_the_pixels_of_the_file(picture, text, analysis):
    plain = found(make_instance("find-patch", {"picture": picture}))
    assert plain.boxes.tolist() == [list(map(float, analysis.PATCH))]
    result = found(of(picture, text))
    np.testing.assert_array_equal(result.boxes, plain.boxes)
    assert (result.size, result.source) == (plain.size, plain.source)


# Results on the file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SPATIAL)
def test_every_type_is_put_back_to_its_place(text, analysis):
    pixels = analysis.pixels_of_picture()
    size = Size(100, 80)
    way = Adjustments.from_text(text).pixel_map(size)
    back = way.inverse
    assert back.inverse == way
    kept = np.zeros((80, 100), bool)
    rect = back.rect(Rect(0, 0, *way.target))
    kept[int(rect.y) : int(rect.bottom), int(rect.x) : int(rect.right)] = True
    given = way.turned(pixels[kept].reshape(int(rect.height), int(rect.width), 3))

    classes = given[..., 0].astype(np.int16)
    mapped = Segmentation(classes, tuple("x" * 256), way.target).placed(back)
    np.testing.assert_array_equal(mapped.classes, np.where(kept, pixels[..., 0].astype(np.int16), -1))
    assert mapped.size == size

    heat = HeatMap(given[..., 0].astype(np.float32), Rect(0, 0, *way.target), way.target, 0, 255, place=(1.0, 2.0))
    moved = heat.placed(back)
    assert moved.rect == rect
    np.testing.assert_array_equal(moved.values, pixels[kept].reshape(given_shape(rect))[..., 0])
    assert way.point(*moved.place) == (1.0, 2.0)

    shown = Picture(given, Rect(0, 0, *way.target), 1.0, way.target, given[..., 0] > 100).placed(back)
    np.testing.assert_array_equal(shown.pixels, pixels[kept].reshape(given_shape(rect)))
    np.testing.assert_array_equal(shown.mask, shown.pixels[..., 0] > 100)

    label = Classification(np.zeros(1, np.int64), np.ones(1, np.float32), ("x",), way.target).placed(back)
    assert label.size == size


def given_shape(rect: Rect) -> tuple[int, int, int]:
    return int(rect.height), int(rect.width), 3


@pytest.mark.parametrize("text", SPATIAL)
def test_masks_are_put_back_with_their_boxes(text):
    way = Adjustments.from_text(text).pixel_map(Size(100, 80))
    width, height = way.target
    logits = np.random.default_rng(1).normal(size=(1, height // 2, width // 2)).astype(np.float32)
    scale = (logits.shape[2] / width, logits.shape[1] / height)
    masks = PrototypeMasks(logits, np.ones((1, 1), np.float32), scale)
    box = np.array([(2, 3, width - 4, height - 5)], np.float32)
    detections = Detections(
        box, np.ones(1, np.float32), np.zeros(1, np.int64), ("x",), np.zeros(1, np.int64), way.target, masks=masks
    )
    placed = detections.placed(way.inverse)
    assert placed.masks is not None
    full = placed.masks.full(0, placed.boxes[0], placed.size)
    np.testing.assert_array_equal(full, way.inverse.placed(masks.full(0, box[0], way.target), False))
    # A mask that was seen is known again, and another place is another mask.
    assert placed.take([0]).masks.token == placed.masks.token
    assert hash(placed.masks.token)
    assert placed.masks.token != masks.token


def test_a_coarse_map_covers_the_whole_picture_again():
    way = Adjustments.from_text("crop=10,20,40,40 rotate=90").pixel_map(Size(100, 80))
    coarse = Segmentation(np.arange(16, dtype=np.int16).reshape(4, 4), tuple("x" * 16), way.target)
    placed = coarse.placed(way.inverse)
    for x, y in ((10.5, 20.5), (49.5, 59.5), (33.3, 41.7)):
        assert placed.part_at(x, y) == coarse.part_at(*way.point(x, y))
    assert placed.part_at(9.5, 30) is None


def test_what_the_user_points_at_and_sees_is_of_the_file(picture):
    instance = of(picture, "crop=10,12,70,50 rotate=90", place=(50.0, 40.0))
    result = found(instance)
    assert result.boxes[1].tolist() == [47.0, 37.0, 53.0, 43.0]
    view = View(Rect(20, 30, 500, 10), 2.0)
    request = make_request(instance, pts=None, view=view)
    assert request.view == View(Rect(50 - (40 - 12), 10, 10, 60), 2.0)
    nothing = make_request(instance, pts=None, view=View(Rect(90, 70, 5, 5)))
    assert nothing.view is not None
    assert nothing.view.rect.width == nothing.view.rect.height == 1


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "crop=1,2,3",
        "crop=0,0,0,5",
        "rotate=45",
        "flip=x",
        "levels=0.5,0.5,1",
        "levels=0,1,0",
        "channel=alpha",
        "turn=1",
    ],
)
def test_what_makes_no_sense_is_one_sentence(text):
    with pytest.raises(ParamsError, match="expects"):
        Adjustments.from_text(text)


def test_a_crop_of_a_file_is_of_whole_pixels():
    with pytest.raises(ParamsError, match="whole pixels"):
        Adjustments.from_json({"crop": [0.5, 0, 10, 10]})


def test_what_cannot_be_adjusted_or_put_back_says_so(picture):
    with pytest.raises(MediaError, match="lies outside of the picture of 100 x 80 pixels"):
        found(of(picture, "crop=100,0,5,5"))
    with ANALYSES.lend(dataclasses.replace(ANALYSES["find-patch"], result=Unplaced)):
        with pytest.raises(BindingError, match="cannot be mapped back to the whole picture"):
            of(picture, "rotate=90")
        assert of(picture, "channel=red").adjustments
    instance = AnalysisInstance(1, "spectrogram")
    with pytest.raises(BindingError, match="takes its sound unadjusted"):
        instance.with_adjustments("sound", Adjustments(rotate=90))
    with pytest.raises(BindingError, match="has no levels and channels"):
        AnalysisInstance(1, "refocus").with_adjustments("depth", Adjustments(channel="red"))


# Through the program --------------------------------------------------------------------------------------------------

TURNED = "crop=10,12,70,50 rotate=90 flip=h levels=0.1,0.9,1.2 channel=red"


def test_an_export_is_the_same_and_its_recipe_makes_it_again(picture, tmp_path, analysis):
    exports = {}
    for name, instance in (
        ("plain", make_instance("find-patch", {"picture": picture})),
        ("turned", of(picture, TURNED)),
    ):
        for key, suffix in (("json", "json"), ("png", "png")):
            path = tmp_path / f"{name}.{suffix}"
            with Runner() as runner:
                export(
                    EXPORTERS[key], path, export_item(runner, ExportRequest(instance, tmp_path), Progress()), Progress()
                )
            exports[name, key] = path.read_bytes()
    assert exports["plain", "json"] == exports["turned", "json"]
    assert exports["plain", "png"] == exports["turned", "png"]
    plain, turned = (json.loads(recipe_path(tmp_path / f"{name}.json").read_text()) for name in ("plain", "turned"))
    assert "adjustments" not in plain
    assert (plain["version"], turned["version"]) == (1, 2)
    again, _, _ = load_recipe(recipe_path(tmp_path / "turned.json"))
    assert again.adjustments == {"picture": Adjustments.from_text(TURNED)}
    assert found(again).boxes.tolist() == [list(map(float, analysis.PATCH))]


def test_the_command_line_and_a_batch_adjust_every_picture(picture, tmp_path, analysis):
    from cvstudio.cli.main import main

    for out in ("one", "many"):
        given = picture if out == "one" else picture.parent
        arguments = ["find-patch", given, "--adjust", TURNED, "-o", tmp_path / out, "--format", "json", "-q"]
        assert main(["run", *map(str, arguments)]) == 0
    told = [json.loads(next((tmp_path / out).rglob("*patch*.json")).read_text()) for out in ("one", "many")]
    for item in told:
        assert item["frames"][0]["detections"][0]["box"] == list(map(float, analysis.PATCH))
    assert all(sample.size == Size(50, 70) for sample in analysis.SEEN)
    plan = BatchPlan(of(picture, "flip=v"), (picture.parent,), tmp_path / "more", ("json",))
    assert [outcome.state for outcome in Batch(plan).run(Progress())] == ["done"]
    assert plan.recipe()["adjustments"] == {"picture": {"flip": "v"}}


def test_each_frame_of_a_video_is_adjusted(numbered_clip, analysis):
    instance = make_instance(
        "find-patch",
        {"picture": numbered_clip},
        adjustments={"picture": Adjustments.from_text("crop=8,4,32,20 rotate=90")},
    )
    with Runner() as runner:
        results = [result for _, result in runner.frames(instance, Progress())]
    assert {sample.size for sample in analysis.SEEN} == {Size(20, 32)}
    # A frame is of one grey: all that is left of it is found.
    assert all(result.boxes.tolist() == [[8.0, 4.0, 40.0, 24.0]] for result in results)


def test_a_project_and_undo_keep_them(picture, tmp_path):
    session = Session()
    instance = dataclasses.replace(make_instance("find-patch", {"picture": picture}), id=1)
    media = instance.canvas_media
    session.load(State(media=(media,), active=media.id, instances=(instance,), current=1))
    adjustments = Adjustments.from_text(TURNED)
    session.change("Adjust", with_adjusted(session.state, 1, "picture", adjustments))
    save_project(tmp_path / "a.json", session.state)
    again, _ = load_project(tmp_path / "a.json")
    assert again.instances[0].adjustments == {"picture": adjustments}
    assert again.instances == session.state.instances
    session.undo()
    assert session.state.instances[0].adjustments == {}
    with pytest.raises(MediaError, match="lies outside"):
        with_adjusted(session.state, 1, "picture", Adjustments(crop=(500, 0, 5, 5)))
    # The identity is nothing.
    assert with_adjusted(session.state, 1, "picture", Adjustments()).instances[0].adjustments == {}


def test_the_result_of_another_analysis_follows_to_the_adjusted_picture(picture, new_inputs, analysis):
    plain = make_instance("find-patch", {"picture": picture})
    crop = make_instance("crop", {"picture": picture, "detections": plain})
    adjusted = crop.with_adjustments("picture", Adjustments.from_text("crop=10,12,70,50 rotate=90"))
    x1, y1, x2, y2 = analysis.PATCH
    with Runner() as runner:
        straight, turned = runner.result(crop), runner.result(adjusted)
    np.testing.assert_array_equal(straight.pixels, analysis.pixels_of_picture()[y1:y2, x1:x2])
    np.testing.assert_array_equal(turned.pixels, np.rot90(straight.pixels, -1))
    assert isinstance(adjusted.bindings["detections"], ResultOf)


def test_every_shape_among_the_parameters_is_moved(sketch: ModuleType, tmp_path: Path) -> None:
    """A quarter turn of 100 x 50: what was at the top left is at the top right of 50 x 100."""
    Pillow.new("RGB", (100, 50)).save(tmp_path / "a.png")
    corners, dot = ((0.0, 0.0), (100.0, 0.0), (100.0, 50.0)), Stroke(((10.0, 20.0),), 3.0, "thing")
    values = {
        "frame": (10.0, 5.0, 30.0, 20.0),
        "region": corners,
        "marks": (dot,),
        "dot": (10.0, 20.0),
        "tint": "#102030",
    }
    instance = make_instance(
        "sketch", {"picture": tmp_path / "a.png"}, values=values, adjustments={"picture": Adjustments(rotate=90)}
    )
    moved = make_request(instance, pts=None).params[0]
    assert moved.frame == (30.0, 10.0, 45.0, 30.0)
    assert moved.region == ((50.0, 0.0), (50.0, 100.0), (0.0, 100.0))
    assert moved.marks == (Stroke(((30.0, 10.0),), 3.0, "thing"),)
    assert moved.dot == (30.0, 10.0)
    assert moved.tint == "#102030"
    # What depends on the input knows the same values, and what it picks comes back to the file.
    assert given_values(instance) == values_of(moved)
    for name in ("frame", "region", "marks", "dot", "tint"):
        assert value_on_file(instance, name, getattr(moved, name)) == values[name]


def test_a_shape_goes_with_the_picture_that_it_lies_on(picture: Path, analysis: ModuleType) -> None:
    """The place lies on the picture of the second slot, which is adjusted in another way than the canvas."""

    @dataclasses.dataclass(frozen=True)
    class OtherPlace:
        place: Annotated[tuple[float, float] | None, Pick("point", slot="other"), Doc("Place")] = None

    two = dataclasses.replace(
        analysis.FIND,
        key="two-pictures",
        inputs=(PICTURE, dataclasses.replace(PICTURE, name="other")),
        stages=(Stage("find", analysis.run_find, OtherPlace),),
    )
    files, values = {"picture": picture, "other": picture}, {"place": (10.0, 20.0)}
    crop, turned = Adjustments(crop=(5, 5, 50, 50)), Adjustments(rotate=180)
    with ANALYSES.lend(two):
        for adjustments, place in (
            ({"picture": crop}, (10.0, 20.0)),
            ({"other": turned}, (90.0, 60.0)),
            ({"picture": crop, "other": turned}, (90.0, 60.0)),
        ):
            instance = make_instance("two-pictures", files, values=values, adjustments=adjustments)
            assert make_request(instance, pts=None).params[0].place == place
            assert given_values(instance) == {"place": place}
            assert value_on_file(instance, "place", place) == (10.0, 20.0)


def test_a_depth_map_is_adjusted_with_its_picture_or_refused(tmp_path: Path) -> None:
    """The left half is near: mirrored with its depth map, the same half is in focus in the file's pixels."""
    from PIL import Image as PillowImage

    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    PillowImage.fromarray(noise).save(tmp_path / "picture.png")
    np.save(tmp_path / "depth.npy", np.tile(np.where(np.arange(60) < 30, 1.0, 5.0).astype(np.float32), (40, 1)))
    inputs = {"picture": tmp_path / "picture.png", "depth": tmp_path / "depth.npy"}
    mirrored = Adjustments(flip="h")

    def refocused(adjustments: dict[str, Adjustments]) -> Picture:
        with Runner(device="cpu") as runner:
            instance = make_instance("refocus", inputs, values={"focus": (0.5, 2.0)}, adjustments=adjustments)
            result = runner.result(instance)
        assert isinstance(result, Picture)
        return result

    plain, both = refocused({}), refocused({"picture": mirrored, "depth": mirrored})
    assert plain.mask is not None
    assert both.mask is not None
    assert (plain.mask[:, :30].mean(), plain.mask[:, 30:].mean()) == (1.0, 0.0)
    assert np.array_equal(plain.mask, both.mask)
    for lonely in ({"picture": mirrored}, {"picture": Adjustments(rotate=90), "depth": Adjustments(rotate=270)}):
        with pytest.raises(BindingError, match="crop, rotate and flip both in the same way"):
            refocused(lonely)


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
