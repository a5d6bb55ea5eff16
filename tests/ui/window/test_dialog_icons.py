"""Message boxes and Qt's own file dialog use the program's icons."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QFileInfo, QSize
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox, QToolButton
from pytestqt.qtbot import QtBot

from ui.base import theme
from ui.base.icons import tinted
from ui.window.main_window import MainWindow


def ink(pixmap: QPixmap) -> NDArray[np.bool_]:
    """Where a picture is painted, bool (h, w)."""
    image = pixmap.toImage().convertToFormat(pixmap.toImage().Format.Format_ARGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return pixels[..., 3] > 127


def same_drawing(shown: QIcon | QPixmap, name: str) -> bool:
    pixmap = shown.pixmap(QSize(16, 16)) if isinstance(shown, QIcon) else shown
    expected = ink(tinted(name, theme.colour("text"), pixmap.width()))
    painted = ink(pixmap)
    return painted.shape == expected.shape and bool((painted == expected).mean() > 0.95)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (QMessageBox.Icon.Information, "info"),
        (QMessageBox.Icon.Question, "circle-question-mark"),
        (QMessageBox.Icon.Warning, "triangle-alert"),
        (QMessageBox.Icon.Critical, "circle-alert"),
    ],
)
def test_message_boxes(window: MainWindow, kind: QMessageBox.Icon, name: str) -> None:
    box = QMessageBox(
        kind, "Title", "Text", QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Cancel, window
    )
    label = box.findChild(QLabel, "qt_msgboxex_icon_label")
    assert label is not None
    assert same_drawing(label.pixmap(), name)
    assert all(button.icon().isNull() for button in box.buttons())
    box.deleteLater()


def test_the_file_dialog(window: MainWindow, qtbot: QtBot) -> None:
    from ui.app import make_application

    make_application()  # the application of the tests does not come from there
    dialog = QFileDialog(window)
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    dialog.open()
    qtbot.waitUntil(lambda: same_drawing(dialog.iconProvider().icon(QFileInfo("/")), "folder"))
    for name, drawing in (("backButton", "chevron-left"), ("toParentButton", "chevron-up"), ("listModeButton", "list")):
        button = dialog.findChild(QToolButton, name)
        assert button is not None
        assert same_drawing(button.icon(), drawing), name
    dialog.close()
    dialog.deleteLater()
