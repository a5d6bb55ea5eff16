"""Weights in the real window: offered, got from a server on this machine, taken from files."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QToolButton

from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.identify import identify
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.models.terms import Place, terms
from cvstudio.results.detections import Detections
from cvstudio.weights.checks import load_into
from cvstudio.weights.store import hub_folder, load_state_dict, require_weights
from ui.models.custom.dialog import CustomModelDialog
from ui.models.model_chooser import PLACE, ModelChooser
from ui.window.main_window import MainWindow


class Middle:
    """A detector that always finds the middle of the picture, as sure as its one weight says."""

    labels = ("middle",)

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model

    def predict(self, image: Any, params: Any, progress: Any) -> Detections:
        width, height = image.size
        boxes = np.array([[width / 4, height / 4, width * 3 / 4, height * 3 / 4]], np.float32)
        score = np.array([float(self.model.weight.detach())], np.float32)
        return Detections(boxes, score, np.zeros(1, np.int64), self.labels, np.zeros(1, np.int64), image.size)


@pytest.fixture
def middle(server: Any, tmp_path: Path) -> Iterator[ModelSpec]:
    """A registered detector whose weights are to be got from `server`."""
    torch.save({"weight": torch.full((1, 1), 0.75)}, tmp_path / "published.pth")
    content = (tmp_path / "published.pth").read_bytes()
    weights = server.weights(content, trained_on="nothing at all", metrics="box mAP 0.1")

    def load(device: str, checkpoint: Path | None) -> Middle:
        model = torch.nn.Linear(1, 1, bias=False)
        load_into(model, load_state_dict(require_weights(weights, checkpoint)), "the middle")
        return Middle(model)

    spec = dataclasses.replace(
        MODELS["ssdlite"], key="middle", title="Middle", weights=(weights,), load=load, labels=("middle",), defaults={}
    )
    with MODELS.lend(spec):
        yield spec


@pytest.fixture
def window(middle: ModelSpec, window: MainWindow) -> MainWindow:
    """The window, which closes before the model of the test goes."""
    return window


@pytest.fixture
def content(middle: ModelSpec, tmp_path: Path) -> bytes:
    return (tmp_path / "published.pth").read_bytes()


@pytest.fixture
def missing(window: MainWindow, middle: ModelSpec, qtbot: Any) -> ModelSpec:
    """A picture is open, and a model is chosen whose weights are not here."""
    window.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=60_000)
    window.controller.set_model("middle")
    qtbot.waitUntil(lambda: bool(notices(window)), timeout=60_000)
    return middle


def notices(window: MainWindow) -> list[str]:
    return [notice.text for notice in window.notices.shown]


def texts(dialog: Any) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def press(window: MainWindow) -> None:
    """The button of the newest notice."""
    QTest.mouseClick(window.notices.shown[0].action, Qt.MouseButton.LeftButton)


@pytest.fixture
def dialog(window: MainWindow, qtbot: Any) -> Callable[[], Any]:
    def wait() -> Any:
        qtbot.waitUntil(lambda: bool(window.checkpoints.dialogs), timeout=60_000)
        return window.checkpoints.dialogs[-1]

    return wait


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(200, 200), action, data, button, keys))


@pytest.fixture
def few_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is compared with these models only; that it is with all of them is seen by the tests without this."""
    few = [MODELS[key] for key in ("residual-60", "ssdlite")]
    monkeypatch.setitem(identify.__globals__, "MODELS", few)


