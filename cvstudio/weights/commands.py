"""`cvstudio weights`: what is here, get it, verify it, say where it is, and what a checkpoint file holds."""

from __future__ import annotations

import argparse
import sys

from cvstudio.errors import UserError
from cvstudio.models import MODELS, ModelSpec
from cvstudio.progress import Progress
from cvstudio.terminal import Bar, guarded
from cvstudio.weights.download import download, keep_folder
from cvstudio.weights.offer import Offer, is_sound, make_offer, models_with
from cvstudio.weights.store import WeightsNeededError, cached_path
from cvstudio.weights.terms import terms


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
    actions = {"list": _list, "get": _get, "verify": _verify, "where": _where, "identify": _identify}

    def work(progress: Progress) -> int:
        return actions[options.action](options, progress)

    return guarded(work, Bar(quiet=quiet), stopped="stopped; what has come is kept, and the same command goes on.")


def _list(options: argparse.Namespace, progress: Progress) -> int:
    for model in MODELS:
        print(f"{model.key:<22}{model.title:<32}{terms(model)}")
    return 0


def _get(options: argparse.Namespace, progress: Progress) -> int:
    models = [MODELS[key] for key in options.model]
    for model in models:
        if not model.weights or not model.weights[0].url:
            print(f"{model.title}: {terms(model).place.value}", file=sys.stderr)
            continue
        weights = model.weights[0]
        if not options.quiet:
            _print_offer(make_offer(weights, model.title))
        print(download(weights, progress))
    return 0


def _print_offer(offer: Offer) -> None:
    print(offer.title, file=sys.stderr)
    for name, value in offer.facts():
        print(f"  {name:<14}{value}", file=sys.stderr)


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
    from cvstudio.weights.importing import identify

    found = identify(options.file, progress, only=MODELS[options.model] if options.model else None)
    print(found.text())
    return 0 if found.fitting else 1
