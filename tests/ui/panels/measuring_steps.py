"""Steps of the tests of the measure panel."""

from __future__ import annotations

from typing import Any

from pytestqt.qtbot import QtBot

from ui.panels._measure.content import MeasureContent


def measure(content: MeasureContent, qtbot: QtBot) -> None:
    before = content.measured
    content.start()
    qtbot.waitUntil(lambda: content.state == "done" and content.measured is not before, timeout=60_000)


def texts(table: Any) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.table.rows.table_rows]


def set_score(content: MeasureContent, score: float, qtbot: QtBot) -> None:
    content.thresholds.score_row.set_value(score, score)
    content.thresholds.score_row.changed.emit(score, False)
    qtbot.waitUntil(lambda: not content._soon.isActive(), timeout=5000)
