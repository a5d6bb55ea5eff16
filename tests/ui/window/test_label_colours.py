"""Labels beside predictions have the colours of the canvas in the list of results, too."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from cvstudio.data.label_editing import with_added
from cvstudio.data.labels import Annotation
from cvstudio.draw.palette import class_colour
from cvstudio.results.detections import Detections
from tests.ui.window.labelling_steps import begin, settled
from ui.panels.results import ResultsPanel
from ui.window.main_window import MainWindow


def test_a_label_has_its_colour_of_the_canvas_in_the_list(labelling: MainWindow, qtbot: QtBot) -> None:
    controller, edits = labelling.controller, labelling.controller.labelling
    known = tuple(f"class {number}" for number in range(40))
    name = next(name for name in known if class_colour(name, known) != class_colour(name, (name,)))
    begin(labelling, qtbot, name)
    edits.edit("Draw label", with_added(edits.labels, Annotation(0, (10, 10, 40, 40))))
    qtbot.waitUntil(lambda: settled(labelling), timeout=30_000)
    edits.set_active(False)
    labelling.show_panel("results")
    results = labelling.dock_layout.content(ResultsPanel)

    def colour() -> tuple[int, ...]:
        """Of the dot before the name."""
        dot = results.table.model().index(0, 0).data(Qt.ItemDataRole.DecorationRole)
        pixel = dot.toImage().pixelColor(dot.width() // 2, dot.height() // 2)
        return pixel.red(), pixel.green(), pixel.blue()

    qtbot.waitUntil(lambda: results.table.model().rowCount() == 1, timeout=30_000)
    assert colour() == class_colour(name, (name,))
    assert edits.size is not None
    predicted = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), known, np.arange(0), edits.size
    )
    controller.predictions = lambda: predicted  # type: ignore[method-assign]
    results._show()
    assert colour() == class_colour(name, known)
    controller.predictions = lambda: None  # type: ignore[method-assign]
    results._show()
    assert colour() == class_colour(name, (name,))
