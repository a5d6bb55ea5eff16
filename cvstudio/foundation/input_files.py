"""Input files in use, which no writer may replace."""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cvstudio.foundation.errors import ExportError

_inputs: dict[tuple[int, int] | str, dict[int, str]] = {}
"""Paths of inputs by token, under device and inode as well as under the real path. Popping an entry is a single
operation, so that the garbage collector, which may come at any time, needs no lock."""
_tokens = itertools.count(1)
_adding = threading.Lock()
_SWEPT_EVERY = 4096
"""So many inputs later, keys without a living one are removed."""


class Protection:
    """Refuses writing over the file at `path` as long as it lives; made by `shared_protection`."""

    def __init__(self, path: Path, identity: str) -> None:
        self._made_of = path, identity

    def __reduce__(self) -> tuple[Callable[[Path, str], Protection], tuple[Path, str]]:
        return shared_protection, self._made_of


_shared: weakref.WeakValueDictionary[tuple[str, str], Protection] = weakref.WeakValueDictionary()


def shared_protection(path: Path, identity: str) -> Protection:
    """The protection of the file at `path`, one for all who hold it with the same `identity` of its content.

    The system is asked for the file once, however often the descriptions of it are replaced.
    """
    protection = _shared.get((os.fspath(path), identity))
    if protection is None:
        protection = Protection(path, identity)
        if protect_input(path, protection):
            _shared[os.fspath(path), identity] = protection
    return protection


def protect_input(path: Path, owner: object) -> bool:
    """Refuse writing over the file at `path` as long as `owner` lives; False where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    token = next(_tokens)
    real_path = os.path.realpath(path)
    keys: tuple[tuple[int, int] | str, ...] = ((status.st_dev, status.st_ino), real_path)
    with _adding:
        for key in keys:
            _inputs.setdefault(key, {})[token] = real_path
        if token % _SWEPT_EVERY == 0:
            for key in [key for key, paths in _inputs.items() if not paths]:
                del _inputs[key]
    weakref.finalize(owner, _release, keys, token).atexit = False
    return True


def _release(keys: tuple[tuple[int, int] | str, ...], token: int) -> None:
    for key in keys:
        _inputs[key].pop(token, None)


def check_no_input(target: Path) -> None:
    """Check that writing to `target` replaces no input, under whatever name: a link, another case, a relative path.

    Raises
    ------
    ExportError
        `target` and an input are the same file.
    """
    try:
        status = os.stat(target)
    except (OSError, ValueError):
        return  # nothing is there to be replaced
    same_inode = tuple(_inputs.get((status.st_dev, status.st_ino), {}).values())
    found = bool(_inputs.get(os.path.realpath(target)))
    for path in () if found else same_inode:
        # The number of an inode is given to another file once the input is gone.
        with suppress(OSError):
            found = found or os.path.samefile(path, target)
    if found:
        raise ExportError(f"{target.name} is an input file and would be lost; choose another name or folder.")