class TestConsent:
    def test_nothing_is_got_before_it_is_agreed_to(self, window, missing, server, dialog):
        assert notices(window) == ["Middle needs its weights (0.0 MB, MIT), which are not downloaded."]
        press(window)
        shown = texts(dialog())
        weights = missing.weights[0]
        for fact in (weights.file_name, "MIT", "nothing at all", "box mAP 0.1", weights.url, weights.sha256, "GB"):
            assert fact in shown
        assert str(hub_folder()) in shown
        assert server.log.paths == []
        window.checkpoints.dialogs[0].reject()
        assert window.checkpoints.dialogs == []
        assert server.log.paths == []

    def test_the_notice_goes_when_another_model_is_chosen(self, window, missing, qtbot):
        assert len(notices(window)) == 1
        window.controller.set_model("hog")
        assert notices(window) == []
        window.controller.set_model(missing.key)
        qtbot.waitUntil(lambda: len(notices(window)) == 1, timeout=20_000)

    def test_got_and_the_analysis_starts_by_itself(self, window, missing, server, hostile, content, dialog, qtbot):
        server.plays(hostile.honest(content))
        press(window)
        QTest.mouseClick(dialog().download, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
        assert window.controller.detections().scores.tolist() == [0.75]
        assert (hub_folder() / missing.weights[0].file_name).read_bytes() == content
        assert "Middle is downloaded." in notices(window)
        chooser = window.docks["analysis"].widget()._model
        assert "downloaded" in chooser.itemData(chooser.findData("middle"), PLACE)

    def test_the_button_beside_the_licence_offers_it_too(
        self, window, missing, server, hostile, content, dialog, qtbot
    ):
        panel = window.docks["analysis"].widget()
        window.notices.dismiss_newest()
        assert panel.licence.get.isVisible()
        QTest.mouseClick(panel.licence.get, Qt.MouseButton.LeftButton)
        server.plays(hostile.honest(content))
        dialog().download.click()
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
        assert not panel.licence.get.isVisible()

    def test_cancelled_in_the_list_of_jobs_and_gone_on_with(
        self, window, missing, server, hostile, content, dialog, qtbot
    ):
        def half(handler: Any) -> None:
            handler.begin(200, ETag='"one"', Content_Length=str(len(content)))
            handler.wfile.write(content[:600])
            for start in range(600, 700, 10):
                handler.stop.wait(0.1)  # how much has come is told a few times a second
                handler.wfile.write(content[start : start + 10])
            handler.stop.wait(20)

        server.plays(half)
        press(window)
        dialog().download.click()
        window.show_panel("jobs")
        jobs = window.docks["jobs"].widget()
        part = hub_folder() / f"{missing.weights[0].file_name}.part"
        qtbot.waitUntil(
            lambda: any(row.isVisible() and row._bar.value() > 0 for row in jobs._rows.values()), timeout=60_000
        )
        (row,) = [row for row in jobs._rows.values() if row.title == "Downloading Middle"]
        QTest.mouseClick(row.findChild(QToolButton), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: any("what has arrived is kept" in text for text in notices(window)), timeout=60_000)
        kept = part.stat().st_size
        assert 600 <= kept <= 700
        server.plays(hostile.honest(content))
        press(window)
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
        assert server.log.ranges == ["", f"bytes={kept}-"]

    def test_a_refusal_is_one_notice_with_a_button(self, window, missing, server, hostile, content, dialog, qtbot):
        server.plays(hostile.says(404))
        press(window)
        dialog().download.click()
        qtbot.waitUntil(lambda: any("404" in text for text in notices(window)), timeout=60_000)
        assert sum("404" in text for text in notices(window)) == 1
        server.plays(hostile.honest(content))
        press(window)
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)

    def test_a_damaged_file_is_offered_anew(self, window, missing, server, hostile, content, dialog, qtbot):
        hub_folder().mkdir(parents=True, exist_ok=True)
        (hub_folder() / missing.weights[0].file_name).write_bytes(b"half")
        window.controller.pipeline.forget_failures()
        window.controller.refresh()
        qtbot.waitUntil(lambda: any("are damaged" in text for text in notices(window)), timeout=60_000)
        server.plays(hostile.honest(content))
        press(window)
        dialog().download.click()
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)

    def test_a_file_in_place_of_the_download(self, window, missing, dialog, qtbot, monkeypatch, tmp_path, server):
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "published.pth"), ""))
        press(window)
        dialog().file_wanted.emit()
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
        assert server.log.paths == []

    def test_without_room_nothing_can_be_agreed_to(self, window, missing, dialog, monkeypatch):
        usage = type(shutil.disk_usage("/"))(10**12, 10**12, 10 << 20)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        press(window)
        assert "not enough free space" in texts(dialog())
        assert not dialog().download.isEnabled()

    def test_closing_the_window_ends_a_download(self, window, missing, server, hostile, dialog, qtbot):
        server.plays(lambda handler: handler.stop.wait(20))
        press(window)
        dialog().download.click()
        qtbot.waitUntil(lambda: len(server.log.paths) == 1, timeout=60_000)
        assert window.controller.close()


