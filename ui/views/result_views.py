"""What the results panel shows for each type of result that is no table: one widget for each, found by the type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtWidgets import QWidget

from cvstudio.hog import HogCells
from cvstudio.neighbours import Neighbours
from cvstudio.proposals import Proposals
from cvstudio.results import HeatMap, Labels
from cvstudio.suppression import Suppression


class ResultView(Protocol):
    """A widget that shows a result, and what of it is pointed at or chosen.

    It may have the signals `stepped` (how many steps on), `selected` (ids) and `hovered` (id or None).
    """

    def show_result(self, result: Any, pointed: int | None) -> str:
        """Show `result`, with the number of its part that the mouse is on or that is chosen; the headline."""
        ...


def _heat() -> QWidget:
    from ui.views.heat_view import HeatView

    return HeatView()


def _hog() -> QWidget:
    from ui.views.hog_view import HogView

    return HogView()


def _neighbours() -> QWidget:
    from ui.views.neighbours_view import NeighboursView

    return NeighboursView()


def _inside() -> QWidget:
    from ui.views.inside_view import InsideView

    return InsideView()


def _suppression() -> QWidget:
    from ui.views.suppression_view import SuppressionView

    return SuppressionView()


def _guesses() -> QWidget:
    from ui.views.guesses import GuessesView

    return GuessesView()


VIEWS: dict[type[Any], Callable[[], QWidget]] = {
    Proposals: _inside,
    HeatMap: _heat,
    Labels: _guesses,
    HogCells: _hog,
    Neighbours: _neighbours,
    Suppression: _suppression,
}
"""Makes the view of a type of result; called when the first of them is to be shown."""
