"""Folders that the user may not read: each fails alone, with a sentence that says why."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations import annotation_format
from cvstudio.running.batch.plan import names_of
from cvstudio.running.batch.sources import find_files


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that nobody may read, not even the administrator, beside a file; the working folder is theirs."""
    folder = tmp_path / "set" / "locked"
    folder.mkdir(parents=True)
    (tmp_path / "set" / "a.png").touch()
    listed = os.scandir

    def scandir(path: Any = ".") -> Any:
        if os.path.basename(path) == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_batch_goes_over_the_other_files(locked: Path, tmp_path: Path) -> None:
    files = find_files([Path("set")], tmp_path / "out")
    assert sorted(files) == [(tmp_path / "set" / "a.png", False), (locked, True)]
    assert len(set(names_of([file for file, _ in files], {}))) == 2
    assert find_files([Path("set/locked")], tmp_path / "out") == [(locked, True)]


def test_such_a_folder_is_not_one_without_labels(locked: Path) -> None:
    with pytest.raises(MediaError, match=r"^The folder 'locked' cannot be read \(Permission denied\)"):
        annotation_format(Path("set/locked"))
