"""What an export writes is asked for in one way: its picture, its recipe, its name and its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance


def test_a_picture_comes_with_what_lies_under_it_and_its_recipe(tmp_path: Path) -> None:
    instance = make_instance("detect", {"picture": sample_path("cat")}, model="haar-face")
    with Runner(device="cpu") as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path, look={"line_width": 3.0}), Progress())
        assert item.result is runner.result(instance)
    assert item.base is not None
    with Pillow.open(sample_path("cat")) as picture:
        np.testing.assert_array_equal(item.base.rgb8, np.asarray(picture.convert("RGB")))
    assert (item.recipe["analysis"], item.recipe["look"]) == ("detect", {"line_width": 3.0})
    assert (item.file_stem, item.frames, item.composition) == (sample_path("cat").stem, None, None)


def test_one_recipe_covers_many_and_names_the_files(tmp_path: Path) -> None:
    instance = make_instance("detect", {"picture": sample_path("cat")}, model="haar-face")
    recipe = {"analysis": "of all"}
    with Runner(device="cpu") as runner:
        item = export_item(runner, ExportRequest(instance, tmp_path, recipe=recipe, stem="0001"), Progress())
    assert item.recipe is recipe
    assert item.file_stem == "0001"


def test_frames_of_a_caller_are_taken_as_they_are(tmp_path: Path) -> None:
    instance = make_instance("detect", {"picture": sample_path("clip")}, model="haar-face")
    frames = [("a frame", "its result")]
    with Runner(device="cpu") as runner:
        request = ExportRequest(instance, tmp_path, part=(0.5, 1.0))
        given = export_item(runner, request, Progress(), frames=frames)
        walked = export_item(runner, request, Progress())
        assert walked.frames is not None
        times = [frame.pts for frame, _ in walked.frames]
    assert given.frames is frames
    assert (given.start_secs, given.stop_secs, given.recipe["time_secs"]) == (0.5, 1.0, None)
    assert times
    assert all(0.45 < time < 1.0 for time in times)
