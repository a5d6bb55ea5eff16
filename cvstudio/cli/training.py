"""`cvstudio train`, and `cvstudio evaluate` of what a recipe makes."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvstudio.cli.terminal import Bar, Lines, Reporter, guarded, stop_with_stdin
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.names import counted
from cvstudio.foundation.progress import Progress
from cvstudio.training import RECIPES, Settings, TrainingRecipe
from cvstudio.training.loop import CURVES, read_curves
from cvstudio.training.loop import train as run_training
from cvstudio.training.runs import Curve, RunStart, claimed, curves_of, run_folder
from cvstudio.training.sets import HELD_OUT, require
from cvstudio.weights.embedded import ModelCard, card, load_card

SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 24
LIVE_WIDTH = 8
NICENESS = 5
"""Added to the niceness of an attached training, so that the window that watches it has priority."""


def data_folder(given: Path | None, recipe: TrainingRecipe) -> Path:
    """The folder of the data sets. Raises UserError where none is named or it lacks files of the recipe."""
    folder = given or (Path(os.environ["CVSTUDIO_DATA"]) if os.environ.get("CVSTUDIO_DATA") else None)
    if folder is None:
        raise UserError(
            f"Expected the folder with {', '.join(recipe.files)}, but none was named; give it with --data DIR or "
            f"$CVSTUDIO_DATA."
        )
    require(folder, recipe.files)
    return folder


def usable_device(name: str) -> str:
    """The torch device for `name`, such as "auto". Raises UserError where this machine lacks it."""
    import torch

    from cvstudio.models.runtime.host import Host

    try:
        device = Host(name).device
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"Expected a device that this machine has, but '{name}' cannot be used ({reason}); choose auto or cpu."
        ) from None
    return device


def sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """A curve of at most `width` characters, scaled to the range of `values`."""
    if len(values) > width:
        values = [values[round(place * (len(values) - 1) / (width - 1))] for place in range(width)]
    if not values:
        return ""
    low, high = min(values), max(values)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[round((value - low) * scale)] for value in values)


def _curves(folder: Path) -> list[Curve]:
    """Curves of the run in `folder` that have values of complete epochs."""
    return [curve for curve in curves_of(read_curves(folder / CURVES)) if curve.whole]


def curves_text(folder: Path) -> str:
    """Curves of the run in `folder`, one a line: split, figure, curve, first and last value."""
    lines = []
    for curve in _curves(folder):
        values = [value for _, value in curve.whole]
        ends = f"{values[0]:.3f} to {values[-1]:.3f}"
        lines.append(f"{curve.split:<9}{curve.name:<14}{sparkline(values):<{SPARK_WIDTH}} {ends}")
    return "\n".join(lines)


def epoch_text(folder: Path, epoch: int, epochs: int) -> str:
    """State of the run in `folder` after `epoch` in one line: each figure with its curve."""
    figures = [
        f"{curve.name} {curve.last:.3g} {sparkline([value for _, value in curve.whole], LIVE_WIDTH)}"
        for curve in _curves(folder)
    ]
    return f"epoch {epoch} of {epochs}: {', '.join(figures)}"


def train(options: argparse.Namespace) -> int:
    """Run a recipe to its end and export it; or list the recipes. Returns the exit code."""
    if options.list or options.recipe is None:
        for recipe in RECIPES:
            for line in (recipe.summary, f"makes {recipe.model}", f"needs {', '.join(recipe.files)}", recipe.licence):
                print(f"{recipe.key if line is recipe.summary else '':<16}{line}")
        return 0
    reporter: Reporter = Lines() if options.attached else Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        if options.attached:
            stop_with_stdin(progress)
            if hasattr(os, "nice"):
                os.nice(NICENESS)
        recipe = RECIPES[options.recipe]
        if options.limit is not None and options.limit < HELD_OUT:
            raise UserError(
                f"Expected --limit {HELD_OUT} or more, as one picture of {HELD_OUT} is held out, but it is "
                f"{options.limit}; give a larger one."
            )
        folder = options.run or run_folder(recipe.key, seed=options.seed, epochs=options.epochs, limit=options.limit)
        data = data_folder(options.data, recipe)
        progress(None, "loading torch")
        device = usable_device(options.device)
        if recipe.make is None:
            from cvstudio.training.export import export_calibration

            written = export_calibration(recipe, data, options.export or folder, device, progress)
            reporter.end()
            print(card_text(load_card(written)))
            print(written)
            return 0
        settings = Settings(data, folder, device, options.seed, options.epochs, options.limit)
        task = recipe.make(settings)
        with claimed(folder, RunStart(recipe.key, options.seed, task.epochs, options.limit)):
            run_training(
                task,
                settings,
                progress,
                epoch_done=lambda epoch: reporter.note(epoch_text(folder, epoch, task.epochs)),
            )
            from cvstudio.training.export import export

            written = export(recipe, task, settings, options.export or folder, progress)
        reporter.end()
        print(curves_text(folder))
        print(card_text(load_card(written)))
        print(written)
        return 0

    return guarded(
        work,
        reporter,
        stopped="stopped; the last whole epoch is kept, and the same command goes on from there.",
    )


def card_text(model_card: ModelCard) -> str:
    """A model card as text: licence, figures with their splits, and limitations."""
    use = "; not for commercial use" if model_card.non_commercial else ""
    lines = [f"{model_card.title}: {model_card.licence}{use}"]
    lines += [f"{metric.name}: {metric.value}, {metric.split}" for metric in model_card.metrics]
    return "\n".join([*lines, *model_card.not_for])


def evaluate(key: str, weights: Path | None, options: argparse.Namespace) -> int:
    """Measure what the recipe `key` makes and print each figure beside the card's. Returns the exit code."""
    reporter = Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        recipe = RECIPES[key]
        data = data_folder(options.data, recipe)
        model_card = _card_of(weights) if weights else card(recipe.model)
        settings = model_card.settings if model_card is not None else None
        figures = recipe.evaluate(data, weights, settings, options.limit, progress)
        reporter.end()
        if options.json:
            print(json.dumps(dict(figures), indent=2))
        else:
            _print_comparison(figures, model_card.figures if model_card is not None else {})
            if options.limit:
                print(f"measured: at most {counted(options.limit, 'picture')} of each set; card: all of them")
        return 0

    return guarded(work, reporter, stopped="stopped; nothing was measured to its end.")


