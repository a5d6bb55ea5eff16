"""The measure panel with each kind of network: its figures, plots, worst pictures and files; frames of a video."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.labels import Annotation, LabelledMask, LabelledSet, PictureLabels
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, WriteOptions
from cvstudio.models import MODELS
from tests.core.media.conftest import write_media
from tests.ui.panels.measuring_steps import measure, set_score, texts
from ui.panels._measure.content import TASKS, MeasureContent
from ui.panels._measure.curve_page import CurvePlot, ReliabilityPlot
from ui.panels._measure.messages import source_titles
from ui.window.main_window import MainWindow

FIGURES, CLASSES, CURVES, CONFUSION, ERRORS, WORST, MAPPING, LEFT_OUT = range(8)
PAGES = ("figures", "classes", "curves", "confusion", "errors", "worst", "mapping", "left_out")


def test_every_network_that_labels_can_judge_is_offered_as_soon_as_it_is_there(
    content: MeasureContent, window: MainWindow, colour_models: ModuleType, request: pytest.FixtureRequest
) -> None:
    chooser = content.models[0]

    def offered() -> set[str]:
        return {chooser.itemData(row) for row in range(chooser.count())}

    assert offered() == {model.key for model in MODELS if model.task in TASKS}
    own = dataclasses.replace(colour_models.POINTS, key="own-points", title="Own Points")
    MODELS.register(own)
    request.addfinalizer(lambda: MODELS.remove("own-points"))
    session = window.controller.session
    session.change("as after adding a model", dataclasses.replace(session.state, selection=frozenset({1})))
    assert "own-points" in offered()
    assert chooser.currentData() == "colour-boxes", "what was chosen stays"


@pytest.mark.parametrize(
    ("model", "figure", "layers"),
    [
        ("colour-masks", "Masks AP50", {"detect", "labelled-boxes"}),
        ("colour-points", "Key points AP50", {"keypoints", "labelled-keypoints"}),
        ("colour-maps", "mIoU", {"segment", "labelled-regions"}),
        ("colour-classes", "Top-1", {"classify"}),
    ],
)
def test_every_page_has_what_the_network_has(
    content: MeasureContent, window: MainWindow, qtbot: QtBot, tmp_path: Path, model: str, figure: str, layers: set[str]
) -> None:
    # What was measured before leaves nothing on the pages of another kind.
    measure(content, qtbot)
    for page in (ERRORS, CURVES):
        content.tabs.turn(page)
    assert content.errors.table is not None
    content.set_model(model)
    measure(content, qtbot)
    content.tabs.turn(FIGURES)
    value = dict(texts(content.figures))[figure]
    assert content.evaluation is not None
    assert value == f"{content.evaluation.summary()[figure]:.3f}"
    for page in range(LEFT_OUT + 1):
        content.tabs.turn(page)
        assert content.pages.currentWidget() is getattr(content, PAGES[page])
        content.pages.grab()
    has_objects = bool(content.evaluation.objects)
    assert content.errors.table.isHidden() is not has_objects
    assert content.errors.before.isHidden() is has_objects
    assert content.thresholds.score_row.isVisibleTo(content) is has_objects
    content.tabs.turn(CURVES)
    plots = {"colour-classes": ReliabilityPlot, "colour-maps": type(content.curves.none)}
    assert isinstance(content.curves.currentWidget(), plots.get(model, CurvePlot))
    content.tabs.turn(WORST)
    # The classifier answers all three pictures right.
    assert [row[0] for row in texts(content.worst)][:1] == ([] if model == "colour-classes" else ["001.png"])
    rows = content.worst.table.rows.table_rows
    content.worst.table.selected.emit((rows[0].number if rows else 1,))
    session = window.controller.session
    qtbot.waitUntil(lambda: layers <= {item.analysis for item in session.state.instances}, timeout=60_000)
    assert session.state.active_media is not None
    assert session.state.active_media.name == "001.png"
    qtbot.waitUntil(lambda: window.controller.current_result() is not None, timeout=60_000)
    content.export(tmp_path / "out")
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=60_000)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"figures.csv", "classes.csv", "evaluation.json"} <= written
    assert any(name.startswith("worst") for name in written)
    assert any(name.endswith(".png") for name in written)
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["models"][0]["model"] == model


def test_panoptic_quality_follows_the_score(
    content: MeasureContent, colour_models: ModuleType, qtbot: QtBot, tmp_path: Path
) -> None:
    path = panoptic(colour_models, tmp_path)
    content.set_source(path)
    content.set_model("colour-masks")
    measure(content, qtbot)
    assert dict(texts(content.figures))["PQ"] == "1.000"
    # The small one of the three is found with a score of 0.5.
    set_score(content, 0.7, qtbot)
    figures = dict(texts(content.figures))
    assert figures["PQ"] == f"{(1 + 1 + 0) / 3:.3f}"
    content.tabs.turn(CLASSES)
    assert content.classes.table is not None
    place = [column.key for column in content.classes._columns or ()].index("PQ")
    assert [row[place] for row in texts(content.classes)] == ["1.000", "1.000", "0.000"]
    content.export(tmp_path / "figures.csv")
    qtbot.waitUntil((tmp_path / "figures.csv").is_file, timeout=30_000)
    assert f"PQ,{2 / 3:.4f}"[:6] in (tmp_path / "figures.csv").read_text()


def panoptic(colours: Any, folder: Path) -> Path:
    """A COCO panoptic set of a picture with three things, of which green is stuff."""
    box = colours.Rectangle
    labelled: LabelledSet = colours.labelled_set(
        folder / "panoptic", [[box(0, 5, 5, 30, 24), box(1, 60, 40, 30, 24), box(2, 60, 5, 20, 16)]]
    )

    def segment(item: Annotation) -> Annotation:
        x, y, x2, y2 = map(int, item.box)
        return dataclasses.replace(
            item, polygons=(), keypoints=(), mask=LabelledMask(np.ones((y2 - y, x2 - x), bool), x, y)
        )

    edits = {
        name: PictureLabels(colours.SIZE, tuple(map(segment, labelled.labels(name).annotations)))
        for name in labelled.names
    }
    categories = tuple(
        dataclasses.replace(item, is_thing=item.name != "green", keypoints=()) for item in labelled.categories
    )
    stuff = dataclasses.replace(labelled, categories=categories).with_edits(edits)
    write = ANNOTATION_FORMATS["coco-panoptic"].write
    assert write is not None
    write(stuff, folder / "panoptic", WriteOptions(), Progress())
    return folder / "panoptic" / "panoptic.json"


def test_a_click_on_the_worst_frame_shows_it(
    content: MeasureContent, window: MainWindow, colour_models: ModuleType, qtbot: QtBot, tmp_path: Path
) -> None:
    def picture(number: int) -> Any:
        brightness = colour_models.MOVED if number == 3 else colour_models.RIGHT
        return colour_models.painted([colour_models.Rectangle(0, 5, 5, 30, 20, brightness)])

    write_media(
        tmp_path / "clip.mkv",
        [0, 40, 80, 1900, 1940],
        codec="ffv1",
        options={},
        pictures=picture,
        pixel_format="bgr0",
    )
    path = tmp_path / "tracks.xml"
    boxes = "".join(
        f'<box frame="{frame}" keyframe="1" outside="0" xtl="5" ytl="5" xbr="35" ybr="25"/>' for frame in range(5)
    )
    path.write_text(
        "<annotations><meta><task><source>clip.mkv</source><labels><label><name>red</name></label></labels></task>"
        f'</meta><track id="7" label="red">{boxes}</track></annotations>'
    )
    content.set_source(path)
    measure(content, qtbot)
    content.tabs.turn(WORST)
    assert [row[0] for row in texts(content.worst)] == ["frame_000003"]
    content.worst.picked.emit(3)
    controller = window.controller
    qtbot.waitUntil(lambda: controller.shown.pts == pytest.approx(1.9, abs=2e-3), timeout=30_000)
    qtbot.waitUntil(lambda: controller.detections() is not None and not controller.pipeline.busy, timeout=30_000)
    detections = controller.detections()
    assert detections is not None
    assert detections.boxes[0, 0] == 21, "found half of its width too far right"
    labelling = controller.labelling
    qtbot.waitUntil(lambda: len(labelling.labels.annotations) == 1, timeout=30_000)
    assert labelling.frames.number == 3


def test_two_sets_of_one_name_are_told_apart(
    content: MeasureContent, window: MainWindow, labels: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    window.controller.open_paths([labels.parent / "000.png"])
    labelling = window.controller.labelling
    qtbot.waitUntil(lambda: labelling.media is not None, timeout=30_000)
    labelling.begin(["car"])
    labelling.begin(["dog", "cat"])
    source = content.source
    titles = [source.itemText(row) for row in range(source.count())]
    assert titles == ["New labels 1", "New labels 2", "labels.json"]
    tips = [source.itemData(row, Qt.ItemDataRole.ToolTipRole) for row in range(source.count())]
    assert tips == ["car", "dog, cat", str(labels)]
    other = tmp_path / "other" / "labels.json"
    assert source_titles([labels, other])[0] == ["labels.json (set)", "labels.json (other)"]
