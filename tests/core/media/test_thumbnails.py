"""Thumbnails: right, small, and kept in a file that may break without anybody noticing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, thumbnail_cache
from cvstudio.media.examples.files import sample_path
from cvstudio.media.thumbnail_cache import ThumbnailCache
from cvstudio.media.thumbnails import FIT, Thumbnail, make_thumbnail, stamp_of

ROOT = Path(__file__).resolve().parents[3]


def smooth(height: int, width: int) -> np.ndarray:
    """A picture with no detail that a JPEG or a reduction could lose; uint8 (height, width, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (600, 900), (300, 200), (150, 1900), (40, 30)])
def test_a_jpeg_equals_an_area_average_of_the_whole(tmp_path, height, width):
    path = tmp_path / "a.jpg"
    Pillow.fromarray(smooth(height, width)).save(path, quality=95)
    made = make_thumbnail(path)
    assert made.size == (width, height)
    scale = min(FIT.width / width, FIT.height / height, 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    assert made.pixels.shape[1::-1] == size
    wanted = np.asarray(Pillow.open(path).resize(size, Pillow.Resampling.BOX))
    assert np.abs(made.pixels.astype(int) - wanted).max() <= 6
    assert not made.pixels.flags.writeable
    assert made.pixels.flags.owndata or made.pixels.base.nbytes == made.pixels.nbytes, "it keeps the picture alive"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_stands_upright(tmp_path, orientation):
    path = tmp_path / "a.jpg"
    exif = Pillow.Exif()
    exif[274] = orientation
    Pillow.fromarray(smooth(480, 1600)).save(path, quality=95, exif=exif)
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(Pillow.open(path))
    made = make_thumbnail(path)
    assert made.size == upright.size
    wanted = np.asarray(upright.resize(made.pixels.shape[1::-1], Pillow.Resampling.BOX))
    assert np.abs(made.pixels.astype(int) - wanted).max() <= 6


def test_other_formats_by_their_content_whatever_they_are_called(tmp_path):
    picture = smooth(300, 400)
    Pillow.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    made = make_thumbnail(tmp_path / "a.jpg")
    wanted = cv2.resize(picture, (192, 144), interpolation=cv2.INTER_AREA)
    assert made.kind is MediaKind.IMAGE
    assert np.array_equal(made.pixels, wanted)
    depth = np.tile(np.linspace(500, 4000, 160).astype(np.uint16), (120, 1))
    Pillow.fromarray(depth).save(tmp_path / "d.png")
    made = make_thumbnail(tmp_path / "d.png")
    assert made.kind is MediaKind.DEPTH
    left, right = made.pixels[60, 2].astype(int), made.pixels[60, -3].astype(int)
    assert left.sum() > right.sum(), "near is bright"


def test_video_and_sound():
    video = make_thumbnail(sample_path("clip"))
    assert video.kind is MediaKind.VIDEO
    assert video.pixels is not None
    assert video.duration_secs > 1
    sound = make_thumbnail(sample_path("dialogue"))
    assert sound.kind is MediaKind.AUDIO
    assert sound.pixels is None
    assert sound.duration_secs > 1


def test_what_is_no_medium_is_one_sentence(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(300))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("no picture")
    for name in ("cut.jpg", "empty.png", "text.jpg", "missing.png"):
        with pytest.raises(MediaError, match=name):
            make_thumbnail(tmp_path / name)
    with pytest.raises(MediaError, match=r"missing\.png"):
        stamp_of(tmp_path / "missing.png")


# The cache ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def made_of(monkeypatch):
    """Paths of which a thumbnail was really made."""
    made: list[Path] = []

    def make(path: Path, read_as: str) -> Thumbnail:
        made.append(path)
        return make_thumbnail(path, read_as)

    monkeypatch.setattr(thumbnail_cache, "make_thumbnail", make)
    return made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "그림 1.png"
    Pillow.fromarray(smooth(300, 400)).save(path)
    return path


def test_a_thumbnail_is_made_once_and_read_back_by_the_next_start(tmp_path, picture, made_of):
    base = tmp_path / "thumbnails.sqlite"
    with ThumbnailCache(base) as cache:
        first = cache.thumbnail(picture, stamp_of(picture))
        again = cache.thumbnail(picture, stamp_of(picture))
    with ThumbnailCache(base) as cache:
        later = cache.thumbnail(picture, stamp_of(picture))
    assert made_of == [picture]
    for kept in (again, later):
        assert (kept.kind, kept.size, kept.duration_secs) == (first.kind, first.size, first.duration_secs)
        assert np.abs(kept.pixels.astype(int) - first.pixels).max() <= 12


def test_each_reading_has_a_thumbnail_of_its_own(tmp_path, made_of):
    path = tmp_path / "a.png"
    levels = np.kron(np.array([[1, 2], [3, 4]], np.uint8), np.ones((40, 40), np.uint8))
    Pillow.fromarray(levels).save(path)
    stamp = stamp_of(path)
    with ThumbnailCache(tmp_path / "t.sqlite") as cache:
        plain, labels = cache.thumbnail(path, stamp), cache.thumbnail(path, stamp, "labels")
        depth = cache.thumbnail(path, stamp, "depth")
        again = cache.thumbnail(path, stamp, "labels")
    assert len(made_of) == 3
    assert plain.pixels.max() < 5
    assert labels.pixels.max() > 100
    assert depth.kind is MediaKind.DEPTH
    assert np.abs(again.pixels.astype(int) - labels.pixels).mean() < 5  # kept as JPEG
    with pytest.raises(MediaError, match="cannot be read as sound"):
        make_thumbnail(path, "sound")
    grey = tmp_path / "b.jpg"
    Pillow.fromarray(levels * 50).save(grey)
    assert make_thumbnail(grey, "depth").kind is MediaKind.DEPTH


def test_a_sound_is_kept_without_a_picture(tmp_path, made_of):
    path = sample_path("dialogue")
    with ThumbnailCache(tmp_path / "t.sqlite") as cache:
        first, again = (cache.thumbnail(path, stamp_of(path)) for _ in range(2))
    assert len(made_of) == 1
    assert again.pixels is None
    assert again.duration_secs == first.duration_secs


def test_another_picture_under_the_same_name_is_made_anew(tmp_path, picture, made_of):
    with ThumbnailCache(tmp_path / "t.sqlite") as cache:
        cache.thumbnail(picture, stamp_of(picture))
        Pillow.fromarray(255 - smooth(300, 400)).save(picture)
        os.utime(picture, ns=(1, 1))
        changed = cache.thumbnail(picture, stamp_of(picture))
        wanted = cv2.resize(255 - smooth(300, 400), (192, 144), interpolation=cv2.INTER_AREA)
        assert np.array_equal(changed.pixels, wanted)
        cache.thumbnail(picture, stamp_of(picture))
    assert len(made_of) == 2


def test_the_cache_keeps_to_its_budget_and_the_last_used_stay(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (144, 192, 3), np.uint8)
    monkeypatch.setattr(thumbnail_cache, "make_thumbnail", lambda *_: Thumbnail(MediaKind.IMAGE, noise))
    monkeypatch.setattr(thumbnail_cache, "_TRIM_EVERY", 16)
    clock = iter(range(10_000))
    monkeypatch.setattr(thumbnail_cache.time, "time", lambda: float(next(clock)))
    base, budget = tmp_path / "t.sqlite", 400_000
    with ThumbnailCache(base, budget_bytes=budget) as cache:
        for number in range(200):
            cache.thumbnail(Path(f"/{number}.png"), (1, 1))
            cache.thumbnail(Path("/0.png"), (1, 1))  # looked at all the time
    with closing(sqlite3.connect(base, isolation_level=None)) as rows:
        kept = {path for (path,) in rows.execute("SELECT path FROM thumbnails")}
        size = rows.execute("SELECT SUM(LENGTH(picture)) FROM thumbnails").fetchone()[0]
    assert 0 < size <= budget
    assert "/0.png" in kept
    assert "/199.png" in kept
    assert "/1.png" not in kept


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\0" + bytes(4000)])
def test_a_damaged_file_is_begun_anew(tmp_path, picture, made_of, content):
    base = tmp_path / "t.sqlite"
    base.write_bytes(content)
    for _ in range(2):
        with ThumbnailCache(base) as cache:
            assert cache.thumbnail(picture, stamp_of(picture)).size == (400, 300)
    assert len(made_of) == 1


def test_a_damaged_entry_is_made_anew(tmp_path, picture, made_of):
    base = tmp_path / "t.sqlite"
    with ThumbnailCache(base) as cache:
        cache.thumbnail(picture, stamp_of(picture))
    with closing(sqlite3.connect(base, isolation_level=None)) as rows:
        rows.execute("UPDATE thumbnails SET picture = x'00'")
    with ThumbnailCache(base) as cache:
        cache.thumbnail(picture, stamp_of(picture))
    assert len(made_of) == 2


def test_a_place_that_cannot_be_written_to_only_costs_time(tmp_path, picture, made_of):
    (tmp_path / "file").touch()
    with ThumbnailCache(tmp_path / "file" / "t.sqlite") as cache:
        for _ in range(2):
            assert cache.thumbnail(picture, stamp_of(picture)).pixels is not None
    assert len(made_of) == 2


def test_a_process_that_dies_while_it_writes_leaves_a_whole_file(tmp_path, picture):
    base = tmp_path / "t.sqlite"
    code = (
        "import os, sys; from pathlib import Path\n"
        "from cvstudio.media.thumbnail_cache import ThumbnailCache\n"
        "cache = ThumbnailCache(Path(sys.argv[1])); path = Path(sys.argv[2])\n"
        "for number in range(50): cache.thumbnail(path, (number, number))\n"
        "cache._base.execute('BEGIN'); cache.thumbnail(path, (99, 99)); os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, base, picture], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 9
    with closing(sqlite3.connect(base, isolation_level=None)) as rows:
        assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert rows.execute("SELECT bytes FROM thumbnails").fetchall() == [(49,)]


def test_two_windows_share_the_file(tmp_path, picture, made_of):
    base = tmp_path / "t.sqlite"
    with ThumbnailCache(base) as one, ThumbnailCache(base) as other:
        one.thumbnail(picture, stamp_of(picture))
        other.thumbnail(picture, stamp_of(picture))
    assert made_of == [picture]
