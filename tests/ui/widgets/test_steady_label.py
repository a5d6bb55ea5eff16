"""A label that keeps its size."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget
from pytestqt.qtbot import QtBot

from ui.widgets.steady_label import SteadyLabel


def test_it_grows_with_its_text_and_does_not_shrink(qtbot: QtBot):
    row = QWidget()
    qtbot.addWidget(row)
    layout = QHBoxLayout(row)
    label = SteadyLabel()
    layout.addWidget(label)
    layout.addWidget(QLabel("beside"), 1)
    row.resize(600, 40)
    row.show()
    label.setText("100 shown, 20 dropped")
    qtbot.waitUntil(lambda: label.width() > 50)
    wide = label.width()
    assert wide >= label.fontMetrics().horizontalAdvance(label.text())
    label.setText("7 shown, 0 dropped")
    qtbot.wait(20)
    assert label.width() == wide
    label.setText("1000 shown, 200 dropped")
    qtbot.waitUntil(lambda: label.width() > wide)
    label.clear()
    qtbot.waitUntil(lambda: label.width() == 0)


def test_a_larger_font_makes_it_larger(qtbot: QtBot):
    label = SteadyLabel()
    qtbot.addWidget(label)
    label.setText("12.5 ms")
    before = label.width()
    font = label.font()
    font.setPixelSize(2 * label.fontInfo().pixelSize())
    label.setFont(font)
    assert label.width() > 1.5 * before
    assert label.width() >= label.fontMetrics().horizontalAdvance(label.text())


def test_what_a_style_puts_around_it_is_beside_the_text(qtbot: QtBot):
    label, usual = SteadyLabel(), QLabel("Detect objects 568.0 ms")
    for widget in (label, usual):
        qtbot.addWidget(widget)
        widget.setStyleSheet("padding: 0 8px")
    for number in range(60):
        label.setText(f"Detect objects {number:03}.0 ms")
    label.setText(usual.text())
    assert usual.sizeHint().width() <= label.width() <= usual.sizeHint().width() + 4
