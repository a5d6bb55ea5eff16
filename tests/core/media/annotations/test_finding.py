"""Pictures of labels found by their names in another folder."""

from __future__ import annotations

import pytest

from cvstudio.foundation.progress import Cancelled, Progress
from cvstudio.media.annotations.finding import pictures_in


def test_names_are_found_below_a_folder_and_folders_decide_between_equal_ones(tmp_path):
    for name in ("a/1.jpg", "b/1.jpg", "b/2.JPG", "c/x/3.jpg", "c/y/3.jpg", ".hidden/4.jpg", "my%20dog.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = ["train/b/1.jpg", "C:\\data\\2.jpg", "3.jpg", "4.jpg", "x/3.jpg", "my dog.png", "5.jpg"]
    assert pictures_in(names, tmp_path) == {
        "train/b/1.jpg": tmp_path / "b" / "1.jpg",
        "C:\\data\\2.jpg": tmp_path / "b" / "2.JPG",
        "x/3.jpg": tmp_path / "c" / "x" / "3.jpg",
        "my dog.png": tmp_path / "my%20dog.png",
    }


def test_a_long_search_can_be_cancelled(tmp_path):
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        pictures_in(["1.jpg"], tmp_path, progress)
