"""Photographs, views and chunks of the everyday detector."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.models.shared.coco import LABELS
from cvstudio.training.everyday import chunks
from cvstudio.training.everyday.chunks import CellTargets, Chunk
from cvstudio.training.everyday.data import FILES, MOST_REPEATS, Views, drawing_weights, photographs, whole_view
from cvstudio.training.everyday.teacher import CELLS, N_CLASSES, SIZE, DenseTeacher


def test_a_whole_picture_lies_in_the_corner():
    pixels = np.full((50, 100, 3), 200, np.uint8)
    view, scale = whole_view(pixels)
    assert view.shape == (SIZE, SIZE, 3)
    assert scale == pytest.approx(4.16)
    assert (view[2:206, 2:414] == 200).all()
    assert (view[210:] != 200).all()


def test_pictures_with_rare_classes_are_drawn_more_often():
    counts = np.zeros((100, 3), np.int64)
    counts[:, 0] = 1
    counts[:50, 1] = 1
    counts[99, 2] = 5
    weights = drawing_weights(counts)
    assert weights.sum() == pytest.approx(1)
    assert weights[99] / weights[60] == pytest.approx(min(MOST_REPEATS, np.sqrt(50)))
    assert weights[0] == pytest.approx(weights[60])


def random_chunk(rng: np.random.Generator) -> Chunk:
    sizes = [3, 0, 2]
    return Chunk(
        {key: rng.random((3, 4, 4, 5)).astype(np.float16) for key in (*chunks.INPUTS, *chunks.TAUGHT)},
        [
            CellTargets(
                rng.random(CELLS).astype(np.float16),
                rng.integers(0, CELLS, n).astype(np.int16),
                rng.random((n, N_CLASSES)).astype(np.float16),
                rng.random((n, 4)).astype(np.float32),
            )
            for n in sizes
        ],
        [rng.random((n, 4)).astype(np.float32) for n in reversed(sizes)],
        [rng.integers(0, 80, n) for n in reversed(sizes)],
    )


def test_a_chunk_comes_back_as_it_was(tmp_path):
    chunk = random_chunk(np.random.default_rng(0))
    assert chunks.load(tmp_path, "one") is None
    chunks.save(tmp_path, "one", chunk)
    back = chunks.load(tmp_path, "one")
    assert len(back) == 3
    assert set(back.maps) == set(chunk.maps)
    for key, maps in chunk.maps.items():
        np.testing.assert_array_equal(back.maps[key], maps)
    for mine, theirs in zip(back.dense, chunk.dense, strict=True):
        for key in ("objectness", "cells", "classes", "boxes"):
            np.testing.assert_array_equal(getattr(mine, key), getattr(theirs, key))
    for key in ("boxes", "classes"):
        for mine, theirs in zip(getattr(back, key), getattr(chunk, key), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_chunk_whose_table_is_missing_is_made_again(tmp_path):
    chunks.save(tmp_path, "one", random_chunk(np.random.default_rng(0)))
    (tmp_path / "one.npz").unlink()
    assert chunks.load(tmp_path, "one") is None


@pytest.fixture(scope="module")
def folder(request):
    import os
    from pathlib import Path

    base = Path(os.environ.get("CVSTUDIO_DATA") or Path(__file__).parents[5] / "shared" / "data")
    if not all((base / name).exists() for name in FILES):
        pytest.skip("needs ../shared/data or $CVSTUDIO_DATA")
    return base


def test_none_of_the_test_photographs_is_among_those_for_training(folder):
    training, held_out = photographs(folder, 20)
    contents = {photograph.content for photograph in (*training, *held_out)}
    assert len(contents) == len(training) + len(held_out) == 100
    for test in ("coco128/images/train2017", "photos"):
        assert not contents & {path.read_bytes() for path in (folder / test).glob("*.jpg")}
    assert len(held_out) == 10
    assert {photograph.is_labelled for photograph in training} == {True, False}


def test_the_teacher_sees_the_dog_the_bicycle_and_the_car(folder):
    from cvstudio.training import sets

    teacher = DenseTeacher(folder / FILES[-1])
    view, scale = whole_view(sets.decode((folder / "photos" / "dog.jpg").read_bytes()))
    found = teacher(view, floor=0.5)
    assert {LABELS[kind] for kind in found.classes} >= {"dog", "bicycle"}
    outputs = teacher.outputs(view[None])
    # The dense outputs hold what is left after suppression.
    best = (outputs.objectness[0, :, None] * outputs.classes[0]).max()
    assert best == pytest.approx(float(found.scores.max()), abs=1e-3)
    assert scale < 1


def test_views_are_repeatable_and_carry_peoples_boxes(folder):
    training, _ = photographs(folder, 12)
    weights = np.array([photograph.is_labelled for photograph in training], np.float64)
    small = [np.full((64, 64, 3), 90, np.uint8)]
    views = Views(training, weights, small)
    one, other = (views.make(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    rng = np.random.default_rng(4)
    made = [views.make(rng) for _ in range(6)]
    assert all(view.pixels.shape == (SIZE, SIZE, 3) for view in made)
    assert any(len(view.boxes) for view in made)
