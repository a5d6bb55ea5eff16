from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cvstudio.foundation.atomic_files import atomic_path, remove_unfinished, unfinished
from cvstudio.foundation.errors import Cancelled

ROOT = Path(__file__).parents[3]
SIZE = 300_000

# Writes file after file over the same name, each of one byte value and in small pieces, so that a kill falls anywhere.
WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from cvstudio.foundation.atomic_files import atomic_path, remove_unfinished, unfinished
target, size, safe = Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "safe"
def fill(path, value):
    with open(path, "wb", buffering=0) as file:
        for _ in range(20):
            file.write(bytes([value]) * (size // 20))
print("ready", flush=True)
value = 1
while True:
    value = value % 250 + 1
    if safe:
        with atomic_path(target) as path:
            fill(path, value)
    else:
        fill(target, value)
"""


def kill_while_writing(target: Path, *, safe: bool, files: int, wait_secs: float) -> None:
    """Start a writer and kill it `wait_secs` after its file number `files` was seen at `target`, 0 for none.

    Counted in files and not only in time, of which a busy machine may give a writer none.
    """
    command = [sys.executable, "-S", "-c", WRITER, str(ROOT), str(target), str(SIZE), "safe" if safe else "torn"]
    target.write_bytes(b"\0" * SIZE)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        while first_byte(target) < files:
            assert process.poll() is None
            time.sleep(0.0005)
        time.sleep(wait_secs)
        process.kill()


def first_byte(path: Path) -> int:
    """-1 where there is none."""
    with open(path, "rb") as file:
        return next(iter(file.read(1)), -1)


def is_whole(path: Path) -> bool:
    content = path.read_bytes()
    return len(content) == SIZE and len(set(content)) == 1


def test_a_hundred_kills_leave_the_old_file_or_the_new_one(tmp_path):
    target = tmp_path / "결과 of it.bin"
    chance = random.Random(5)
    seen, interrupted = set(), 0
    for number in range(400):
        # On a busy machine fewer kills fall into a write: then there are more of them.
        if number >= 100 and interrupted > 5:
            break
        kill_while_writing(target, safe=True, files=chance.randrange(10), wait_secs=chance.uniform(0, 0.01))
        assert is_whole(target)
        seen.add(target.read_bytes()[0])
        left = [path for path in tmp_path.iterdir() if path != target]
        # A writer removes what the one before left.
        assert len(left) <= 1
        interrupted += len(left)
    # The kills did fall at different times, and many while a file was being written.
    assert len(seen) > 5
    assert interrupted > 5
    with atomic_path(tmp_path / "next.bin") as path:
        path.write_bytes(b"x")
    assert {path.name for path in tmp_path.iterdir()} == {"next.bin", target.name}


def test_the_kills_would_find_a_torn_file(tmp_path):
    target = tmp_path / "torn.bin"
    chance = random.Random(5)
    for _ in range(100):
        kill_while_writing(target, safe=False, files=chance.randrange(10), wait_secs=chance.uniform(0, 0.01))
        if not is_whole(target):
            return
    pytest.fail("no kill fell into a write: the test above shows nothing")


@pytest.mark.parametrize("error", [ValueError, OSError, Cancelled, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(error, tmp_path):
    target = tmp_path / "old.txt"
    target.write_text("old")

    def fail(path):
        path.write_text("half")
        raise error

    with pytest.raises(error), atomic_path(target) as path:
        fail(path)
    assert [item.name for item in tmp_path.iterdir()] == ["old.txt"]
    assert target.read_text() == "old"


def test_the_temporary_file_is_beside_and_has_the_same_suffix(tmp_path):
    with atomic_path(tmp_path / "a.tar.gz") as path:
        assert path.parent == tmp_path
        assert path.suffix == ".gz"
        assert path.name.startswith(".a.tar.cvstudio-")
        path.write_text("new")
        assert not (tmp_path / "a.tar.gz").exists()
    assert [item.name for item in tmp_path.iterdir()] == ["a.tar.gz"]


def test_names_as_long_as_the_file_system_allows(tmp_path):
    target = tmp_path / ("가" * 83 + ".json")
    with atomic_path(target) as path:
        path.write_text("x")
    assert target.read_text() == "x"


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "one.txt"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_path(link) as path:
        path.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    living = tmp_path / f".x.cvstudio-{os.getpid()}-00000000.png"
    other = tmp_path / ".x.cvstudio-notes.png"
    for path in (living, other):
        path.write_text("mine")
    with atomic_path(tmp_path / "y.png") as path:
        path.write_text("y")
    assert living.exists()
    assert other.exists()


def test_a_process_that_ends_in_the_midst_of_writing_leaves_nothing(tmp_path: Path) -> None:
    target, folder = tmp_path / "a.bin", tmp_path / ".set"
    target.write_bytes(b"before")

    def write() -> None:
        with atomic_path(target) as temporary, unfinished(folder):
            folder.mkdir()
            (folder / "part").write_bytes(b"half")
            temporary.write_bytes(b"half")
            assert len(list(tmp_path.iterdir())) == 3
            remove_unfinished()
            assert list(tmp_path.iterdir()) == [target]

    with pytest.raises(FileNotFoundError):
        write()
    # Where it goes on after all, what was there stays.
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]
