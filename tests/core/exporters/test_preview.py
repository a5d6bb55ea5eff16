"""The preview of an export shows what is in its file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.data.geometry import Size
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.preview import preview
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress

LARGE = Size(1000, 1000)


@pytest.mark.parametrize(
    ("key", "options"), [("png", {}), ("png", {"scale": 0.5}), ("jpeg", {"quality": 20}), ("jpeg", {"scale": 2.0})]
)
def test_a_picture_is_shown_as_it_is_written(key, options, tmp_path, item, found):
    given = dataclasses.replace(item(found), options=options)
    path = tmp_path / f"x{EXPORTERS[key].suffix}"
    export(EXPORTERS[key], path, given, Progress())
    shown = preview(EXPORTERS[key], given, LARGE, Progress())
    with Pillow.open(path) as written:
        assert shown.size == written.size
        np.testing.assert_array_equal(shown.picture, np.asarray(written))
    assert shown.n_bytes == path.stat().st_size


def test_a_large_picture_is_reduced_and_a_transparent_one_lies_on_a_chequerboard(item, found):
    given = dataclasses.replace(item(found), options={"overlay_only": True})
    shown = preview(EXPORTERS["png"], given, Size(80, 80), Progress())
    assert shown.picture.shape == (60, 80, 3)
    assert shown.size == (160, 120)
    assert {tuple(pixel) for pixel in shown.picture[-2:, -20:].reshape(-1, 3).tolist()} == {(102,) * 3, (128,) * 3}


def test_a_text_shows_its_first_lines_and_a_folder_its_files(item, found):
    assert preview(EXPORTERS["json"], item(found), LARGE, Progress()).text.startswith("{")
    table = preview(EXPORTERS["csv"], item(found), LARGE, Progress())
    assert table.text.count("\n") == 2
    assert table.picture is None
    folder = dataclasses.replace(item(found), options={"pictures": False})
    assert "labels/" in preview(EXPORTERS["yolo"], folder, LARGE, Progress()).text


def test_a_video_shows_the_frame(item, found, picture):
    shown = preview(EXPORTERS["mp4"], dataclasses.replace(item(found), options={"scale": 0.5}), LARGE, Progress())
    assert (shown.picture.shape, shown.size, shown.n_bytes) == ((60, 80, 3), (80, 60), None)
    alone = preview(
        EXPORTERS["mp4"], dataclasses.replace(item(found), options={"overlay_only": True}), LARGE, Progress()
    )
    assert (alone.picture[-1] == 0).all()
    assert (alone.picture > 0).any()


def test_a_wrong_option_is_one_sentence(item, found):
    with pytest.raises(ParamsError, match="Quality expects"):
        preview(EXPORTERS["jpeg"], dataclasses.replace(item(found), options={"quality": 0}), LARGE, Progress())
