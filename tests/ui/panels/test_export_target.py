"""Where the figures of an evaluation are written, as the user says."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from ui.panels._measure.export_target import ask_target


@pytest.mark.parametrize(
    ("typed", "kind", "replace", "written"),
    [
        ("figures", "Figures as CSV (*.csv)", True, "figures.csv"),
        ("all.v2", "All tables as JSON (*.json)", True, "all.v2.json"),
        ("figures.json", "Figures as CSV (*.csv)", True, "figures.json"),
        ("folder", "Folder with all tables and plots (*)", True, "folder"),
        ("there", "Figures as CSV (*.csv)", True, "there.csv"),
        ("there", "Figures as CSV (*.csv)", False, None),
    ],
)
def test_a_file_without_its_ending_gets_that_of_the_chosen_kind(
    typed: str,
    kind: str,
    replace: bool,
    written: str | None,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "there.csv").write_text("")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), kind))
    answer = QMessageBox.StandardButton.Yes if replace else QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    parent = QWidget()
    qtbot.addWidget(parent)
    assert ask_target(parent) == (tmp_path / written if written is not None else None)
