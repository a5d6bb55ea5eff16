"""Where panels stand at the first start."""

from __future__ import annotations

from ui.driving import pause
from ui.main_window import MainWindow


def test_results_are_in_front_of_the_panels_that_share_their_place(qtbot):
    window = MainWindow()
    window.show()
    qtbot.waitExposed(window)
    pause(200)
    results, medium = window.docks["results"], window.docks["medium"]
    assert medium in window.tabifiedDockWidgets(results)
    assert not results.visibleRegion().isEmpty()
    assert medium.visibleRegion().isEmpty()
    window.close()
    window.deleteLater()
