"""Every command once: menus, shortcuts, palette and shortcuts sheet are made from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from ui.icons import icon


@dataclass(frozen=True)
class Command:
    """Something that a user can do. `menu` is the title of the menu it stands in; "" keeps it to the palette."""

    key: str
    title: str
    run: Callable[[], object]
    menu: str = ""
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    keywords: tuple[str, ...] = ()
    separated: bool = False


def install(window: QMainWindow, commands: list[Command], menus: dict[str, QMenu]) -> dict[str, QAction]:
    """Make the actions of `commands`, put them into their menus, and return them by key."""
    actions = {}
    for command in commands:
        action = QAction(command.title, window)
        action.setObjectName(command.key)
        if command.icon:
            action.setIcon(icon(command.icon))
        action.setShortcuts([QKeySequence(shortcut) for shortcut in command.shortcuts])
        action.triggered.connect(lambda _=False, run=command.run: run())
        if command.menu:
            if command.separated:
                menus[command.menu].addSeparator()
            menus[command.menu].addAction(action)
        else:
            window.addAction(action)
        actions[command.key] = action
    return actions
