"""Grad-CAM and HOG in the window: they are found, drawn, chosen from and told."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.classification.efficientnet_lite import LAYERS
from cvstudio.models.shared.imagenet import imagenet_labels
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.hog_cells import HogCells
from ui.panels.analysis import AnalysisPanel
from ui.panels.results import ResultsPanel
from ui.views.results.heat_map import HeatView
from ui.views.results.hog_cells import HogView
from ui.widgets.rows.choice_rows import ChoiceRow
from ui.window.main_window import MainWindow

NO_KEYS = Qt.KeyboardModifier.NoModifier


def use(qtbot: QtBot, window: MainWindow, key: str, kind: type) -> None:
    controller = window.controller
    controller.open_paths([sample_path("astronaut")])
    qtbot.waitUntil(lambda: bool(controller.session.state.media), timeout=30000)
    controller.use_analysis(key)
    wait_for(qtbot, window, kind)


def wait_for(qtbot: QtBot, window: MainWindow, kind: type) -> None:
    controller = window.controller
    qtbot.waitUntil(
        lambda: isinstance(controller.current_result(), kind) and not controller.pipeline.busy, timeout=60000
    )


def test_grad_cam(qtbot: QtBot, window: MainWindow) -> None:
    use(qtbot, window, "grad-cam", HeatMap)
    controller = window.controller
    analysis, results = window.findChild(AnalysisPanel), window.findChild(ResultsPanel)
    target, layer = analysis.form.row("target"), analysis.form.row("layer")
    assert isinstance(target, ChoiceRow)
    assert isinstance(layer, ChoiceRow)
    assert [layer.combo.itemText(row) for row in range(layer.combo.count())] == ["last maps", *LAYERS[:-1]]
    assert target.combo.count() == len(imagenet_labels()) + 1
    assert target.value() == ""
    assert target.combo.currentText() == "most likely class"
    target.combo.setCurrentIndex(target.combo.findText("tabby"))
    target.combo.activated.emit(target.combo.currentIndex())
    qtbot.waitUntil(lambda: getattr(controller.current_result(), "label", "") == "tabby", timeout=30000)
    qtbot.waitUntil(lambda: results._summary.text().startswith("tabby "), timeout=5000)
    view = results.findChild(HeatView)
    assert view.isVisible()
    assert "Grad-CAM, last maps" in view.about.text()
    assert view.scale.texts()[0] == "0"
    target.combo.setCurrentIndex(0)
    target.combo.activated.emit(0)
    assert controller.session.state.instance.value("target") == ""


def test_hog_cells_are_pointed_at_and_chosen(qtbot: QtBot, window: MainWindow) -> None:
    use(qtbot, window, "hog", HogCells)
    controller, results = window.controller, window.findChild(ResultsPanel)
    found: HogCells = controller.current_result()
    qtbot.waitUntil(lambda: results._summary.text() == "142,884 values", timeout=5000)
    view = results.findChild(HogView)
    assert "63 × 63 blocks of 2 × 2 cells with 9 directions each" in view.shape_line.text()
    assert view.bars.texts() == []
    window.workspace._hovered(100.0, 60.0)
    number = found.cell_at(100, 60)
    qtbot.waitUntil(lambda: len(view.bars.texts()) == 9, timeout=5000)
    values = found.histogram(number)
    assert view.bars.texts()[0] == f"10° {values[0]:.2f}"
    assert "Cell 12, 7" in view.cell_line.text()
    before = window.workspace.render_view(window.workspace.canvas.view())
    window.workspace._clicked(300.0, 200.0, NO_KEYS)
    assert controller.session.state.selection == {found.cell_at(300, 200)}
    window.workspace._hovered(None, None)
    qtbot.waitUntil(lambda: "Cell 37, 25" in view.cell_line.text(), timeout=5000)
    after = window.workspace.render_view(window.workspace.canvas.view())
    assert not np.array_equal(before, after)
    # Larger cells: what was chosen is another place now, or none; nothing breaks.
    controller.set_value("cell", 64)
    qtbot.waitUntil(lambda: getattr(controller.current_result(), "cell", 0) == 64, timeout=30000)
    qtbot.waitUntil(lambda: view.bars.texts() == [], timeout=5000)


def test_words_of_the_course_lead_there(window: MainWindow) -> None:
    from ui.window.palette import ranked

    for word, title in (("grad-cam", "Grad-CAM"), ("oriented gradients", "HOG descriptor"), ("Faster R-CNN", "R-CNN")):
        assert any(title in entry.title for entry in ranked(window.palette_entries(), word)), word


def test_precision_is_chosen_by_command_and_remembered(qtbot: QtBot, window: MainWindow) -> None:
    host = window.controller.pipeline.host
    assert host.precision == "auto"
    use(qtbot, window, "grad-cam", HeatMap)
    how = host.precision_of(MODELS["efficientnet-lite0"])
    assert how is not None
    assert how.reason.endswith(".")
    window.actions_by_key["precision-bfloat16"].trigger()
    wait_for(qtbot, window, HeatMap)
    chosen = host.precision_of(MODELS["efficientnet-lite0"])
    assert chosen is not None
    assert chosen.dtype == "bfloat16"
    assert window.settings.text("precision", "") == "bfloat16"
    window.actions_by_key["precision-auto"].trigger()
    assert host.precision == "auto"
