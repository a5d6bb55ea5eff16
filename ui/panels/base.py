"""The declaration of a panel, and what its content is made with."""

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
    """Arguments for the content of a panel.

    Parameters
    ----------
    controller, settings : those of the window
    requests : signals that ask the window for what only the window can do
    canvas : callable () -> the first canvas; raises AttributeError before the window is complete
    """

    controller: Controller
    requests: WindowRequests
    settings: Settings
    canvas: Callable[[], Canvas]


@runtime_checkable
class Late(Protocol):
    """A panel content that is completed after the window's first paint."""

    def complete(self) -> None:
        """Make the parts that import heavy modules."""


@dataclass(frozen=True)
class Panel:
    """Declaration of a dock.

    The panels on the right are sections of one column, which scrolls as a whole; each is as high as its content wants
    to be. The content of a panel that is `shown` and not folded is made with the window; all others are made after the
    window's first paint, when a content that is `Late` is completed, too. A content is closed with the window, so that
    it can stop its jobs.

    Parameters
    ----------
    key, title : identifier and title
    area : side of the window
    create : callable (context) -> content
    order : position from top to bottom among the docks of one area
    tabbed_with : key of the panel that it shares its place with; empty without one
    shortcut : key sequence that shows or hides it
    shown : whether it is visible at the first start; others are opened from the menu
    begins_folded : whether its section of the column is folded to the title at the first start
    floats : whether it is a window of its own until the user docks it
    keywords : further names by which the palette finds it
    icon : name of its icon, where its column is folded
    """

    key: str
    title: str
    area: Qt.DockWidgetArea
    create: Callable[[PanelContext], QWidget]
    order: int = 50
    tabbed_with: str = ""
    shortcut: str = ""
    shown: bool = True
    begins_folded: bool = False
    floats: bool = False
    keywords: tuple[str, ...] = ()
    icon: str = "panel-right"

    @property
    def in_first_picture(self) -> bool:
        """Whether the first picture of a first start has its content."""
        return self.shown and not self.begins_folded
