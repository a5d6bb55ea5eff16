"""How files come into the window: drops, pastes, recent ones, arguments, and the keys that leaf through them."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from ui.files.intake import local_paths
from ui.files.recent import RecentMenu
from ui.library.drop_hint import DropHint


@pytest.fixture
def folder(pictures, tmp_path):
    return pictures(tmp_path / "set", *(f"{number}.png" for number in range(5)))


@pytest.fixture
def wait_for(window, qtbot):
    """Wait until a file is the one on the canvas."""

    def wait(path):
        def there():
            media = window.controller.session.state.active_media
            return media is not None and media.path == path

        qtbot.waitUntil(there, timeout=60_000)

    return wait


def files(*paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def text(*lines):
    data = QMimeData()
    data.setText("\n".join(map(str, lines)))
    return data


def enter(window, data):
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDragEnterEvent(QPoint(200, 200), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, event)
    return event


def drop(window, data):
    enter(window, data)  # Qt gives a drop only to what has taken the drag
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(200, 200), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(window, event)


def hint_of(window):
    return next((item for item in window.findChildren(DropHint) if item.isVisible()), None)


# What names files ---------------------------------------------------------------------------------------------------


def test_paths_of_files_and_of_texts_that_name_them(tmp_path, monkeypatch):
    file, other = tmp_path / "그림 1.png", tmp_path / "b c"
    file.touch()
    other.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert local_paths(files(file, other)) == [file, other]
    assert local_paths(text(file)) == [file]
    assert local_paths(text("", f"  {file} ", f'"{other}"', "")) == [file, other]
    assert local_paths(text(f"'{file}'", QUrl.fromLocalFile(str(file)).toString())) == [file, file]
    assert local_paths(text("~/b c")) == [other]


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="such names cannot be made there")
def test_names_that_are_not_utf_8_as_file_managers_send_them(tmp_path):
    """Each byte is in the address as it is; Qt's text of it has a sign in the place of what is no UTF-8."""
    names = [b"caf\xe9.png", "그림 100%.png".encode(), b"\xff 1%20.png", "a\N{REPLACEMENT CHARACTER}.png".encode()]
    expected = [tmp_path / os.fsdecode(name) for name in names]
    for path in expected:
        path.touch()
    addresses = ["file://" + quote(os.fsencode(path)) for path in expected]
    data = QMimeData()
    data.setData("text/uri-list", "\r\n".join(addresses).encode())
    assert local_paths(data) == expected
    assert local_paths(text(*addresses)) == expected


def test_what_names_no_file_is_none(tmp_path):
    (tmp_path / "a.png").touch()
    for data in (
        text("a.png"),
        text(tmp_path / "missing.png"),
        text("see", tmp_path / "a.png"),
        text(""),
        text("x" * 5000),
        text("a\0b"),
        QMimeData(),
    ):
        assert local_paths(data) == []
    remote = QMimeData()
    remote.setUrls([QUrl("http://example.org/a.png")])
    assert local_paths(remote) == []


# Drops --------------------------------------------------------------------------------------------------------------


def test_dragging_over_the_window_says_what_a_drop_does(window, folder):
    assert enter(window, files(folder / "0.png")).isAccepted()
    hint = hint_of(window)
    assert hint.text == "Drop to open 0.png"
    assert hint.geometry() == window.rect()
    window.resize(900, 600)
    assert hint.geometry() == window.rect()
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert hint_of(window) is None
    enter(window, files(folder, folder / "1.png"))
    assert hint_of(window).text == "Drop to open 2 items"
    QApplication.sendEvent(window, QDragLeaveEvent())


def test_a_line_of_text_takes_no_drop_while_files_are_over_the_window(window, folder):
    edit = QLineEdit(window.docks["analysis"].widget())
    edit.show()
    assert edit.acceptDrops()
    enter(window, files(folder))
    assert not edit.acceptDrops()
    QApplication.sendEvent(window, QDragLeaveEvent())
    assert edit.acceptDrops()
    assert not window.docks["media"].widget().filter_bar.search.acceptDrops()


def test_a_text_that_names_no_file_is_refused(window):
    assert not enter(window, text("hello")).isAccepted()
    assert hint_of(window) is None


