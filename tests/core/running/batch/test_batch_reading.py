"""How a second input is read holds for a whole folder, too."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from cvstudio.cli.main import main


def test_the_scale_of_a_depth_map_holds_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in "ab":
        cv2.imwrite(str(tmp_path / "pictures" / f"{name}.png"), np.full((16, 24, 3), 90, np.uint8))
    levels = np.tile(np.linspace(5000, 10000, 24).astype(np.uint16), (16, 1))
    cv2.imwrite(str(tmp_path / "depth.png"), levels)
    options = ["--depth", str(tmp_path / "depth.png"), "--depth-scale", "tum", "--focus", "1.0,1.5", "--format", "png"]
    assert main(["run", "refocus", str(tmp_path / "pictures"), *options, "-o", str(tmp_path / "out"), "-q"]) == 0
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2
    recipe = json.loads((tmp_path / "out" / "batch.recipe.json").read_text(encoding="utf-8"))
    assert "tum" in json.dumps(recipe)
