"""Nearest pictures as an analysis: from the folder to the vote, the drawing and the files."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.classification._features import pixel_features
from cvstudio.cli import main as cli
from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.samples import Image
from cvstudio.draw import Look, render
from cvstudio.draw.neighbours import MARGIN, filling, strip_of
from cvstudio.draw.palette import class_colour
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.foundation.params import fields_of
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.neighbours import Neighbours
from cvstudio.running.runner import Runner, make_instance

KINDS = ("stripes", "noise", "plain")


def drawn(kind: str, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    if kind == "noise":
        return random.integers(0, 256, (64, 80, 3), np.uint8)
    colour = random.integers(60, 200, 3)
    pixels = np.broadcast_to(colour, (64, 80, 3)).astype(np.uint8)
    if kind == "stripes":
        pixels = pixels.copy()
        pixels[:, random.integers(0, 4) :: 8] = 255
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "gallery"
    for kind in KINDS:
        (root / kind).mkdir(parents=True)
        for seed in range(8):
            cv2.imwrite(str(root / kind / f"{seed}.png"), drawn(kind, seed))
    return root


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    path = tmp_path / "stranger.png"
    cv2.imwrite(str(path), drawn("stripes", 99))
    return path


def run(path: Path, **values: Any) -> Neighbours:
    found: Neighbours = cvstudio.run("knn", path, **values)
    return found


def test_striped_pictures_vote_for_stripes(folder: Path, stranger: Path) -> None:
    found = run(stranger, gallery=str(folder), k=5)
    assert found.votes is not None
    assert found.votes.label(0) == "stripes"
    assert (len(found), found.compared, found.total, found.unread) == (5, 24, 24, 0)
    assert (np.diff(found.distances) >= 0).all()
    assert found.path(0).is_file()
    assert all(picture is not None and picture.shape == (64, 80, 3) for picture in found.thumbnails)


@pytest.mark.parametrize(("metric", "name"), [("L2", "euclidean"), ("L1", "manhattan"), ("cosine", "cosine")])
def test_pixels_as_scikit_learn_compares_them(metric: str, name: str, folder: Path, stranger: Path) -> None:
    files = sorted(folder.rglob("*.png"))
    pictures = [Image(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)) for path in [*files, stranger]]
    features = pixel_features(pictures)
    reference = KNeighborsClassifier(7, metric=name, weights="distance").fit(
        features[:-1], [path.parent.name for path in files]
    )
    away, rows = reference.kneighbors(features[-1:])
    found = run(stranger, gallery=str(folder), by="pixels", metric=metric, k=7, weighting="distance")
    np.testing.assert_allclose(found.distances, away[0], rtol=1e-4, atol=1e-5)
    assert [folder / item for item in found.names] == [files[row] for row in rows[0]]
    expected = dict(zip(reference.classes_, reference.predict_proba(features[-1:])[0], strict=True))
    votes = found.votes
    assert votes is not None
    told = {votes.label(row): votes.probabilities[row] for row in range(len(votes))}
    assert told == pytest.approx({label: share for label, share in expected.items() if share}, abs=1e-3)


def test_a_picture_is_not_its_own_neighbour_unless_asked(folder: Path) -> None:
    path = folder / "noise" / "3.png"
    assert "noise/3.png" not in run(path, gallery=str(folder), k=50).names
    with_itself = run(path, gallery=str(folder), k=3, itself=True)
    assert with_itself.names[0] == "noise/3.png"
    assert with_itself.distances[0] == pytest.approx(0, abs=1e-6)


def test_a_folder_without_subfolders_has_no_vote(folder: Path, stranger: Path) -> None:
    found = run(stranger, gallery=str(folder / "noise"))
    assert found.votes is None
    assert {found.label(row) for row in range(len(found))} == {""}


def test_alone_in_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "only.png"
    cv2.imwrite(str(path), drawn("plain", 1))
    with pytest.raises(MediaError, match="alone there"):
        run(path, gallery=str(tmp_path))


def test_values_are_checked(stranger: Path) -> None:
    with pytest.raises(ParamsError, match="path of a folder"):
        run(stranger, gallery=3)
    with pytest.raises(MediaError, match="not there any more"):
        run(stranger, gallery="/no/such/folder")


def test_every_model_that_can_be_picked_offers_features() -> None:
    models = ANALYSES["knn"].models
    assert MODELS["residual-60"] in models
    assert all("features" in model.capabilities and model.task == "classify" for model in models)


def test_a_folder_on_the_command_line_is_made_absolute(
    folder: Path, stranger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["run", "knn", str(stranger), "--gallery", "gallery", "--k", "3", "-o", "out", "-q"]
    assert cli.main([*command, "--format", "csv", "--format", "json", "--format", "png"]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    recipe = json.loads(next(iter((tmp_path / "out").glob("*.recipe.json"))).read_text())
    assert recipe["values"]["gallery"] == str(folder)
    found = run(stranger, gallery=str(folder), k=3)
    table = next(path for path in written if path.suffix == ".csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["file"] for row in rows] == list(found.names)
    assert [float(row["distance"]) for row in rows] == pytest.approx(found.distances.tolist())
    assert [row["label"] for row in rows] == [found.label(row) for row in range(3)]
    saved = json.loads(next(path for path in written if path.suffix == ".json").read_text())
    assert saved["format"] == "cvstudio-neighbours"
    assert [row["rank"] for row in saved["frames"][0]["neighbours"]] == [1, 2, 3]
    assert "--gallery FOLDER" in run_help(capsys)


def run_help(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        cli.main(["run", "knn", "--help"])
    return capsys.readouterr().out


def test_the_default_needs_nothing_of_the_user() -> None:
    found = run(sample_path("cat"))
    assert len(found) == 5
    assert found.folder == sample_path("texture").parents[1]
    assert "chelsea.png" not in found.names
    (field,) = [field for field in fields_of(ANALYSES["knn"].stages[0].params) if field.kind == "folder"]
    assert field.folder is not None
    assert field.folder.empty


def test_the_frames_of_a_video_share_one_gallery(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    listing = cvstudio.analyses.classification._gallery.pictures_in

    def count(path: Path, progress: Progress) -> Any:
        listed.append(path)
        return listing(path, progress)

    monkeypatch.setattr("cvstudio.analyses.classification._gallery.pictures_in", count)
    monkeypatch.setattr("cvstudio.analyses.classification._gallery.LIST_SECS", 3600)
    with Runner() as runner:
        instance = make_instance("knn", {"picture": sample_path("clip")}, values={"gallery": str(folder)})
        found = [result for _, result in runner.frames(instance, Progress(), stop_secs=0.2)]
    assert len(found) > 3
    assert listed == [folder]
    assert found[0].thumbnails[0] is not None


def test_pictures_that_come_and_go_meanwhile_are_noticed(
    folder: Path, stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request, the same runner: only the folder is another."""
    monkeypatch.setattr("cvstudio.analyses.classification._gallery.LIST_SECS", 0)
    twin = folder / "noise" / "twin.png"
    with Runner() as runner:
        instance = make_instance("knn", {"picture": stranger}, values={"gallery": str(folder), "k": 1})
        before = runner.result(instance)
        shutil.copy(stranger, twin)
        # The same file by content and time would be the picture itself.
        os.utime(twin, ns=(1, 1))
        assert runner.result(instance).names == ("noise/twin.png",)
        twin.unlink()
        assert runner.result(instance).names == before.names
        shutil.rmtree(folder)
        with pytest.raises(MediaError):
            runner.result(instance)


