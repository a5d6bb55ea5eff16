"""Folders are listed, filtered, leafed through and watched."""

from __future__ import annotations

import shutil

import pytest

from cvstudio.media import MediaKind
from cvstudio.media.folders import MediaSet
from cvstudio.session.session import State
from ui.control.library import Filter


def names(library):
    return [file.name for file in library.rows]


@pytest.fixture
def folder(pictures, tmp_path):
    return pictures(tmp_path / "set", *(f"{number}.png" for number in range(1, 13)), "notes.txt", "sound.wav")


@pytest.fixture
def opened(folder, stand, still):
    """The folder is open and shows its first file."""
    stand.library.open([folder])
    still()
    assert stand.shown == "1.png"
    return folder


def test_a_folder_opens_as_a_set_and_shows_its_first_file(opened, stand, library):
    state = stand.session.state
    assert state.sets == (MediaSet(opened),)
    assert library.current == MediaSet(opened)
    assert names(library) == [*(f"{number}.png" for number in range(1, 13)), "sound.wav"]
    assert [media.path.name for media in state.media] == ["1.png"]
    assert library.files == ()
    assert library.place == (0, 13)


def test_leafing_stops_at_both_ends(opened, stand, library, still):
    library.step(-1)
    assert library.place == (0, 13)
    library.step(1)
    still()
    assert stand.shown == "2.png"
    library.step(99)
    still()
    assert library.place == (12, 13)


def test_what_is_passed_while_a_key_is_held_is_never_opened(opened, stand, library, gate, still):
    gate.open.clear()
    for _ in range(10):
        library.step(1)
    assert library.place == (10, 13), "the place runs ahead of what is shown"
    gate.open.set()
    still()
    assert stand.shown == "11.png"
    # At most the one that the lane had taken when the rest came: which of them, its thread decides.
    opened_names = [path.name for path in gate.asked]
    assert opened_names[-1] == "11.png"
    assert len(opened_names) <= 2


def test_a_file_that_arrives_late_does_not_move_the_place_back(opened, stand, library, gate, qtbot, still):
    places = []
    library.place_changed.connect(lambda: places.append(library.place[0]))
    gate.open.clear()
    library.step(1)
    qtbot.waitUntil(lambda: len(gate.asked) == 1)
    library.step(1)
    library.step(1)
    gate.open.set()
    still()
    assert stand.shown == "4.png"
    assert places == sorted(places)


def test_opening_a_folder_is_one_step_of_undo_and_leafing_another(opened, stand, library, still):
    for _ in range(3):
        library.step(1)
        still()
    stand.session.undo()
    assert stand.shown == "1.png"
    assert library.place == (0, 13)
    stand.session.undo()
    assert stand.session.state.sets == ()
    assert library.current is None
    assert library.rows == ()
    stand.session.redo()
    still()
    assert len(library.rows) == 13
    stand.session.redo()
    assert stand.shown == "4.png"
    assert library.place == (3, 13)


def test_copies_of_one_file_are_leafed_through_one_by_one(stand, library, still, pictures, tmp_path):
    folder = pictures(tmp_path / "set", "1.png")
    for number in range(2, 6):
        shutil.copy2(folder / "1.png", folder / f"{number}.png")
    library.open([folder])
    still()
    for number in range(2, 6):
        library.step(1)
        still()
        assert stand.shown == f"{number}.png"


def test_a_filter_by_words_and_kind(opened, library):
    library.set_filter(Filter("1 PNG"))
    assert names(library) == ["1.png", "10.png", "11.png", "12.png"]
    library.set_filter(Filter("", MediaKind.AUDIO))
    assert names(library) == ["sound.wav"]
    library.set_filter(Filter("", "all"))
    assert "notes.txt" in names(library)
    library.set_filter(Filter("nothing"))
    assert library.place == (None, 0)
    library.step(1)
    library.set_filter(Filter())
    assert library.place == (0, 13)


def test_leafing_goes_on_beside_a_file_that_the_filter_hides(opened, stand, library, still):
    library.go(4)
    still()
    assert stand.shown == "5.png"
    library.set_filter(Filter("1"))
    assert library.place == (None, 4)
    library.step(1)
    still()
    assert stand.shown == "10.png"
    library.set_filter(Filter())
    library.go(4)
    still()
    library.set_filter(Filter("1"))
    library.step(-1)
    still()
    assert stand.shown == "1.png"


