"""Declaration of a published checkpoint."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class PackagedFile:
    """A file that a Python package carries.

    Parameters
    ----------
    package, version : of the package, as on the package index
    path : of the file, relative to the folder in which packages are installed
    """

    package: str
    version: str
    path: str

    @property
    def title(self) -> str:
        """Name and version of the package, for people."""
        return f"{self.package} {self.version}"

    @property
    def command(self) -> str:
        """Shell command that installs the package for this Python, also over one that is damaged.

        Where pip finds the package's metadata it takes the package for installed, unless forced.
        """
        python = f'"{sys.executable}"' if " " in sys.executable else sys.executable or "python"
        return f"{python} -m pip install --force-reinstall --no-deps {self.package}=={self.version}"


@dataclass(frozen=True)
class Weights:
    """A published checkpoint.

    Parameters
    ----------
    key : unique among the weights of one model
    file_name : the publisher's, also in torch's hub cache
    url : of the file; empty for one that comes with the program or a dependency
    sha256 : whole hash or, as in torchvision's file names, its first eight or ten digits; empty for a file on the
        Hugging Face hub, which states the hash, and whose cache names the file by it
    size_bytes, licence, trained_on, metrics : shown before a download; for a file on the hub the size may be a guess,
        as the hub states the exact one
    labels : names of the classes by index
    path : of a file that the user has registered; None for one that is found by its name
    packaged : where a Python package carries the file; None for any other
    scores : published figures in percent by metric: {"top-1": 69.8} or {"box mAP": 41.5}
    """

    key: str
    file_name: str
    url: str
    sha256: str
    size_bytes: int
    licence: str
    trained_on: str
    metrics: str = ""
    labels: tuple[str, ...] = ()
    path: Path | None = None
    packaged: PackagedFile | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
