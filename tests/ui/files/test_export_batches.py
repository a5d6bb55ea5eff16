"""Batches of the panel, driven as a user does."""

from __future__ import annotations

import json
import shutil

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton


def test_the_panel_takes_a_folder_through_the_analysis(batch, window, qtbot, folder, tmp_path):
    assert not batch.empty.isVisible()
    assert batch.start_button.text() == "Start"
    assert not batch.only_failed.isEnabled()
    assert batch.only_failed.toolTip() == "No file has failed."
    qtbot.mouseClick(batch.start_button, Qt.MouseButton.LeftButton)
    assert batch.state == "running"
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    assert "5 done, 1 failed" in batch.message.text()
    assert batch.only_failed.isEnabled()
    model = batch.table.outcomes
    assert model.rowCount() == 6
    qtbot.mouseClick(batch.only_failed, Qt.MouseButton.LeftButton)
    assert model.rowCount() == 1
    assert "broken.png" in model.index(0, 0).data()
    assert "damaged" in model.index(0, 3).data()
    qtbot.mouseClick(batch.only_failed, Qt.MouseButton.LeftButton)
    assert len(json.loads((tmp_path / "results" / "detect.coco.json").read_text())["images"]) == 5
    row = next(row for row in range(6) if model.index(row, 0).data() == "3.png")
    batch.table.activated.emit(model.index(row, 0))
    qtbot.waitUntil(lambda: window.controller.session.state.active_media.name == "3.png", timeout=60_000)


def test_the_panel_pauses_resumes_and_cancels(batch, qtbot, folder, tmp_path):
    for number in range(60):
        shutil.copy(folder / "0.png", folder / f"more {number:02}.png")
    batch.start()
    qtbot.waitUntil(lambda: batch.table.outcomes.rowCount() > 0, timeout=60_000)
    qtbot.mouseClick(batch.pause_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: batch.state != "running", timeout=60_000)
    assert batch.state == "paused"
    done = (tmp_path / "results" / ".batch" / "queue.jsonl").read_bytes().count(b'"state": "done"')
    assert 0 < done < 65
    assert batch.start_button.text() == "Resume"
    qtbot.mouseClick(batch.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    assert f"65 done ({done} before), 1 failed" in batch.message.text()
    batch.start()
    qtbot.mouseClick(batch.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: batch.state == "idle", timeout=60_000)
    assert not (tmp_path / "results" / ".batch").exists()
    assert (tmp_path / "results" / "png" / "0.png").is_file()


def test_a_panel_that_nobody_opens_is_empty(window):
    panel = window.docks["batch"].widget()
    assert panel.content is None
    assert not panel.findChildren(QPushButton)


def test_the_panel_asks_before_it_joins_files_of_others_and_once(
    batch, qtbot, folder, tmp_path, monkeypatch, merge_answers
):
    answers, asked = merge_answers
    out = tmp_path / "results"
    out.mkdir()
    (out / "mine.txt").touch()
    answers += [None, "other", "merge"]
    batch.start()
    assert batch.state == "idle"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "elsewhere"))
    batch.start()
    assert batch.out.text() == "elsewhere"
    assert batch.state == "idle"
    batch.set_folders(folder, out)
    batch.start()
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    batch.start()  # the record of the first run lies there
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    assert asked == [out] * 3


def test_the_list_of_failed_files_is_not_left_empty_by_the_next_run(batch, qtbot, folder):
    batch.start()
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    batch.only_failed.setChecked(True)
    assert batch.table.outcomes.rowCount() == 1
    (folder / "broken.png").unlink()
    batch.start()
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    assert not batch.only_failed.isEnabled()
    assert not batch.only_failed.isChecked()
    assert batch.table.outcomes.rowCount() == 5
