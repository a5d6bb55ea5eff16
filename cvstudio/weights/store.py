"""Find a checkpoint where torch's hub keeps it, and read one without running what it holds."""

from __future__ import annotations

import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.errors import WeightsError
from cvstudio.models.base import Weights
from cvstudio.resources import resource

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_READ_ERRORS = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    MemoryError,
    OSError,
    pickle.PickleError,
    struct.error,
)
"""What reading damaged bytes as a pickle or an archive can raise."""


def hub_folder() -> Path:
    """The folder of torch's hub cache that holds checkpoints, found as torch finds it but without importing it."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def cached_path(weights: Weights) -> Path | None:
    """Where the checkpoint lies on this machine, unverified; None where it does not.

    One without a URL comes with the program, or is a file of the user's own.
    """
    if weights.path is not None:
        return weights.path if weights.path.is_file() else None
    if not weights.url:
        try:
            return resource("models", weights.file_name)
        except FileNotFoundError:
            return None
    path = hub_folder() / weights.file_name
    return path if path.is_file() else None


def find_weights(weights: Weights) -> Path | None:
    """The published checkpoint on this machine, verified; None where it is not there.

    Raises
    ------
    WeightsError
        A file of its name is there, but its hash is another.
    """
    path = cached_path(weights)
    if path is None:
        return None
    found = file_sha256(path)
    if not found.startswith(weights.sha256):
        raise WeightsError(
            f"Expected {weights.file_name} with a SHA-256 that begins with {weights.sha256}, but the one in "
            f"{path.parent} begins with {found[: len(weights.sha256)]}: it is damaged or incomplete; delete it and "
            f"get it again from {weights.url}"
        )
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content in hexadecimal; remembered until its size or time changes."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Hash of the file's content; size and time make a changed file a new question."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_weights(weights: Weights, given: Path | None) -> Path:
    """The checkpoint to load: the `given` file, or the published one from the cache.

    Raises
    ------
    WeightsError
        It is not there. The text says where to get it, how large it is, its licence and where to put it.
    """
    if given is not None:
        if not given.is_file():
            raise WeightsError(f"Expected a checkpoint at {given}, but there is no such file; choose another one.")
        return given
    path = find_weights(weights)
    if path is None:
        raise WeightsError(
            f"Expected the checkpoint {weights.file_name} ({weights.size_bytes / 1e6:.1f} MB, {weights.licence}), but "
            f"it is not on this machine; get it from {weights.url} and put it into {hub_folder()}, or choose a local "
            f"file."
        )
    return path


def load_state_dict(path: Path, device: str = "cpu") -> dict[str, Tensor]:
    """Read the tensors of a checkpoint: a state dict saved by torch, bare or wrapped, or a safetensors file.

    Nothing that the file holds is run: pickles are read with ``weights_only``, and programs are refused.

    Parameters
    ----------
    path : Path
    device : where the tensors go

    Returns
    -------
    dict of Tensor by name

    Raises
    ------
    WeightsError
        The file is missing, damaged, no checkpoint, or would run code.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"Expected a checkpoint, but {path} cannot be read ({reason}); choose another.") from None
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000:
        content: Any = _read_safetensors(path, device)
    elif head.startswith((b"PK\x03\x04", b"\x80")):
        content = _read_pickle(path, device, archive=head.startswith(b"PK"))
    else:
        raise WeightsError(
            f"Expected a checkpoint of PyTorch or safetensors, but {path.name} is neither; choose a .pth, .pt or "
            f".safetensors file."
        )
    return _state_dict(content, path)


def _read_safetensors(path: Path, device: str) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device=device)
    except (SafetensorError, *_READ_ERRORS) as error:
        raise _damaged(path) from error


def _read_pickle(path: Path, device: str, *, archive: bool) -> Any:
    import torch

    if archive:
        _check_archive(path)
    try:
        with warnings.catch_warnings():
            # Protocols other than 2 are announced as untested; a failure is told as damage.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        # What it says before is advice on how to allow it.
        if "unsupported" in str(error).rpartition("WeightsUnpickler error:")[2].casefold():
            raise WeightsError(
                f"Expected a checkpoint of plain tensors, but {path.name} holds Python objects that could run code "
                f"when opened, so it was not opened; ask its author for a state dict or a .safetensors file."
            ) from error
        raise _damaged(path) from error
    except _READ_ERRORS as error:
        raise _damaged(path) from error


def _check_archive(path: Path) -> None:
    """Raise WeightsError unless the zip archive `path` is one that ``torch.save`` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, *_READ_ERRORS) as error:
        raise _damaged(path) from error
    if "constants.pkl" in names:
        # torch.load would hand it to torch.jit.load, which runs the program inside.
        raise WeightsError(
            f"Expected a state dict, but {path.name} is a TorchScript program; choose a .pth or .safetensors file "
            f"that holds tensors only."
        )
    if "data.pkl" not in names:
        raise WeightsError(
            f"Expected a checkpoint, but {path.name} is another kind of zip archive; choose a .pth file."
        )


def _damaged(path: Path) -> WeightsError:
    return WeightsError(
        f"Expected a whole checkpoint, but {path.name} ({path.stat().st_size:,} bytes) is damaged or incomplete; "
        f"get it again or choose another file."
    )


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    import torch

    if isinstance(content, Mapping):
        for key in _WRAPPERS:
            if isinstance(content.get(key), Mapping):
                content = content[key]
                break
        # A plain dict drops the version notes of old checkpoints, which lack counters that evaluation ignores.
        found = {key: value for key, value in content.items() if isinstance(key, str)}
        if found and len(found) == len(content) and all(isinstance(value, torch.Tensor) for value in found.values()):
            return found
    raise WeightsError(
        f"Expected tensors by name in {path.name}, but it holds something else ({type(content).__name__}); choose a "
        f"file with a state dict."
    )
