"""Kinds of checkpoints, recognised by content and without importing the libraries that read them."""

from __future__ import annotations

import os
import struct
import zipfile
from enum import Enum
from pathlib import Path

from cvstudio.foundation.errors import WeightsError

HEAD_BYTES = 512
LEGACY_HEAD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""Magic number of files of torch.save before version 1.6, as a pickle."""

MAX_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file, by its specification."""

FOLDER_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Weights files in a folder of the Hugging Face hub, in order of preference."""


class Kind(Enum):
    """Kind of a checkpoint. The value is its name for users."""

    TORCH = "PyTorch checkpoint"
    LEGACY = "PyTorch checkpoint of the older form"
    PICKLE = "Python pickle"
    SAFETENSORS = "safetensors file"
    HF_FOLDER = "folder of the Hugging Face hub"
    TORCHSCRIPT = "TorchScript program"
    ONNX = "ONNX network"
    PACKAGE = "torch.package with Python code"
    EXPORTED = "exported PyTorch program"
    TAR = "PyTorch checkpoint from before 2017"


def recognise(path: Path) -> Kind | None:
    """The kind of a checkpoint file or folder; None where it is no checkpoint.

    Raises
    ------
    WeightsError
        The file cannot be read, or is a damaged archive.
    """
    # Unlike the methods of Path, these functions do not raise where a folder must not be searched.
    if os.path.isdir(path):
        holds = os.path.isfile(path / "config.json") and any(os.path.isfile(path / name) for name in FOLDER_FILES)
        return Kind.HF_FOLDER if holds else None
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"Expected a checkpoint, but {path} cannot be read ({reason}); choose another.") from None
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    if head.startswith(LEGACY_HEAD):
        return Kind.LEGACY
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return Kind.PICKLE
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < MAX_HEADER_BYTES:
        return Kind.SAFETENSORS
    if head[257:262] == b"ustar" and _is_old_tar(path):
        return Kind.TAR
    return Kind.ONNX if _is_onnx(path, head) else None


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a checkpoint and no medium; cheap, and never raises."""
    try:
        return recognise(path) is not None
    except (WeightsError, OSError):  # removed, or no longer readable, while it was looked at
        return False


def damaged(path: Path) -> WeightsError:
    """The error for a checkpoint whose content is truncated or invalid."""
    return WeightsError(
        f"Expected a whole checkpoint, but {path.name} ({path.stat().st_size:,} bytes) is damaged or incomplete; "
        f"get it again or choose another file."
    )


def _archive(path: Path) -> Kind | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, EOFError, struct.error, RuntimeError) as error:
        raise damaged(path) from error
    parts = {name.rpartition("/")[2] for name in names}
    if "archive_format" in parts:
        return Kind.EXPORTED
    # Traced programs of newer versions of torch have ".data/version", too.
    if any(name.endswith(".data/extern_modules") for name in names):
        return Kind.PACKAGE
    if "constants.pkl" in parts:
        return Kind.TORCHSCRIPT
    if any(name.endswith(".data/version") for name in names):
        return Kind.PACKAGE
    return Kind.TORCH if "data.pkl" in parts else None


def _is_old_tar(path: Path) -> bool:
    import tarfile

    try:
        with tarfile.open(path, "r:") as archive:
            return {"sys_info", "pickle", "storages", "tensors"} <= set(archive.getnames())
    except (tarfile.TarError, OSError, ValueError, EOFError):
        return False


def _is_onnx(path: Path, head: bytes) -> bool:
    """Whether the top-level fields are those of ONNX's ModelProto up to the end of the file.

    onnx.proto3 requires ir_version = 1, graph = 7 and opset_import = 8.
    """
    if head[:1] not in (b"\x08", b"\x3a", b"\x42", b"\x12"):
        return False
    size, position, fields = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            buffer = file.read(24)
            tag, tag_end = _varint(buffer, 0)
            field, wire = tag >> 3, tag & 7
            if tag_end == 0 or not 1 <= field <= 64 or wire not in (0, 2):
                return False
            value, end = _varint(buffer, tag_end)
            if end == tag_end:
                return False
            position += end + (value if wire == 2 else 0)
            fields.add(field)
    return position == size and {1, 7, 8} <= fields


def _varint(buffer: bytes, start: int) -> tuple[int, int]:
    """The varint at `start` and its end; (0, `start`) where there is none (protobuf wire format)."""
    value = 0
    for index, byte in enumerate(buffer[start : start + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    return 0, start
