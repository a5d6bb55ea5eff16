"""Identification of a checkpoint: the registered models that it fits."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.names import counted
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
"""Smallest fraction of tensors in common with a checkpoint at which a model is reported."""

MOST_BESIDE = 2.5
TIMM_NAME = re.compile(r"[a-z0-9_]+\.\w+")
ALL_LINES = 10_000


@dataclass(frozen=True)
class Fit:
    """A model with its differences from the checkpoint; it fits where there are none."""

    model: ModelSpec
    differences: Differences


@dataclass(frozen=True)
class Identified:
    """Kind of a file, and the models that it fits.

    Parameters
    ----------
    n_tensors, n_numbers : tensors, and numbers in them, of the state dict; 0 for an ONNX or TorchScript network
    notes : sentences for the user
    licence : of a published checkpoint; empty where it is unknown
    fits : the models that it fits, or else the nearest ones, the best first
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
        """Models that load the file without differences."""
        return tuple(fit.model for fit in self.fits if not fit.differences.rows)

    @property
    def is_network(self) -> bool:
        """Whether the file contains layers, not weights alone, and so can become a custom model."""
        return self.kind in (Kind.ONNX, Kind.TORCHSCRIPT)

    def headline(self) -> str:
        """Name, kind and size of the file, in one line."""
        size = f", {counted(self.n_tensors, 'tensor')}, {self.n_numbers / 1e6:.1f} M numbers" if self.n_tensors else ""
        return f"{self.path.name}: {self.kind.value}{size}"

    def verdict(self) -> str:
        """Which models the file fits, in one sentence."""
        if self.is_network:
            return f"{self.path.name} brings its own layers along: add it as a model of your own."
        if self.fitting:
            return "It fits: " + ", ".join(f"{model.title} ({model.key})" for model in self.fitting) + "."
        return "It fits none of the models; choose a checkpoint of one of them."

    def text(self) -> str:
        """Headline, notes and verdict, with the differences from the nearest model."""
        lines = [self.headline(), *self.notes, self.verdict()]
        if not self.fitting and self.fits:
            nearest = self.fits[0].differences
            lines += ["", nearest.sentence(), nearest.table(ALL_LINES if len(self.fits) == 1 else 20)]
        return "\n".join(lines)


def identify(path: Path, progress: Progress, *, only: ModelSpec | None = None) -> Identified:
    """Read `path` without executing its code, and compare it with every model, or with `only` one.

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
    checkpoint = read_checkpoint(path)
    notes = checkpoint.notes
    if checkpoint.origin:
        notes += (f"Its configuration calls it {checkpoint.origin}.",)
    published = _published_as(checkpoint)
    licence = ""
    if published is not None:
        model, licence = published
        notes += (f"It is the published checkpoint of {model.title}.",)
    if not only and not published:
        _register_timm_model(checkpoint.origin, progress)
    fits = _compare(checkpoint, [only] if only else [published[0]] if published else list(MODELS), progress)
    exact_fits = [fit for fit in fits if not fit.differences.rows]
    nearest_fits = [fit for fit in fits if only or fit.differences.share >= LEAST_SHARE][:MOST_NEAREST]
    numbers = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    return Identified(
        checkpoint.path,
        checkpoint.kind,
        len(checkpoint.tensors),
        numbers,
        notes,
        licence,
        tuple(exact_fits or nearest_fits),
    )


def _published_as(checkpoint: Checkpoint) -> tuple[ModelSpec, str] | None:
    """The model whose published weights have the same hash, and their licence."""
    if not checkpoint.path.is_file():
        return None
    digest = file_sha256(checkpoint.path)
    return next(
        (
            (model, weights.licence)
            for model in MODELS
            for weights in model.weights
            if weights.sha256 and digest.startswith(weights.sha256)
        ),
        None,
    )


def _register_timm_model(origin: str, progress: Progress) -> None:
    """Register the model that a folder's configuration names, where timm has it."""
    if TIMM_NAME.fullmatch(origin):
        progress(None, f"asking timm for {origin}")
        with contextlib.suppress(UserError):
            _ = MODELS[f"timm-{origin}"]


def _compare(checkpoint: Checkpoint, models: Iterable[ModelSpec], progress: Progress) -> list[Fit]:
    """Differences from each model that can be probed, the nearest first; once one fits, other sizes are skipped."""
    fits: list[Fit] = []
    size = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    candidates = sorted(
        (model for model in models if model.weights), key=lambda model: abs(_parameters(model, size) - size)
    )
    for number, model in enumerate(candidates):
        if not _may_fit(_parameters(model, size), size) and any(not fit.differences.rows for fit in fits):
            continue
        progress(number / len(candidates), f"comparing with {model.title}")
        differences = differences_from(model, checkpoint)
        if differences is not None:
            fits.append(Fit(model, differences))
    return sorted(fits, key=lambda fit: -fit.differences.share)


def _parameters(model: ModelSpec, otherwise: int) -> int:
    """Declared parameter count of `model`; `otherwise` where it has none."""
    return (model.architecture.parameters if model.architecture else 0) or otherwise


def _may_fit(parameters: int, size: int) -> bool:
    """Whether a checkpoint of `size` numbers can belong to a network of so many parameters.

    Beside the parameters it may hold running statistics and auxiliary classifiers, which in GoogLeNet are as large.
    """
    return parameters <= size <= parameters * MOST_BESIDE


def differences_from(model: ModelSpec, checkpoint: Checkpoint) -> Differences | None:
    """Differences between `model` and a checkpoint; None where its loader compares nothing.

    The network is built on the meta device, without memory for its weights, where it can be.
    """
    import torch

    for device in ("meta", "cpu"):
        try:
            with probing(checkpoint.tensors), torch.device(device):
                model.load("cpu", checkpoint.path)
        except ProbedError as probed:
            return probed.differences
        except UserError:
            return None
        except Exception:  # a discovery: "meta" cannot build all layers, and other packages have loaders, too
            continue
    return None
