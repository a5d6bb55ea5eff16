"""What a user is told before a checkpoint is downloaded."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.base import Weights
from cvstudio.weights.download import SPARE_BYTES, keep_folder, part_of
from cvstudio.weights.store import cached_path, is_published


@dataclass(frozen=True)
class Offer:
    """The facts of a download.

    Parameters
    ----------
    title : of the model, or the file's name
    folder : where the file will be kept
    free_bytes : room on that disk
    come_bytes : what an interrupted download has brought already
    """

    title: str
    weights: Weights
    folder: Path
    free_bytes: int
    come_bytes: int

    @property
    def has_room(self) -> bool:
        """Whether the disk holds what is still to come."""
        return self.weights.size_bytes - self.come_bytes + SPARE_BYTES <= self.free_bytes

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Name and value of each fact, as they are shown."""
        weights = self.weights
        size = f"{weights.size_bytes / 1e6:.1f} MB"
        if self.come_bytes:
            size += f", {self.come_bytes / 1e6:.1f} MB of them are here"
        figures = (("measured", weights.metrics),) if weights.metrics else ()
        return (
            ("file", weights.file_name),
            ("size", size),
            ("licence", weights.licence),
            ("learnt from", weights.trained_on),
            *figures,
            ("from", weights.url),
            ("SHA-256", _hash_text(weights.sha256)),
            ("kept in", str(self.folder)),
            ("free there", f"{self.free_bytes / 1e9:.1f} GB"),
        )


def _hash_text(sha256: str) -> str:
    if not sha256:
        return "told by the hub before the first byte, and verified"
    return sha256 if len(sha256) == 64 else f"{sha256}… (its first digits)"


def models_with(weights: Weights) -> tuple[ModelSpec, ...]:
    """The models that use `weights`."""
    return tuple(model for model in MODELS if weights in model.weights)


def make_offer(weights: Weights, title: str = "") -> Offer:
    """What is to be told of `weights` now; cheap."""
    known = models_with(weights)
    folder = keep_folder(weights)
    standing = next(place for place in (folder, *folder.parents) if place.is_dir())
    return Offer(
        title or (known[0].title if known else weights.file_name),
        weights,
        folder,
        shutil.disk_usage(standing).free,
        part_of(weights),
    )


def is_sound(weights: Weights) -> bool | None:
    """Whether the file that is here is the published one; None where it is not here. Reads all of it."""
    path = cached_path(weights)
    return None if path is None else is_published(weights, path)
