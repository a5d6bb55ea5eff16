"""Reading the tensors of a checkpoint without running its code."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.errors import WeightsError
from cvstudio.weights.importing.archives import check_archive
from cvstudio.weights.importing.kinds import FOLDER_FILES, Kind, damaged, is_checkpoint, recognise
from cvstudio.weights.importing.pickles import foreign_names
from cvstudio.weights.importing.unwrap import unwrap

if TYPE_CHECKING:
    from torch import Tensor

READ_ERRORS = (
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
    zipfile.BadZipFile,
)
"""Exceptions from reading damaged bytes as a pickle or an archive."""

MOST_NAMES = 4
_GLOBAL_IN_MESSAGE = re.compile(r"GLOBAL ([\w.]+)")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors of a checkpoint, and their origin.

    Parameters
    ----------
    path : of the chosen file or folder
    tensors : by name
    notes : a sentence for the user on each omission
    origin : name of the network in a configuration beside the weights; empty where there is none
    """

    path: Path
    kind: Kind
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    origin: str = ""


def read_checkpoint(path: Path, device: str = "cpu") -> Checkpoint:
    """Read a state dict saved by torch, bare or wrapped, a safetensors file, or a folder with one of them.

    No code in the file is run: pickles are read with ``weights_only``, and programs are refused.

    Raises
    ------
    WeightsError
        The file is missing, damaged, no checkpoint, or would need code to be run.
    """
    kind = recognise(path)
    if kind is Kind.HF_FOLDER:
        return _read_folder(path, device)
    if os.path.isdir(path):
        return read_checkpoint(_only_one(path), device)
    content = _read_file(path, kind, device)
    unwrapped = unwrap(content)
    if unwrapped is None:
        raise WeightsError(
            f"Expected tensors by name in {path.name}, but it holds something else ({type(content).__name__}); choose "
            f"a file with a state dict."
        )
    assert kind is not None
    return Checkpoint(path, kind, unwrapped[0], unwrapped[1])


def _read_file(path: Path, kind: Kind | None, device: str) -> Any:
    if kind is Kind.SAFETENSORS:
        return _read_safetensors(path, device)
    if kind in (Kind.TORCH, Kind.LEGACY, Kind.PICKLE):
        return _read_pickle(path, kind, device)
    raise WeightsError(_refusal(path, kind))


_REFUSED = {
    # torch.load would hand it to torch.jit.load, which runs the program inside.
    Kind.TORCHSCRIPT: (
        "Expected a state dict, but {name} is a TorchScript program; choose a .pth or .safetensors file that holds "
        "tensors only, or add it as a model of your own."
    ),
    Kind.ONNX: (
        "Expected a state dict, but {name} is an ONNX network, which brings its own layers along; add it as a model "
        "of your own."
    ),
    Kind.PACKAGE: (
        "Expected a checkpoint of plain tensors, but {name} is a torch.package, whose Python code could run code when "
        "opened, so it was not opened; ask its author for a state dict or a .safetensors file."
    ),
    Kind.EXPORTED: (
        "Expected a state dict, but {name} is an exported PyTorch program; ask its author for a state dict or a "
        ".safetensors file."
    ),
    Kind.TAR: (
        "Expected a state dict, but {name} is a PyTorch checkpoint from before 2017, whose form is no longer read; "
        "save it again with a newer PyTorch."
    ),
}
_OTHER_ZIP = "Expected a checkpoint, but {name} is another kind of zip archive; choose a .pth file."
_NEITHER = (
    "Expected a checkpoint of PyTorch or safetensors, but {name} is neither; choose a .pth, .pt or .safetensors file."
)


def _refusal(path: Path, kind: Kind | None) -> str:
    """The message for a file that is not read as a checkpoint."""
    if kind in _REFUSED:
        return _REFUSED[kind].format(name=path.name)
    with path.open("rb") as file:
        archive = file.read(4) == b"PK\x03\x04"
    return (_OTHER_ZIP if archive else _NEITHER).format(name=path.name)


def _read_safetensors(path: Path, device: str) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device=device)
    except (SafetensorError, *READ_ERRORS) as error:
        raise damaged(path) from error