def test_a_dropped_folder_opens_as_a_set(window, folder, wait_for):
    drop(window, files(folder))
    assert hint_of(window) is None
    wait_for(folder / "0.png")
    assert len(window.controller.library.rows) == 5


def test_files_and_folders_dropped_while_others_open(window, folder, wait_for, pictures, tmp_path, qtbot):
    other = pictures(tmp_path / "other", "x.png")
    drop(window, files(folder))
    drop(window, files(other / "x.png"))
    wait_for(other / "x.png")
    assert len(window.controller.session.state.sets) == 1
    assert [media.path.name for media in window.controller.library.files] == ["x.png"]


# The clipboard ------------------------------------------------------------------------------------------------------


def paste(window):
    QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)


def test_what_must_not_be_read_is_told_and_the_rest_of_the_drop_opens(
    window, folder, wait_for, pictures, tmp_path, forbidden, qtbot
):
    closed = forbidden(pictures(tmp_path / "closed", "1.png"))
    unreadable = forbidden(folder / "3.png")
    drop(window, files(closed, closed / "1.png", unreadable, folder / "2.png"))
    wait_for(folder / "2.png")
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=10_000)
    (notice,) = window.notices.shown
    assert notice.level == "error"
    assert "closed, 1.png, 3.png" in notice.text
    # Alone it is told, too, and the recent ones do not take what is locked for gone.
    notice.dismiss.click()
    window.settings.add_recent(str(closed / "1.png"), str(tmp_path / "gone.png"))
    menu = window.opener.recent_menu
    menu.fill()
    qtbot.waitUntil(lambda: menu.missing == {tmp_path / "gone.png"}, timeout=10_000)
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes.idle, timeout=60_000)
    assert menu.missing == {tmp_path / "gone.png"}
    menu.entries[closed / "1.png"].trigger()
    qtbot.waitUntil(lambda: bool(window.notices.shown), timeout=10_000)
    assert "'1.png'" in window.notices.shown[0].text


def test_pasting_files_and_a_path(window, folder, wait_for):
    QGuiApplication.clipboard().setMimeData(files(folder / "2.png"))
    paste(window)
    wait_for(folder / "2.png")
    QGuiApplication.clipboard().setText(f'"{folder}"')
    paste(window)
    wait_for(folder / "0.png")


def test_a_pasted_picture_is_written_by_a_worker_and_keeps_its_pixels(window, qtbot, monkeypatch):
    threads = []
    save = QImage.save

    def noted(self, *arguments):
        threads.append(threading.current_thread())
        return save(self, *arguments)

    monkeypatch.setattr(QImage, "save", noted)
    picture = QImage(50, 40, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.darkCyan)
    seen = []
    for _ in range(2):
        QGuiApplication.clipboard().setImage(picture)
        paste(window)
        count = len(seen) + 1
        qtbot.waitUntil(lambda count=count: len(window.controller.session.state.media) == count, timeout=60_000)
        seen.append(window.controller.session.state.active_media.path)
    assert seen[0] != seen[1], "the one before is not written over"
    assert threading.main_thread() not in threads
    assert QImage(str(seen[0])).convertToFormat(picture.format()) == picture
    for path in seen:
        path.unlink()


def test_pasting_what_is_no_file_says_what_to_do(window):
    QGuiApplication.clipboard().setText("hello")
    paste(window)
    (notice,) = window.notices.shown
    assert "no picture and no file" in notice.text


# Recent -------------------------------------------------------------------------------------------------------------


