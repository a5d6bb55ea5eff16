"""The dialog of exported labels: what becomes of a file that exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from ui.base.settings import Settings
from ui.files import export_wish
from ui.files.export_wish import KEEP, REPLACE
from ui.files.label_export import PLACE, LabelExportDialog


@pytest.fixture
def dialog(qtbot: QtBot, tmp_path: Path) -> Iterator[LabelExportDialog]:
    """Proposes `tmp_path`/instances.json, which exists."""
    (tmp_path / "instances.json").write_text("of another set")
    settings = Settings()
    settings.set(PLACE, str(tmp_path))
    parent = QWidget()
    qtbot.addWidget(parent)
    made = LabelExportDialog(parent, "instances", "coco", settings)
    made.format.setCurrentIndex(made.format.findData("coco"))
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("answer", "written"), [(None, []), (REPLACE, ["instances.json"]), (KEEP, ["instances 2.json"])]
)
def test_a_file_that_exists_is_asked_about(
    dialog: LabelExportDialog, monkeypatch: pytest.MonkeyPatch, answer: str | None, written: list[str]
) -> None:
    asked: list[str] = []
    wished: list[str] = []

    def ask(parent: QWidget, path: Path) -> str | None:
        asked.append(path.name)
        return answer

    monkeypatch.setattr(export_wish, "ask_existing", ask)
    dialog.wished.connect(lambda entry, path, options: wished.append(path.name))
    dialog.write.click()
    assert (asked, wished) == (["instances.json"], written)
    assert dialog.isVisible() is (answer is None)


@pytest.mark.parametrize(("typed", "written"), [("e1", "e1.json"), ("e1.txt", "e1.txt")])
def test_a_name_without_an_ending_gets_that_of_the_format(dialog: LabelExportDialog, typed: str, written: str) -> None:
    wished: list[str] = []
    dialog.wished.connect(lambda entry, path, options: wished.append(path.name))
    dialog.path.setText(str(Path(dialog.path.text()).with_name(typed)))
    dialog.write.click()
    assert wished == [written]


def test_a_new_file_is_not_asked_about(dialog: LabelExportDialog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_wish, "ask_existing", None)
    wished: list[str] = []
    dialog.wished.connect(lambda entry, path, options: wished.append(path.name))
    dialog.path.setText(str(Path(dialog.path.text()).with_name("new.json")))
    dialog.write.click()
    assert wished == ["new.json"]
