"""Registry of result views: widgets of the results panel, one for each type of result whose table is not enough.

A view is one file that registers itself (`RESULT_VIEWS.register`); a type without a view is shown as its `table()`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cvstudio.foundation.registry import Registry


class ResultView(Protocol):
    """Protocol of a QWidget that shows a result.

    Optional members: the signals `stepped` (number of steps), `selected` (ids), `hovered` (id or None),
    `open_requested` (path) and `value_chosen` (name and value of a parameter of the analysis); the methods
    `set_selected(ids)`, `set_empty_text(text)` for a result without parts, and `forget()`, called when another view
    replaces it; the attributes `colour_map` and `look`, set before a result is shown.
    """

    def show_result(self, result: Any, pointed: int | None) -> str:
        """Show `result` and return the headline; `pointed` is the number of its hovered or selected part, or None."""
        ...


@dataclass(frozen=True)
class ResultViewSpec:
    """View of a type of result and of its subclasses; `create` returns the widget."""

    result_type: type[Any]
    create: Callable[[], ResultView]

    @property
    def key(self) -> str:
        return f"{self.result_type.__module__}.{self.result_type.__qualname__}"


RESULT_VIEWS: Registry[ResultViewSpec] = Registry("view of a result", "ui.views.results", open_to_packages=False)


def view_of(result_type: type[Any]) -> ResultViewSpec | None:
    """The view registered for a type of result; None where it is shown as its table."""
    views = {view.result_type: view for view in RESULT_VIEWS}
    return next((views[base] for base in result_type.__mro__ if base in views), None)
