"""Classifiers of 1000 classes in the window: from a file, on video, looked into, and found in timm's list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QScrollArea

from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.classification import Classification
from cvstudio.results.heat_map import HeatMap
from ui.panels.analysis import AnalysisPanel
from ui.panels.results import ResultsPanel
from ui.views.results.classification import Guesses
from ui.widgets.rows.choice_rows import ChoiceRow
from ui.window.main_window import MainWindow

KEY = "squeezenet1-1"


@pytest.fixture(autouse=True)
def models_of_before() -> Iterator[None]:
    with MODELS.lend():
        yield


@pytest.fixture
def checkpoint(data: Callable[..., Path]) -> Path:
    return data("weights", "squeezenet1_1_imagenet.pth")


def opened(window: MainWindow, qtbot: Any, path: Path) -> None:
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=30_000)
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=60_000)


def wait_for(window: MainWindow, qtbot: Any, kind: type, model: str = KEY) -> Any:
    controller = window.controller
    qtbot.waitUntil(
        lambda: (
            isinstance(controller.current_result(), kind)
            and controller.session.state.instance.model == model
            and not controller.pipeline.busy
        ),
        timeout=60_000,
    )
    return controller.current_result()


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(200, 200), action, data, button, keys))


def texts(results: ResultsPanel) -> list[str]:
    """The rows of the guesses; none before they are first shown."""
    guesses = results.findChild(Guesses)
    return guesses.texts() if guesses is not None else []


def test_a_file_that_is_dropped_names_the_picture(window, qtbot, checkpoint, data):
    opened(window, qtbot, data("imagenet_samples", "0284_n02123597_Siamese_cat.jpg"))
    window.controller.use_analysis("classify")
    drop(window, checkpoint)
    qtbot.waitUntil(lambda: bool(window.checkpoints.dialogs), timeout=60_000)
    dialog = window.checkpoints.dialogs[-1]
    assert [button.text() for button in dialog.choices.buttons()] == ["SqueezeNet 1.1"]
    QTest.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    found: Classification = wait_for(window, qtbot, Classification)
    assert found.label(0) == "Siamese cat"
    assert float(found.probabilities[0]) == pytest.approx(0.976, abs=0.01)
    assert len(found.class_names) == 1000
    assert not found.unknown
    panel, results = window.findChild(AnalysisPanel), window.findChild(ResultsPanel)
    assert panel.form.row("threshold").value() == 0
    assert not panel.form.row("threshold").label.marked
    qtbot.waitUntil(lambda: "".join(texts(results)).startswith("Siamese cat 9"), timeout=5_000)
    assert len(texts(results)) == 5
    # More rows than there is room for are scrolled.
    window.controller.set_value("count", 20)
    qtbot.waitUntil(lambda: len(texts(results)) == 20, timeout=5_000)
    area = results.findChild(QScrollArea)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0, timeout=5_000)
    # The threshold acts at once.
    window.controller.set_value("threshold", 0.99)
    qtbot.waitUntil(lambda: texts(results)[:1] == ["unknown"], timeout=5_000)


def test_every_frame_of_a_video_is_named_while_it_plays(window, qtbot, checkpoint):
    opened(window, qtbot, sample_path("clip"))
    controller = window.controller
    controller.use_analysis("classify")
    controller.set_model(KEY, checkpoint)
    wait_for(window, qtbot, Classification)
    seen = set()

    def at() -> bool:
        result = controller.current_result()
        if isinstance(result, Classification):
            seen.add(result.source.pts)
        return len(seen) >= 5

    controller.playback.play()
    qtbot.waitUntil(at, timeout=60_000)
    controller.playback.pause()
    assert len(seen) >= 5


def test_grad_cam_of_a_class_that_is_searched_for(window, qtbot, checkpoint, data):
    opened(window, qtbot, data("photos", "both.png"))
    controller = window.controller
    controller.use_analysis("grad-cam")
    controller.set_model(KEY, checkpoint)
    wait_for(window, qtbot, HeatMap)
    row = window.findChild(AnalysisPanel).form.row("target")
    assert isinstance(row, ChoiceRow)
    assert row.combo.count() == 1001
    row.combo.showPopup()
    QTest.keyClicks(row.combo.searched.search, "tiger cat")
    QTest.keyClick(row.combo.searched.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: getattr(controller.current_result(), "label", "") == "tiger cat", timeout=30_000)
    layer = window.findChild(AnalysisPanel).form.row("layer")
    assert [layer.combo.itemText(place) for place in range(1, layer.combo.count())] == list(
        MODELS[KEY].options["layers"]
    )


def test_one_of_timm_is_found_and_used(window, qtbot, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    opened(window, qtbot, sample_path("cat"))
    window.controller.use_analysis("classify")
    panel = window.findChild(AnalysisPanel)
    panel._model.showPopup()
    (more,) = (b for b in panel._model.searched.findChildren(QPushButton) if "timm" in b.text())
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    dialog = window.timm.dialog
    assert not dialog.use.isEnabled()
    qtbot.waitUntil(lambda: dialog.use.isEnabled(), timeout=60_000)
    everything = dialog.model.rowCount()
    assert everything > 1200
    QTest.keyClicks(dialog.search, "resnet26.bt")
    qtbot.waitUntil(lambda: dialog.model.rowCount() == 1, timeout=5_000)
    assert dialog.told.text().startswith(f"1 of {everything}")
    QTest.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    state = window.controller.session
    qtbot.waitUntil(lambda: state.state.instance.model == "timm-resnet26.bt_in1k", timeout=60_000)
    assert window.timm.dialog is None
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=60_000)
    assert "resnet26.bt_in1k needs its weights (64" in window.notices.shown[0].text
    assert panel._model.currentText() == "resnet26.bt_in1k"
    # The list is there at once the second time.
    window.timm.ask()
    assert window.timm.dialog.model.rowCount() == everything
    window.timm.dialog.reject()
    assert window.timm.dialog is None
