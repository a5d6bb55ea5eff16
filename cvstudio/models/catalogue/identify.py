"""Which of the registered models does a checkpoint fit?"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.weights.checks import ProbedError, probing
from cvstudio.weights.differences import Differences
from cvstudio.weights.importing.kinds import Kind, recognise
from cvstudio.weights.importing.reading import Checkpoint, read_checkpoint
from cvstudio.weights.importing.torchscript import WARNING
from cvstudio.weights.store import file_sha256

MOST_NEAREST = 3
LEAST_SHARE = 0.2
"""A model that has less than this in common with a checkpoint is not worth a table."""

MOST_BESIDE = 2.5
TIMM_NAME = re.compile(r"[a-z0-9_]+\.\w+")
ALL_LINES = 10_000


@dataclass(frozen=True)
class Fit:
    """A model, and what differs between it and the checkpoint: nothing where it fits."""

    model: ModelSpec
    differences: Differences


@dataclass(frozen=True)
class Identified:
    """What a file is, and what it is good for.

    Parameters
    ----------
    n_tensors, n_numbers : in the state dict; 0 where it is a network with layers of its own
    notes : what the user should know of it, in sentences
    licence : of a published checkpoint; empty where it is not known
    fits : of the models that it was compared with, those that it fits, or else the nearest, the best first
    """

    path: Path
    kind: Kind
    n_tensors: int = 0
    n_numbers: int = 0
    notes: tuple[str, ...] = ()
    licence: str = ""
    fits: tuple[Fit, ...] = ()

    @property
    def fitting(self) -> tuple[ModelSpec, ...]:
        """The models that load it as it is."""
        return tuple(fit.model for fit in self.fits if not fit.differences.rows)

    @property
    def is_network(self) -> bool:
        """Whether it brings its own layers along, and so can be a model of the user's own."""
        return self.kind in (Kind.ONNX, Kind.TORCHSCRIPT)

    def headline(self) -> str:
        """What it is, in one line."""
        size = f", {self.n_tensors} tensors, {self.n_numbers / 1e6:.1f} M numbers" if self.n_tensors else ""
        return f"{self.path.name}: {self.kind.value}{size}"

    def verdict(self) -> str:
        """What it is good for, in one sentence."""
        if self.is_network:
            return f"{self.path.name} brings its own layers along: add it as a model of your own."
        if self.fitting:
            return "It fits: " + ", ".join(f"{model.title} ({model.key})" for model in self.fitting) + "."
        return "It fits none of the models; choose a checkpoint of one of them."

    def text(self) -> str:
        """All of it, with what differs from the nearest model."""
        lines = [self.headline(), *self.notes, self.verdict()]
        if not self.fitting and self.fits:
            nearest = self.fits[0].differences
            lines += ["", nearest.sentence(), nearest.table(ALL_LINES if len(self.fits) == 1 else 20)]
        return "\n".join(lines)


def identify(path: Path, progress: Progress, *, only: ModelSpec | None = None) -> Identified:
    """Read `path` without running what it holds, and compare it with every model, or with `only` one.

    Raises
    ------
    WeightsError
        It is no checkpoint, is damaged, or would run code.
    """
    kind = recognise(path)
    if kind is Kind.TORCHSCRIPT:
        return Identified(path, kind, notes=(WARNING,))
    if kind is Kind.ONNX:
        return Identified(path, kind)
    progress(None, f"reading {path.name}")
    found = read_checkpoint(path)
    notes = found.notes
    if found.origin:
        notes += (f"Its configuration calls it {found.origin}.",)
    published = _published_as(found)
    licence = ""
    if published is not None:
        model, licence = published
        notes += (f"It is the published checkpoint of {model.title}.",)
    if not only and not published:
        _ask_timm(found.origin, progress)
    compared = _compare(found, [only] if only else [published[0]] if published else list(MODELS), progress)
    fitting = [fit for fit in compared if not fit.differences.rows]
    nearest = [fit for fit in compared if only or fit.differences.share >= LEAST_SHARE][:MOST_NEAREST]
    numbers = sum(tensor.numel() for tensor in found.tensors.values())
    return Identified(found.path, found.kind, len(found.tensors), numbers, notes, licence, tuple(fitting or nearest))


def _published_as(found: Checkpoint) -> tuple[ModelSpec, str] | None:
    """The model whose published weights have the same hash, and their licence."""
    if not found.path.is_file():
        return None
    digest = file_sha256(found.path)
    return next(
        (
            (model, weights.licence)
            for model in MODELS
            for weights in model.weights
            if weights.sha256 and digest.startswith(weights.sha256)
        ),
        None,
    )


def _ask_timm(origin: str, progress: Progress) -> None:
    """Let the model that the configuration of a folder names be registered, where timm has it."""
    if TIMM_NAME.fullmatch(origin):
        progress(None, f"asking timm for {origin}")
        with contextlib.suppress(UserError):
            _ = MODELS[f"timm-{origin}"]


def _compare(found: Checkpoint, models: Iterable[ModelSpec], progress: Progress) -> list[Fit]:
    """The models that can be asked, the nearest first: all of them, unless one fits and others cannot."""
    fits: list[Fit] = []
    size = sum(tensor.numel() for tensor in found.tensors.values())
    asked = sorted((model for model in models if model.weights), key=lambda model: abs(_parameters(model, size) - size))
    for number, model in enumerate(asked):
        if not _may_fit(_parameters(model, size), size) and any(not fit.differences.rows for fit in fits):
            continue
        progress(number / len(asked), f"comparing with {model.title}")
        differences = differences_from(model, found)
        if differences is not None:
            fits.append(Fit(model, differences))
    return sorted(fits, key=lambda fit: -fit.differences.share)


def _parameters(model: ModelSpec, otherwise: int) -> int:
    """How many parameters `model` has; `otherwise` where it does not tell."""
    return (model.architecture.parameters if model.architecture else 0) or otherwise


def _may_fit(parameters: int, size: int) -> bool:
    """Whether a checkpoint of `size` numbers can be of a network with so many parameters: it holds all of them, and
    beside them running means and what serves training only, which GoogLeNet has as many of."""
    return parameters <= size <= parameters * MOST_BESIDE


def differences_from(model: ModelSpec, found: Checkpoint) -> Differences | None:
    """What differs between `model` and a checkpoint; None where its loader does not tell.

    The network is built without memory for its weights where it can be.
    """
    import torch

    for device in ("meta", "cpu"):
        try:
            with probing(found.tensors), torch.device(device):
                model.load("cpu", found.path)
        except ProbedError as probed:
            return probed.differences
        except UserError:
            return None
        except Exception:  # a discovery: on "meta" some layers cannot be built, and a loader may be anyone's
            continue
    return None
