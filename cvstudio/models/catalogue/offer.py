"""What a user is told before a checkpoint is downloaded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from cvstudio.models import MODELS, ModelSpec
from cvstudio.weights import hub
from cvstudio.weights.declaration import Weights
from cvstudio.weights.digests import Digest
from cvstudio.weights.download import SPARE_BYTES, keep_folder, part_of
from cvstudio.weights.store import cached_path, is_published

ASKING = "asking the Hugging Face hub …"


@dataclass(frozen=True)
class Offer:
    """The facts of a download.

    Parameters
    ----------
    title : of the model, or the file's name
    folder : where the file will be kept
    free_bytes : room on that disk
    come_bytes : what an interrupted download has brought already
    remote : what the Hugging Face hub tells; None before it has answered, and for what lies elsewhere
    problem : why the hub could not be asked
    """

    title: str
    weights: Weights
    folder: Path
    free_bytes: int
    come_bytes: int
    remote: hub.Remote | None = None
    problem: str = ""

    @property
    def asks_hub(self) -> bool:
        """Whether the hub, which alone knows size and hash, has still to be asked."""
        return self.remote is None and hub.parse(self.weights.url) is not None

    @property
    def size_bytes(self) -> int:
        """Of the file, as the hub tells it or else as it was published."""
        return (self.remote.size_bytes if self.remote else None) or self.weights.size_bytes

    @property
    def has_room(self) -> bool:
        """Whether the disk holds what is still to come."""
        return self.size_bytes - self.come_bytes + SPARE_BYTES <= self.free_bytes

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each fact, as they are shown."""
        weights = self.weights
        figures = (("measured", weights.metrics),) if weights.metrics else ()
        return (
            ("file", weights.file_name),
            ("size", self._size_text()),
            ("licence", weights.licence),
            ("learnt from", weights.trained_on),
            *figures,
            ("from", weights.url),
            self._hash(),
            ("kept in", str(self.folder)),
            ("free there", f"{self.free_bytes / 1e9:.1f} GB"),
        )

    def _size_text(self) -> str:
        size = f"{self.size_bytes / 1e6:.1f} MB"
        if self.remote is not None and self.remote.size_bytes is not None:
            size += f" ({self.remote.size_bytes:,} bytes)"
        elif self.asks_hub:
            size = f"about {size}"
        return f"{size}, {self.come_bytes / 1e6:.1f} MB of them are here" if self.come_bytes else size

    def _hash(self) -> tuple[str, str]:
        if self.asks_hub:
            return "SHA-256", "not known: the hub could not be asked" if self.problem else ASKING
        digest = self.remote.digest if self.remote else Digest(self.weights.sha256)
        return digest.kind, digest.text if digest.whole else f"{digest.text}… (its first digits)"


def models_with(weights: Weights) -> tuple[ModelSpec, ...]:
    """The models that use `weights`."""
    return tuple(model for model in MODELS if weights in model.weights)


def make_offer(weights: Weights, title: str = "", *, remote: hub.Remote | None = None, problem: str = "") -> Offer:
    """What is to be told of `weights` now; cheap. `remote` and `problem`: what came of asking the hub."""
    known = models_with(weights)
    folder = keep_folder(weights)
    standing = next(place for place in (folder, *folder.parents) if place.is_dir())
    return Offer(
        title or (known[0].title if known else weights.file_name),
        weights,
        folder,
        shutil.disk_usage(standing).free,
        part_of(weights, remote),
        remote,
        problem,
    )


def is_sound(weights: Weights) -> bool | None:
    """Whether the file that is here is the published one; None where it is not here. Reads all of it."""
    path = cached_path(weights)
    return None if path is None else is_published(weights, path)
