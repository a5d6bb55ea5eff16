"""Every command once: menus, shortcuts, palette and shortcuts sheet are made from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow, QMenu

from ui.base.hold_key import HoldKey
from ui.base.icons import icon


@dataclass(frozen=True)
class Command:
    """Something that a user can do.

    `menu` is the title of the menu it stands in; "" keeps it to the palette. `keywords` are other names of it. It runs
    again and again while its key is held only where it `repeats`; with `hold` the key does that instead.
    """

    key: str
    title: str
    run: Callable[[], object]
    menu: str = ""
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    keywords: tuple[str, ...] = ()
    separated: bool = False
    repeats: bool = False
    hold: HoldKey | None = None


def install(window: QMainWindow, commands: list[Command], menus: dict[str, QMenu]) -> dict[str, QAction]:
    """Make the actions of `commands`, put them into their menus, and return them by key."""
    actions = {}
    for command in commands:
        action = QAction(command.title, window)
        action.setObjectName(command.key)
        if command.icon:
            action.setIcon(icon(command.icon))
        sequences = [QKeySequence(shortcut) for shortcut in command.shortcuts]
        if command.hold is None:
            action.setShortcuts(sequences)
            action.setAutoRepeat(command.repeats)
        else:
            # An action cannot tell its key from its menu line, and only a key can be held.
            native = QKeySequence.SequenceFormat.NativeText
            action.setText("\t".join((command.title, *(keys.toString(native) for keys in sequences))))
            for keys in sequences:
                QShortcut(keys, window, command.hold.start).setAutoRepeat(False)
        action.triggered.connect(lambda _=False, run=command.run: run())
        if command.menu:
            if command.separated:
                menus[command.menu].addSeparator()
            menus[command.menu].addAction(action)
        else:
            window.addAction(action)
        actions[command.key] = action
    return actions
