"""Files of generated scenes: the numbers of the recipe are read settings, what the renderer knows is their labels."""

from __future__ import annotations

import colorsys
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.foundation.params import fields_of
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.annotations import annotation_format
from cvstudio.media.open import read_again
from cvstudio.media.reading import settings_fields
from cvstudio.running.runner import run
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer

RECIPE = SceneRecipe("room", 3, 6, width=64, height=48, smooth=False)
STILL_READINGS = ("picture=normals", "labels=classes", "labels=instances", "labels=parts", "picture=uv")
VIDEO = SceneRecipe("street", 3, 6, width=64, height=48, frames=10, rate=5.0, smooth=False)


def rendered(recipe: SceneRecipe, time_secs: float = 0.0) -> RenderedView:
    return SceneRenderer(generate_scene(recipe)).render(time_secs, recipe.size)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "room.cvscene").write_text(RECIPE.text())
    return tmp_path / "room.cvscene"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "street.cvscene").write_text(VIDEO.text())
    return tmp_path / "street.cvscene"


def test_a_scene_opens_as_the_picture_that_the_renderer_makes(path: Path) -> None:
    media = open_media(path)
    assert (media.kind, media.size, media.read_as) == (MediaKind.IMAGE, Size(64, 48), "picture")
    with open_reader(media) as reader:
        assert np.array_equal(reader.read().pixels, rendered(RECIPE).pixels)


def test_it_is_told_by_its_content(path: Path) -> None:
    other = path.rename(path.with_name("scene.txt"))
    assert open_media(other).format == "scene"


def test_what_the_renderer_knows_are_readings(path: Path) -> None:
    view = rendered(RECIPE)
    keys = [reading.key for reading in open_media(path).readings]
    assert keys == ["picture", "depth", *STILL_READINGS]
    for key in keys:
        media = open_media(path, read_as=key)
        with open_reader(media) as reader:
            sample = reader.read()
        assert sample.size == media.size == Size(64, 48)
        if isinstance(sample, DepthMap):
            assert np.array_equal(sample.values, view.depth)
            assert sample.unit == "m"
        elif key.startswith("labels"):
            # As many colours as labels, in the same places.
            numbers = {"classes": view.classes, "instances": view.instances, "parts": view.parts}[media.reading.part]
            _, places = np.unique(numbers, return_inverse=True)
            _, coloured = np.unique(sample.pixels.reshape(-1, 3), axis=0, return_inverse=True)
            pairs = {*zip(places.ravel().tolist(), coloured.ravel().tolist(), strict=True)}
            assert len(pairs) == len(np.unique(places)) == len(np.unique(coloured))


def test_settings_begin_with_what_the_file_says(path: Path) -> None:
    fields = {field.name: field.default for field in settings_fields(open_media(path))}
    assert (fields["scene_kind"], fields["scene_seed"], fields["scene_width"]) == ("room", 3, 64)


def test_a_setting_makes_another_picture_of_another_id(path: Path) -> None:
    settings = {"scene_seed": 4, "scene_kind": "objects", "scene_width": 80, "scene_light": 0.5}
    media = open_media(path, settings=settings)
    assert media.size == Size(80, 48)
    assert media.id != open_media(path).id
    expected = SceneRecipe("objects", 4, 6, 0.5, 80, 48, smooth=False)
    with open_reader(media) as reader:
        assert np.array_equal(reader.read().pixels, rendered(expected).pixels)
    # A value that the file has already is none of its own.
    assert open_media(path, settings={"scene_seed": 3}).id == open_media(path).id


def test_settings_stay_with_another_reading(path: Path, video: Path) -> None:
    media = open_media(path, settings={"scene_seed": 4, "scene_width": 80})
    for key in ("labels=classes", "depth", "picture"):
        media = read_again(media, key)
        assert media.settings == {"scene_seed": 4, "scene_width": 80}
        assert media.size == Size(80, 48)
    with open_reader(read_again(media, "depth")) as reader:
        assert np.array_equal(reader.read().values, rendered(dataclasses.replace(RECIPE, seed=4, width=80)).depth)
    media = read_again(open_media(video, settings={"scene_light": 0.5}), "picture")
    assert read_again(media, "video=flow").settings == {"scene_light": 0.5}


def test_settings_are_declared_as_in_the_recipe(path: Path) -> None:
    declared = {field.name: field for field in fields_of(SceneRecipe)}
    fields = settings_fields(open_media(path))
    assert [field.name for field in fields] == [f"scene_{name}" for name in declared][:6]
    for field in fields:
        own = declared[field.name.removeprefix("scene_")]
        assert (field.doc, field.range, field.choices) == (own.doc, own.range, own.choices)


def test_a_wrong_setting_is_refused(path: Path) -> None:
    with pytest.raises(ParamsError):
        open_media(path, settings={"scene_seed": -1})


