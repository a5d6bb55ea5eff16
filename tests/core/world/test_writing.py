"""Sets that are written: read back by pycocotools, OpenCV, trimesh and the program's own readers."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from pycocotools.coco import COCO

from cvstudio.cli.main import main
from cvstudio.foundation.errors import Cancelled, ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import annotation_format
from cvstudio.world.categories import CATEGORIES, NUMBERS
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer
from cvstudio.world.writing import WorldSet, read_flow, write_world

STILLS = WorldSet(SceneRecipe("room", 7, 6, width=48, height=36), 3, meshes=True, voxels=True)
FRAMES = WorldSet(SceneRecipe("figures", 2, 4, width=48, height=36, frames=3, rate=5.0, smooth=False), 1)


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills") / "set"
    assert write_world(STILLS, folder, Progress()) == 3
    return folder


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames") / "set"
    write_world(FRAMES, folder, Progress())
    return folder


def view_of(seed: int) -> RenderedView:
    recipe = SceneRecipe("room", seed, 6, width=48, height=36)
    return SceneRenderer(generate_scene(recipe)).render(0.0, recipe.size, samples=4)


def opened(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def rgb(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGR2RGB))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


PYCOCOTOOLS_AND_NUMPY_2 = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@PYCOCOTOOLS_AND_NUMPY_2
def test_pycocotools_reads_the_masks_of_all_things(stills: Path) -> None:
    coco = opened(stills / "instances.json")
    names = [image["file_name"] for image in coco.loadImgs(coco.getImgIds())]
    assert names == ["000007.png", "000008.png", "000009.png"]
    view = view_of(8)
    (identity,) = [image["id"] for image in coco.dataset["images"] if image["file_name"] == "000008.png"]
    annotations = coco.loadAnns(coco.getAnnIds(identity))
    assert {item["track_id"] for item in annotations} == set(np.unique(view.instances).tolist()) - {0}
    for item in annotations:
        mask = coco.annToMask(item).astype(bool)
        assert np.array_equal(mask, view.instances == item["track_id"])
        assert item["area"] == mask.sum()
        rows, columns = np.nonzero(mask)
        left, top, width, height = item["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        (category,) = coco.loadCats(item["category_id"])
        assert category["name"] == CATEGORIES[view.classes[mask][0]].name


def test_panoptic_maps_hold_every_pixel(stills: Path) -> None:
    panoptic = json.loads((stills / "panoptic.json").read_text())
    named = {item["id"]: item["name"] for item in panoptic["categories"]}
    for entry, seed in zip(panoptic["annotations"], (7, 8, 9), strict=True):
        coded = rgb(stills / "panoptic" / entry["file_name"]).astype(int)
        numbers = coded @ (1, 256, 65536)
        view = view_of(seed)
        assert np.array_equal(numbers, view.panoptic)
        assert {item["id"] for item in entry["segments_info"]} == set(np.unique(numbers).tolist())
        for item in entry["segments_info"]:
            assert item["area"] == (numbers == item["id"]).sum()
            assert NUMBERS[named[item["category_id"]]] == view.classes[numbers == item["id"]][0]


@pytest.mark.parametrize("name", ["instances.json", "panoptic.json"])
def test_the_own_reader_takes_everything(stills: Path, name: str) -> None:
    path = stills / name
    labelled = annotation_format(path).read(path)
    assert labelled.check(Progress()) == ()
    assert len(labelled.names) == 3
    assert all(labelled.pictures[item].is_file() for item in labelled.names)
    view = view_of(9)
    labels = labelled.labels("000009.png")
    things = [item for item in labels.annotations if labelled.categories[item.category].is_thing]
    areas = sorted(int(item.mask.pixels.sum()) for item in things if item.mask is not None)
    expected = [int((view.instances == number).sum()) for number in np.unique(view.instances) if number]
    assert areas == sorted(expected)


def test_pictures_depth_normals_and_uv_come_back(stills: Path) -> None:
    view = view_of(7)
    assert np.array_equal(rgb(stills / "images" / "000007.png"), view.pixels)
    depth = cv2.imread(str(stills / "depth" / "000007.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    assert np.abs(depth * 0.001 - view.depth).max() <= 0.00051
    normals = rgb(stills / "normals" / "000007.png") / 127.5 - 1
    assert np.abs(normals - view.normals).max() < 0.005
    uv = (rgb(stills / "uv" / "000007.png")[..., :2].astype(float) - 1) / 65_534
    assert np.abs(uv - view.uv).max() < 2e-5
    parts = cv2.imread(str(stills / "parts" / "000007.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(parts, view.parts)


def test_meshes_and_voxels_of_the_things(stills: Path) -> None:
    scene = generate_scene(recipe_of(8))
    voxels = np.load(stills / "voxels" / "000008.npz")
    for item in scene.things:
        name = f"{item.identity:03}_{item.name.replace(' ', '_')}"
        mesh = trimesh.load_mesh(stills / "meshes" / "000008" / f"{name}.ply", process=False)
        assert mesh.bounds == pytest.approx(item.placed_mesh().bounds, abs=1e-5)
        assert mesh.is_watertight
        assert voxels[name].any()


def recipe_of(seed: int) -> SceneRecipe:
    return SceneRecipe("room", seed, 6, width=48, height=36)


def test_cameras_project_what_the_depth_says(stills: Path) -> None:
    (camera,) = [
        item
        for item in json.loads((stills / "cameras.json").read_text())["cameras"]
        if item["file_name"] == "000007.png"
    ]
    view = view_of(7)
    pose = np.array(camera["world_from_camera"])
    points = np.concatenate([view.points.reshape(-1, 3), np.ones((view.depth.size, 1))], 1) @ np.linalg.inv(pose).T
    places = points[:, :3] @ np.array(camera["intrinsics"]).T
    x = (places[:, 0] / places[:, 2]).reshape(view.depth.shape)
    assert x == pytest.approx(np.broadcast_to(np.arange(48) + 0.5, x.shape), abs=1e-3)


def test_frames_have_flow_and_keep_identities(frames: Path) -> None:
    recipe = FRAMES.recipe
    view = SceneRenderer(generate_scene(recipe)).render(0.2, recipe.size, flow_secs=0.4)
    assert view.flow is not None
    vectors = read_flow(frames / "flow" / "000002_0001.flo")
    assert np.allclose(vectors, view.flow.vectors, equal_nan=True)
    # OpenCV reads the same form.
    assert np.allclose(cv2.readOpticalFlow(str(frames / "flow" / "000002_0001.flo")), vectors, equal_nan=True)
    occluded = cv2.imread(str(frames / "occluded" / "000002_0001.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(occluded > 0, view.flow.occluded)
    # The last frame has no next one.
    assert not (frames / "flow" / "000002_0002.flo").exists()
    coco = opened(frames / "instances.json")
    shapes: dict[int, set[str]] = {}
    for item in coco.dataset["annotations"]:
        shapes.setdefault(item["track_id"], set()).add(item["shape"])
    assert all(len(names) == 1 for names in shapes.values())
    assert len(coco.getImgIds()) == 3


@PYCOCOTOOLS_AND_NUMPY_2
def test_figures_have_key_points(frames: Path) -> None:
    coco = opened(frames / "instances.json")
    (person,) = coco.getCatIds(catNms=["person"])
    figures = coco.loadAnns(coco.getAnnIds(catIds=[person]))
    assert figures
    assert any(item["num_keypoints"] > 8 for item in figures)
    for item in figures:
        points = np.array(item["keypoints"]).reshape(17, 3)
        assert item["num_keypoints"] == (points[:, 2] > 0).sum()
        mask = coco.annToMask(item)
        seen = points[points[:, 2] == 2][:, :2].astype(int)
        # Wrists and ears lie within a pixel of the outline.
        near = cv2.dilate(mask, np.ones((5, 5), np.uint8))
        assert near[seen[:, 1], seen[:, 0]].mean() > 0.8 if len(seen) else True


def test_the_same_seed_writes_the_same_bytes(stills: Path, tmp_path: Path) -> None:
    write_world(STILLS, tmp_path / "again", Progress())
    assert digests(tmp_path / "again") == digests(stills)


def test_a_set_that_was_stopped_goes_on_and_ends_the_same(stills: Path, tmp_path: Path) -> None:
    progress = Progress(lambda fraction, message: progress.cancel() if message == "Scene 3 of 3" else None)
    with pytest.raises(Cancelled):
        write_world(STILLS, tmp_path / "set", progress)
    assert not (tmp_path / "set" / "panoptic.json").exists()
    assert write_world(STILLS, tmp_path / "set", Progress()) == 1
    assert digests(tmp_path / "set") == digests(stills)


def test_a_set_grows_and_never_shrinks(stills: Path, tmp_path: Path) -> None:
    fewer = dataclasses.replace(STILLS, count=1)
    assert write_world(fewer, tmp_path / "set", Progress()) == 1
    assert write_world(STILLS, tmp_path / "set", Progress()) == 2
    assert digests(tmp_path / "set") == digests(stills)
    with pytest.raises(ExportError, match=r"holds 3 scenes.*ask for 3 or more"):
        write_world(fewer, tmp_path / "set", Progress())
    assert digests(tmp_path / "set") == digests(stills)


def test_other_folders_and_other_sets_are_left_alone(stills: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ExportError, match="new or an empty folder"):
        write_world(STILLS, tmp_path, Progress())
    other = WorldSet(SceneRecipe("street", 7, 6, width=48, height=36), 3)
    with pytest.raises(ExportError, match="made with other choices"):
        write_world(other, stills, Progress())
    with pytest.raises(ExportError, match="cannot be written"):
        write_world(STILLS, tmp_path / "mine.txt" / "set", Progress())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_writes_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--kind", "objects", "--count", "2", "--seed", "5", "--objects", "3", "--size", "40x32", "-q"]
    assert main(["world", str(tmp_path / "set"), *words]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "set")
    assert len(list((tmp_path / "set" / "images").iterdir())) == 2
    assert cv2.imread(str(tmp_path / "set" / "images" / "000005.png")).shape == (32, 40, 3)
    assert main(["world", str(tmp_path / "set"), *words]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "big"], "WIDTHxHEIGHT"),
        (["--count", "0"], "--count is expected"),
        (["--seed", "-3"], "Seed"),
        (["--objects", "1000"], "Objects"),
    ],
)
def test_a_wrong_flag_gets_a_sentence(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["world", str(tmp_path / "set"), "-q", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_the_command_writes_a_recipe(tmp_path: Path) -> None:
    assert main(["world", str(tmp_path / "a.cvscene"), "--kind", "street", "--size", "320", "-q"]) == 0
    assert json.loads((tmp_path / "a.cvscene").read_text())["kind"] == "street"
