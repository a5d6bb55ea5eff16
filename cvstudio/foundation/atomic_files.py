"""Atomic writing of files: a temporary file beside the target is renamed over it once it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cvstudio.foundation.input_files import check_no_input

MARK = ".cvstudio-"
STEM_LENGTH = 40
"""Characters of the target's stem in the temporary name, so that it stays within the limit of the file system."""

_unfinished: set[Path] = set()


@contextmanager
def atomic_path(target: Path, *, tidy: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it replaces `target` at the end of the block and is removed on any error.

    The temporary file is named ``.<stem>.cvstudio-<process>-<random><suffix>``. Temporary files of processes that
    no longer run are removed first, unless `tidy` is False. A symbolic link is followed: its target is replaced.

    Raises
    ------
    ExportError
        `target` is an input in use.
    OSError
        The folder is not writable, or the disk is full.
    """
    check_no_input(target)
    target = Path(os.path.realpath(target))
    if tidy:
        clean_up(target.parent)
    name = f".{target.stem[:STEM_LENGTH]}{MARK}{os.getpid()}-{os.urandom(4).hex()}{target.suffix}"
    with unfinished(target.with_name(name)) as temporary:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)


@contextmanager
def unfinished(temporary: Path) -> Iterator[Path]:
    """Yield `temporary`, a file or folder that the block makes and moves to its place: what is left of it at the end
    of the block is removed, or by `remove_unfinished` where the process ends before."""
    _unfinished.add(temporary)
    try:
        yield temporary
    finally:
        _remove(temporary)
        _unfinished.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files and folders of this process: it ends now, whatever its threads are writing."""
    for temporary in tuple(_unfinished):
        _remove(temporary)


def _remove(temporary: Path) -> None:
    if temporary.is_dir() and not temporary.is_symlink():
        import shutil  # the window's first picture does without

        shutil.rmtree(temporary, ignore_errors=True)
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def clean_up(folder: Path) -> None:
    """Remove the temporary files in `folder` whose processes no longer run; those of running processes stay."""
    with suppress(OSError):
        for path in folder.glob(f".*{MARK}*"):
            number = path.name.rpartition(MARK)[2].partition("-")[0]
            if number.isdigit() and not _alive(int(number)):
                path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if os.name == "nt":
        # On Windows signal 0 would end the process; a leftover file does no harm.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _sync_folder(folder: Path) -> None:
    # A rename is durable only after the folder is flushed; Windows cannot open a folder.
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
