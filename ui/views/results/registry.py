"""What the results panel shows for a type of result whose table is not enough: one widget for each, found by the type.

A view is one file that registers itself (`RESULT_VIEWS.register`); a type without one is shown as its `table()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cvstudio.foundation.registry import Registry


class ResultView(Protocol):
    """A QWidget that shows a result, and what of it is pointed at or chosen.

    It may have the signals `stepped` (how many steps on), `selected` (ids), `hovered` (id or None) and
    `open_requested` (path); the methods `set_selected(ids)`, `set_empty_text(text)` for a result without a part, and
    `forget()`, called when another view takes its place; and the attribute `colour_map`, set before a result is shown.
    """

    def show_result(self, result: Any, pointed: int | None) -> str:
        """Show `result`, with the number of its part that the mouse is on or that is chosen; the headline."""
        ...


@dataclass(frozen=True)
class ResultViewSpec:
    """The view of one type of result, and of those that derive from it; `create` makes the widget."""

    result_type: type[Any]
    create: Callable[[], ResultView]

    @property
    def key(self) -> str:
        return f"{self.result_type.__module__}.{self.result_type.__qualname__}"


RESULT_VIEWS: Registry[ResultViewSpec] = Registry("view of a result", "ui.views.results", open_to_packages=False)


def view_of(result_type: type[Any]) -> ResultViewSpec | None:
    """The view of a type of result; None where its table is enough."""
    views = {view.result_type: view for view in RESULT_VIEWS}
    return next((views[base] for base in result_type.__mro__ if base in views), None)
