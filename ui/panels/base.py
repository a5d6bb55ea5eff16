"""What a dock declares of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from ui.base.settings import Settings
from ui.control.controller import Controller
from ui.control.window_requests import WindowRequests

if TYPE_CHECKING:
    from ui.views.canvas import Canvas


@dataclass(frozen=True)
class PanelContext:
    """What a panel is made with.

    `requests` asks the window for what only it can do; `canvas` gives the first canvas, once the window is complete.
    """

    controller: Controller
    requests: WindowRequests
    settings: Settings
    canvas: Callable[[], Canvas]


@runtime_checkable
class Late(Protocol):
    """A content of which a part is made when the window's first picture is on the screen."""

    def complete(self) -> None:
        """Make the rest; what imports much belongs here."""


@dataclass(frozen=True)
class Panel:
    """A dock: `create(context)` makes its content.

    It is made with the window where it is seen at once, and else when the window's first picture is on the screen. A
    content with a method `complete` is called then, too: what imports much belongs there.

    `order` sorts the docks of one area from top to bottom; `tabbed_with` names the panel it shares its place with.
    `keywords` are names by which it is searched for. One that is not `shown` waits in the menu. Its content is closed
    with the window, so that it can end what it runs. One that `floats` is a window of its own until the user docks it.
    """

    key: str
    title: str
    area: Qt.DockWidgetArea
    create: Callable[[PanelContext], QWidget]
    order: int = 50
    tabbed_with: str = ""
    shortcut: str = ""
    shown: bool = True
    floats: bool = False
    keywords: tuple[str, ...] = ()
