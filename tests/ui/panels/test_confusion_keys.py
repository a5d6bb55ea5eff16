"""The cells of the confusion matrix are reached and picked by keys, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QScrollArea, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.evaluation.confusion import ConfusionMatrix
from ui.panels._measure.confusion_view import LEAST_CELL, NAMES_WIDTH, ConfusionView

MATRIX = ConfusionMatrix(np.array([[5, 0, 1], [2, 7, 0], [0, 3, 0]], np.int64), ("cat", "dog"))


def test_arrows_go_from_cell_to_cell_and_enter_picks(shown: Callable[..., Any], qtbot: QtBot) -> None:
    place = QWidget()
    view, field = ConfusionView(), QLineEdit()
    layout = QVBoxLayout(place)
    layout.addWidget(field)
    layout.addWidget(view)
    view.show_matrix(MATRIX, "background")
    shown(place, 400, 400)
    picked: list[tuple[int, int]] = []
    view.picked.connect(lambda true, predicted: picked.append((true, predicted)))
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Tab)
    assert place.focusWidget() is view
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert picked == [(0, 0)]
    # What assistive technology reads follows the keys.
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.accessibleDescription() == "cat taken for background: 1, 17% of the row"
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert picked[-1] == (0, -1)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Left):
        QTest.keyClick(view, key)
    QTest.keyClick(view, Qt.Key.Key_Enter)
    assert picked[-1] == (-1, 1)
    # An empty cell has no pictures.
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert picked[-1] == (-1, 1)
    place.activateWindow()
    qtbot.waitUntil(view.hasFocus, timeout=30_000)
    before = view.grab().toImage()
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.grab().toImage() != before
    # A smaller matrix has no cell there any more.
    view.show_matrix(ConfusionMatrix(np.array([[1, 0], [0, 0]], np.int64), ("cat",)), "background")
    QTest.keyClick(view, Qt.Key.Key_Up)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert picked[-1] == (0, 0)


def test_a_click_does_not_scroll_to_the_cell_that_the_keys_had_come_to(shown: Callable[..., Any], qtbot: QtBot) -> None:
    view, field, scroll = ConfusionView(), QLineEdit(), QScrollArea()
    place = QWidget()
    layout = QVBoxLayout(place)
    layout.addWidget(field)
    layout.addWidget(scroll)
    names = tuple(f"class {number}" for number in range(40))
    view.show_matrix(ConfusionMatrix(np.ones((41, 41), np.int64), names), "background")
    scroll.setWidget(view)
    view.cell_in_view.connect(lambda cell: scroll.ensureVisible(cell.center().x(), cell.center().y()))
    shown(place, 400, 400)
    place.activateWindow()
    view.setFocus()
    qtbot.waitUntil(view.hasFocus, timeout=30_000)
    for _ in range(30):
        QTest.keyClick(view, Qt.Key.Key_Down)
    bar = scroll.verticalScrollBar()
    assert bar.value() > 0
    field.setFocus()
    bar.setValue(0)
    picked: list[tuple[int, int]] = []
    view.picked.connect(lambda true, predicted: picked.append((true, predicted)))
    clicked = NAMES_WIDTH + LEAST_CELL * 2 + LEAST_CELL // 2
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(clicked, clicked))
    assert view.hasFocus()
    assert picked == [(2, 2)]
    assert bar.value() == 0