def _card_of(weights: Path) -> ModelCard | None:
    """The card beside exported weights, with their settings such as temperature and threshold; None without one."""
    card_path = weights.with_suffix(".json")
    return load_card(card_path) if card_path.is_file() else None


def _print_comparison(figures: Mapping[str, float], card_figures: Mapping[str, float]) -> None:
    print(f"{'':<28}{'measured':>10}{'card':>10}")
    for name, value in figures.items():
        figure_text = f"{card_figures[name]:>10.4f}" if name in card_figures else f"{'-':>10}"
        print(f"{name:<28}{value:>10.4f}{figure_text}")


def add_training(commands: Any) -> None:
    """Add the command `train` to the subparsers of `cvstudio`."""
    trainer = commands.add_parser(
        "train",
        help="retrain one of the built-in models",
        description="Runs a training recipe, or continues where it stopped. Without a name, lists the recipes.",
    )
    trainer.add_argument("recipe", nargs="?", metavar="NAME", help="the recipe; see the list")
    trainer.add_argument(
        "--list", action="store_true", help="list the recipes: what they produce and require, and their licences"
    )
    _common(trainer)
    trainer.add_argument("--run", type=Path, metavar="DIR", help="folder of the run: checkpoint, curves, prepared data")
    trainer.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps")
    trainer.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    trainer.add_argument("--epochs", type=positive, metavar="N", help="instead of the number in the recipe")
    trainer.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="where to save weights and model card (default: the folder of the run)",
    )
    trainer.add_argument(
        "--attached",
        action="store_true",
        help="for a program that watches: progress as lines of JSON on stderr; closing stdin stops the training",
    )


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number


def _common(parser: Any) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the sets (default: $CVSTUDIO_DATA)")
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="use at most N pictures of each set, for a quick try"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")
