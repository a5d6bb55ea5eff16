"""Loading of TorchScript archives, which hold a program beside their weights. No other file loads them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from cvstudio.foundation.errors import WeightsError
from cvstudio.weights.importing.archives import check_archive
from cvstudio.weights.importing.kinds import Kind, damaged, recognise
from cvstudio.weights.importing.reading import READ_ERRORS

WARNING = (
    "A TorchScript file is a program: it runs with all that this program may do. Use it only if you trust who made it."
)


def load_program(path: Path, device: str = "cpu") -> Any:
    """The ``torch.jit.ScriptModule`` in `path`, in evaluation mode. Requires the user's consent to `WARNING`.

    Raises
    ------
    WeightsError
        The file is no TorchScript archive, or damaged.
    """
    if recognise(path) is not Kind.TORCHSCRIPT:
        raise WeightsError(f"Expected a TorchScript file, but {path.name} is none; choose one that torch.jit wrote.")
    import torch

    check_archive(path)
    try:
        with warnings.catch_warnings():
            # torch recommends another format; the user cannot change the file.
            warnings.simplefilter("ignore")
            return torch.jit.load(str(path), map_location=device).eval()  # type: ignore[no-untyped-call]
    except READ_ERRORS as error:
        raise damaged(path) from error
