"""Terms of use of a model: licence, download size, and where its weights are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.foundation.errors import WeightsError
from cvstudio.models.checkpoints import chosen_checkpoint

if TYPE_CHECKING:
    from cvstudio.models.spec import ModelSpec
    from cvstudio.weights.declaration import Weights

UNSTATED = "licence not stated"
"""Licence of a file of the user of which none is known."""


class Place(Enum):
    """Location of the weights of a model; the value is its text for the user."""

    EMBEDDED = "built in"
    HERE = "downloaded"
    CHOSEN = "your file"
    ABSENT = "not downloaded"
    LIBRARY = "included in a library"
    PACKAGE = "included in a package"
    NO_PACKAGE = "package not installed"
    GONE = "file missing"

    @property
    def ready(self) -> bool:
        """Whether the model can be used at once."""
        return self not in (Place.ABSENT, Place.NO_PACKAGE, Place.GONE)


@dataclass(frozen=True)
class Terms:
    """Terms of use of one weights file.

    Parameters
    ----------
    licence : empty where a library carries the model
    non_commercial : whether the licence forbids commercial use
    size_bytes : 0 where a library carries the model
    place : where the weights are
    file_name : of the checkpoint that the user has chosen for the model; empty without one
    package : name and version of the package that carries them; empty for others
    """

    licence: str
    non_commercial: bool
    size_bytes: int
    place: Place
    file_name: str = ""
    package: str = ""

    @property
    def place_text(self) -> str:
        """Where the weights are, with the name of a chosen file."""
        return f"{self.place.value} {self.file_name}".rstrip()

    def __str__(self) -> str:
        """One line for the user."""
        size = f"{self.size_bytes / 1e6:.1f} MB" if self.size_bytes else ""
        return ", ".join(part for part in (self.licence, size, self.place_text, self.package) if part)


def terms(model: ModelSpec) -> Terms:
    """Terms of the file that a model begins with, its default weights or one that the user has chosen; cheap, and
    without torch."""
    chosen = chosen_checkpoint(model.key)
    if chosen is not None:
        return _chosen_terms(chosen)
    return file_terms(model, model.weights[0]) if model.weights else Terms("", False, 0, Place.LIBRARY)


def _chosen_terms(path: Path) -> Terms:
    try:
        size_bytes = path.stat().st_size if path.is_file() else 0
        place = Place.CHOSEN if path.exists() else Place.GONE
    except OSError:
        size_bytes, place = 0, Place.GONE
    return Terms(UNSTATED, False, size_bytes, place, path.name)


def file_terms(model: ModelSpec, weights: Weights) -> Terms:
    """Terms of one weights file of a model."""
    # What looks for files is not needed for the first picture.
    from cvstudio.weights.embedded import card
    from cvstudio.weights.store import cached_path

    if weights.path is not None:
        place = Place.HERE if cached_path(weights) else Place.GONE
        return Terms(weights.licence, False, weights.size_bytes, place)
    if weights.packaged is not None:
        place = Place.PACKAGE if cached_path(weights) else Place.NO_PACKAGE
        return Terms(weights.licence, False, weights.size_bytes, place, package=weights.packaged.title)
    if not weights.url:
        try:
            model_card = card(model.key)
        except WeightsError:  # reported when the model is loaded
            model_card = None
        forbidden = model_card is not None and model_card.non_commercial
        return Terms(weights.licence, forbidden, weights.size_bytes, Place.EMBEDDED)
    place = Place.HERE if cached_path(weights) else Place.ABSENT
    return Terms(weights.licence, "non-commercial" in weights.licence, weights.size_bytes, place)
