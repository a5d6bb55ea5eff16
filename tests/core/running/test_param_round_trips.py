"""An analysis with every new kind of parameter through session, project, recipe, command line and batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.cli.main import main
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.shapes import Stroke
from cvstudio.media import open_media
from cvstudio.running.recipe import load_recipe
from cvstudio.running.runner import run
from cvstudio.session.project import load_project, save_project
from cvstudio.session.session import State

VALUES: dict[str, Any] = {
    "caption": "a cat, 고양이",
    "story": "one\ntwo",
    "tint": "#00c0ff",
    "frame": (4.0, 6.0, 20.0, 14.0),
    "region": ((30.0, 5.0), (44.0, 5.0), (44.0, 25.0)),
    "marks": (Stroke(((5.0, 28.0), (25.0, 28.0)), 3.0, "thing"),),
    "names": ("b", "a, c"),
    "sizes": (1.5, 3.0),
}
FLAGS = [
    *("--caption", "a cat, 고양이", "--story", "one\ntwo", "--tint", "#00c0ff", "--frame", "4,6,20,14"),
    *("--region", "30,5;44,5;44,25", "--marks", "thing:5,28;25,28@3", "--names", 'b,"a, c"', "--sizes", "1.5,3"),
]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Pillow.fromarray(np.full((32, 48, 3), 90, np.uint8)).save(path)
    return path


def check_pixels(path: Path) -> None:
    rgb = cv2.imread(str(path))[..., ::-1]
    for x, y, painted in (
        (10, 10, True),
        (4, 6, True),
        (20, 14, False),
        (42, 8, True),
        (32, 20, False),
        (15, 28, True),
    ):
        assert rgb[y, x].tolist() == ([0, 0xC0, 0xFF] if painted else [90, 90, 90]), (x, y)


def test_a_project_brings_every_value_back(sketch: Any, picture: Path, tmp_path: Path) -> None:
    media = open_media(picture)
    instance = AnalysisInstance(1, "sketch", {"picture": media}, values=VALUES)
    path = tmp_path / "it.cvsproj"
    save_project(path, State((media,), media.id, (instance,), 1))
    loaded, _ = load_project(path)
    assert loaded.instances[0].values == VALUES
    assert loaded.instances[0].params() == instance.params()
    hash(loaded.instances[0].params())


def test_the_command_line_paints_and_its_recipe_paints_the_same(
    sketch: Any, picture: Path, tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / "out"
    assert main(["run", "sketch", str(picture), *FLAGS, "--format", "png", "-q", "-o", str(out / "a.png")]) == 0
    check_pixels(out / "a.png")
    recipe = out / "a.png.recipe.json"
    assert load_recipe(recipe)[0].values == VALUES
    assert json.loads(recipe.read_text())["values"]["marks"] == [
        {"points": [[5.0, 28.0], [25.0, 28.0]], "width": 3.0, "label": "thing"}
    ]
    assert main(["run", "--recipe", str(recipe), "--format", "png", "-q", "-o", str(out / "b.png")]) == 0
    assert (out / "b.png").read_bytes() == (out / "a.png").read_bytes()


def test_a_folder_is_done_as_a_batch(sketch: Any, picture: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    other = picture.with_name("second.png")
    other.write_bytes(picture.read_bytes())
    command = ["run", "sketch", str(picture), str(other), *FLAGS, "--format", "png", "-q", "-o", str(out)]
    assert main(command) == 0
    made = sorted(out.rglob("*.png"))
    assert len(made) == 2
    for path in made:
        check_pixels(path)


def test_python_takes_the_same_values(sketch: Any, picture: Path) -> None:
    drawn = run("sketch", picture, frame=[4, 6, 20, 14], tint="#0CF", marks=[{"points": [[5, 28], [25, 28]]}])
    assert drawn.pixels[10, 10].tolist() == [0, 0xCC, 0xFF]
    assert drawn.pixels[28, 15].tolist() == [0, 0, 0]
    with pytest.raises(ParamsError, match="Frame expects the right edge beyond the left"):
        run("sketch", picture, frame=[20, 6, 4, 14])


def test_a_wrong_flag_is_told_in_one_sentence(sketch: Any, picture: Path, capsys: Any) -> None:
    assert main(["run", "sketch", str(picture), "--region", "1,2;3,4", "-q"]) != 0
    assert "Region expects 3 to 1,000 points, found 2." in capsys.readouterr().err
