"""Names of the functions and classes in a pickle, from its opcodes: nothing is imported or called."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from pathlib import Path
from typing import IO, Any, cast

from cvstudio.weights.importing.kinds import Kind

HARMLESS = re.compile(
    r"collections\.(OrderedDict|defaultdict|Counter)|argparse\.Namespace|torch\.Size|torch\.device|torch\.dtype|"
    r"torch\.(storage\.)?_?\w*Storage|torch\._utils\._rebuild\w+|torch\._tensor\._rebuild\w+|torch\.Tensor|"
    r"torch\.nn\.parameter\.(Parameter|Buffer)|torch\.\w*Tensor|torch\.(bool|half|double|long|short|(b?float|u?int|q?u?int|complex)\d+\w*)|"
    r"numpy(\._?core)?\.(multiarray\.scalar|dtype)|numpy\.dtypes\.\w+|_codecs\.encode|builtins\.set|builtins\.bytearray"
)
"""Functions with which torch rebuilds tensors, and simple containers."""

MOST_PICKLES = 6
MOST_BYTES = 64 << 20


def foreign_names(path: Path, kind: Kind) -> tuple[str, ...]:
    """Names of all globals that the pickles of `path` would import beside tensors, in order, up to any damage."""
    names: dict[str, None] = {}
    try:
        for stream in _streams(path, kind):
            names.update((name, None) for name in _names(stream) if not HARMLESS.fullmatch(name))
    except Exception:  # hostile bytes end the search: the names before them are returned
        pass
    return tuple(names)


def _streams(path: Path, kind: Kind) -> list[IO[bytes]]:
    if kind in (Kind.LEGACY, Kind.PICKLE):
        with path.open("rb") as file:
            return [io.BytesIO(file.read(MOST_BYTES))]
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("data.pkl")]
        return [io.BytesIO(archive.read(name)) for name in names if archive.getinfo(name).file_size <= MOST_BYTES]


def _names(stream: IO[bytes]) -> list[str]:
    """The "module.name" of every GLOBAL and STACK_GLOBAL of the consecutive pickles in `stream`."""
    names: list[str] = []
    for _ in range(MOST_PICKLES):
        texts: list[str] = []
        memo: dict[int, str] = {}
        try:
            for opcode, argument, _place in pickletools.genops(stream):
                name, value = opcode.name, cast(Any, argument)
                if name in ("GLOBAL", "INST"):
                    # Python 2's name of the module, which older protocols still use.
                    names.append(str(value).replace(" ", ".").replace("__builtin__.", "builtins."))
                elif name == "STACK_GLOBAL" and len(texts) >= 2:
                    names.append(f"{texts[-2]}.{texts[-1]}")
                elif name in ("BINGET", "LONG_BINGET", "GET") and int(value) in memo:
                    texts.append(memo[int(value)])
                elif name in ("BINPUT", "LONG_BINPUT", "PUT") and texts:
                    memo[int(value)] = texts[-1]
                elif name == "MEMOIZE":
                    memo[len(memo)] = texts[-1] if texts else ""
                elif isinstance(value, str):
                    texts.append(value)
        except ValueError:  # in the legacy format the storages follow the pickles
            break
    return names
