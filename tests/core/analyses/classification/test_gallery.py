"""Galleries: described once, kept on disk, gone on with, and never taken for another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.analyses.classification import _gallery as module
from cvstudio.analyses.classification._features import Describer, pixel_features
from cvstudio.analyses.classification._gallery import Galleries, Gallery
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import Cancelled, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.media.file_identity import media_id


class Counting:
    """A describer by pixels that tells which pictures it was given."""

    def __init__(self, key: str = "pixels") -> None:
        self.seen = 0
        self.describer = Describer(key, self.extract, unit=False)

    def extract(self, images: Sequence[Image]) -> Any:
        self.seen += len(images)
        return pixel_features(images)


@pytest.fixture(autouse=True)
def nothing_is_known(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "사진"
    for name in ("cats/2.png", "cats/10.png", "dogs/small/1.png", "dogs/2.jpg", "loose.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(len(name)).integers(0, 256, (40, 50, 3), np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    (root / "notes.txt").write_text("no picture")
    (root / "cats" / ".hidden.png").write_bytes(b"")
    return root


def opened(folder: Path, counting: Counting, galleries: Galleries | None = None) -> Gallery:
    """The whole gallery; from the disk unless it is in memory in `galleries`."""
    return list((galleries or Galleries()).open(folder, counting.describer, Progress()))[-1]


def test_classes_are_the_subfolders(folder: Path) -> None:
    found = opened(folder, Counting())
    assert found.names == ("cats/2.png", "cats/10.png", "dogs/2.jpg", "dogs/small/1.png", "loose.png")
    assert found.labels == ("cats", "dogs")
    assert found.classes.tolist() == [0, 0, 1, 1, -1]
    assert found.identities[0] == media_id(folder / "cats/2.png", MediaKind.IMAGE)
    pixels = cv2.cvtColor(cv2.imread(str(folder / "dogs/2.jpg")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(found.features[2], pixel_features([Image(pixels)])[0])
    assert found.complete
    assert not found.features.flags.writeable


def test_nothing_is_described_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, galleries = Counting(), Galleries()
    before = opened(folder, first, galleries)
    assert first.seen == 5
    assert opened(folder, first, galleries) is before
    assert first.seen == 5
    again = opened(folder, idle := Counting())
    assert idle.seen == 0
    np.testing.assert_array_equal(again.features, before.features)
    assert (again.names, again.identities) == (before.names, before.identities)
    # A picture that moved is still the same one; one that was written anew is not.
    shutil.move(folder / "cats/2.png", folder / "dogs/renamed.png")
    os.utime(folder / "loose.png", (1, 1))
    moved = Counting()
    found = opened(folder, moved)
    assert moved.seen == 1
    assert found.labels == ("cats", "dogs")
    assert found.classes[found.names.index("dogs/renamed.png")] == 1


def test_another_network_has_features_of_its_own(folder: Path) -> None:
    opened(folder, Counting("a"))
    other = Counting("b")
    opened(folder, other)
    assert other.seen == 5
    kept = sorted(path.name for path in (module.user_cache_dir() / "features").iterdir())
    assert [name[-6:] for name in kept] == ["-a.npz", "-b.npz"]


def test_a_change_in_the_folder_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting, galleries = Counting(), Galleries()
    opened(folder, counting, galleries)
    shutil.copy(folder / "loose.png", folder / "cats" / "copy.png")
    assert "cats/copy.png" not in opened(folder, counting, galleries).names
    monkeypatch.setattr(module, "LIST_SECS", 0)
    found = opened(folder, counting, galleries)
    assert "cats/copy.png" in found.names
    assert counting.seen == 6
    (folder / "cats" / "copy.png").unlink()
    assert "cats/copy.png" not in opened(folder, counting, galleries).names


def test_what_was_described_before_a_cancel_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    progress = Progress()
    counting = Counting()

    def stop_at_three(images: Sequence[Image]) -> Any:
        if counting.seen == 2:
            progress.cancel()
        return counting.extract(images)

    stopping = Describer("pixels", stop_at_three, unit=False)
    with pytest.raises(Cancelled):
        list(Galleries().open(folder, stopping, progress))
    assert counting.seen == 3
    rest = Counting()
    found = opened(folder, rest)
    assert rest.seen == 2
    assert len(found.names) == 5


def test_more_and_more_is_handed_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "SHOW_SECS", 0)
    told: list[tuple[float | None, str]] = []
    found = list(Galleries().open(folder, Counting().describer, Progress(lambda *item: told.append(item))))
    assert [len(item.names) for item in found] == [2, 4, 5]
    assert [item.complete for item in found] == [False, False, True]
    assert all(item.labels == ("cats", "dogs") for item in found)
    assert any("of 5 pictures" in text for _, text in told)


def test_large_pictures_wait_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_PIXELS", 3000)
    sizes: list[int] = []

    def extract(images: Sequence[Image]) -> Any:
        sizes.append(len(images))
        return pixel_features(images)

    list(Galleries().open(folder, Describer("pixels", extract, unit=False), Progress()))
    assert sizes == [1, 1, 1, 1, 1]


def test_a_picture_that_cannot_be_read_is_left_out(folder: Path) -> None:
    (folder / "cats" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    found = opened(folder, Counting())
    assert (len(found.names), found.total, found.unread) == (5, 6, 1)
    assert found.complete


@pytest.mark.parametrize("damage", ["truncated", "foreign", "empty"])
def test_a_damaged_file_of_features_is_made_again(folder: Path, damage: str) -> None:
    opened(folder, Counting())
    (path,) = (module.user_cache_dir() / "features").iterdir()
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-300])
    elif damage == "foreign":
        np.savez(path, features=np.zeros((3, 2)), identities=np.array(["a"]))
    else:
        path.write_bytes(b"")
    again = Counting()
    assert len(opened(folder, again).names) == 5
    assert again.seen == 5


def test_features_do_not_grow_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(folder, Counting("a"))
    (kept,) = (module.user_cache_dir() / "features").iterdir()
    os.utime(kept, (1, 1))
    monkeypatch.setattr(module, "BUDGET_BYTES", kept.stat().st_size + 100)
    opened(folder, Counting("b"))
    (left,) = (module.user_cache_dir() / "features").iterdir()
    assert left.name.endswith("-b.npz")


def test_a_folder_without_pictures_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MediaError, match="is not there any more"):
        opened(tmp_path / "nowhere", Counting())
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(MediaError, match="there are none"):
        opened(tmp_path, Counting())
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(MediaError, match="none of its 1 can be read"):
        opened(tmp_path, Counting())
    monkeypatch.setattr(module, "MOST_PICTURES", 0)
    with pytest.raises(MediaError, match="choose one of its subfolders"):
        opened(tmp_path, Counting())


def test_a_disk_that_refuses_costs_only_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "atomic_path", refuse)
    assert len(opened(folder, Counting()).names) == 5