def test_several_frames_are_a_video(video: Path) -> None:
    media = open_media(video)
    assert (media.kind, media.frame_count, media.duration_secs, media.frame_rate) == (MediaKind.VIDEO, 10, 2.0, 5.0)
    with open_reader(media) as reader:
        first, second = reader.next(), reader.next()
        assert (first.pts, second.pts) == (0.0, 0.2)
        assert np.array_equal(second.pixels, rendered(VIDEO, 0.2).pixels)
        assert reader.at(0.59).pts == pytest.approx(0.4)
        assert reader.at(-1).pts == 0.0
        assert reader.at(99).pts == pytest.approx(1.8)
        assert reader.next() is None
        assert reader.step(0.4, 1).pts == pytest.approx(0.6)
        assert reader.step(0.0, -1).pts == 0.0
    picture = open_media(video, read_as="picture")
    assert picture.kind is MediaKind.IMAGE


def test_what_the_renderer_knows_of_frames_are_videos(video: Path) -> None:
    keys = [reading.key for reading in open_media(video).readings]
    parts = ("normals", "classes", "instances", "parts", "uv", "flow")
    assert keys == ["video", *(f"video={part}" for part in parts), "picture", "depth"]
    view = rendered(VIDEO, 0.4)
    shown = {}
    for key in keys[:7]:
        media = open_media(video, read_as=key)
        assert (media.kind, media.frame_count) == (MediaKind.VIDEO, 10)
        with open_reader(media) as reader:
            frame = reader.at(0.4)
        assert (frame.pts, frame.size) == (pytest.approx(0.4), Size(64, 48))
        shown[media.reading.part] = frame.pixels
    assert np.array_equal(shown["uv"][..., :2], np.rint(np.nan_to_num(view.uv) * 255))
    assert (shown["uv"][..., 2] == 0).all()
    assert np.array_equal(shown["instances"].any(-1), view.instances > 0)
    flow = SceneRenderer(generate_scene(VIDEO)).render(0.4, VIDEO.size, flow_secs=0.6).flow
    assert flow is not None
    # Where a point goes is its hue, read back by colorsys; how far its saturation.
    lengths = np.linalg.norm(flow.vectors, axis=-1)
    assert np.isfinite(lengths).all()
    full = np.quantile(lengths, 0.99)
    seen = np.argwhere(lengths > full / 3)
    assert len(seen) > 100
    for row, column in seen[::37]:
        x, y = flow.vectors[row, column].tolist()
        hue, saturation, value = colorsys.rgb_to_hsv(*(shown["flow"][row, column] / 255))
        turned = (hue * 360 - math.degrees(math.atan2(y, x)) + 180) % 360 - 180
        assert saturation == pytest.approx(min(1, math.hypot(x, y) / full), abs=0.01)
        assert abs(turned) < 0.5 / saturation
        assert value == 1


def test_labels_of_a_video_are_those_of_its_frame(video: Path) -> None:
    for time_secs in (0.0, 0.6):
        boxes = run("labelled-boxes", video, video, time_secs=time_secs)
        view = rendered(VIDEO, time_secs)
        assert sorted(boxes.track_ids.tolist()) == sorted(set(np.unique(view.instances).tolist()) - {0})
        for row, identity in enumerate(boxes.track_ids.tolist()):
            mask = boxes.masks.full(row, boxes.boxes[row], boxes.size)
            assert np.array_equal(mask, view.instances == identity)


def test_labels_are_what_is_seen(path: Path) -> None:
    labelled = annotation_format(path).read(path)
    assert labelled.name_of(path) == "room.cvscene"
    labels = labelled.labels("room.cvscene")
    view = rendered(RECIPE)
    assert labels.label_map is not None
    assert np.array_equal(labels.label_map.classes, view.classes)
    assert {item.track_id for item in labels.annotations} == set(np.unique(view.instances).tolist()) - {0}
    for item in labels.annotations:
        assert item.mask is not None
        assert np.array_equal(item.mask.full(view.size), view.instances == item.track_id)
    assert labelled.check() == ()


@pytest.mark.parametrize("settings", [{}, {"scene_seed": 9}, {"scene_kind": "figures", "scene_objects": 3}])
def test_truth_layers_follow_the_settings(path: Path, settings: dict[str, object]) -> None:
    boxes = run("labelled-boxes", path, path, **settings)
    regions = run("labelled-regions", path, path, **settings)
    changed = {name.removeprefix("scene_"): value for name, value in settings.items()}
    view = rendered(SceneRecipe(**{**vars(RECIPE), **changed}))
    assert len(boxes.boxes) == len(np.unique(view.instances[view.instances > 0]))
    assert np.array_equal(regions.classes, view.classes)


@pytest.mark.parametrize("content", ['{"cvscene": 1, "kind": "castle"}', '{"cvscene": 7}', '{"cvscene": 1, "seed": }'])
def test_a_damaged_file_gets_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.cvscene").write_text(content)
    with pytest.raises(MediaError, match="cvscene"):
        open_media(tmp_path / "a.cvscene")
    with pytest.raises(MediaError, match="cvscene"):
        annotation_format(tmp_path / "a.cvscene").read(tmp_path / "a.cvscene")


def test_a_file_that_changed_since_is_told(path: Path) -> None:
    with open_reader(open_media(path)) as reader:
        assert isinstance(reader.read(), Image)
        path.write_text(SceneRecipe("street", 88).text())
        with pytest.raises(MediaError, match="changed"):
            reader.read()
