"""Facts for the user before a checkpoint is downloaded."""

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
    """A possible download with its facts.

    Parameters
    ----------
    title : of the model, or the file's name
    folder : where the file will be stored
    free_bytes : free space on that disk
    come_bytes : size of the part that an interrupted download left
    remote : size and hash from the Hugging Face hub; None before it has answered, and for other hosts
    problem : why the hub did not answer; empty otherwise
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
        """Whether the hub, which alone knows size and hash, is still to be asked."""
        return self.remote is None and hub.parse(self.weights.url) is not None

    @property
    def size_bytes(self) -> int:
        """Size of the file from the hub, or else as declared."""
        return (self.remote.size_bytes if self.remote else None) or self.weights.size_bytes

    @property
    def has_room(self) -> bool:
        """Whether the disk has space for the rest of the file."""
        return self.size_bytes - self.come_bytes + SPARE_BYTES <= self.free_bytes

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each fact, for display."""
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
    """The offer of `weights`; cheap. `remote` and `problem` are the outcome of asking the hub."""
    models = models_with(weights)
    folder = keep_folder(weights)
    existing_folder = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    return Offer(
        title or (models[0].title if models else weights.file_name),
        weights,
        folder,
        shutil.disk_usage(existing_folder).free,
        part_of(weights, remote),
        remote,
        problem,
    )


def is_sound(weights: Weights) -> bool | None:
    """Whether the local file has the published hash; None where there is none. Reads all of it."""
    path = cached_path(weights)
    return None if path is None else is_published(weights, path)
