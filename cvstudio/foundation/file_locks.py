"""Locks of files between programs; the system releases them when a program ends, even by a crash."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO


def lock_file(path: Path) -> IO[bytes] | None:
    """Lock `path`, which is made where it is missing, until the returned file is closed; None where another one holds
    it.

    Some network disks know no locks: there, nobody is kept out.

    Raises
    ------
    OSError
        The file cannot be made.
    """
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if isinstance(error, BlockingIOError | PermissionError):
            file.close()
            return None
    return file
