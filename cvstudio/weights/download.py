"""Published checkpoints, brought into the caches where torch and the Hugging Face hub look for them.

A file has its final name only once its content is proved to be the published one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cvstudio.errors import WeightsError
from cvstudio.models.base import Weights
from cvstudio.progress import Progress
from cvstudio.resources import user_cache_dir
from cvstudio.weights import hub
from cvstudio.weights.http import check_url
from cvstudio.weights.store import cached_path, hub_folder, is_published
from cvstudio.weights.transfer import Part, Patience, Wanted, fetch

SIZE_TOLERANCE = 0.05
"""Sizes are published rounded; what differs more is another file."""

SLACK_BYTES = 64 << 10
SPARE_BYTES = 200 << 20
"""Of the disk, that a download leaves free."""


def keep_folder(weights: Weights) -> Path:
    """The folder where `weights` are kept once they are got: torch's cache, or the Hugging Face hub's."""
    file = hub.parse(weights.url)
    return hub_folder() if file is None else file.folder


def part_of(weights: Weights) -> int:
    """Bytes that an interrupted download has brought; 0 for the hub, whose name of the part is not known yet."""
    return Part(hub_folder() / weights.file_name).size if hub.parse(weights.url) is None else 0


def download(weights: Weights, progress: Progress, *, patience: Patience | None = None) -> Path:
    """Get published weights, or go on with getting them, and return the verified file.

    Where they are there already nothing is got; a damaged file is replaced. Two processes that want the same file
    get it once. A cancel keeps what has come, for the next time.

    Raises
    ------
    WeightsError
        The server refuses or sends something else, the connection does not last, or there is no room.
    """
    if not weights.url:
        raise WeightsError(f"{weights.file_name} comes with the program; install cvstudio again where it is missing.")
    check_url(weights.url)
    if Path(weights.file_name).name != weights.file_name:
        raise WeightsError(f"Expected the name of a file, but the model names {weights.file_name!r}; report it.")
    patience = patience or Patience()
    with _alone(weights.url, progress):
        path = cached_path(weights)
        if path is not None and is_published(weights, path):
            return path
        file = hub.parse(weights.url)
        if file is None:
            target = hub_folder() / weights.file_name
            _get(weights, weights.url, target, progress, patience)
            return target
        if path is not None:
            hub.forget(path)
        remote = hub.look_up(file, progress)
        _get(weights, remote.url, remote.blob, progress, patience)
        return hub.link(file, progress)


def _get(weights: Weights, url: str, target: Path, progress: Progress, patience: Patience) -> None:
    # The hub's name of a large file is its hash.
    expected = weights.sha256 or hub.named_sha256(target)
    if not expected:
        raise WeightsError(f"Expected the hash of {weights.file_name}, but {url} tells none; choose a local file.")

    def is_whole(digest: str) -> bool:
        return digest.startswith(expected)

    def check_size(total: int, missing: int) -> None:
        _check_size(weights, total)
        _check_room(weights, target.parent, missing)

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(target.parent, error) from error
    part, wanted = Part(target), Wanted(url, weights.file_name, weights.size_bytes, is_whole, check_size)
    _check_room(weights, target.parent, weights.size_bytes - part.size)
    resumed = part.size > 0
    digest = fetch(wanted, part, progress, patience)
    if not is_whole(digest) and resumed:
        # The part may have been of another version; the whole deserves one try.
        part.remove()
        digest = fetch(wanted, part, progress, patience)
    if not is_whole(digest):
        count = part.size
        part.remove()
        raise WeightsError(
            f"Expected {weights.file_name} with a SHA-256 that begins with {expected}, but {url} sent {count:,} "
            f"bytes whose hash begins with {digest[: len(expected)]}; they were not kept: try again later, or "
            f"choose a local file."
        )
    part.become(target)


def _check_size(weights: Weights, total: int) -> None:
    if abs(total - weights.size_bytes) > weights.size_bytes * SIZE_TOLERANCE + SLACK_BYTES:
        raise WeightsError(
            f"Expected {weights.file_name} of about {weights.size_bytes / 1e6:.1f} MB, but the server has "
            f"{total / 1e6:.1f} MB under this name, which is another file; get the right one from its publisher and "
            f"choose it as a local file."
        )


def _check_room(weights: Weights, folder: Path, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if missing + SPARE_BYTES > free:
        raise WeightsError(
            f"Expected room for {missing / 1e6:.1f} MB more of {weights.file_name} in {folder}, but only "
            f"{free / 1e6:.1f} MB are free; make room, or let $TORCH_HOME or $HF_HOME name a larger disk."
        )


def _no_folder(folder: Path, error: OSError) -> WeightsError:
    return WeightsError(
        f"Expected to keep weights in {folder}, but it cannot be made ({error.strerror or type(error).__name__}); "
        f"allow it, or let $TORCH_HOME or $HF_HOME name another folder."
    )


@contextmanager
def _alone(url: str, progress: Progress) -> Iterator[None]:
    """No other process gets the same file meanwhile. The lock is not kept in the caches, which are not ours alone."""
    from filelock import FileLock, Timeout

    folder = user_cache_dir() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(folder, error) from error
    lock = FileLock(folder / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.lock")
    while True:
        try:
            lock.acquire(timeout=0.1)
            break
        except Timeout:
            progress(None, "another cvstudio gets the same file")
    try:
        yield
    finally:
        lock.release()
