"""Input files in use: protected as long as somebody has them, and forgotten afterwards."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from cvstudio.foundation import input_files
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.input_files import check_no_input, protect_input


class Owner:
    pass


def test_files_that_nobody_has_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "_SWEPT_EVERY", 8)
    kept = tmp_path / "kept"
    kept.touch()
    owner = Owner()
    protect_input(kept, owner)
    gc.collect()
    before = len(input_files._inputs)
    for number in range(80):
        path = tmp_path / str(number)
        path.touch()
        protect_input(path, Owner())
    assert len(input_files._inputs) <= before + 2 * 9
    check_no_input(tmp_path / "0")
    with pytest.raises(ExportError, match="is an input file"):
        check_no_input(kept)