def test_subfolders_on_demand(stand, library, still, pictures, tmp_path):
    folder = pictures(tmp_path / "set", "a.png", "below/b.png", "below/deeper/c.png")
    library.open([folder])
    still()
    assert names(library) == ["a.png"]
    library.set_recursive(True)
    still()
    assert names(library) == ["a.png", "below/b.png", "below/deeper/c.png"]
    assert library.place == (0, 3)
    library.step(2)
    still()
    assert stand.shown == "c.png"
    stand.session.undo()
    stand.session.undo()
    still()
    assert names(library) == ["a.png"]


def test_a_folder_of_nothing_but_folders_shows_its_first_file_once_they_are_included(
    stand, library, still, pictures, tmp_path
):
    folder = pictures(tmp_path / "set", "below/b.png")
    library.open([folder])
    still()
    assert stand.shown == ""
    library.set_recursive(True)
    still()
    assert stand.shown == "b.png"


def test_a_change_on_disk_is_noticed_and_the_place_stays(opened, stand, library, still, pictures, qtbot):
    library.go(3)
    still()
    pictures(opened, "0.png", "3b.png")
    qtbot.waitUntil(lambda: len(library.rows) == 15, timeout=10_000)
    assert names(library)[:6] == ["0.png", "1.png", "2.png", "3.png", "3b.png", "4.png"]
    assert library.place == (5, 15)
    (opened / "4.png").unlink()
    qtbot.waitUntil(lambda: len(library.rows) == 14, timeout=10_000)
    assert library.place == (None, 14)
    assert stand.shown == "4.png", "what is on the canvas stays there"
    library.step(1)
    still()
    assert stand.shown == "5.png"


def test_a_folder_that_goes_is_told_and_one_that_comes_back_is_there_again(opened, library, still, pictures, qtbot):
    away = opened.rename(opened.with_name("away"))
    qtbot.waitUntil(lambda: bool(library.error), timeout=10_000)
    assert library.error == "The folder 'set' is not there any more; put it back or close it."
    assert library.rows == ()
    away.rename(opened)
    qtbot.waitUntil(lambda: len(library.rows) == 13, timeout=10_000)
    assert library.error == ""
    assert library.place == (0, 13)


def test_a_damaged_file_is_told_where_one_stops_and_not_where_one_passes(stand, library, still, pictures, tmp_path):
    folder = pictures(tmp_path / "set", "1.png", "9.png")
    for number in range(2, 9):
        (folder / f"{number}.png").write_bytes(b"no picture")
    library.open([folder])
    still()
    told_while_passing = len(stand.told)
    for _ in range(7):
        library.step(1)
    library.step(1)
    still()
    assert stand.shown == "9.png"
    assert len(stand.told) == told_while_passing
    library.step(-1)
    still()
    assert stand.shown == "9.png", "what can be shown stays"
    assert library.place == (7, 9)
    assert len(stand.told) == 1
    assert stand.told[0][0] == "warning"
    assert "'8.png'" in stand.told[0][1]
    pictures(folder, "8.png")
    library.go(7)
    still()
    assert stand.shown == "8.png"


def test_closing_a_set_leaves_the_open_files(opened, stand, library, still, pictures, tmp_path):
    other = pictures(tmp_path / "other", "x.png")
    library.open([other / "x.png"], keep_set=True)
    still()
    assert library.current is not None
    library.go(2)
    still()
    library.close_set(library.current)
    assert library.current is None
    assert [media.path.name for media in stand.session.state.media] == ["x.png"]
    assert stand.shown == "x.png"


def test_files_close_together_in_one_step(stand, library, still, pictures, tmp_path):
    folder = pictures(tmp_path / "set", *(f"{number}.png" for number in range(5)))
    library.open(sorted(folder.iterdir()))
    still()
    media = library.files
    assert len(media) == 5
    library.close_files(media[:4])
    assert [item.path.name for item in library.files] == ["4.png"]
    stand.session.undo()
    assert library.files == media


def test_next_and_previous_go_through_the_open_files_where_no_folder_is_shown(
    opened, stand, library, still, pictures, tmp_path
):
    other = pictures(tmp_path / "other", "x.png", "y.png")
    library.open([other / "x.png", other / "y.png"])
    still()
    assert library.current is None
    assert library.place == (0, 2)
    library.step(1)
    assert stand.shown == "y.png"
    library.show_set(opened)
    still()
    assert library.place == (None, 13)
    library.step(1)
    still()
    assert stand.shown == "1.png"