def _read_pickle(path: Path, kind: Kind, device: str) -> Any:
    import torch

    try:
        if kind is Kind.TORCH:
            check_archive(path)
        with warnings.catch_warnings(), torch.serialization.safe_globals(_containers()):
            # torch warns of protocols other than 2; a failure is reported as damage.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:
        # The text before it is advice on how to allow the load.
        reason = str(error).rpartition("WeightsUnpickler error:")[2]
        if "unsupported" in reason.casefold():
            raise WeightsError(_needs_code_message(path, kind, reason)) from error
        raise damaged(path) from error
    except READ_ERRORS as error:
        raise damaged(path) from error


def _containers() -> list[Any]:
    """Harmless types that training scripts save beside tensors: options, and numbers of NumPy."""
    import numpy as np
    from numpy._core.multiarray import scalar

    numbers = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    return [argparse.Namespace, np.dtype, *numbers, (scalar, "numpy.core.multiarray.scalar"), scalar]


def _needs_code_message(path: Path, kind: Kind, reason: str) -> str:
    names = foreign_names(path, kind) or tuple(_GLOBAL_IN_MESSAGE.findall(reason))
    shown = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    what = f"Python objects ({shown}) that" if shown else "Python objects that"
    return (
        f"Expected a checkpoint of plain tensors, but {path.name} holds {what} could run code when opened, so it was "
        f"not opened; ask its author for a state dict or a .safetensors file."
    )


# Folders ------------------------------------------------------------------------------------------------------------


def _only_one(folder: Path) -> Path:
    """The only checkpoint in `folder`. Raises WeightsError where there are none or several."""
    try:
        files = sorted(path for path in folder.iterdir() if os.path.isfile(path) and is_checkpoint(path))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"Expected a checkpoint, but {folder} cannot be read ({reason}); choose another.") from None
    if len(files) == 1:
        return files[0]
    names = ", ".join(path.name for path in files[:MOST_NAMES])
    problem = f"there are {len(files)} ({names} …); choose one of them." if files else "there is none; choose another."
    raise WeightsError(f"Expected one checkpoint in {folder}, but {problem}")


def _read_folder(folder: Path, device: str) -> Checkpoint:
    """Read a folder of the Hugging Face hub: its weights, in one file or in shards, and its configuration."""
    name = next(name for name in FOLDER_FILES if (folder / name).is_file())
    tensors: dict[str, Tensor] = {}
    notes: tuple[str, ...] = ()
    for path in _shards(folder, name) if name.endswith(".json") else [folder / name]:
        part = read_checkpoint(path, device)
        tensors.update(part.tensors)
        notes = part.notes
    return Checkpoint(folder, Kind.HF_FOLDER, tensors, notes, _architecture(folder))


def _shards(folder: Path, name: str) -> list[Path]:
    """Paths of the shards in the index `name`. Raises WeightsError where one is missing or outside of the folder."""
    try:
        listed = json.loads((folder / name).read_text(encoding="utf-8"))["weight_map"].values()
        names = sorted({str(entry) for entry in listed})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"Expected a list of files in {name}, but it cannot be read; get {folder} again.") from error
    for entry in names:
        if PurePosixPath(entry.replace("\\", "/")).name != entry:
            raise WeightsError(
                f"Expected files of {folder} in {name}, but it names {entry[:60]!r}, a place outside of it; nothing "
                f"was opened, get it from its publisher."
            )
        if not (folder / entry).is_file():
            raise WeightsError(
                f"Expected all {len(names)} parts of the weights, but {entry} is not in {folder}; get it, too."
            )
    return [folder / entry for entry in names]


def _architecture(folder: Path) -> str:
    """Name of the network in config.json: the class of transformers, or timm's name with its tag; "" without one."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    if not isinstance(config, dict):
        return ""
    classes = config.get("architectures")
    name = classes[0] if isinstance(classes, list) and classes else config.get("architecture")
    pretrained = config.get("pretrained_cfg")
    if name and isinstance(pretrained, dict) and pretrained.get("tag"):
        name = f"{name}.{pretrained['tag']}"
    return str(name or config.get("model_type") or "")
