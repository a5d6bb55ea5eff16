"""Terms of use of a model: licence, download size, and where its weights are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cvstudio.foundation.errors import WeightsError
from cvstudio.models.spec import ModelSpec
from cvstudio.weights.declaration import Weights
from cvstudio.weights.embedded import card
from cvstudio.weights.store import cached_path


class Place(Enum):
    """Location of the weights of a model; the value is its text for the user."""

    EMBEDDED = "comes with the program"
    HERE = "on this machine"
    ABSENT = "to get"
    LIBRARY = "comes with a library"
    PACKAGE = "comes with a package"
    NO_PACKAGE = "its package is not installed"
    GONE = "its file is gone"


@dataclass(frozen=True)
class Terms:
    """Terms of use of one weights file.

    Parameters
    ----------
    licence : empty where a library carries the model
    non_commercial : whether the licence forbids commercial use
    size_bytes : 0 where a library carries the model
    place : where the weights are
    package : name and version of the package that carries them; empty for others
    """

    licence: str
    non_commercial: bool
    size_bytes: int
    place: Place
    package: str = ""

    def __str__(self) -> str:
        """One line for the user."""
        size = f"{self.size_bytes / 1e6:.1f} MB" if self.size_bytes else ""
        return ", ".join(part for part in (self.licence, size, self.place.value, self.package) if part)


def terms(model: ModelSpec) -> Terms:
    """Terms of a model's default weights; cheap, and without torch."""
    return file_terms(model, model.weights[0]) if model.weights else Terms("", False, 0, Place.LIBRARY)


def file_terms(model: ModelSpec, weights: Weights) -> Terms:
    """Terms of one weights file of a model."""
    if weights.path is not None:
        place = Place.HERE if cached_path(weights) else Place.GONE
        return Terms(weights.licence, False, weights.size_bytes, place)
    if weights.packaged is not None:
        place = Place.PACKAGE if cached_path(weights) else Place.NO_PACKAGE
        return Terms(weights.licence, False, weights.size_bytes, place, weights.packaged.title)
    if not weights.url:
        try:
            model_card = card(model.key)
        except WeightsError:  # reported when the model is loaded
            model_card = None
        forbidden = model_card is not None and model_card.non_commercial
        return Terms(weights.licence, forbidden, weights.size_bytes, Place.EMBEDDED)
    place = Place.HERE if cached_path(weights) else Place.ABSENT
    return Terms(weights.licence, "non-commercial" in weights.licence, weights.size_bytes, place)