def test_recent_files_folders_and_projects(window, folder, wait_for, qtbot, tmp_path):
    window.open_paths([folder / "3.png"])
    wait_for(folder / "3.png")
    window.open_paths([folder])
    wait_for(folder / "0.png")
    project = tmp_path / "my & own.cvstudio"
    window.project.path = project
    assert window.project.save()
    window.settings.add_recent(str(project))
    window.settings.add_recent(str(tmp_path / "gone.png"))
    menu = window.opener.recent_menu
    menu.aboutToShow.emit()
    qtbot.waitUntil(lambda: bool(menu.missing), timeout=20_000)
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes["recent"].idle)
    shown = {action.text(): action.isEnabled() for action in menu.entries.values()}
    assert shown == {"gone.png (missing)": False, "my && own.cvstudio": True, "set": True, "3.png": True}
    next(action for action in menu.actions() if action.text() == "Remove Missing Files").trigger()
    assert window.settings.recent == [str(project), str(folder), str(folder / "3.png")]
    menu.entries[folder / "3.png"].trigger()
    wait_for(folder / "3.png")
    window.project.path = None
    menu.entries[project].trigger()
    wait_for(folder / "0.png")
    assert window.project.path == project
    next(action for action in menu.actions() if action.text() == "Clear List").trigger()
    menu.aboutToShow.emit()
    assert [action.text() for action in menu.actions()] == ["No recent files"]


def test_the_recent_menu_does_not_wait_for_a_drive_that_does_not_answer(window, tmp_path, monkeypatch, qtbot):
    answer = threading.Event()
    exists, is_dir = Path.exists, Path.is_dir

    def slow(original):
        def ask(self, **options):
            assert threading.current_thread() is not threading.main_thread()
            assert answer.wait(20)
            return original(self, **options)

        return ask

    window.settings.add_recent(str(tmp_path / "a.png"))
    monkeypatch.setattr(Path, "exists", slow(exists))
    monkeypatch.setattr(Path, "is_dir", slow(is_dir))
    window.opener.recent_menu.aboutToShow.emit()
    assert [action.text() for action in window.opener.recent_menu.entries.values()] == ["a.png"]
    answer.set()
    qtbot.waitUntil(lambda: bool(window.opener.recent_menu.missing), timeout=20_000)


def test_a_path_appears_once_in_the_list_and_the_list_is_short(window):
    settings = window.settings
    for number in range(40):
        settings.add_recent(f"/{number}")
    settings.add_recent("/30", "/39")
    assert settings.recent[:4] == ["/30", "/39", "/38", "/37"]
    assert len(settings.recent) == len(set(settings.recent)) == 16
    assert isinstance(window.opener.recent_menu, RecentMenu)


# Arguments and keys -------------------------------------------------------------------------------------------------


def test_a_project_a_file_and_a_folder_as_arguments(window, folder, wait_for, pictures, tmp_path, qtbot):
    other = pictures(tmp_path / "other", "x.png", "y.png")
    window.open_paths([other / "x.png"])
    wait_for(other / "x.png")
    window.project.path = tmp_path / "p.cvstudio"
    assert window.project.save()
    window.open_paths([other / "y.png", folder, tmp_path / "p.cvstudio"])
    wait_for(other / "y.png")
    state = window.controller.session.state
    assert [media.path.name for media in state.media] == ["x.png", "y.png"]
    assert [item.path for item in state.sets] == [folder]


def test_page_down_and_up_leaf_wherever_the_focus_is(window, folder, wait_for):
    window.open_paths([folder])
    wait_for(folder / "0.png")
    panel = window.docks["media"].widget()
    for widget in (panel.view, panel.filter_bar.search, window.workspace.canvas):
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_PageDown)
        wait_for(folder / "1.png")
        QTest.keyClick(widget, Qt.Key.Key_PageUp)
        wait_for(folder / "0.png")


def test_home_and_end_move_in_the_list_while_it_has_the_focus(window, folder, wait_for):
    window.open_paths([folder])
    wait_for(folder / "0.png")
    view = window.docks["media"].widget().view
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_End)
    wait_for(folder / "4.png")
    QTest.keyClick(view, Qt.Key.Key_Home)
    wait_for(folder / "0.png")


def test_an_empty_folder_shows_the_workspace_and_closing_it_the_first_screen(window, tmp_path, qtbot):
    (tmp_path / "empty").mkdir()
    assert window.welcome.isVisible()
    window.open_paths([tmp_path / "empty"])
    qtbot.waitUntil(lambda: bool(window.controller.session.state.sets), timeout=20_000)
    assert not window.welcome.isVisible()
    window.controller.library.close_set(window.controller.library.current)
    assert window.welcome.isVisible()
