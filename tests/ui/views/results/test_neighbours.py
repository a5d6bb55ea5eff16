"""Nearest pictures and attention in the window: chosen, clicked, told and opened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.samples import Image
from cvstudio.foundation.params import Doc, Field, Folder
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.runtime.attention import Attended, Projections
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.neighbours import Neighbours
from ui.panels.analysis import AnalysisPanel
from ui.panels.results import ResultsPanel
from ui.views.results.heat_map import HeatView
from ui.views.results.neighbours import NeighboursView
from ui.widgets.rows.folder_row import FolderRow
from ui.window.main_window import MainWindow

NO_KEYS = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    root = tmp_path / "그림 & 사진"
    for number, kind in enumerate(("dark", "bright")):
        (root / kind).mkdir(parents=True)
        for seed in range(4):
            pixels = np.random.default_rng(seed).integers(0, 60, (30, 40, 3), np.uint8) + np.uint8(190 * number)
            (root / kind / f"{seed}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return root


def use(qtbot: QtBot, window: MainWindow, key: str, path: Path, kind: type | None) -> None:
    controller = window.controller
    controller.open_paths([path])
    qtbot.waitUntil(lambda: bool(controller.session.state.media), timeout=30000)
    controller.use_analysis(key)
    if kind is not None:
        qtbot.waitUntil(
            lambda: isinstance(controller.current_result(), kind) and not controller.pipeline.busy, timeout=60000
        )


def test_neighbours_are_found_voted_and_opened(qtbot: QtBot, window: MainWindow, gallery: Path) -> None:
    use(qtbot, window, "knn", gallery / "bright" / "0.png", Neighbours)
    controller = window.controller
    results = window.findChild(ResultsPanel)
    view = results.findChild(NeighboursView)
    qtbot.waitUntil(lambda: view is not None or results.findChild(NeighboursView) is not None, timeout=5000)
    view = results.findChild(NeighboursView)
    qtbot.waitUntil(lambda: "the samples" in view.about.text(), timeout=5000)
    assert not view.guesses.isVisible()
    assert results._summary.text() == "5 nearest"

    row = window.findChild(AnalysisPanel).form.row("gallery")
    assert isinstance(row, FolderRow)
    assert row.button.text() == "the sample pictures"
    row.menu.aboutToShow.emit()
    titles = [action.text() for action in row.menu.actions() if not action.isSeparator()]
    assert titles == ["the sample pictures", "bright", "Choose a folder …"]
    row._set_folder(str(gallery))
    qtbot.waitUntil(lambda: "8 pictures of" in view.about.text() or "7 pictures of" in view.about.text(), timeout=20000)
    assert "&&" in row.button.text()
    controller.set_value("k", 3)
    qtbot.waitUntil(lambda: view.list.count() == 3, timeout=5000)
    result = controller.current_result()
    assert view.guesses.isVisible()
    assert result.votes.label(0) == "bright"
    assert results._summary.text() == "bright 100%"
    assert view.list.item(0).text().splitlines()[0] == Path(result.names[0]).name
    assert "bright" in view.list.item(0).text()
    assert not view.list.item(0).icon().isNull()

    before = controller.session.state.active
    view.list.itemActivated.emit(view.list.item(0))
    qtbot.waitUntil(lambda: controller.session.state.active != before, timeout=10000)
    active = controller.session.state.active_media
    assert active is not None
    assert active.path == result.path(0)
    # The next picture is compared at once, with the same folder.
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=20000)
    controller.undo()


def test_another_folder_ends_the_describing_of_the_wrong_one(
    qtbot: QtBot, window: MainWindow, gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvstudio.analyses.classification import _gallery as module
    from cvstudio.analyses.classification._features import Describer
    from cvstudio.foundation.progress import Progress

    ended: list[str] = []

    at_once = module.Galleries.open

    def slowly(
        self: module.Galleries, folder: Path, describer: Describer, progress: Progress
    ) -> Iterator[module.Gallery]:
        if folder.name == "dark":
            try:
                while True:
                    progress(None, "describing")
                    time.sleep(0.01)
            finally:
                ended.append(folder.name)
        yield from at_once(self, folder, describer, progress)

    monkeypatch.setattr(module.Galleries, "open", slowly)
    use(qtbot, window, "knn", gallery / "bright" / "0.png", Neighbours)
    controller = window.controller
    controller.set_value("gallery", str(gallery / "dark"))
    qtbot.wait(200)
    assert controller.pipeline.busy
    # What acts on what is cached waits, and ends nothing.
    controller.set_value("k", 7)
    qtbot.wait(100)
    assert ended == []
    controller.set_value("gallery", str(gallery))
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=20000)
    assert ended == ["dark"]
    assert controller.current_result().folder == gallery


def test_a_folder_row_tells_what_was_chosen_and_goes_back(qtbot: QtBot, tmp_path: Path) -> None:
    row = FolderRow(Field("gallery", "folder", "", Doc("Compare with"), folder=Folder("the samples")))
    qtbot.addWidget(row)
    told: list[object] = []
    row.changed.connect(lambda value, dragging: told.append((value, dragging)))
    row.configure(bounds=None, options=(str(tmp_path), "/"), histogram=None)
    row.set_value(str(tmp_path), "")
    assert (row.value(), told) == (str(tmp_path), [])
    assert row.label.marked
    assert row.button.toolTip() == str(tmp_path)
    row.menu.aboutToShow.emit()
    checked = [action.text() for action in row.menu.actions() if action.isChecked()]
    assert checked == [tmp_path.name]
    row.menu.actions()[2].trigger()
    assert told == [("/", False)]
    row.reset()
    assert told[-1] == ("", False)
    assert row.button.text() == "the samples"


class Looking:
    """Stands for a network with attention: two boxes, each of which looks at one corner."""

    labels = ("thing", "other")

    def attend(self, image: Image, params: object, progress: object) -> Attended:
        width, height = image.size
        boxes = np.array([[0, 0, width / 2, height], [width / 2, 0, width, height]], np.float32)
        found = Detections(
            boxes,
            np.array([0.9, 0.8], np.float32),
            np.array([0, 1]),
            self.labels,
            np.array([1, 0]),
            image.size,
        )
        keys = np.eye(4, 8, dtype=np.float32) * 20
        layer = Projections(keys[[3, 0]], keys)
        return Attended(found, (layer,) * 6, (Projections(keys, keys),) * 6, (2, 2), 1)


def test_a_click_on_a_box_shows_what_it_looks_at(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.controller.pipeline.host, "network", lambda *_: Looking())
    assert "attention" in MODELS["detr-resnet-50"].capabilities
    use(qtbot, window, "attention", sample_path("astronaut"), HeatMap)
    controller, results = window.controller, window.findChild(ResultsPanel)
    first = controller.current_result()
    assert (first.label, first.chosen) == ("thing", 1)
    assert first.values.argmax() == 0
    window.workspace._clicked(400.0, 100.0, NO_KEYS)
    qtbot.waitUntil(lambda: controller.current_result().label == "other", timeout=5000)
    assert controller.current_result().values.argmax() == 3
    assert controller.session.state.instance.value("at") == (400.0, 100.0)
    qtbot.waitUntil(lambda: results._summary.text() == "other 80.0%", timeout=5000)
    assert "layer 6 of the decoder" in results.findChild(HeatView).about.text()
    controller.set_value("of", "place")
    qtbot.waitUntil(lambda: controller.current_result().place is not None, timeout=5000)
    assert controller.current_result().values.argmax() == 1
    controller.undo()
    assert controller.current_result().label == "other"
