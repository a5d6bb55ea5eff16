"""`cvstudio weights`: what is here, get it, verify it, say where it is, and what a checkpoint file holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cvstudio.errors import UserError
from cvstudio.models import MODELS, ModelSpec
from cvstudio.progress import Progress
from cvstudio.terminal import Bar, guarded
from cvstudio.weights.declaration import Weights
from cvstudio.weights.download import ask_hub, download, keep_folder
from cvstudio.weights.offer import is_sound, make_offer, models_with
from cvstudio.weights.store import WeightsNeededError, cached_path, is_published
from cvstudio.weights.terms import file_terms, terms


def needed_command(error: WeightsNeededError) -> UserError:
    """What is missing, and the command that gets it."""
    weights = error.weights
    models = models_with(weights)
    if not models:
        return error
    return UserError(
        f"{models[0].title} needs {weights.file_name} ({weights.size_bytes / 1e6:.1f} MB, {weights.licence}), which is "
        f"not on this machine or damaged; get it with: cvstudio weights get {models[0].key} (or name a file with "
        f"--weights FILE)."
    )


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks for and return the exit code."""
    quiet = bool(getattr(options, "quiet", False))
    bar = Bar(quiet=quiet)
    actions: dict[str, Callable[[argparse.Namespace, Progress], int]] = {
        "list": _list,
        "get": partial(_get, bar),
        "verify": _verify,
        "where": _where,
        "identify": _identify,
    }

    def work(progress: Progress) -> int:
        return actions[options.action](options, progress)

    return guarded(work, bar, stopped="stopped; what has come is kept, and the same command goes on.")


def _list(options: argparse.Namespace, progress: Progress) -> int:
    if not options.model:
        for model in MODELS:
            print(f"{model.key:<22}{model.title:<32}{terms(model)}")
    for model in [MODELS[key] for key in options.model]:
        if not model.weights:
            print(f"{model.key:<22}{terms(model).place.value}")
        for weights in model.weights:
            print(f"{model.key:<22}{weights.key:<28}{weights.file_name:<56}{file_terms(model, weights)}")
    return 0


def _get(bar: Bar, options: argparse.Namespace, progress: Progress) -> int:
    models = [MODELS[key] for key in options.model]
    # All names are looked up before anything comes.
    wanted = [(model, _files(model, options.file, every=options.all)) for model in models]
    for model, files in wanted:
        if not any(weights.url for weights in files):
            print(f"{model.title}: {terms(model).place.value}", file=sys.stderr)
        for weights in files:
            if weights.url:
                print(_got(weights, model.title, bar, progress))
    return 0


def _files(model: ModelSpec, name: str | None, *, every: bool) -> tuple[Weights, ...]:
    """The files of a model that are wanted: the first one, the one of a name, or all. Raises UserError."""
    if name is None:
        return model.weights if every else model.weights[:1]
    found = tuple(weights for weights in model.weights if name in (weights.key, weights.file_name))
    if not found:
        known = ", ".join(f"{weights.key} ({weights.file_name})" for weights in model.weights)
        raise UserError(f"{model.title} has no file '{name}'; there are: {known or 'none'}.")
    return found


def _got(weights: Weights, title: str, bar: Bar, progress: Progress) -> Path:
    """The file, after telling what it is and getting it where it is not here."""
    path = cached_path(weights)
    if path is not None and is_published(weights, path):
        return path
    remote = ask_hub(weights, progress)
    offer = make_offer(weights, title, remote=remote)
    bar.note("\n".join([offer.title, *(f"  {name:<14}{value}" for name, value in offer.facts())]))
    return download(weights, progress, shown=remote)


def _verify(options: argparse.Namespace, progress: Progress) -> int:
    chosen = [MODELS[key] for key in options.model] or [model for model in MODELS if model.weights]
    bad = 0
    for model in chosen:
        for weights in model.weights:
            progress(None, f"reading {weights.file_name}")
            sound = is_sound(weights)
            if sound is None and not options.model:
                continue
            told = {True: "sound", False: "DAMAGED: cvstudio weights get replaces it", None: "not here"}[sound]
            print(f"{model.key:<22}{weights.file_name:<56}{told}")
            bad += sound is not True
    return 1 if bad else 0


def _where(options: argparse.Namespace, progress: Progress) -> int:
    model: ModelSpec = MODELS[options.model]
    if not model.weights:
        raise UserError(f"{model.title} {terms(model).place.value}; there is no file of it.")
    weights = model.weights[0]
    path = cached_path(weights)
    print(keep_folder(weights) / weights.file_name if path is None else path)
    return 0 if path is not None else 1


def _identify(options: argparse.Namespace, progress: Progress) -> int:
    from cvstudio.weights.importing.identify import identify

    found = identify(options.file, progress, only=MODELS[options.model] if options.model else None)
    print(found.text())
    return 0 if found.fitting else 1