def test_fifty_bad_files_are_one_notice(stand, library, still, pictures, tmp_path):
    folder = pictures(tmp_path / "set", "good.png")
    bad = [tmp_path / f"bad {number}.png" for number in range(50)]
    for path in bad:
        path.touch()
    library.open([folder / "good.png", *bad])
    still()
    assert stand.shown == "good.png"
    ((level, text),) = stand.told
    assert level == "error"
    assert text == (
        "50 of 51 files could not be opened: bad 0.png, bad 1.png, bad 2.png and 47 more. "
        "The first: 'bad 0.png' is empty (0 bytes); get a fresh copy of it."
    )


def test_what_must_not_be_read_is_told_and_takes_nothing_with_it(stand, library, still, pictures, tmp_path, forbidden):
    folder = pictures(tmp_path / "set", "1.png", "2.png")
    pictures(tmp_path / "below", "3.png")
    pictures(tmp_path / "closed", "4.png")
    unreadable = [
        forbidden(folder / "2.png"),
        forbidden(tmp_path / "closed"),
        forbidden(tmp_path / "below") / "3.png",
    ]
    library.open([*unreadable, folder / "1.png"])
    still()
    assert stand.shown == "1.png"
    assert [media.name for media in stand.session.state.media] == ["1.png"]
    assert stand.session.state.sets == ()
    ((level, text),) = stand.told
    assert level == "error"
    assert text.startswith("3 of 4 files could not be opened: 2.png, closed, 3.png.")
    stand.told.clear()
    for path in unreadable:
        library.open([path])
        still()
    assert [level for level, _ in stand.told] == ["error"] * 3
    assert all("permissions" in text for _, text in stand.told)


def test_a_second_drop_while_the_first_still_opens(stand, library, gate, still, qtbot, pictures, tmp_path):
    folder = pictures(tmp_path / "set", "1.png", "2.png", "3.png")
    gate.open.clear()
    library.open([folder / "1.png", folder / "2.png"])
    qtbot.waitUntil(lambda: bool(gate.asked))
    library.open([folder / "3.png"])
    gate.open.set()
    still()
    assert [media.path.name for media in library.files] == ["1.png", "2.png", "3.png"]
    assert stand.shown == "3.png"


def test_an_empty_folder_is_open_all_the_same(stand, library, still, tmp_path, pictures, qtbot):
    (tmp_path / "empty").mkdir()
    library.open([tmp_path / "empty"])
    still()
    assert library.current == MediaSet(tmp_path / "empty")
    assert library.listing.complete
    pictures(tmp_path / "empty", "new.png")
    qtbot.waitUntil(lambda: len(library.rows) == 1, timeout=10_000)


def test_several_folders_and_a_file_at_once(stand, library, still, pictures, tmp_path):
    one, two = pictures(tmp_path / "one", "1.png"), pictures(tmp_path / "two", "2.png")
    pictures(tmp_path, "3.png")
    library.open([one, tmp_path / "3.png", two])
    still()
    assert [item.path for item in stand.session.state.sets] == [one, two]
    assert stand.shown == "3.png", "a file that was named is what is wanted, not the first of a folder"
    assert library.current.path == two


def test_opening_an_open_folder_again_shows_it(opened, stand, library, still, pictures, tmp_path):
    other = pictures(tmp_path / "other", "x.png")
    library.open([other])
    still()
    assert stand.shown == "x.png"
    library.open([opened])
    still()
    assert stand.shown == "1.png"
    assert len(stand.session.state.sets) == 2


def test_a_project_brings_its_folder_and_its_place_back(opened, stand, library, still):
    library.go(6)
    still()
    kept = stand.session.state
    stand.session.load(State())
    assert library.rows == ()
    assert library.place == (None, 0)
    stand.session.load(kept)
    still()
    assert len(library.rows) == 13
    assert library.place == (6, 13)
    assert stand.shown == "7.png"


def test_what_was_opened_is_told_for_the_list_of_recent_ones(stand, library, still, pictures, tmp_path):
    told = []
    library.opened.connect(told.append)
    folder = pictures(tmp_path / "set", "1.png", "2.png")
    library.open([folder, folder / "1.png"])
    still()
    library.step(1)
    still()
    assert told == [(folder / "1.png", folder)]
