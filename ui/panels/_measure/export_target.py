"""Where an evaluation is written, as the user says."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget


def ask_target(parent: QWidget) -> Path | None:
    """A folder, or a file that ends in ".csv" or ".json", also where only its kind was chosen; None for none."""
    tr = QCoreApplication.translate
    title = tr("MeasureContent", "Export the evaluation")
    kinds = {
        tr("MeasureContent", "Folder with all tables and plots (*)"): "",
        tr("MeasureContent", "Figures as CSV (*.csv)"): ".csv",
        tr("MeasureContent", "All tables as JSON (*.json)"): ".json",
    }
    name, kind = QFileDialog.getSaveFileName(parent, title, tr("MeasureContent", "evaluation"), ";;".join(kinds))
    if not name:
        return None
    path, suffix = Path(name), kinds.get(kind, "")
    if not suffix or path.suffix.lower() in (".csv", ".json"):
        return path
    path = path.with_name(path.name + suffix)
    text = tr("MeasureContent", "{name} exists already. Replace it?").format(name=path.name)
    # The dialog has asked about the name as it was typed.
    if path.exists() and QMessageBox.question(parent, title, text) != QMessageBox.StandardButton.Yes:
        return None
    return path
