"""Looking inside a detector in the real window, with a network that answers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS, ModelSpec
from cvstudio.results.proposals import Level, Proposals
from ui.views.results.proposals import ProposalsView
from ui.window.main_window import MainWindow

KEY = "pretend-anchors"


class Pretending:
    """Two maps of one anchor a place, and three regions of which the second moves by half its width."""

    labels = ("cat", "dog")

    def inside(self, image: Image, progress: Progress) -> Proposals:
        levels = (Level(4, 6, 1, (0.0, 0.0), (50.0, 50.0), 0), Level(2, 3, 1, (0.0, 0.0), (100.0, 100.0), 24))
        anchors = []
        for level, side in zip(levels, (30, 80), strict=True):
            for row in range(level.rows):
                for column in range(level.columns):
                    x, y = level.middle(row, column)
                    anchors.append([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
        before = np.array([[10, 10, 60, 60], [100, 20, 140, 60], [150, 100, 250, 200]], np.float32)
        return Proposals(
            np.array(anchors, np.float32),
            levels,
            before,
            np.array([0.9, 0.8, 0.7], np.float32),
            before + np.array([[0, 0, 0, 0], [20, 0, 20, 0], [0, 0, 0, 0]], np.float32),
            np.array([0.2, 0.95, 0.5], np.float32),
            np.array([0, 1, 0]),
            self.labels,
            image.size,
            two_stages=True,
        )


@pytest.fixture(autouse=True)
def pretended() -> Iterator[None]:
    """A detector with known insides, there before the window is."""
    spec = ModelSpec(
        key=KEY,
        title="Pretended",
        task="detect",
        family="Two stages",
        paper="none",
        year=2020,
        load=lambda device, path: Pretending(),
        labels=Pretending.labels,
        capabilities=frozenset({"anchors"}),
    )
    with MODELS.lend(spec):
        yield


@pytest.fixture
def inside(qtbot: QtBot, window: MainWindow) -> Callable[[], Proposals]:
    controller = window.controller
    window.open_paths([sample_path("cat")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=30_000)
    controller.use_analysis("anchors")
    controller.set_model(KEY)
    window.show_panel("results")

    def settle() -> Proposals:
        qtbot.waitUntil(
            lambda: (
                isinstance(controller.current_result(), Proposals)
                and not controller.pipeline.busy
                and not controller.shown.layers[-1].stale
            ),
            timeout=60_000,
        )
        result: Any = controller.current_result()
        assert isinstance(result, Proposals)
        return result

    settle()
    return settle


def test_a_click_shows_the_anchors_there_and_keys_go_through_the_levels(
    qtbot: QtBot, window: MainWindow, inside: Callable[[], Proposals]
) -> None:
    canvas, controller = window.workspace.canvas, window.controller
    place = QPoint(canvas.width() // 3, canvas.height() // 2)
    at = canvas.image_position(place.toPointF())
    assert at is not None
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=place)
    assert inside().place == pytest.approx(at)
    for expected in (1, 2, 2):
        QTest.keyClick(window, Qt.Key.Key_Period)
        assert inside().level == expected
    QTest.keyClick(window, Qt.Key.Key_Comma)
    assert inside().level == 1
    qtbot.waitUntil(lambda: window.findChild(ProposalsView) is not None)
    view = window.findChild(ProposalsView)
    assert isinstance(view, ProposalsView)
    qtbot.waitUntil(lambda: [line.cells[1].text for line in view.levels.rows.table_rows] == ["6 × 4", "3 × 2"])
    assert [line.cells[3].text for line in view.levels.rows.table_rows] == ["30×30", "80×80"]
    chosen = controller.session.state.instance
    assert chosen is not None
    slider = window.docks["analysis"].widget().form.row("level").slider  # type: ignore[attr-defined]
    assert slider.number == 1


def test_regions_tell_how_far_they_moved_and_are_linked_to_the_picture(
    qtbot: QtBot, window: MainWindow, inside: Callable[[], Proposals]
) -> None:
    controller = window.controller
    controller.set_value("show", "after")
    assert inside().regions().tolist() == [1, 2, 0]
    qtbot.waitUntil(lambda: window.findChild(ProposalsView) is not None)
    view = window.findChild(ProposalsView)
    assert isinstance(view, ProposalsView)
    qtbot.waitUntil(lambda: [line.number for line in view.regions.rows.table_rows] == [1, 2, 0])
    told = [[cell.text for cell in line.cells] for line in view.regions.rows.table_rows]
    # Half of the width: a third of what both cover.
    assert told[0] == ["dog", "0.80", "0.95", "0.33"]
    assert told[1] == ["cat", "0.70", "0.50", "1.00"]
    view.regions.selectRow(0)
    assert controller.session.state.selection == {1}
    assert window.workspace.part_at(150, 40) == 1
    assert window.workspace.part_at(5, 5) is None
    controller.set_value("show", "both")
    controller.set_value("count", 2)
    assert inside().regions().tolist() == [0, 1]


def test_only_models_with_anchors_are_offered(window: MainWindow, inside: Callable[[], Proposals]) -> None:
    controller = window.controller
    controller.set_model("pyramid-5")
    instance = controller.session.state.instance
    assert instance is not None
    assert instance.model == KEY
    keys = [model.key for model in controller.comparison.models()]
    assert "ssd300" in keys
    assert "pyramid-5" not in keys
