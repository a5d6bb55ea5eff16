"""Fixtures of the tests of the measure panel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions
from cvstudio.session.session import State
from ui.panels._measure.content import MeasureContent
from ui.panels.measure import MeasurePanel
from ui.window.main_window import MainWindow


@pytest.fixture
def labels(colour_models: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A COCO file of three pictures, on the second of which the models err twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    box = colour_models.Rectangle
    pictures = [
        [box(0, 5, 5, 30, 20), box(1, 60, 40, 25, 20)],
        [box(0, 5, 5, 30, 20, colour_models.MOVED), box(1, 60, 40, 30, 20, colour_models.RENAMED)],
        [box(2, 5, 5, 30, 20)],
    ]
    labelled = colour_models.labelled_set(tmp_path / "set", pictures)
    path = tmp_path / "set" / "labels.json"
    write = ANNOTATION_FORMATS["coco"].write
    assert write is not None
    write(labelled, path, WriteOptions(), Progress())
    return path


@pytest.fixture
def content(labels: Path, window: MainWindow, qtbot: QtBot) -> Iterator[MeasureContent]:
    window.show_panel("measure")
    made = window.dock_layout.content(MeasurePanel).make()
    made.set_source(labels)
    made.set_model("colour-boxes")
    yield made
    # What is registered goes after the window, which would ask for it.
    window.controller.session.load(State())
