"""Detection in slices: the same as of the whole picture where that is no smaller, each object once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

import cvstudio
from cvstudio.analyses import ANALYSES
from cvstudio.analyses.slicing import predicted
from cvstudio.cli.main import main
from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.data.tiles import Tile, cropped, tiles
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.results.detections import Detections
from cvstudio.results.joined import join_detections
from cvstudio.results.masks import PrototypeMasks
from cvstudio.running.runner import Runner, make_instance

PARAMS = ANALYSES["detect"].stages[0].params_with(NoParams)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(32, 1200), st.floats(0, 0.5))
def test_tiles_cover_the_picture_and_overlap(width, height, side, overlap):
    found = tiles(Size(width, height), side, overlap)
    assert {tile.size for tile in found} == {Size(min(side, width), min(side, height))}
    for length, starts in ((width, {tile.left for tile in found}), (height, {tile.top for tile in found})):
        ordered = sorted(starts)
        assert ordered[0] == 0
        assert ordered[-1] + min(side, length) == length
        for before, after in itertools.pairwise(ordered):
            assert before + side - after >= side * overlap - 1
    assert len(set(found)) == len(found)


def scene(size: Size, seed: int, *, largest: int = 60) -> np.ndarray:
    """Rectangles of random sides that do not touch, on grey."""
    rng = np.random.default_rng(seed)
    pixels = np.full((size.height, size.width, 3), 60, np.uint8)
    taken = np.zeros((size.height, size.width), bool)
    for _ in range(400):
        width, height = rng.integers(6, largest, 2)
        x, y = rng.integers(0, size.width - width), rng.integers(0, size.height - height)
        if not taken[max(y - 4, 0) : y + height + 4, max(x - 4, 0) : x + width + 4].any():
            taken[y : y + height, x : x + width] = True
            colour = np.full(3, 20, np.uint8)
            colour[rng.integers(3)] = 230
            pixels[y : y + height, x : x + width] = colour
    return pixels


def boxes_of(detections: Detections) -> list[tuple[int, ...]]:
    rows = np.column_stack((detections.boxes, detections.classes)).astype(int)
    return sorted(map(tuple, rows.tolist()))


def sliced(network, pixels, **values) -> list[Detections]:
    image = Image(pixels)
    params = PARAMS(**values)
    return list(predicted(network, image, params, Progress(), lambda found: join_detections(found, image.size)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [False, True])
def test_objects_of_up_to_the_overlap_are_found_once_and_whole(blob_finder, seed, whole):
    pixels = scene(Size(900, 700), seed)
    network = blob_finder.BlobFinder()
    expected = network.predict(Image(pixels), None, Progress())
    # 60 px objects, and tiles of 320 px that overlap by 64 and more.
    found = sliced(network, pixels, tile=320, tile_overlap=0.2, tile_whole=whole)[-1]
    assert len(expected) > 50
    assert boxes_of(found.take(unique(found))) == boxes_of(expected)
    assert (np.diff(found.scores) <= 0).all()


def unique(found: Detections) -> np.ndarray:
    """What non-maximum suppression, the stage that follows, leaves."""
    from cvstudio.data.boxes import nms

    return nms(found.boxes, found.scores, found.classes, 0.5)


def test_an_object_larger_than_a_tile_is_one_of_its_parts(blob_finder):
    pixels = np.full((300, 1200, 3), 60, np.uint8)
    pixels[100:160, 50:1150] = (230, 20, 20)
    pixels[200:240, 700:740] = (230, 20, 20)
    found = sliced(blob_finder.BlobFinder(), pixels, tile=320, tile_whole=False)[-1]
    assert boxes_of(found.take(unique(found))) == [(50, 100, 1150, 160, 0), (700, 200, 740, 240, 0)]


def test_a_picture_of_one_tile_is_the_plain_result(blob_finder, tmp_path):
    with MODELS.lend(blob_finder.SPEC):
        path = tmp_path / "p.png"
        Pillow.fromarray(scene(Size(400, 300), 1)).save(path)
        plain = cvstudio.run("detect", path, model="blobs", device="cpu")
        blob_finder.SEEN.clear()
        one = cvstudio.run("detect", path, model="blobs", device="cpu", tile=416)
        assert blob_finder.SEEN == [(400, 300)]
    for name in ("boxes", "scores", "classes", "ids"):
        assert np.array_equal(getattr(one, name), getattr(plain, name))


def test_neighbours_of_another_class_and_weak_boxes_take_nothing_away():
    size = Size(200, 100)
    left, right = Tile(0, 0, 120, 100), Tile(80, 0, 200, 100)
    labels = ("a", "b")

    def made(tile, *rows):
        boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4) - np.array([tile.left, tile.top] * 2)
        scores = np.array([row[5] for row in rows], np.float32)
        classes = np.array([row[4] for row in rows], np.int64)
        return tile, Detections(boxes.astype(np.float32), scores, classes, labels, np.arange(len(rows)), tile.size)

    cut = (100, 20, 120, 60, 0, 0.8)
    whole = (100, 20, 140, 60, 0, 0.9)
    assert len(join_detections([made(left, cut), made(right, whole)], size)) == 1
    # Of another class, and of a score far below.
    assert len(join_detections([made(left, cut), made(right, (*whole[:4], 1, 0.9))], size)) == 2
    assert len(join_detections([made(left, cut), made(right, (*whole[:4], 0, 0.1))], size)) == 2
    # One that no border cuts is no part of another.
    inner = (100, 20, 115, 60, 0, 0.8)
    assert len(join_detections([made(left, inner), made(right, whole)], size)) == 2


def test_masks_are_joined_across_a_seam():
    size = Size(160, 60)
    left, right = Tile(0, 0, 100, 60), Tile(60, 0, 160, 60)
    shape = np.zeros((60, 160), bool)
    shape[20:40, 10:150] = True
    shape[30:50, 70:90] = True

    def made(tile):
        part = shape[tile.top : tile.bottom, tile.left : tile.right]
        rows, columns = np.nonzero(part)
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        masks = PrototypeMasks(np.where(part, 1.0, -1.0).astype(np.float32)[None], np.ones((1, 1), np.float32), (1, 1))
        one = np.array([0.9], np.float32)
        return tile, Detections(box, one, np.array([0]), ("a",), np.array([0]), tile.size, masks=masks)

    joined = join_detections([made(left), made(right)], size)
    assert joined.boxes.tolist() == [[10, 20, 150, 50]]
    assert np.array_equal(joined.masks.full(0, joined.boxes[0], size), shape)
    # Its outline by the grid, as a placed or enlarged mask is made.
    assert np.array_equal(joined.masks.grid(0, joined.boxes[0]).logits > 0, shape[20:50, 10:150])
    alone = join_detections([made(left)], Size(100, 60))
    assert np.array_equal(alone.masks.full(0, alone.boxes[0], Size(100, 60)), shape[:, :100])
    assert len(joined.masks.take([0])) == 1


def test_results_come_as_they_are_found_and_a_cancel_stops_between_tiles(blob_finder, monkeypatch):
    for name in ("SHOWN_EVERY_SECS", "JOINING_SHARE"):
        monkeypatch.setattr(f"cvstudio.analyses.slicing.{name}", 0.0)
    pixels, network = scene(Size(900, 700), 2), blob_finder.BlobFinder()
    found = sliced(network, pixels, tile=320, tile_whole=False)
    assert len(found) == len(tiles(Size(900, 700), 320, 0.2))
    assert len(found[0]) < len(found[-1])
    progress, image = Progress(), Image(pixels)
    blob_finder.SEEN.clear()
    work = predicted(network, image, PARAMS(tile=320), progress, lambda parts: join_detections(parts, image.size))
    next(work)
    progress.cancel()
    with pytest.raises(Cancelled):
        next(work)
    assert len(blob_finder.SEEN) == 1


def test_a_network_that_looks_at_a_small_copy_finds_small_objects_in_slices_only(blob_finder):
    import cv2

    class Shrinking(blob_finder.BlobFinder):
        """As networks do: at most 320 px wide."""

        def predict(self, image, params, progress):
            factor = min(1.0, 320 / max(image.size))
            small = cv2.resize(image.rgb8, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            found = super().predict(Image(small), params, progress)
            boxes = (found.boxes / factor).astype(np.float32)
            return Detections(boxes, found.scores, found.classes, found.labels, found.ids, image.size)

    pixels = scene(Size(1600, 1200), 5, largest=24)
    truth = blob_finder.BlobFinder().predict(Image(pixels), None, Progress())
    plain = Shrinking().predict(Image(pixels), None, Progress())
    found = sliced(Shrinking(), pixels, tile=320, tile_whole=False)[-1]
    assert len(truth) > 200
    assert len(plain) < 0.2 * len(truth)
    assert boxes_of(found.take(unique(found))) == boxes_of(truth)


def test_a_part_of_a_picture_keeps_its_alpha_and_is_contiguous():
    pixels = np.arange(60 * 40 * 3, dtype=np.uint16).reshape(60, 40, 3)
    image = Image(pixels, alpha=pixels[..., 0].copy())
    part = cropped(image, Tile(5, 10, 25, 50))
    assert np.array_equal(part.pixels, pixels[10:50, 5:25])
    assert np.array_equal(part.alpha, pixels[10:50, 5:25, 0])
    assert part.pixels.flags.c_contiguous


@pytest.fixture
def picture(blob_finder, tmp_path: Path) -> Iterator[Path]:
    with MODELS.lend(blob_finder.SPEC):
        Pillow.fromarray(scene(Size(900, 700), 3)).save(tmp_path / "large.png")
        yield tmp_path / "large.png"


def test_the_command_line_and_python_take_slices(picture, blob_finder, tmp_path, capsys):
    run = ["run", "detect", str(picture), "--model", "blobs", "--device", "cpu", "-q", "--max-count", "1000"]
    assert main([*run, "--tile", "320", "-o", str(tmp_path / "sliced.csv")]) == 0
    assert (320, 320) in blob_finder.SEEN
    assert main([*run, "-o", str(tmp_path / "plain.csv")]) == 0
    sliced_rows, plain_rows = (
        sorted(
            line.split(",")[2:3] + line.split(",")[4:8]
            for line in (tmp_path / name).read_text("utf-8-sig").splitlines()
        )
        for name in ("sliced.csv", "plain.csv")
    )
    assert sliced_rows == plain_rows
    assert len(plain_rows) > 50


def test_a_cancelled_run_goes_on_with_the_tiles_that_are_left(picture, blob_finder):
    values = {"tile": 320, "tile_whole": False, "max_count": 1000}
    instance = make_instance("detect", {"picture": picture}, model="blobs", values=values)
    count = len(tiles(Size(900, 700), 320, 0.2))
    with Runner(device="cpu", measure=False) as runner:
        progress = Progress(lambda _, message: progress.cancel() if message.startswith("slice 4") else None)
        blob_finder.SEEN.clear()
        with pytest.raises(Cancelled):
            runner.result(instance, progress)
        assert len(blob_finder.SEEN) == 3
        # What comes after the network does not begin it anew.
        found = runner.result(dataclasses.replace(instance, values={**values, "classes": ("red",)}))
        assert len(blob_finder.SEEN) == count
        everything = runner.result(instance)
        assert len(blob_finder.SEEN) == count
        kept = [key for key in runner.cache._entries if key[0] == "parts"]
        assert kept == []
    with Runner(device="cpu", measure=False) as runner:
        assert boxes_of(runner.result(instance)) == boxes_of(everything)
    assert 0 < len(found) < len(everything)
