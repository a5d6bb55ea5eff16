"""What is declared of a published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Weights:
    """A published checkpoint.

    Parameters
    ----------
    key : str
    file_name : as its publisher names it, and as torch's hub cache stores it
    url : where it is published; empty for what a dependency carries
    sha256 : whole hash or, as in torchvision's file names, its first eight or ten digits; empty for a file on the
        Hugging Face hub, which is asked for it, and whose cache names the file by it
    size_bytes, licence, trained_on, metrics : shown before anything is downloaded; of a file on the hub the size may
        be a guess, as the hub tells it
    labels : names of the classes by index
    path : where the file lies, for one that the user has registered; elsewhere it is looked for by its name
    scores : what was published, by the metric's name, in percent: {"top-1": 69.8} or {"box mAP": 41.5}
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
    scores: Mapping[str, float] = field(default_factory=dict)
