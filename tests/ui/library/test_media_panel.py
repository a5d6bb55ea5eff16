"""The media panel: what of it is read, what is kept, and that ten thousand rows cost no more than those in view."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QMenu

from cvstudio.media import Media, MediaKind, thumbnail_cache
from cvstudio.media.thumbnails import Thumbnail
from cvstudio.session.session import State
from ui.control.library import Filter
from ui.library.delegate import EntryDelegate
from ui.library.entries import Entries
from ui.library.thumbnails import Thumbnails

MANY = 4000


@pytest.fixture
def ready(panel, still, qtbot):
    """Wait until nothing is listed, opened or made any more."""

    def wait():
        still()
        qtbot.wait(60)
        qtbot.waitUntil(lambda: panel.thumbnails.idle, timeout=30_000)
        qtbot.wait(20)

    return wait


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of four thousand files that hold no picture: each that is read leaves a trace."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(MANY):
        (folder / f"{number}.jpg").write_bytes(b"x")
    return folder


@pytest.fixture
def some(pictures, tmp_path):
    return pictures(tmp_path / "some", *(f"{number}.png" for number in range(60)))


def geometric_rows(view):
    """The rows in view as Qt itself lays them out."""
    inside = view.viewport().rect()
    model = view.model()
    return [row for row in range(model.rowCount()) if view.visualRect(model.index(row)).intersects(inside)]


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("width", [180, 230, 431])
def test_the_visible_rows_are_those_that_qt_shows(panel, library, some, ready, grid, width, qtbot):
    panel.resize(width, 420)
    panel.view.set_grid(grid)
    library.open([some])
    ready()
    bar = panel.view.verticalScrollBar()
    for value in (0, 1, bar.maximum() // 3, bar.maximum()):
        bar.setValue(value)
        assert list(panel.view.visible_rows()) == geometric_rows(panel.view)


def test_only_the_picture_on_the_canvas_is_marked_while_ctrl_is_held_down(panel, library, some, ready, qtbot):
    library.open([some])
    ready()
    view = panel.view
    # As for Ctrl+Z, which goes back to another picture.
    QTest.keyPress(view, Qt.Key.Key_Control)
    QTest.keyPress(view.window().windowHandle(), Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.keyboardModifiers() == Qt.KeyboardModifier.ControlModifier
    try:
        for row in (1, 0, 2):
            view.follow(row)
            assert view.selected_rows() == [row]
    finally:
        QTest.keyRelease(view.window().windowHandle(), Qt.Key.Key_Control)


def test_of_thousands_of_files_only_those_in_view_are_opened(panel, library, many, ready, opened_below):
    opened = opened_below(many)
    library.open([many])
    ready()
    assert len(library.rows) == MANY
    visible = {many / f"{row}.jpg" for row in panel.view.visible_rows()}
    assert 0 < len(visible) < 20
    assert set(opened) == visible
    opened.clear()
    bar = panel.view.verticalScrollBar()
    bar.setValue(bar.maximum())
    ready()
    visible = {many / f"{row}.jpg" for row in panel.view.visible_rows()}
    assert many / f"{MANY - 1}.jpg" in visible
    assert set(opened) == visible


def test_what_scrolled_out_is_not_made(panel, library, many, ready, monkeypatch, qtbot):
    made: list[Path] = []
    go_on, began = threading.Event(), threading.Event()

    def slow(path: Path, read_as: str) -> Thumbnail:
        made.append(path)
        began.set()
        assert go_on.wait(20)
        return Thumbnail(MediaKind.IMAGE, None)

    monkeypatch.setattr(thumbnail_cache, "make_thumbnail", slow)
    library.open([many])
    qtbot.waitUntil(began.is_set, timeout=20_000)
    bar = panel.view.verticalScrollBar()
    for part in range(1, 11):
        bar.setValue(bar.maximum() * part // 10)
        qtbot.wait(40)
    go_on.set()
    ready()
    visible = {many / f"{row}.jpg" for row in panel.view.visible_rows()}
    at_first = [path for path in made if path not in visible]
    assert len(at_first) <= Thumbnails._threads(), "only what was being made when one scrolled on"
    assert visible <= set(made)


def test_thousands_of_rows_cost_no_more_than_those_in_view(panel, library, many, ready, monkeypatch):
    asked: set[int] = set()
    painted: list[int] = []
    title, paint = Entries.title, EntryDelegate.paint

    def counted_title(self, row):
        asked.add(row)
        return title(self, row)

    def counted_paint(self, painter, option, index):
        painted.append(index.row())
        return paint(self, painter, option, index)

    monkeypatch.setattr(Entries, "title", counted_title)
    monkeypatch.setattr(EntryDelegate, "paint", counted_paint)
    library.open([many])
    ready()
    in_view = len(panel.view.visible_rows())
    assert 0 < len(asked) <= in_view + 1
    assert len(set(painted)) <= in_view + 1
    painted.clear()
    bar = panel.view.verticalScrollBar()
    for step in range(20):
        bar.setValue(bar.maximum() * step // 20)
        panel.view.viewport().repaint()
    assert len(painted) <= 20 * (in_view + 2)


def test_memory_of_thumbnails_keeps_to_its_budget(qtbot, qapp, tmp_path, monkeypatch):
    from PySide6.QtCore import QObject

    pixels = np.zeros((144, 192, 3), np.uint8)
    monkeypatch.setattr(thumbnail_cache, "make_thumbnail", lambda *_: Thumbnail(MediaKind.IMAGE, pixels))
    parent = QObject()
    paths = []
    for number in range(60):
        path = tmp_path / f"{number}.png"
        path.write_bytes(b"x")
        paths.append(path)
    one = 144 * 192 * 4
    store = Thumbnails(parent, budget_bytes=20 * one)
    for start in range(0, 60, 10):
        store.want(paths[start : start + 10])
        qtbot.waitUntil(lambda start=start: all(store.get(path) for path in paths[start : start + 10]), timeout=20_000)
        assert store.used_bytes <= 20 * one
    assert [store.get(path) is not None for path in paths] == [False] * 40 + [True] * 20
    assert store.used_bytes == 20 * one
    assert store.close()


def test_thumbnails_show_the_pictures_and_follow_a_change(panel, library, some, ready, qtbot):
    library.open([some])
    ready()
    shown = panel.thumbnails.get(some / "5.png")
    assert (shown.picture.width(), shown.picture.height()) == (16, 12)
    assert shown.facts.size == (16, 12)
    assert shown.picture.toImage().pixelColor(3, 3).red() == 35
    os.utime(some / "5.png", ns=(1, 1))
    picture = QImage(16, 12, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.red)
    assert picture.save(str(some / "5.png"))
    library.refresh()
    qtbot.waitUntil(
        lambda: panel.thumbnails.get(some / "5.png").picture.toImage().pixelColor(3, 3).red() == 255, timeout=10_000
    )


def test_a_list_that_changes_on_disk_stays_where_it_is_scrolled(panel, library, some, ready, pictures, qtbot):
    library.open([some])
    ready()
    bar = panel.view.verticalScrollBar()
    bar.setValue(517)
    ready()
    anchor = panel.view.anchor()
    pictures(some, "0a.png", "0b.png", "59b.png")
    qtbot.waitUntil(lambda: panel.entries.rowCount() == 63, timeout=10_000)
    assert panel.view.anchor() == anchor
    assert library.place == (0, 63)


def test_the_keyboard_leafs_and_the_place_is_told(panel, library, stand, some, ready):
    library.open([some])
    ready()
    panel.activateWindow()
    panel.view.setFocus()
    assert panel.position.text() == "1 / 60"
    QTest.keyClick(panel.view, Qt.Key.Key_Down)
    ready()
    assert stand.shown == "1.png"
    assert panel.position.text() == "2 / 60"
    QTest.keyClick(panel.view, Qt.Key.Key_End)
    ready()
    assert stand.shown == "59.png"
    assert panel.view.currentIndex().row() == 59
    assert 59 in panel.view.visible_rows()
    panel.toggle_grid()
    QTest.keyClick(panel.view, Qt.Key.Key_Left)
    ready()
    assert stand.shown == "58.png"
    assert panel.view.visualRect(panel.view.currentIndex()).intersects(panel.view.viewport().rect())


def test_a_click_shows_a_file_and_opens_it_once(panel, library, stand, some, ready, gate):
    library.open([some])
    ready()
    gate.asked.clear()
    place = panel.view.visualRect(panel.entries.index(3)).center()
    QTest.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    ready()
    assert stand.shown == "3.png"
    assert gate.asked == [some / "3.png"]


def test_leafing_elsewhere_moves_the_mark_in_the_list(panel, library, some, ready):
    library.open([some])
    ready()
    for _ in range(30):
        library.step(1)
    assert panel.view.currentIndex().row() == 30
    assert 30 in panel.view.visible_rows()
    ready()
    assert panel.view.currentIndex().row() == 30


def test_delete_closes_open_files_and_leaves_those_of_a_folder(panel, library, stand, some, ready):
    library.open([some / f"{number}.png" for number in range(4)])
    ready()
    assert panel.entries.rowCount() == 4
    panel.view.selectAll()
    QTest.keyClick(panel.view, Qt.Key.Key_Delete)
    assert stand.session.state.media == ()
    assert not panel.view.isVisible(), "the empty state is back"
    library.open([some])
    ready()
    QTest.keyClick(panel.view, Qt.Key.Key_Delete)
    assert len(library.rows) == 60
    assert (some / "0.png").exists()
    assert stand.told[-1][0] == "info"


def menu_of(panel, row):
    panel.view.setCurrentIndex(panel.entries.index(row))
    keyboard = QContextMenuEvent.Reason.Keyboard
    QApplication.sendEvent(panel.view.viewport(), QContextMenuEvent(keyboard, QPoint(1, 1), QPoint(1, 1)))
    menu = next(menu for menu in panel.findChildren(QMenu) if menu.isVisible())
    return {action.text(): action for action in menu.actions()}, menu


def test_the_menu_copies_paths_and_keeps_files_open(panel, library, stand, some, ready, qtbot):
    library.open([some])
    ready()
    actions, menu = menu_of(panel, 0)
    actions["Copy Path"].trigger()
    assert QGuiApplication.clipboard().text() == str(some / "0.png")
    actions["Keep Open"].trigger()
    menu.close()
    ready()
    assert [media.path.name for media in library.files] == ["0.png"]
    assert library.current is not None
    library.step(1)
    ready()
    assert [media.path.name for media in stand.session.state.media] == ["0.png", "1.png"]


def test_the_source_menu_goes_from_folder_to_files_and_back(panel, library, some, ready, pictures, tmp_path):
    library.open([pictures(tmp_path, "one.png") / "one.png"])
    ready()
    library.open([some])
    ready()
    panel._sources.aboutToShow.emit()
    actions = {action.text(): action for action in panel._sources.actions()}
    assert actions["some"].isChecked()
    actions["Open files (1)"].trigger()
    assert panel.entries.rowCount() == 1
    assert panel.source.accessibleName() == "Open files"
    assert not panel.filter_bar.isVisible()
    actions["some"].trigger()
    ready()
    assert panel.entries.rowCount() == 60
    assert panel.filter_bar.isVisible()


def test_typing_a_filter_and_choosing_a_kind(panel, library, some, ready, pictures):
    (some / "notes.txt").write_text("x")
    library.open([some])
    ready()
    QTest.keyClicks(panel.filter_bar.search, "59")
    assert [file.name for file in library.rows] == ["59.png"]
    QTest.keyClicks(panel.filter_bar.search, "zzz")
    assert "No file matches" in panel._message.accessibleName()
    panel.filter_bar.search.clear()
    panel.filter_bar._menu.aboutToShow.emit()
    actions = {action.text().split("  ")[0]: action for action in panel.filter_bar._menu.actions()}
    assert actions["All media"].text() == "All media  (60)"
    assert actions["All files"].text() == "All files  (61)"
    actions["All files"].trigger()
    assert library.filter == Filter("", "all")
    assert panel.entries.rowCount() == 61
    assert panel.entries.kind(60) is None


def test_files_are_dragged_out_as_files(panel, library, some, ready):
    library.open([some])
    ready()
    assert panel.view.dragDropMode() == QAbstractItemView.DragDropMode.DragOnly
    mime = panel.entries.mimeData([panel.entries.index(row) for row in (2, 5)])
    assert [url.toLocalFile() for url in mime.urls()] == [str(some / "2.png"), str(some / "5.png")]


def test_a_damaged_file_is_marked_and_its_tool_tip_says_why(panel, library, some, ready):
    (some / "0.png").write_bytes(b"no picture")
    library.open([some])
    ready()
    assert "0.png" in panel.entries.error(0)
    assert "no known format" in panel.entries.data(panel.entries.index(0), Qt.ItemDataRole.ToolTipRole)
    assert panel.entries.error(1) == ""


def test_a_kind_that_nobody_has_drawn_yet_gets_the_icon_of_a_file():
    from ui.base.icons import icon
    from ui.library.kinds import kind_icon, kind_title

    for kind in (*MediaKind, "geometry", "camera", "something new", None):
        icon(kind_icon(kind))
        assert kind_title(kind)
    assert kind_icon("something new") == kind_icon(None) == "file"


def test_an_open_medium_without_a_picture_is_never_asked_for_one(panel, stand, ready):
    odd = Media("odd", Path("camera 0"), "camera")  # a device is no file that could be read or be missing
    stand.session.change("open", State(media=(odd,), active="odd"))
    ready()
    assert panel.entries.rowCount() == 1
    assert panel.thumbnails.get(odd.path) is None
    assert panel.entries.error(0) == ""
    assert panel.entries.kind(0) == "camera"


def test_closing_while_thumbnails_are_made_ends_their_threads(panel, library, many, ready, qtbot):
    library.open([many])
    ready()
    bar = panel.view.verticalScrollBar()
    for part in range(10):
        bar.setValue(bar.maximum() * part // 10)
        qtbot.wait(10)
    panel.close()
    assert not [item for item in threading.enumerate() if item.name.startswith("cvstudio-thumbnails")]


def test_the_panel_says_why_it_is_empty(panel, library, stand, ready, tmp_path, qtbot):
    assert not panel.view.isVisible()
    (tmp_path / "empty").mkdir()
    library.open([tmp_path / "empty"])
    ready()
    assert panel._message.accessibleName() == "The folder is empty."
    (tmp_path / "empty" / "notes.txt").write_text("x")
    qtbot.waitUntil(lambda: "All files" in panel._message.accessibleName(), timeout=10_000)
    (tmp_path / "empty" / "notes.txt").unlink()
    (tmp_path / "empty").rmdir()
    qtbot.waitUntil(lambda: "not there any more" in panel._message.accessibleName(), timeout=10_000)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("way", ["labels", "subfolders"])
def test_a_folder_of_folders_says_so_and_offers_what_they_hold(
    panel, library, stand, pictures, ready, tmp_path, way, others
):
    folder = pictures(tmp_path / "animals", "cat/1.png", "cat/2.png", "dog/1.png")
    if others:
        (folder / "README.md").write_text("animals")
    stand.open_labels = lambda paths: library.open(paths, as_labels=True)
    library.open([folder])
    ready()
    offer = panel.only_folders
    assert offer.message.isVisible()
    what = "no pictures, videos or sounds" if others else "no files"
    assert offer.message.text() == f"It holds 2 folders and {what}."
    QTest.mouseClick(getattr(offer, way), Qt.MouseButton.LeftButton)
    ready()
    assert not offer.isVisible()
    assert [file.name for file in library.rows] == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert library.current.labels == (folder if way == "labels" else None)
    assert stand.shown == "1.png"


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_a_folder_of_folders_lists_them_and_opens_the_one_that_is_chosen(
    panel, library, stand, pictures, ready, tmp_path, by
):
    folder = pictures(tmp_path / "animals", "cat/1.png", "dog/deeper/2.png", "dog 10/3.png", "dog 9/4.png")
    library.open([folder])
    ready()
    rows = panel.only_folders.folders
    assert [rows.item(row).text() for row in range(rows.count())] == ["cat", "dog", "dog 9", "dog 10"]

    def choose(row):
        if by == "mouse":
            place = rows.visualItemRect(rows.item(row)).center()
            QTest.mouseDClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
            QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
        else:
            rows.setCurrentRow(row)
            QTest.keyClick(rows, Qt.Key.Key_Return)
        ready()

    choose(1)
    # It is one of folders, too.
    assert library.current.path == folder / "dog"
    assert [rows.item(row).text() for row in range(rows.count())] == ["deeper"]
    choose(0)
    assert library.current.path == folder / "dog" / "deeper"
    assert stand.shown == "2.png"
    assert not panel.only_folders.isVisible()


def test_a_press_alone_opens_nothing(panel, library, stand, some, ready, gate):
    library.open([some])
    ready()
    gate.asked.clear()
    place = panel.view.visualRect(panel.entries.index(4)).center()
    QTest.mousePress(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    ready()
    assert gate.asked == []
    QTest.mouseRelease(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(-50, -50))


def test_a_file_that_is_opened_below_the_others_is_in_view(panel, library, ready, pictures, tmp_path, qtbot):
    files = sorted(pictures(tmp_path / "one by one", *(f"{number}.png" for number in range(10, 30))).glob("*.png"))
    for file in files:
        library.open([file])
        ready()
    row, count = library.place
    assert (row, count) == (len(files) - 1, len(files))
    assert row in geometric_rows(panel.view)
    panel.view.verticalScrollBar().setValue(0)
    qtbot.wait(20)
    assert row not in geometric_rows(panel.view)
    library.open([files[10]])
    ready()
    assert 10 in geometric_rows(panel.view)
