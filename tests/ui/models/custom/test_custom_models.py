"""Adding a network of one's own in the window: the form is filled in, shows what it finds, and makes a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import PIL.Image
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import Size
from cvstudio.models import MODELS
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.custom.store import registered
from cvstudio.models.shared.preprocessing import Preparation
from cvstudio.results.segmentation import Segmentation
from ui.models.custom.dialog import CustomModelDialog
from ui.models.custom.form import OwnModelForm
from ui.models.model_card import ModelCardView
from ui.views.result_rows import table_rows_of
from ui.window.main_window import MainWindow

WAIT_MS = 30_000


@pytest.fixture(autouse=True)
def forget_own_models() -> Iterator[None]:
    """The registry outlives a test, its own models do not."""
    with MODELS.lend():
        yield


def write(path: Path, outputs: dict[str, np.ndarray], shape: tuple[int, ...] = (1, 3, 64, 64)) -> Path:
    """An ONNX file that answers the same whatever it is shown."""
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in outputs.items()]
    graph = helper.make_graph(nodes, "fixed", [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)], told)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    """Finds one thing of class 1 in the middle, as YOLOv8 tells it."""
    table = np.zeros((1, 6, 84), np.float32)
    table[0, :, 0] = [32, 32, 32, 16, 0.1, 0.9]
    return write(tmp_path / "my net.onnx", {"out": table})


@pytest.fixture
def points(tmp_path: Path) -> Path:
    maps = np.zeros((1, 17, 16, 16), np.float32)
    maps[0, :, 8, 8] = 0.9
    return write(tmp_path / "points.onnx", {"out": maps})


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    PIL.Image.new("RGB", (128, 64), (90, 90, 90)).save(path)
    return path


@pytest.fixture
def window(window: MainWindow, picture: Path, qtbot: QtBot) -> MainWindow:
    """The window with a picture."""
    window.controller.open_paths([picture])
    qtbot.waitUntil(lambda: window.controller.shown.sample is not None, timeout=WAIT_MS)
    return window


@pytest.fixture
def declare(window: MainWindow, qtbot: QtBot) -> Callable[[Path], CustomModelDialog]:
    """`declare(path)`: the form for a file, tried once."""

    def open_form(path: Path) -> CustomModelDialog:
        dialog = window.declare_custom_model(path)
        qtbot.waitUntil(lambda: " ms" in dialog.found.text(), timeout=WAIT_MS)
        return dialog

    return open_form


def test_a_file_becomes_a_model_in_use(
    declare: Callable[[Path], CustomModelDialog], window: MainWindow, detector: Path, qtbot: QtBot
) -> None:
    dialog = declare(detector)
    assert (dialog.form.task.value, dialog.form.decoder.value) == ("detect", "yolov8")
    assert dialog.found.text().startswith("1 found in ")
    assert dialog.found.text().endswith(": class 1 0.90")
    assert not dialog.preview.stale
    dialog.form.title.setText("Mine")
    dialog.form.licence.setText("MIT")
    dialog.form.labels.text.setPlainText("cat\nblack dog")
    assert dialog.preview.stale
    dialog.add_button.click()
    assert registered() == (detector.with_suffix(".yaml"),)
    saved = yaml.safe_load(detector.with_suffix(".yaml").read_text(encoding="utf-8"))
    assert (saved["labels"], saved["licence"], saved["file"]) == (["cat", "black dog"], "MIT", detector.name)
    key = window.controller.session.state.instance.model
    assert MODELS[key].title == "Mine"
    qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not window.controller.shown.layers[0].stale, timeout=WAIT_MS)
    found = window.controller.detections()
    # The letterbox of 128 x 64 in 64 x 64 has a scale of a half and 16 rows above.
    assert found.boxes.tolist() == [[32, 16, 96, 48]]
    assert found.label(0) == "black dog"
    panel = window.docks["analysis"].widget()
    assert panel._model.currentText() == "Mine"
    assert panel.licence.text.text() == "MIT · downloaded"


def test_a_wrong_answer_is_told_in_the_form_and_nowhere_else(
    declare: Callable[[Path], CustomModelDialog], window: MainWindow, detector: Path, qtbot: QtBot
) -> None:
    dialog = declare(detector)
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    dialog.form.decoder.choose("yolov5")
    dialog.form.decoder.activated.emit(dialog.form.decoder.currentIndex())
    qtbot.waitUntil(lambda: "expects 1xNx7" in dialog.found.text(), timeout=WAIT_MS)
    assert dialog.found.objectName() == "message"
    assert dialog.preview.stale
    assert told == []
    # What does not even make a declaration cannot be added.
    dialog.form.values.choose("own")
    dialog.form.mean.setText("0.5, half")
    dialog.form.mean.textEdited.emit(dialog.form.mean.text())
    assert "3 numbers as 'mean', found '0.5, half'" in dialog.found.text()
    assert not dialog.add_button.isEnabled()
    dialog.close()
    assert registered() == ()


def test_a_file_that_is_no_network_is_told(window: MainWindow, picture: Path, qtbot: QtBot) -> None:
    dialog = window.declare_custom_model(picture)
    qtbot.waitUntil(lambda: "Expected an ONNX network" in dialog.found.text(), timeout=WAIT_MS)
    assert not dialog.form.isEnabled()
    assert not dialog.add_button.isEnabled()
    dialog.close()


def test_an_own_model_is_changed_and_removed(
    declare: Callable[[Path], CustomModelDialog], window: MainWindow, points: Path, qtbot: QtBot
) -> None:
    dialog = declare(points)
    assert dialog.remove_button.isHidden()
    dialog.form.regions.choose("")
    dialog.add_button.click()
    qtbot.waitUntil(lambda: window.controller.current_result() is not None, timeout=WAIT_MS)
    first = window.controller.current_result()
    assert first.labels[0] == "nose"
    panel = window.docks["analysis"].widget()
    panel._own.click()
    (dialog,) = (item for item in window.findChildren(CustomModelDialog) if item.isVisible())
    qtbot.waitUntil(lambda: " ms" in dialog.found.text(), timeout=WAIT_MS)
    assert not dialog.remove_button.isHidden()
    assert dialog.form.model().skeleton == first.skeleton != ()
    dialog.form.labels.set.choose("")
    dialog.form.labels.text.setPlainText("\n".join(f"p{number}" for number in range(17)))
    dialog.add_button.click()
    # The same file under the same key, but another network: nothing old is shown for it.
    qtbot.waitUntil(lambda: getattr(window.controller.current_result(), "labels", ("",))[0] == "p0", timeout=WAIT_MS)
    panel._own.click()
    (dialog,) = (item for item in window.findChildren(CustomModelDialog) if item.isVisible())
    qtbot.waitUntil(lambda: " ms" in dialog.found.text(), timeout=WAIT_MS)
    dialog.remove_button.click()
    assert registered() == ()
    assert points.is_file()
    assert window.controller.session.state.instance.lacks_model
    assert panel._message.text().startswith("Keypoint detection needs a network")
    # Undo reaches back to it, and tells that it is gone.
    told: list[str] = []
    window.controller.notice.connect(lambda level, text: told.append(text))
    window.controller.undo()
    qtbot.waitUntil(lambda: bool(told), timeout=WAIT_MS)
    assert told == ["This model was removed; choose another one, or add its file again."]


def test_an_analysis_without_a_network_is_not_on_the_first_screen_but_says_what_to_do(
    window: MainWindow, qtbot: QtBot
) -> None:
    shown = {card.property("analysis") for card in window.welcome.cards}
    assert {"detect", "classify"} <= shown
    assert not {"segment", "keypoints"} & shown
    window.controller.use_analysis("segment")
    panel = window.docks["analysis"].widget()
    assert panel._message.text().startswith("Semantic segmentation needs a network")
    qtbot.waitUntil(panel._own.isVisible)


def test_a_program_is_added_with_a_warning_and_its_card_tells_where_it_is(
    declare: Callable[[Path], CustomModelDialog], window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    import warnings

    import torch

    class Means(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean(dim=(2, 3))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Means()).save(str(tmp_path / "means.pt"))
    dialog = declare(tmp_path / "means.pt")
    assert "is a program; add it only where you trust its author" in dialog.note.text()
    assert dialog.form.task.value == "classify"
    dialog.add_button.click()
    instance = window.controller.session.state.instance
    view = ModelCardView(MODELS[instance.model])
    qtbot.addWidget(view)
    told = view.texts()
    assert {"licence not stated", "means.pt", str(tmp_path)} <= set(told)
    assert not {"", ", 0"} & set(told)
    qtbot.waitUntil(lambda: window.controller.current_result() is not None, timeout=WAIT_MS)
    assert len(window.controller.current_result().class_names) == 3


def test_the_rows_of_regions_have_their_colours_and_names_as_they_are() -> None:
    classes = np.array([[0, 1], [1, 1]], np.int16)
    first, second = table_rows_of(Segmentation(classes, ("background", "<b>car"), Size(2, 2), background=0).table())
    name, share = first.cells
    # The colour in which the class is drawn.
    assert (name.text, name.label, first.number) == ("<b>car", "<b>car", 1)
    assert (share.text, share.share) == ("75.0%", 0.75)
    assert (second.cells[0].text, second.cells[0].label) == ("background", "")


def test_the_command_asks_for_a_file(
    window: MainWindow, detector: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(detector), ""))
    assert any("ONNX" in entry.keywords for entry in window.palette_entries() if entry.title == "Add Your Own Model")
    window.actions_by_key["own-model"].trigger()
    (dialog,) = window.findChildren(CustomModelDialog)
    # Left by Escape while it works: nothing is left behind, and nothing comes back to it.
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=WAIT_MS)


BASE = CustomModel(Path("/nowhere/net.onnx"), "detect", "yolox", Preparation((416, 320)), ("a", "b"), "net", "Net")
MODELS_TO_SHOW: dict[str, CustomModel] = {
    "detector": dataclasses.replace(BASE, input=Preparation((416, 320), "corner", 7, channels="BGR"), licence="MIT"),
    "classifier": dataclasses.replace(
        BASE,
        task="classify",
        decoder="probabilities",
        input=Preparation(
            (224, 224),
            "crop",
            crop=0.875,
            interpolation="area",
            layout="NHWC",
            scale=2.0,
            mean=(1, 2, 3),
            std=(4, 5, 6),
        ),
        paper="A paper",
        year=2020,
    ),
    "boxes": dataclasses.replace(BASE, decoder="ssd", coordinates="normalised", first_label=1, activation="softmax"),
    "points": dataclasses.replace(
        BASE,
        task="keypoints",
        decoder="heat-maps",
        skeleton=((0, 1),),
        regions="pyramid-5",
        region_margin=1.5,
        input=Preparation((192, 256), "stretch", scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    ),
}


@pytest.mark.parametrize("name", MODELS_TO_SHOW)
def test_the_form_gives_back_what_it_shows(name: str, qtbot: QtBot) -> None:
    form = OwnModelForm()
    qtbot.addWidget(form)
    model = MODELS_TO_SHOW[name]
    form.show_model(model)
    found: Any = form.model()
    for given, kept in zip(
        (model.input.scale, *model.input.mean, *model.input.std),
        (found.input.scale, *found.input.mean, *found.input.std),
        strict=True,
    ):
        assert kept == pytest.approx(given, rel=1e-5)
    same = dataclasses.replace(
        found.input, scale=model.input.scale, mean=model.input.mean, std=model.input.std, fill=model.input.fill
    )
    assert dataclasses.replace(found, input=same, file=model.file) == model