class TestDrawing:
    def result(self, folder: Path, stranger: Path) -> Neighbours:
        return run(stranger, gallery=str(folder), k=5)

    def test_the_screen_shows_a_crop_of_the_file(self, folder: Path, stranger: Path) -> None:
        found = cvstudio.run("knn", sample_path("astronaut"), gallery=str(folder))
        base = Image(np.full((512, 512, 3), 90, np.uint8))
        for scale in (0.5, 1.0, 2.0):
            whole = render(base, [(found, Look())], View(Rect(0, 0, 512, 512), scale))
            part = render(base, [(found, Look())], View(Rect(100, 300, 300, 212), scale))
            top, left = round(300 * scale), round(100 * scale)
            np.testing.assert_array_equal(part, whole[top : top + part.shape[0], left : left + part.shape[1]])

    def test_the_pictures_stand_side_by_side_over_the_colours_of_their_classes(
        self, folder: Path, stranger: Path
    ) -> None:
        found = self.result(folder, stranger)
        strip = strip_of(found, Size(900, 400), Look())
        assert strip is not None
        pixels, cover = strip
        assert pixels.shape[1] <= 900 - MARGIN
        edges = [row for row in pixels if (row == class_colour(found.label(0))).all(axis=1).any()]
        assert len(edges) == 3
        assert cover.max() == 1
        fewer = strip_of(found, Size(200, 400), Look())
        assert fewer is not None
        assert fewer[0].shape[1] <= 200
        assert strip_of(found, Size(20, 400), Look()) is None
        assert strip_of(found, Size(400, 30), Look()) is None

    def test_the_rest_of_the_picture_stays(self, folder: Path, stranger: Path) -> None:
        found = run(stranger, gallery=str(folder / "noise"))
        base = Image(np.full((400, 600, 3), 90, np.uint8))
        found = cvstudio.run("knn", sample_path("coffee"), gallery=str(folder / "noise"))
        shown = render(base, [(found, Look())], View.whole(Size(600, 400)))
        assert (shown[:250] == 90).all()
        assert (shown[300:] != 90).any()
        hidden = render(base, [(found, Look(opacity=0))], View.whole(Size(600, 400)))
        assert (hidden == 90).all()

    @pytest.mark.parametrize("shape", [(144, 30), (20, 192), (1, 1), (90, 120)])
    def test_a_thumbnail_fills_its_place_without_being_stretched(self, shape: tuple[int, int]) -> None:
        found = filling(np.zeros((*shape, 3), np.uint8), 120, 90)
        assert found.size > 0
        assert found.shape[1] / found.shape[0] == pytest.approx(4 / 3, rel=0.1) or 1 in found.shape[:2]


