"""Models, analyses and formats of other packages, found by entry points."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from cvstudio.foundation import registry
from cvstudio.foundation.registry import Registry

PLUGIN = """
from cvstudio.exporters.base import Exporter
from cvstudio.models.spec import ModelSpec
from cvstudio.results.detections import Detections

SPEC = ModelSpec("plug-net", "Plug net", "detect", "Others", "A paper, 2025", 2025, lambda device, path: None)
TWO = (
    ModelSpec("plug-a", "A", "detect", "Others", "A paper, 2025", 2025, lambda device, path: None),
    ModelSpec("plug-b", "B", "classify", "Others", "A paper, 2025", 2025, lambda device, path: None),
)
FORMAT = Exporter("plug-format", "Plug format", ".plug", (Detections,), lambda path, item, progress: None, "Plugs.")
NOTHING = 42
TAKEN = ModelSpec("hog", "Mine", "detect", "Others", "A paper, 2025", 2025, lambda device, path: None)
"""
MODULE = """
from cvstudio.analyses import ANALYSES, Analysis

ANALYSES.register(Analysis("plug-analysis", "Plug", "Does it.", "Plug", "box", (), (), object))
"""
ENTRY_POINTS = """
[cvstudio.models]
one = plug_models:SPEC
several = plug_models:TWO
absent = plug_models:MISSING
broken = plug_missing
number = plug_models:NOTHING
taken = plug_models:TAKEN

[cvstudio.analyses]
analysis = plug_analysis

[cvstudio.exporters]
format = plug_models:FORMAT
"""
ASK = """
import importlib.metadata
import json
from cvstudio.analyses import ANALYSES
from cvstudio.exporters import EXPORTERS
from cvstudio.models import MODELS
print(json.dumps({
    "models": [model.key for model in MODELS if model.key.startswith("plug")],
    "hog": MODELS["hog"].title,
    "analyses": [item.key for item in ANALYSES if item.key.startswith("plug")],
    "formats": [item.key for item in EXPORTERS if item.key.startswith("plug")],
    "broken": {row.module: row.reason for row in (*MODELS.broken, *ANALYSES.broken, *EXPORTERS.broken)},
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh program finds with a package beside it that was installed for it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "plug_models.py").write_text(PLUGIN, encoding="utf-8")
    (folder / "plug_analysis.py").write_text(MODULE, encoding="utf-8")
    info = folder / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(textwrap.dedent(ENTRY_POINTS), encoding="utf-8")
    root = str(Path(__file__).resolve().parents[3])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, str(folder)])}
    done = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, env=environment, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_entries_collections_and_modules_are_registered(found: dict[str, Any]) -> None:
    assert found["models"] == ["plug-net", "plug-a", "plug-b"]
    assert found["analyses"] == ["plug-analysis"]
    assert found["formats"] == ["plug-format"]


def test_what_fails_is_a_row_that_names_the_package_and_takes_nothing_with_it(found: dict[str, Any]) -> None:
    broken = found["broken"]
    assert set(broken) == {"absent of plug", "broken of plug", "number of plug", "taken of plug"}
    assert broken["absent of plug"].startswith("AttributeError")
    assert broken["broken of plug"].startswith("ModuleNotFoundError")
    assert broken["number of plug"] == "TypeError: expected a model with a key, found int"
    assert "registered twice" in broken["taken of plug"]
    assert found["hog"] == "HOG + SVM people"


def test_an_entry_can_be_replaced_and_removed() -> None:
    class Thing:
        def __init__(self, key: str) -> None:
            self.key = key

    things: Registry[Thing] = Registry("thing", "cvstudio.media.examples")
    things._discovered = True
    first, second = things.register(Thing("a")), Thing("a")
    assert things.replace(second) is second
    assert things["a"] is second is not first
    things.remove("a")
    assert "a" not in things
    things.add_broken("a.yaml", "it is wrong")
    assert [(row.module, row.reason) for row in things.broken] == [("a.yaml", "it is wrong")]


ORDER = """
import cvstudio.models.detection.yolox
from cvstudio.models import MODELS
print(*(model.key for model in MODELS))
"""


def test_entries_come_by_the_names_of_their_modules_whichever_was_imported_first() -> None:
    orders = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for code in (ORDER, ORDER.replace("import cvstudio.models.detection.yolox", ""))
    ]
    assert orders[0] == orders[1]
    # The folders of the tasks in the order of `TASKS`, and within a folder by name.
    assert orders[0].index("detr-resnet-50") < orders[0].index("yolox-nano") < orders[0].index("residual-60")
    assert orders[0].index("residual-60") < orders[0].index("resnet18")


def test_all_registries_share_one_look_at_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def entry_points() -> Any:
        looks.append(1)
        return importlib.metadata.EntryPoints()

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    registry._entry_points.cache_clear()
    try:
        closed: Registry[Any] = Registry("thing", "cvstudio.media.examples", open_to_packages=False)
        assert len(closed) == 0
        assert looks == []
        for _ in range(2):
            assert len(Registry("thing", "cvstudio.media.examples")) == 0
        assert looks == [1]
    finally:
        registry._entry_points.cache_clear()
