"""Commands of the window: menus, shortcuts, palette and shortcuts sheet are generated from one list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QMainWindow, QMenu

from ui.base.hold_key import HoldKey
from ui.base.icons import icon


@dataclass(frozen=True)
class Command:
    """An action that the user can trigger.

    Parameters
    ----------
    key : unique name
    title : text in menu and palette
    run : called when it is triggered
    menu : title of its menu; "" restricts it to the palette
    shortcuts : key sequences
    icon : name of an icon, or ""
    keywords : synonyms that the palette finds it by
    separated : whether a separator precedes it in its menu
    repeats : whether it runs repeatedly while its key is held down
    hold : started by the key instead of `run`, and ended when the key is released
    menu_title : text in the menu where the menu's own title says the rest; "" takes `title`
    checked : callable () -> whether what it switches is on, which the menu shows with a check mark
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
    menu_title: str = ""
    checked: Callable[[], bool] | None = None


def install(window: QMainWindow, commands: list[Command], menus: dict[str, QMenu]) -> dict[str, QAction]:
    """Create the actions of `commands`, add them to their menus, and return them by key."""
    actions = {}
    for command in commands:
        action = QAction(command.menu_title or command.title, window)
        action.setObjectName(command.key)
        if command.icon:
            action.setIcon(icon(command.icon))
        sequences = [QKeySequence(shortcut) for shortcut in command.shortcuts]
        if command.hold is None:
            action.setShortcuts(sequences)
            action.setAutoRepeat(command.repeats)
        else:
            # A QAction triggers in the same way by key and by menu, and only a key can be held down.
            native = QKeySequence.SequenceFormat.NativeText
            action.setText("\t".join((command.title, *(keys.toString(native) for keys in sequences))))
            for keys in sequences:
                QShortcut(keys, window, command.hold.start).setAutoRepeat(False)
        action.triggered.connect(lambda _=False, run=command.run: run())
        if command.menu:
            if command.separated:
                menus[command.menu].addSeparator()
            menus[command.menu].addAction(action)
            if command.checked is not None:
                action.setCheckable(True)
                action.setIconVisibleInMenu(False)  # it would take the place of the check mark
                # Told when the menu opens: what is on changes in many ways.
                menus[command.menu].aboutToShow.connect(partial(_show_checked, action, command.checked))
        else:
            window.addAction(action)
        actions[command.key] = action
    return actions


def _show_checked(action: QAction, checked: Callable[[], bool]) -> None:
    action.setChecked(checked())