def test_photographs_of_one_class_find_each_other(data: Callable[..., Path], tmp_path: Path) -> None:
    """Real photographs: crops of VOC boxes of four classes; the embedded features beat plain pixels."""
    base = data("voc5")
    marked = json.loads((base / "instances.json").read_text())
    names = {item["id"]: item["name"] for item in marked["categories"]}
    files = {item["id"]: item["file_name"] for item in marked["images"]}
    wanted = dict.fromkeys(("car", "cat", "bus", "train"), 12)
    root = tmp_path / "voc"
    for item in marked["annotations"]:
        name = names[item["category_id"]]
        x, y, width, height = (round(value) for value in item["bbox"])
        if wanted.get(name, 0) == 0 or min(width, height) < 120:
            continue
        found = next(base.rglob(files[item["image_id"]]), None)
        if found is None:
            continue
        wanted[name] -= 1
        (root / name).mkdir(parents=True, exist_ok=True)
        crop = cv2.imread(str(found))[y : y + height, x : x + width]
        cv2.imwrite(str(root / name / f"{item['id']}.png"), crop)
    right = dict.fromkeys(("features", "pixels"), 0)
    pictures = sorted(root.rglob("*.png"))
    assert len(pictures) == 48
    with Runner() as runner:
        for path in pictures[::4]:
            for by in right:
                values = {"gallery": str(root), "by": by, "metric": "L2", "k": 3}
                votes = runner.result(make_instance("knn", {"picture": path}, values=values)).votes
                right[by] += votes.label(0) == path.parent.name
    assert right["features"] >= 8
    assert right["features"] > right["pixels"]
