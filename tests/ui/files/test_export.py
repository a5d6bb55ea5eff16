"""Exporting and batches, driven as a user does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cvstudio.analyses.temporal import TemporalChains
from cvstudio.exporters.preview import FilePreview
from cvstudio.media.examples.files import sample_path
from ui.files.export_dialog import ExportDialog
from ui.files.export_preview import ExportPreview
from ui.files.export_wish import FOLDER, MEDIA, PART, WHOLE
from ui.panels.batch import BatchContent
from ui.widgets.settle import lay_out
from ui.window.main_window import MainWindow
from ui.window.shortcuts_sheet import ShortcutsSheet


def opened(window: MainWindow) -> ExportDialog:
    QTest.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(ExportDialog)
    assert isinstance(dialog, ExportDialog)
    return dialog


def test_formats_follow_what_is_exported(window, show, tmp_path):
    show(sample_path("clip"))
    window.controller.playback.set_loop(0.5, 0.9)
    dialog = opened(window)
    scopes = [dialog.scope.itemData(row) for row in range(dialog.scope.count())]
    assert scopes == ["moment", PART, WHOLE, FOLDER]
    dialog.choose("png")
    assert dialog.name.text() == "portrait-detect.png"
    with pytest.raises(ValueError, match="not offered"):
        dialog.choose("mp4")
    dialog.choose("mp4", WHOLE)
    with pytest.raises(ValueError, match="not offered"):
        dialog.choose("png", WHOLE)
    dialog.reject()


def test_formats_that_show_the_picture_stand_first(window, show):
    from cvstudio.exporters import EXPORTERS

    show(sample_path("astronaut"))
    dialog = opened(window)
    rows = range(dialog.formats.count())
    draws = [EXPORTERS[dialog.formats.item(row).data(Qt.ItemDataRole.UserRole)].draws for row in rows]
    assert len(set(draws)) == 2
    assert draws == sorted(draws, reverse=True)
    dialog.reject()


def test_the_loop_of_the_timeline_is_a_part_to_export(window, show, qtbot, tmp_path):
    import av

    show(sample_path("clip"))
    window.controller.playback.set_loop(0.5, 0.7)
    dialog = opened(window)
    dialog.choose("mp4", PART)
    dialog.form.row("quality").edit("small", dragging=False)
    dialog.folder.setText(str(tmp_path / "new folder"))
    dialog.accept()
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=60_000)
    (path,) = window.exporting.written
    with av.open(str(path)) as made:
        times = [float(frame.pts * frame.time_base) for frame in made.decode(video=0)]
    assert times[0] == 0
    assert 0.1 < times[-1] < 0.2
    options = {"quality": "small", "sound": True, "scale": 1.0, "overlay_only": False}
    told = json.loads(path.with_name(f"{path.name}.recipe.json").read_text())["export"]
    assert told == {"format": "mp4", "options": options, "range_secs": [0.5, 0.7]}


def test_everything_is_remembered_and_done_again_with_one_key(window, show, qtbot, tmp_path):
    show(sample_path("astronaut"))
    dialog = opened(window)
    dialog.choose("coco")
    dialog.form.row("masks").edit("polygons", dragging=False)
    dialog.folder.setText(str(tmp_path))
    dialog.policy.setCurrentIndex(dialog.policy.findData("keep"))
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 1, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: len(window.exporting.written) == 2, timeout=60_000)
    assert [path.name for path in window.exporting.written] == [
        "astronaut-detect.coco.json",
        "astronaut-detect 2.coco.json",
    ]
    again = opened(window)
    assert again.exporter.key == "coco"
    assert again.form.row("masks").value() == "polygons"
    assert again.folder.text() == str(tmp_path)
    assert "astronaut-detect 3.coco.json" in again.hint.text()
    QTest.keyClick(again, Qt.Key.Key_Escape)
    assert len(window.exporting.written) == 2


def test_all_open_media_and_a_folder_are_exported_as_a_batch(window, show, qtbot, tmp_path, folder, monkeypatch):
    show(*(folder / f"{number}.png" for number in range(3)))
    dialog = opened(window)
    dialog.choose("coco", MEDIA)
    assert not dialog.name.isEnabled()
    dialog.folder.setText(str(tmp_path / "a"))
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 1, timeout=60_000)
    assert len(json.loads((tmp_path / "a" / "detect.coco.json").read_text())["images"]) == 3
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    dialog = opened(window)
    dialog.choose("png", FOLDER)
    assert not dialog.ok.isEnabled()
    assert "Choose the source folder" in dialog.hint.text()
    QTest.mouseClick(dialog.browse_source, Qt.MouseButton.LeftButton)
    assert dialog.source.text() == str(folder)
    dialog.folder.setText(str(tmp_path / "b"))
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 2, timeout=60_000)
    assert sorted(path.name for path in (tmp_path / "b" / "png").iterdir()) == [f"{n}.png" for n in range(5)]
    assert any("1 failed" in notice.text for notice in window.notices.shown)


def key(widget, code):
    QTest.keyClick(widget, code)


def test_the_keyboard_goes_over_every_scope_without_a_dialog_and_the_format_comes_back(window, show, monkeypatch):
    show(sample_path("astronaut"))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: pytest.fail("a dialog opened"))
    dialog = opened(window)
    dialog.choose("coco")
    dialog.scope.setFocus()
    key(dialog.scope, Qt.Key.Key_Down)
    assert dialog.scope.currentData() == FOLDER
    assert dialog.source.isVisible()
    assert dialog.exporter.key == "coco"
    key(dialog.scope, Qt.Key.Key_Up)
    assert (dialog.scope.currentData(), dialog.exporter.key) == ("moment", "coco")
    assert not dialog.source.isVisible()
    # A folder that is not chosen after all leaves everything as it is.
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    dialog.choose("coco", FOLDER)
    QTest.mouseClick(dialog.browse_source, Qt.MouseButton.LeftButton)
    assert (dialog.scope.currentData(), dialog.exporter.key) == (FOLDER, "coco")
    dialog.reject()


def test_a_format_of_pictures_comes_back_after_the_whole_video(window, show):
    show(sample_path("clip"))
    dialog = opened(window)
    dialog.choose("jpeg")
    dialog.scope.setFocus()
    key(dialog.scope, Qt.Key.Key_Down)
    assert (dialog.scope.currentData(), dialog.exporter.key) == (WHOLE, "mp4")
    key(dialog.scope, Qt.Key.Key_Up)
    assert dialog.exporter.key == "jpeg"
    dialog.reject()


def test_exports_go_to_pictures_and_videos_and_never_among_the_programs_own_files(window, show, monkeypatch, tmp_path):
    import ui.files.export_dialog as export_dialog
    from ui.base.settings import first_folder

    for kind in ("pictures", "videos"):
        (tmp_path / kind).mkdir()
        monkeypatch.setattr(export_dialog, f"{kind}_folder", lambda kind=kind: str(tmp_path / kind))
    own = str(sample_path("astronaut").parent)
    window.settings.set("export-folder", own)
    show(sample_path("clip"))
    dialog = opened(window)
    dialog.choose("png")
    assert dialog.folder.text() == str(tmp_path / "pictures")
    dialog.choose("mp4", WHOLE)
    assert dialog.folder.text() == str(tmp_path / "videos")
    dialog.choose("png", "moment")
    assert dialog.folder.text() == str(tmp_path / "pictures")
    dialog.folder.setText(str(tmp_path))
    dialog.choose("mp4", WHOLE)
    assert dialog.folder.text() == str(tmp_path)  # the user's own choice stays
    dialog.reject()
    # In a home without such folders a video goes where the last picture went, and not into the home itself.
    for kind in ("pictures", "videos"):
        (tmp_path / kind).rmdir()
    (tmp_path / "results").mkdir()
    window.settings.set("export-folder", str(tmp_path / "results"))
    dialog = window.exporting.ask()
    dialog.choose("mp4", WHOLE)
    assert dialog.folder.text() == str(tmp_path / "results")
    dialog.reject()
    assert first_folder(own, str(tmp_path / "gone"), str(tmp_path)) == str(tmp_path)
    assert first_folder(str(tmp_path / "gone")) == str(Path.home())


def test_an_existing_file_is_replaced_only_when_the_user_says_so(window, show, qtbot, tmp_path, monkeypatch):
    import ui.files.export_dialog as export_dialog
    import ui.files.export_wish as export_wish

    show(sample_path("astronaut"))
    target = tmp_path / "astronaut-detect.json"
    target.write_text("mine")
    answers = [None, export_wish.KEEP, export_wish.REPLACE, None]
    asked = []

    def answer(parent, path):
        asked.append(path)
        return answers[len(asked) - 1]

    monkeypatch.setattr(export_dialog, "ask_existing", answer)
    monkeypatch.setattr(export_wish, "ask_existing", answer)
    dialog = opened(window)
    dialog.choose("json")
    dialog.folder.setText(str(tmp_path))
    dialog._update()
    assert "you will be asked" in dialog.hint.text()
    dialog.accept()
    assert dialog.isVisible()  # nothing was written, and everything that was chosen is still there
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 1, timeout=60_000)
    assert window.exporting.written[0].name == "astronaut-detect 2.json"
    assert target.read_text() == "mine"
    window.exporting.repeat()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 2, timeout=60_000)
    assert json.loads(target.read_text())["file"] == "astronaut.png"
    window.exporting.repeat()
    assert asked == [target] * 4
    assert len(window.exporting.written) == 2


def test_the_dialog_shows_what_will_be_written(window, show, qtbot):
    show(sample_path("clip"))
    dialog = opened(window)
    dialog.choose("jpeg")
    qtbot.waitUntil(lambda: "kB" in dialog.preview.caption.text(), timeout=60_000)
    width, height = window.controller.session.state.active_media.size
    assert dialog.preview.caption.text().startswith(f"{width} × {height} · ")
    before = dialog.preview.caption.text()
    dialog.form.row("quality").edit(20, dragging=False)
    qtbot.waitUntil(lambda: dialog.preview.caption.text() != before, timeout=60_000)
    dialog.form.row("scale").edit(0.5, dragging=False)
    half = f"{round(width / 2)} × {round(height / 2)} · "
    qtbot.waitUntil(lambda: dialog.preview.caption.text().startswith(half), timeout=60_000)
    dialog.choose("json")
    assert dialog.preview.picture.isHidden(), "of the format before"
    qtbot.waitUntil(lambda: dialog.preview.text.text().startswith("{"), timeout=60_000)
    assert dialog.preview.picture.isHidden()
    dialog.choose("jpeg")
    assert (dialog.preview.text.text(), dialog.preview.caption.text()) == ("", "")
    window.exporting._previewed("json", FilePreview(text="{", n_bytes=3))
    assert dialog.preview.text.text() == "", "one that arrives late"
    dialog.choose("mp4", WHOLE)
    qtbot.waitUntil(lambda: dialog.preview.caption.text() == f"{width} × {height}", timeout=60_000)
    dialog.reject()


def test_a_preview_that_takes_long_says_that_it_comes(qtbot):
    preview = ExportPreview()
    qtbot.addWidget(preview)
    preview.wait()
    assert preview.caption.text() == "Preparing the preview …"
    preview.show_preview(FilePreview(text="{", n_bytes=3))
    assert preview.caption.text() == "3 bytes"
    preview.wait()
    assert preview.caption.text() == "3 bytes", "there is one to show until then"


def test_the_size_of_the_file_is_whole_in_the_smallest_dialog(window, show, qtbot):
    show(sample_path("astronaut"))
    dialog = opened(window)
    dialog.resize(dialog.minimumSize())
    caption = dialog.preview.caption
    for format in ("jpeg", "png", "yolo", "json"):
        dialog.choose(format)
        caption.setText("")
        qtbot.waitUntil(lambda: caption.text() != "", timeout=60_000)
        lay_out()
        assert caption.visibleRegion().boundingRect() == caption.rect(), format
        assert caption.heightForWidth(caption.width()) <= caption.height(), format
    dialog.reject()


def test_dialogs_stay_within_a_small_window(window: MainWindow, qtbot: QtBot, show: Callable[..., None]) -> None:
    show(sample_path("clip"))
    window.showNormal()
    window.resize(960, 560)
    qtbot.waitUntil(lambda: window.height() == 560)
    sheet = ShortcutsSheet(window, window.commands)
    assert sheet.height() + 40 < window.height()  # with its title bar
    sheet.reject()
    dialog = opened(window)
    assert dialog.height() + 40 < window.height()
    dialog.reject()


def test_a_single_frame_has_the_identities_and_trails_that_it_has_on_screen(window, qtbot, tmp_path):
    from cvstudio.exporters import EXPORTERS

    controller, playback = window.controller, window.controller.playback
    window.open_paths([sample_path("clip")])
    qtbot.waitUntil(lambda: controller.session.state.instance is not None, timeout=60_000)
    controller.set_model("haar-face")
    qtbot.waitUntil(lambda: controller.detections() is not None and not controller.pipeline.busy, timeout=60_000)
    playback.set_muted(True)
    playback.set_speed(0.0)
    playback.play()

    def followed() -> bool:
        found = controller.detections()
        return found is not None and found.trails is not None and len(found.trails.points) > 8

    qtbot.waitUntil(followed, timeout=60_000)
    playback.pause()
    qtbot.waitUntil(lambda: not controller.pipeline.busy and followed(), timeout=60_000)
    shown = controller.detections()
    assert max(shown.track_ids) >= 0
    window.exporting.export(EXPORTERS["json"], tmp_path / "frame.json", whole=False)
    window.exporting.export(EXPORTERS["png"], tmp_path / "frame.png", whole=False)
    qtbot.waitUntil(lambda: len(window.exporting.written) == 2, timeout=60_000)
    rows = json.loads((tmp_path / "frame.json").read_text())["frames"][0]["detections"]
    assert [row["track_id"] for row in rows] == [shown.identity(row) for row in range(len(shown))]
    # Without what came before, the frame has no colour of its track and no trail.
    controller.presenter.followed = TemporalChains()
    window.exporting.export(EXPORTERS["png"], tmp_path / "alone.png", whole=False)
    qtbot.waitUntil(lambda: len(window.exporting.written) == 3, timeout=60_000)
    assert (tmp_path / "alone.png").read_bytes() != (tmp_path / "frame.png").read_bytes()


def test_a_data_set_is_written_among_files_of_others_only_when_the_user_says_so(
    window, show, qtbot, tmp_path, monkeypatch, merge_answers
):
    answers, asked = merge_answers
    show(sample_path("astronaut"))
    others = tmp_path / "set"
    others.mkdir()
    (others / "mine.txt").write_text("mine")
    window.settings.set("export/existing", "replace")

    def policies() -> tuple[list[str], str]:
        return [dialog.policy.itemText(row) for row in range(dialog.policy.count())], dialog.policy.currentText()

    dialog = opened(window)
    dialog.choose("json")
    assert policies() == (["Ask", "Replace", "Keep both"], "Replace")
    # A folder is added to, never replaced, and not unasked because files are.
    dialog.choose("yolo")
    assert policies() == (["Ask", "Merge", "Keep both"], "Ask")
    dialog.folder.setText(str(tmp_path))
    dialog.name.setText("set")
    dialog.policy.setCurrentIndex(1)
    dialog._update()
    assert dialog.hint.text() == "New files are added to set; files of the same name are replaced."
    dialog.policy.setCurrentIndex(0)
    dialog._update()
    assert "set already holds files; you will be asked." in dialog.hint.text()
    answers += [None, "other"]
    dialog.accept()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "elsewhere"))
    dialog.accept()
    assert dialog.isVisible()
    assert dialog.folder.text() == str(tmp_path / "elsewhere")
    assert [path.name for path in others.iterdir()] == ["mine.txt"]
    dialog.folder.setText(str(tmp_path))
    answers.append("merge")
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 1, timeout=60_000)
    assert {"mine.txt", "data.yaml"} <= {path.name for path in others.iterdir()}
    # What this session wrote is its own.
    dialog = opened(window)
    dialog.name.setText("set")
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 2, timeout=60_000)
    assert asked == [others] * 3


def test_a_batch_of_the_dialog_asks_before_it_joins_files_of_others(window, show, qtbot, tmp_path, merge_answers):
    answers, asked = merge_answers
    show(sample_path("astronaut"))
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    shutil.copy(sample_path("astronaut"), source / "a.png")
    (out / ".hidden").touch()
    (out / "mine.txt").touch()
    dialog = opened(window)
    dialog.choose("json", FOLDER)
    dialog.source.setText(str(source))
    dialog.folder.setText(str(out))
    dialog._update()
    assert "you will be asked" in dialog.hint.text()
    answers += [None, "merge"]
    dialog.accept()
    assert dialog.isVisible()
    dialog.accept()
    qtbot.waitUntil(lambda: len(window.exporting.written) == 1, timeout=60_000)
    assert asked == [out] * 2


def test_the_panel_shows_the_options_of_every_chosen_format_and_keeps_them(batch, window, qtbot, folder, tmp_path):
    batch.set_formats({"yolo", "voc", "png"})
    assert batch.options.form("yolo").isVisibleTo(batch)
    assert batch.options.form("voc").isVisibleTo(batch)
    with pytest.raises(KeyError):
        batch.options.form("coco-panoptic")  # not chosen
    batch.options.form("yolo").row("scores").edit(True, dragging=False)
    batch.start()
    assert not batch.options.isEnabled()
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    line = (tmp_path / "results" / "yolo" / "labels" / "0.txt").read_text().split("\n")[0]
    assert len(line.split()) == 6
    # The same folder another day: the options are there again, so that the queue goes on.
    again = BatchContent(window.controller, window.settings)
    qtbot.addWidget(again)
    assert again.options.form("yolo").row("scores").value() is True
    again.start()
    qtbot.waitUntil(lambda: again.state == "ended", timeout=60_000)
    assert "5 done (5 before)" in again.message.text()
    # What a single export was told last is another matter.
    dialog = opened(window)
    dialog.choose("yolo")
    assert dialog.form.row("scores").value() is False
    dialog.reject()
    batch.set_formats({"csv"})
    assert not batch.options.isVisibleTo(batch)


def test_a_batch_from_the_window_draws_every_visible_layer_as_it_is_seen(batch, window, show, qtbot, tmp_path):
    import numpy as np

    controller = window.controller
    first = controller.session.state.instance
    assert first is not None
    controller.layers.set_opacity(first.id, 0.25)
    qtbot.waitUntil(lambda: controller.session.state.instance.opacity == 0.25)
    batch.set_formats({"png"})
    batch.start()
    qtbot.waitUntil(lambda: batch.state == "ended", timeout=60_000)
    dialog = opened(window)
    dialog.choose("png")
    dialog.folder.setText(str(tmp_path / "single"))
    dialog.accept()
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=60_000)
    one = np.asarray(Pillow.open(window.exporting.written[0]))
    assert np.array_equal(one, np.asarray(Pillow.open(tmp_path / "results" / "png" / "0.png")))
