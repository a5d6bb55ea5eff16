"""The bar at the top: menus, the button Open, the search box and the device picker."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QMenuBar, QSizePolicy, QToolButton, QWidget

from ui.base.icons import icon
from ui.base.keys import PRESS_KEYS, claims
from ui.widgets.elided_label import ElidedLabel
from ui.widgets.icon_label import IconLabel
from ui.window.device_picker import DevicePicker
from ui.window.side_columns import SIDES, Side

FOLD_KEYS: dict[Side, str] = {"left": "Ctrl+[", "right": "Ctrl+]"}
"""Key sequences that fold and unfold the columns."""


class SearchBox(QWidget):
    """A box that looks like the search field of the palette, which opens in its place.

    Signals
    -------
    pressed : the user clicked it, or pressed Space or Enter on it
    """

    pressed = Signal()

    def __init__(self, keys: str) -> None:
        super().__init__()
        self.setObjectName("search-box")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(120)
        self.setMaximumWidth(480)
        self.setAccessibleName(self.tr("Search commands"))
        self.setToolTip(self.tr("Search for analyses, models, commands and open files ({keys})").format(keys=keys))
        text = ElidedLabel(self.tr("What do you want to do?"))
        text.setObjectName("quiet")
        text.setMinimumWidth(20)
        shortcut = QLabel(keys)
        shortcut.setObjectName("small")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 3, 8, 3)
        layout.setSpacing(8)
        layout.addWidget(IconLabel("search", 16))
        layout.addWidget(text, 1)
        layout.addWidget(shortcut)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.pressed.emit()

    def event(self, event: QEvent) -> bool:
        return claims(event, PRESS_KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in PRESS_KEYS:
            self.pressed.emit()
        else:
            super().keyPressEvent(event)

    def place(self) -> QRect:
        """Rectangle of the box in pixels of the desktop."""
        return QRect(self.mapToGlobal(self.rect().topLeft()), self.size())


class TopBar(QWidget):
    """The window's menu widget; its first part is the menu bar."""

    def __init__(self, search_keys: str, device: DevicePicker) -> None:
        super().__init__()
        self.setObjectName("top-bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.menus = QMenuBar()
        self.menus.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.open = QToolButton()
        self.open.setObjectName("open-button")
        # The style leaves no room between icon and text.
        self.open.setText(" " + self.tr("Open"))
        self.open.setIcon(icon("folder-open"))
        self.open.setToolTip(self.tr("Chooses files to open (Ctrl+O); the arrow lists the recent ones"))
        self.open.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.open.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.search = SearchBox(search_keys)
        self.device = device
        self.folds: dict[Side, QToolButton] = {}
        tips = {
            "left": self.tr("Fold the left column to icons, or unfold it ({keys})"),
            "right": self.tr("Fold the right column to icons, or unfold it ({keys})"),
        }
        for side in SIDES:
            button = QToolButton()
            button.setObjectName(f"fold-{side}")
            button.setIcon(icon(f"panel-{side}"))
            button.setCheckable(True)
            button.setChecked(True)
            keys = QKeySequence(FOLD_KEYS[side]).toString(QKeySequence.SequenceFormat.NativeText)
            button.setToolTip(tips[side].format(keys=keys))
            button.setAccessibleName(self.tr("Left column") if side == "left" else self.tr("Right column"))
            self.folds[side] = button
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 8, 2)
        layout.setSpacing(8)
        layout.addWidget(self.menus)
        layout.addWidget(self.open)
        layout.addStretch(1)
        layout.addWidget(self.search, 4)
        layout.addStretch(1)
        layout.addWidget(device)
        for button in self.folds.values():
            layout.addWidget(button)

    def set_open_menu(self, menu: QMenu) -> None:
        """Set the menu of the arrow beside "Open"."""
        self.open.setMenu(menu)
