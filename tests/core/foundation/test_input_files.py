"""Input files in use: protected as long as somebody has them, and forgotten afterwards."""

from __future__ import annotations

import gc
import os
import pickle
from pathlib import Path

import pytest
from PIL import Image as Pillow

from cvstudio.foundation import input_files
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.input_files import check_no_input, protect_input
from cvstudio.media import open_media
from cvstudio.media.reading import with_settings


class Owner:
    pass


def test_copies_of_a_description_ask_for_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    Pillow.new("L", (9, 9), 7).save(path)
    asked: list[str] = []
    real_path = os.path.realpath

    def counted(name: str | Path) -> str:
        asked.append(str(name))
        return real_path(name)

    monkeypatch.setattr(input_files.os.path, "realpath", counted)
    media = open_media(path, read_as="depth")
    for scale in ("mm", "tum", "kitti"):
        media = with_settings(media, {"depth_scale": scale})
    assert asked.count(str(path)) == 1
    again = pickle.loads(pickle.dumps(media))
    assert again == media
    for _ in range(2):
        with pytest.raises(ExportError, match="is an input file"):
            check_no_input(path)
        del media
        media = again
    del media, again
    gc.collect()
    check_no_input(path)
    # Another content under the same name is another file.
    media = open_media(path)
    Pillow.new("L", (9, 9), 8).save(tmp_path / "new.png")
    os.replace(tmp_path / "new.png", path)
    other = open_media(path)
    os.link(path, tmp_path / "link.png")
    with pytest.raises(ExportError, match="is an input file"):
        check_no_input(tmp_path / "link.png")
    assert other != media


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
