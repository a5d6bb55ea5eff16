"""Explanations in the window: an object is clicked, a picture grows, a module is chosen, curves are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.geometry import Size
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.results.activation_maps import ActivationMaps
from cvstudio.results.explain.curves import ScoreCurves
from cvstudio.results.explain.filter_bank import FilterBank
from cvstudio.results.explain.visualisation import Visualisation
from cvstudio.results.heat_map import HeatMap
from ui.panels.analysis import AnalysisPanel
from ui.widgets.rows.choice_rows import ChoiceRow
from ui.window.main_window import MainWindow

NO_KEYS = Qt.KeyboardModifier.NoModifier
TIMEOUT = 240_000

pytestmark = pytest.mark.timeout(600)


def use(qtbot: QtBot, window: MainWindow, sample: str, key: str, kind: type[Any], model: str = "") -> Any:
    controller = window.controller
    controller.open_paths([sample_path(sample)])
    qtbot.waitUntil(lambda: bool(controller.session.state.media), timeout=TIMEOUT)
    controller.use_analysis(key)
    if model:
        controller.set_model(model)
    return wait_for(qtbot, window, kind)


def wait_for(qtbot: QtBot, window: MainWindow, kind: type[Any]) -> Any:
    controller = window.controller
    qtbot.waitUntil(
        lambda: isinstance(controller.current_result(), kind) and not controller.pipeline.busy, timeout=TIMEOUT
    )
    return controller.current_result()


def test_a_click_on_an_object_asks_why_it_was_found(qtbot: QtBot, window: MainWindow) -> None:
    best = use(qtbot, window, "street", "detection-cam", HeatMap)
    assert best.objects is not None
    row = next(row for row in range(len(best.objects)) if best.objects.ids[row] != best.chosen)
    x, y = ((best.objects.boxes[row, :2] + best.objects.boxes[row, 2:]) / 2).tolist()
    window.workspace._clicked(x, y, NO_KEYS)
    assert window.controller.session.state.instance.value("at") == (x, y)
    qtbot.waitUntil(
        lambda: (
            isinstance(window.controller.current_result(), HeatMap)
            and window.controller.current_result().chosen != best.chosen
        ),
        timeout=TIMEOUT,
    )
    assert not np.array_equal(wait_for(qtbot, window, HeatMap).values, best.values)


def test_a_picture_of_a_class_grows_on_a_canvas_of_its_own(qtbot: QtBot, window: MainWindow) -> None:
    controller = window.controller
    seen: list[int] = []

    def note(shown: Any) -> None:
        seen.extend(layer.result.step for layer in shown.layers if isinstance(layer.result, Visualisation))

    controller.presenter.view_changed.connect(note)
    controller.use_analysis("class-visualisation")
    controller.set_model("residual-60")
    controller.set_value("steps", 200)
    # It is drawn long before it is complete.
    qtbot.waitUntil(lambda: any(0 < step < 200 for step in seen), timeout=TIMEOUT)
    found = controller.current_result()
    assert window.workspace.canvas.content_size == Size(128, 128)
    assert found.subject == MODELS["residual-60"].labels[0]
    # Fewer steps end it at once.
    controller.set_value("steps", 2)
    assert wait_for(qtbot, window, Visualisation).step == 2


def test_any_module_is_found_in_the_list(qtbot: QtBot, window: MainWindow) -> None:
    use(qtbot, window, "cat", "activations", ActivationMaps, "residual-60")
    panel = window.findChild(AnalysisPanel)
    row = panel.form.row("module")
    assert isinstance(row, ChoiceRow)
    qtbot.waitUntil(lambda: row.combo.count() > 30, timeout=TIMEOUT)
    name = "trunk.stages.2.1.conv1"
    row.combo.setCurrentIndex(row.combo.findText(name))
    row.combo.activated.emit(row.combo.currentIndex())
    qtbot.waitUntil(lambda: getattr(window.controller.current_result(), "layer", "") == name, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: row.value() == name, timeout=TIMEOUT)


def test_curves_and_filters_are_drawn(qtbot: QtBot, window: MainWindow) -> None:
    controller = window.controller
    controller.use_analysis("filters")
    controller.set_model("residual-60")
    bank = wait_for(qtbot, window, FilterBank)
    assert window.workspace.canvas.content_size == bank.size
    use(qtbot, window, "cat", "grad-cam", HeatMap, "residual-60")
    controller.use_analysis("insertion-deletion")
    controller.set_model("residual-60")
    curves = wait_for(qtbot, window, ScoreCurves)
    assert window.workspace.canvas.content_size == curves.size
    picture = window.workspace.render_view(window.workspace.canvas.view())
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
