"""Files that are there whole or not at all: written beside their place and renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".cvstudio-"
STEM_LENGTH = 40
"""Characters of the target's name in the temporary one, so that a long name stays within what file systems allow."""


@contextmanager
def atomic_path(target: Path, *, tidy: bool = True) -> Iterator[Path]:
    """A path beside `target` to write to; on leaving it becomes `target`, on any error it is removed.

    The temporary file is named ``.<stem>.cvstudio-<process>-<random><suffix>``. What killed processes left in the
    folder is removed first, unless `tidy` is False. A link is followed: the file that it names is replaced.

    Raises
    ------
    OSError
        The folder cannot be written to, or the disk is full.
    """
    target = Path(os.path.realpath(target))
    if tidy:
        clean_up(target.parent)
    name = f".{target.stem[:STEM_LENGTH]}{MARK}{os.getpid()}-{os.urandom(4).hex()}{target.suffix}"
    temporary = target.with_name(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def clean_up(folder: Path) -> None:
    """Remove what killed processes left in `folder`; what a living process writes stays."""
    with suppress(OSError):
        for path in folder.glob(f".*{MARK}*"):
            number = path.name.rpartition(MARK)[2].partition("-")[0]
            if number.isdigit() and not _alive(int(number)):
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        # Signal 0 would end the process there; a left-over is only a nuisance.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync_folder(folder: Path) -> None:
    # The rename itself is only safe on disk once the folder is; Windows cannot open one.
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