class TestFiles:
    def test_a_dropped_checkpoint_is_offered_for_the_models_that_it_fits(
        self, window, missing, dialog, qtbot, tmp_path
    ):
        torch.save({"model": {"module.weight": torch.full((1, 1), 0.9)}}, tmp_path / "mine.bin")
        drop(window, tmp_path / "mine.bin")
        shown = dialog()
        assert "mine.bin" in texts(shown)
        assert "Middle" in [button.text() for button in shown.choices.buttons()]
        next(button for button in shown.choices.buttons() if button.text() == "Middle").click()
        shown.use.click()
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)
        assert window.controller.detections().scores.tolist() == pytest.approx([0.9])
        assert window.controller.session.state.instance.weights == tmp_path / "mine.bin"
        assert [media.name for media in window.controller.session.state.media] == ["astronaut.png"]

    def test_one_for_another_task_brings_its_analysis(self, window, missing, dialog, qtbot, tmp_path):
        from cvstudio.foundation.paths import resource
        from cvstudio.results.classification import Classification

        path = tmp_path / "unnamed.safetensors"
        shutil.copy(resource("models", "residual-60.safetensors"), path)
        drop(window, path)
        dialog().use.click()
        qtbot.waitUntil(lambda: isinstance(window.controller.current_result(), Classification), timeout=60_000)
        assert window.controller.session.state.instance.weights == path

    def test_one_that_the_analysis_of_its_task_cannot_use_brings_one_that_can(
        self, window, missing, dialog, qtbot, tmp_path
    ):
        torch.save({"weight": torch.full((1, 1), 0.9)}, tmp_path / "mine.pth")
        window.controller.use_analysis("attention")
        assert not window.controller.session.state.instance.spec.takes(missing)
        window.checkpoints.use("middle", tmp_path / "mine.pth")
        instance = window.controller.session.state.instance
        assert (instance.analysis, instance.model, instance.weights) == ("detect", "middle", tmp_path / "mine.pth")
        qtbot.waitUntil(lambda: window.controller.detections() is not None, timeout=60_000)

    @pytest.mark.usefixtures("few_models")
    def test_pictures_that_come_with_it_open(self, window, dialog, qtbot, tmp_path):
        torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
        drop(window, sample_path("astronaut"), tmp_path / "a.pth")
        qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=60_000)
        assert "It fits none of the models" in texts(dialog())

    @pytest.mark.usefixtures("few_models")
    def test_what_differs_from_the_nearest_is_a_table(self, window, dialog, qtbot, tmp_path):
        from cvstudio.foundation.paths import resource

        state = load_state_dict(resource("models", "residual-60.safetensors"))
        key = next(reversed([name for name in state if state[name].ndim == 2]))
        state[key] = torch.zeros(7, state[key].shape[1])
        torch.save(state, tmp_path / "seven classes.pth")
        drop(window, tmp_path / "seven classes.pth")
        table = dialog().table
        group = table.topLevelItem(0)
        assert group.text(0) == "of another shape (1)"
        row = group.child(0)
        assert [row.text(0), row.text(1), row.text(2)] == [
            key,
            f"60 x {state[key].shape[1]}",
            f"7 x {state[key].shape[1]}",
        ]
        table.copy()
        assert key in QGuiApplication.clipboard().text()

    def test_without_a_picture_it_is_chosen_and_waits_for_one(self, window, dialog, qtbot, tmp_path):
        from cvstudio.foundation.paths import resource

        path = tmp_path / "mine.safetensors"
        shutil.copy(resource("models", "residual-60.safetensors"), path)
        drop(window, path)
        dialog().use.click()
        instance = window.controller.session.state.instance
        assert (instance.model, instance.weights) == ("residual-60", path)
        assert "mine.safetensors is selected; open a picture to use it." in notices(window)

    def test_code_is_refused_in_one_sentence(self, window, qtbot, tmp_path):
        class Evil:
            def __reduce__(self) -> Any:
                return os.mkdir, (str(tmp_path / "created"),)

        torch.save(Evil(), tmp_path / "evil.pth")
        drop(window, tmp_path / "evil.pth")
        qtbot.waitUntil(lambda: any(f"{os.mkdir.__module__}.mkdir" in text for text in notices(window)), timeout=60_000)
        assert not (tmp_path / "created").exists()
        assert window.checkpoints.dialogs == []

    @pytest.mark.usefixtures("few_models")
    def test_a_wrong_file_for_a_model_shows_what_differs_and_which_models_it_fits(
        self, window, missing, dialog, qtbot, tmp_path
    ):
        torch.save({"weight": torch.zeros(2, 1)}, tmp_path / "wrong.pth")
        window.controller.set_model("middle", tmp_path / "wrong.pth")
        qtbot.waitUntil(lambda: any("of the middle" in text for text in notices(window)), timeout=60_000)
        assert not any("\n" in text for text in notices(window))
        press(window)
        shown = dialog()
        assert shown.table.topLevelItem(0).child(0).text(2) == "2 x 1"
        shown.others_wanted.emit()
        qtbot.waitUntil(lambda: len(window.checkpoints.dialogs) == 2, timeout=60_000)
        assert "It fits none" in texts(window.checkpoints.dialogs[-1])

    def test_a_file_belongs_to_its_model_in_every_analysis_and_later_sessions_until_it_is_removed(
        self, window, missing, qtbot, tmp_path
    ):
        wrong, mine = tmp_path / "wrong.pth", tmp_path / "mine.pth"
        torch.save({"weight": torch.zeros(2, 1)}, wrong)
        torch.save({"weight": torch.full((1, 1), 0.9)}, mine)
        controller = window.controller
        controller.set_model("middle", wrong)
        qtbot.waitUntil(lambda: any("of the middle" in text for text in notices(window)), timeout=60_000)
        assert chosen_checkpoint("middle") is None
        # One that loads stays, also where the published weights were in use before.
        controller.layers.duplicate(controller.session.state.instance.id)
        controller.set_model("middle", mine)
        qtbot.waitUntil(lambda: chosen_checkpoint("middle") == mine, timeout=60_000)
        assert [item.weights for item in controller.session.state.instances] == [mine, mine]
        controller.set_model("hog")
        controller.set_model("middle")
        assert controller.session.state.instance.weights == mine
        panel = window.docks["analysis"].widget()
        chooser = panel.findChild(ModelChooser)
        assert chooser.itemData(chooser.findData("middle"), PLACE).endswith("your file mine.pth")
        later = MainWindow()
        assert later.controller.session.state.instance is None
        later.controller.use_analysis("detect")
        later.controller.set_model("middle")
        assert later.controller.session.state.instance.weights == mine
        later.close()
        later.deleteLater()
        # The list takes it away again, everywhere.
        chooser.showPopup()
        stop = next(item for item in chooser.searched.findChildren(QPushButton) if "mine.pth" in item.text())
        assert stop.text() == "Stop using mine.pth"
        stop.click()
        assert {item.weights for item in controller.session.state.instances if item.model == "middle"} == {None}
        assert chosen_checkpoint("middle") is None
        assert chooser.itemData(chooser.findData("middle"), PLACE).endswith("not downloaded")
        chooser.showPopup()
        assert not any("mine.pth" in item.text() for item in chooser.searched.findChildren(QPushButton))
        chooser.hidePopup()

    @pytest.mark.usefixtures("few_models")
    def test_the_command_is_in_menu_and_palette(self, window, dialog, qtbot, monkeypatch, tmp_path):
        torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "a.pth"), ""))
        window.actions_by_key["checkpoint"].trigger()
        assert "a.pth" in texts(dialog())

    def test_a_network_with_its_own_layers_goes_on_to_the_form_of_own_models(self, window, dialog, qtbot, tmp_path):
        import onnx
        from onnx import TensorProto, helper

        picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 32, 32])
        answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 3])
        nodes = [
            helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["answer"]),
        ]
        graph = helper.make_graph(nodes, "mean", [picture], [answer])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, str(tmp_path / "mean.onnx"))
        drop(window, tmp_path / "mean.onnx")
        shown = dialog()
        (add,) = [button for button in shown.buttons.buttons() if button.text() == "Add as your own model …"]
        add.click()
        form = window.findChild(CustomModelDialog)
        assert form is not None
        assert form.isVisible()
        form.close()


def test_a_file_for_a_model_of_sounds_is_kept_while_a_picture_is_open(
    window: MainWindow, qtbot: Any, data: Callable[..., Path]
) -> None:
    path = data("weights", "gtcrn_dns3.tar")
    controller, model = window.controller, MODELS["gtcrn-dns3"]
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.current_result() is not None and not controller.pipeline.busy, timeout=120_000)
    before = controller.session.state
    assert terms(model).place is Place.ABSENT
    window.checkpoints.use(model.key, path)
    assert controller.session.state == before
    assert any("GTCRN (DNS3) has its weights from gtcrn_dns3.tar" in text for text in notices(window))
    # The catalogue says so, too, in this and later sessions.
    qtbot.waitUntil(lambda: terms(model).place is Place.CHOSEN, timeout=120_000)
    controller.checkpoints.forget(model.key)
