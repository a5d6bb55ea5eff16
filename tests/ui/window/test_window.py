"""The real window, driven by real events."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from cvstudio.foundation.text_search import ranked
from cvstudio.media.examples.files import sample_path
from cvstudio.results.detections import Detections
from cvstudio.results.picture import Picture
from cvstudio.results.spectrogram import Spectrogram
from ui.base.settings import Settings
from ui.files.export_dialog import ExportDialog
from ui.tour.input_events import move_mouse, pause
from ui.window.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[3]


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(200, 200),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    window.dropEvent(event)


def drop_portrait(window: MainWindow, settle: Callable[..., None]) -> None:
    """Drop a picture in which the face detector finds a box."""
    drop(window, sample_path("astronaut"))
    settle(Detections)
    window.controller.set_model("haar-face")
    settle(Detections)


def read(path: Path) -> np.ndarray:
    with Pillow.open(path) as picture:
        return np.asarray(picture)


def screen_point(window: MainWindow, x: float, y: float) -> QPoint:
    """Where an image pixel is on the canvas."""
    canvas = window.workspace.canvas
    view, ratio = canvas.view(), canvas.devicePixelRatioF()
    return QPoint(round((x - view.rect.x) * view.scale / ratio), round((y - view.rect.y) * view.scale / ratio))


def test_a_dropped_picture_gets_boxes(window, settle, qtbot):
    drop_portrait(window, settle)
    assert len(window.controller.detections()) > 0
    panel = window.docks["results"].widget()
    qtbot.waitUntil(lambda: panel.table.row_ids() == tuple(window.controller.detections().ids))
    assert "astronaut.png" in window.windowTitle()


def test_dragging_the_slider_with_the_mouse_removes_boxes_and_undo_brings_them_back(window, settle, qtbot):
    drop_portrait(window, settle)
    count = len(window.controller.detections())
    slider = window.docks["analysis"].widget().form.row("score").slider
    y = slider.height() // 2
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 3, y))
    for x in range(slider.width() // 3, slider.width(), 3):
        move_mouse(slider, QPoint(x, y), Qt.MouseButton.LeftButton)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() - 1, y))
    assert len(window.controller.detections()) == 0
    QTest.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(window.controller.detections() or ()) == count)


def test_a_click_on_a_box_selects_its_row_and_back(window, settle, qtbot):
    drop_portrait(window, settle)
    qtbot.waitUntil(lambda: len(window.docks["results"].widget().table.row_ids()) > 0)
    found = window.controller.detections()
    x1, y1, x2, y2 = found.boxes[0]
    canvas = window.workspace.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=screen_point(window, (x1 + x2) / 2, (y1 + y2) / 2))
    number = int(found.ids[0])
    assert window.controller.session.state.selection == {number}
    table = window.docks["results"].widget().table
    qtbot.waitUntil(lambda: bool(table.selectionModel().selectedRows()))
    assert {table.row_ids()[index.row()] for index in table.selectionModel().selectedRows()} == {number}
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=screen_point(window, 2, 2))
    assert window.controller.session.state.selection == frozenset()


def test_refocusing_by_a_click_on_the_picture(window, settle):
    window.controller.open_sample("refocus")
    settle(Picture)
    before = window.controller.current_result().mask.mean()
    size = window.controller.shown.sample.size
    QTest.mouseClick(
        window.workspace.canvas, Qt.MouseButton.LeftButton, pos=screen_point(window, size.width / 2, size.height * 0.9)
    )
    settle(Picture)
    assert "focus" in window.controller.session.state.instance.values
    assert window.controller.current_result().mask.mean() != before
    assert window.docks["analysis"].widget().form.row("focus").value() == pytest.approx(
        window.controller.session.state.instance.values["focus"], abs=0.011
    )


def test_sound_plays_on_the_space_key_and_the_cursor_follows(window, settle, qtbot):
    window.controller.open_sample("spectrogram")
    settle(Spectrogram)
    assert window.workspace.spectrogram.isVisible()
    assert not window.workspace.canvas.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: window.controller.playback.position_secs > 0.2, timeout=60_000)
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert not window.controller.playback.playing
    QTest.keyClick(window, Qt.Key.Key_Home)
    assert window.controller.playback.position_secs == 0


def test_the_export_dialog_writes_the_file_and_its_recipe(window, settle, qtbot, tmp_path):
    drop_portrait(window, settle)
    target = tmp_path / "내보낸 그림.png"
    QTest.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    dialog = window.findChild(ExportDialog)
    dialog.choose("png")
    dialog.folder.setText(str(tmp_path))
    dialog.name.setText(target.stem)
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=60_000)
    assert read(target).shape == (512, 512, 3)
    recipe = json.loads((tmp_path / "내보낸 그림.png.recipe.json").read_text(encoding="utf-8"))
    assert recipe["analysis"] == "detect"


def test_what_is_painted_at_scale_one_is_what_is_exported(window, settle, qtbot, tmp_path):
    drop_portrait(window, settle)
    from cvstudio.exporters import EXPORTERS

    window.exporting.export(EXPORTERS["png"], tmp_path / "whole.png")
    qtbot.waitUntil(lambda: bool(window.exporting.written), timeout=60_000)
    whole = read(tmp_path / "whole.png")
    canvas = window.workspace.canvas
    canvas.actual_size()
    view = canvas.view()
    assert view.scale == 1
    seen = window.workspace.render_view(view)
    x, y = int(view.rect.x), int(view.rect.y)
    left, top = max(-x, 0), max(-y, 0)
    part = whole[max(y, 0) : y + seen.shape[0], max(x, 0) : x + seen.shape[1]]
    assert np.array_equal(seen[top : top + part.shape[0], left : left + part.shape[1]], part)


def test_a_project_saved_with_the_keyboard_reopens_equal(window, settle, tmp_path, qtbot):
    drop_portrait(window, settle)
    window.controller.set_value("score", 3.0)
    state = window.controller.session.state
    path = tmp_path / "p.cvstudio"
    window.project.path = path
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    assert path.is_file()
    assert not window.isWindowModified()
    window.controller.set_value("score", 5.0)
    assert window.isWindowModified()
    assert window.windowHandle().title() == "astronaut.png — p* — cvstudio"
    drop(window, path)
    qtbot.waitUntil(lambda: window.controller.session.state == state, timeout=30_000)
    assert not window.isWindowModified()


def test_a_project_that_cannot_be_saved_elsewhere_stays_where_it_is(window, tmp_path, monkeypatch):
    window.project.path = here = tmp_path / "p.cvstudio"
    assert window.project.save()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "gone" / "p.cvstudio"), ""))
    assert not window.project.save_as()
    assert window.project.path == here
    assert window.settings.recent == [str(here)]


def test_a_picture_from_the_clipboard_opens(window, settle, qtbot):
    picture = QImage(64, 48, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.darkGreen)
    QGuiApplication.clipboard().setImage(picture)
    QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    settle(Detections)
    assert window.controller.session.state.active_media.size == (64, 48)


def test_bad_files_are_notices_and_what_is_open_stays(window, settle, qtbot, tmp_path):
    drop_portrait(window, settle)
    empty, text = tmp_path / "empty.png", tmp_path / "잘못된 이름.jpg"
    empty.touch()
    text.write_text("this is no picture")
    drop(window, empty, text)
    qtbot.waitUntil(lambda: len(window.notices.shown) == 1, timeout=60_000)
    (told,) = window.notices.shown
    assert told.text.startswith("2 of 2 files could not be opened: empty.png, 잘못된 이름.jpg.")
    assert window.controller.session.state.active_media.name == "astronaut.png"
    assert window.controller.detections() is not None
    while window.notices.dismiss_newest():
        pause(1)


@pytest.mark.parametrize("key", ["open", "open-folder", "project-open", "project-save-as"])
def test_every_dialog_may_be_left_without_an_answer(window, key, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    window.actions_by_key[key].trigger()
    assert not window.controller.session.state.media


def test_every_command_runs_with_nothing_open(window, monkeypatch):
    for name, value in (
        ("getOpenFileNames", ([], "")),
        ("getOpenFileName", ("", "")),
        ("getSaveFileName", ("", "")),
        ("getExistingDirectory", ""),
    ):
        monkeypatch.setattr(QFileDialog, name, lambda *_, value=value: value)
    for command in window.commands:
        if command.key in ("quit", "full-screen"):
            continue
        opened = command.run()
        if hasattr(opened, "close"):
            opened.close()
        pause(1)
    for command in window.commands:
        if command.key.startswith("panel-"):
            command.run()


def test_the_palette_finds_by_course_names(window):

    entries = window.palette_entries()
    assert ranked(entries, "HOG")[0].title.startswith("HOG")
    assert ranked(entries, "spectrogram")[0].title == "Spectrogram"
    assert any("SSD" in entry.title for entry in ranked(entries, "ssd"))
    assert ranked(entries, "no such thing at all") == []


def test_docks_come_back_as_they_were(qtbot):
    first = MainWindow()
    first.show()
    first.toggle_panel("layers")
    first.close()
    second = MainWindow()
    second.show()
    assert second.docks["layers"].isHidden()
    assert not second.docks["media"].isHidden()
    second.close()
    for window in (first, second):
        window.deleteLater()


@pytest.mark.parametrize(
    "content", [b"\x00\xff garbage", b"[window]\ngeometry=@ByteArray(\\x1)\nlayout=7\nrecent=@Variant(\\0)\n"]
)
def test_a_broken_settings_file_never_stops_the_start(content, qtbot):
    path = Path(Settings()._store.fileName())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    window = MainWindow()
    window.show()
    with qtbot.waitExposed(window):
        pass
    assert window.settings.recent == []
    window.close()
    window.deleteLater()


def test_memory_and_threads_stay_flat_over_a_hundred_files(window, settle, tmp_path, qtbot):
    import psutil

    process = psutil.Process()
    rng = np.random.default_rng(0)
    paths = []
    # Of 0.9 MB each: what is kept of sixty of them is more than the limit.
    for number in range(20):
        path = tmp_path / f"{number}.png"
        Pillow.fromarray(rng.integers(0, 255, (480, 640, 3), np.uint8)).save(path, compress_level=0)
        paths.append(path)
    window.controller.pipeline.cache.budget_bytes = 8 << 20
    n_before = process.num_fds() if hasattr(process, "num_fds") else 0
    sizes = []
    for turn in range(5):
        for path in paths:
            window.open_paths([path])
            qtbot.waitUntil(
                lambda path=path: any(media.path == path for media in window.controller.session.state.media),
                timeout=60_000,
            )
        settle(Detections)
        for media in window.controller.session.state.media:
            window.controller.close_media(media)
        pause(50)
        assert not window.controller.session.state.media
        sizes.append(process.memory_info().rss)
        assert turn < 2 or sizes[-1] - sizes[1] < 40 << 20, [size >> 20 for size in sizes]
    # Other tests may have left some to libraries; here none comes with a file.
    assert process.num_fds() < n_before + 40 if hasattr(process, "num_fds") else True


@pytest.mark.parametrize("ticks", [5000, pytest.param(10_000, marks=pytest.mark.long)])
def test_thousands_of_ticks_leave_memory_flat(ticks, window, settle):
    import psutil

    drop_portrait(window, settle)
    process = psutil.Process()
    sizes = []
    for tick in range(ticks):
        window.controller.set_value("score", (tick % 1000) / 50, dragging=True)
        if tick % 100 == 0:
            pause(0)
        if tick in (1000, ticks - 1):
            sizes.append(process.memory_info().rss)
    window.controller.end_drag()
    assert sizes[1] - sizes[0] < (ticks - 1000) * 2700, [size >> 20 for size in sizes]
    assert len(window.controller.session._undo) < 5


def test_a_crash_leaves_a_log_that_the_next_start_offers(tmp_path, window):
    from ui.crash_log import CrashLog

    code = (
        "import sys; from pathlib import Path; from ui.crash_log import CrashLog; import logging, os, ctypes\n"
        f"crash = CrashLog(Path({str(tmp_path)!r})); crash.start()\n"
        "logging.getLogger('cvstudio').error('before the crash'); ctypes.string_at(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode != 0
    crash = CrashLog(tmp_path)
    crash.start()
    try:
        assert crash.previous is not None
        text = crash.previous.read_text(encoding="utf-8")
        assert "before the crash" in text
        assert "Fatal Python error" in text
        window.offer_log(crash.previous)
        assert any("did not close" in notice.text for notice in window.notices.shown)
    finally:
        crash.end()
    again = CrashLog(tmp_path)
    again.start()
    assert again.previous is None
    logging.getLogger("cvstudio").error("before the window is complete")
    again.rotate()
    logging.getLogger("cvstudio").error("and after it")
    again.end()
    lines = again.path.read_text(encoding="utf-8").splitlines()
    assert [line.rpartition(": ")[2] for line in lines[-2:]] == ["before the window is complete", "and after it"]
    assert not any(handler.baseFilename == str(again.path) for handler in _log_files())


def test_a_program_that_runs_beside_has_not_crashed(tmp_path):
    from ui.crash_log import CrashLog

    code = (
        "import sys; from pathlib import Path; from ui.crash_log import CrashLog\n"
        f"crash = CrashLog(Path({str(tmp_path)!r})); crash.start(); print('runs', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "runs\n"
        second = CrashLog(tmp_path)
        second.start()
        second.end()
        assert second.previous is None
        first.kill()
    third = CrashLog(tmp_path)
    third.start()
    third.end()
    assert third.previous is not None


def _log_files():
    return [item for item in logging.getLogger().handlers if isinstance(item, logging.FileHandler)]


def test_a_job_that_takes_long_is_listed_until_it_ends_and_can_be_cancelled(window, qtbot):
    from cvstudio.foundation.lanes import Job
    from ui.panels.jobs import JobRow

    def endless(progress):
        progress(None, "once")
        while True:
            time.sleep(0.005)
            progress.check()
            yield None

    panel = window.docks["jobs"].widget()
    window.controller.pipeline.submit("pool", Job("endless", "Working", endless))
    qtbot.waitUntil(lambda: any(not row.isHidden() for row in panel.findChildren(JobRow)), timeout=20_000)
    (row,) = panel.findChildren(JobRow)
    QTest.mouseClick(row.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: all(row.isHidden() for row in panel.findChildren(JobRow)), timeout=20_000)
    assert window.controller.pipeline.lanes.idle


def test_a_job_with_a_long_message_pushes_no_panel_apart(window, qtbot):
    from cvstudio.foundation.lanes import Job
    from ui.panels.jobs import JobRow

    def talkative(progress):
        while True:
            progress(0.5, "a message that is much longer than the panel is wide, and then some more of it " * 2)
            time.sleep(0.01)
            yield None

    window.show_panel("jobs")
    pause(50)
    before = window.docks["jobs"].width()
    window.controller.pipeline.submit("pool", Job("talkative", "Working", talkative))
    panel = window.docks["jobs"].widget()
    qtbot.waitUntil(lambda: any(not row.isHidden() for row in panel.findChildren(JobRow)), timeout=20_000)
    pause(100)
    assert window.docks["jobs"].width() == before
    window.controller.pipeline.lanes.cancel("talkative")
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=20_000)


def test_what_the_core_declares_goes_through_qts_translation(qapp, qtbot):
    from PySide6.QtCore import QTranslator
    from PySide6.QtWidgets import QLabel

    from ui.views.welcome import Welcome

    class Korean(QTranslator):
        def translate(self, context, text, disambiguation=None, n=-1):
            return "사물 찾기" if (context, text) == ("core", "Object detection") else ""

        def isEmpty(self):
            return False

    translator = Korean()
    qapp.installTranslator(translator)
    try:
        welcome = Welcome()
        qtbot.addWidget(welcome)
        assert "사물 찾기" in [label.text() for label in welcome.findChildren(QLabel)]
    finally:
        qapp.removeTranslator(translator)


def test_closing_while_everything_runs_leaves_nothing(qtbot):
    import threading

    window = MainWindow()
    window.show()
    window.controller.open_sample("spectrogram")
    pause(150)
    began = time.monotonic()
    window.close()
    window.deleteLater()
    assert time.monotonic() - began < 12
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("cvstudio-")]
