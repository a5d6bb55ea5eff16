"""Folders as sets: their order, what belongs to them, and that nothing is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvstudio.foundation.errors import Cancelled, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind, folders
from cvstudio.media.folders import Listing, MediaSet, list_set, natural_key, set_file


def listed(path: Path, *, recursive: bool = False) -> Listing:
    *_, last = list_set(MediaSet(path, recursive), Progress())
    return last


def names(listing: Listing) -> list[str]:
    return [file.name for file in listing.files]


def touch(folder: Path, *files: str) -> None:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_come_in_the_order_in_which_a_person_counts():
    wanted = ["1.jpg", "2.jpg", "10.jpg", "a2b1.png", "a2b10.png", "A10b2.png", "b.png", "b1.png", "그림 2", "그림 10"]
    mixed = [wanted[place] for place in (9, 3, 0, 7, 5, 1, 8, 2, 6, 4)]
    assert sorted(mixed, key=natural_key) == wanted


@given(st.lists(st.integers(0, 10**30), unique=True))
def test_numbers_of_any_length_are_ordered_by_their_value(numbers):
    found = sorted((f"frame{number}.png" for number in numbers), key=natural_key)
    assert found == [f"frame{number}.png" for number in sorted(numbers)]


@given(st.lists(st.integers(0, 10**6), unique=True), st.integers(1, 9))
def test_leading_zeros_do_not_count(numbers, width):
    found = sorted((f"{number:0{width}d}" for number in numbers), key=natural_key)
    assert [int(name) for name in found] == sorted(numbers)


def test_the_files_of_a_folder_are_together_and_before_those_of_a_name_that_goes_on(tmp_path):
    touch(tmp_path, "a/2.png", "a/10.png", "a b/1.png", "a-b/1.png", "c.png")
    assert names(listed(tmp_path, recursive=True)) == ["a/2.png", "a/10.png", "a b/1.png", "a-b/1.png", "c.png"]


def test_hidden_files_and_subfolders_are_left_out(tmp_path):
    touch(tmp_path, "one.jpg", ".hidden.jpg", "below/two.jpg", ".git/three.jpg")
    assert names(listed(tmp_path)) == ["one.jpg"]
    found = listed(tmp_path, recursive=True)
    assert names(found) == ["below/two.jpg", "one.jpg"]
    assert found.folders == (tmp_path, tmp_path / "below")
    assert found.complete


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights there")
def test_a_link_in_a_circle_ends_and_a_link_to_a_file_counts(tmp_path):
    touch(tmp_path, "a/one.jpg")
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "linked.jpg").symlink_to(tmp_path / "a" / "one.jpg")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere")
    assert names(listed(tmp_path, recursive=True)) == ["a/one.jpg", "linked.jpg"]


def test_a_suffix_promises_a_kind_whatever_its_case(tmp_path):
    assert set_file("A.JPEG").kind is MediaKind.IMAGE
    assert set_file("depth.png").kind is MediaKind.IMAGE  # only its content can tell that it is depth
    assert set_file("depth.pfm").kind is MediaKind.DEPTH
    assert set_file("clip.MkV").kind is MediaKind.VIDEO
    assert set_file("x.flac").kind is MediaKind.AUDIO
    assert set_file("notes.txt").kind is None
    assert set_file("LICENSE").kind is None


def test_no_file_is_opened_and_none_is_asked_for_its_size(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{number}.jpg" for number in range(300)))
    opened: list[str] = []
    watching = True

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event == "open" and str(tmp_path) in str(arguments[0]):
            opened.append(str(arguments[0]))

    sys.addaudithook(hook)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: pytest.fail("a file was asked for its size"))
    found = listed(tmp_path)
    monkeypatch.undo()
    (tmp_path / "0.jpg").read_bytes()
    watching = False
    assert len(found.files) == 300
    assert opened == [str(tmp_path / "0.jpg")], "the hook has to see what is opened, and that alone"


def test_what_is_known_comes_while_folders_are_still_being_read(tmp_path, monkeypatch):
    touch(tmp_path, *(f"{number}/{number}.jpg" for number in range(12)))
    monkeypatch.setattr(folders, "_FIRST_PAUSE_SECS", 0.0)
    found = list(list_set(MediaSet(tmp_path, True), Progress()))
    assert len(found) > 1
    assert [listing.complete for listing in found] == [False] * (len(found) - 1) + [True]
    assert set(names(found[0])) < set(names(found[-1]))
    assert all(names(listing) == sorted(names(listing), key=natural_key) for listing in found)


def test_listing_stops_when_it_is_told(tmp_path):
    touch(tmp_path, "1.jpg")
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        list(list_set(MediaSet(tmp_path), progress))


def test_a_folder_that_is_gone_is_one_sentence(tmp_path):
    with pytest.raises(MediaError, match=r"^The folder 'away' is not there any more; put it back or close it\.$"):
        listed(tmp_path / "away")
    touch(tmp_path, "file")
    with pytest.raises(MediaError, match="'file' is a file and no folder"):
        listed(tmp_path / "file")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that must not be read")
def test_a_subfolder_that_must_not_be_read_counts_as_empty(tmp_path):
    touch(tmp_path, "locked/1.jpg", "2.jpg")
    (tmp_path / "locked").chmod(0)
    try:
        assert names(listed(tmp_path, recursive=True)) == ["2.jpg"]
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_which_files_a_set_holds():
    flat, deep = MediaSet(Path("/a/b")), MediaSet(Path("/a/b"), True)
    assert flat.holds(Path("/a/b/1.jpg"))
    assert not flat.holds(Path("/a/b/c/1.jpg"))
    assert deep.holds(Path("/a/b/c/1.jpg"))
    assert not deep.holds(Path("/a/bc/1.jpg"))
