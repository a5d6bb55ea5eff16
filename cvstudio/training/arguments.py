"""The command line of `cvstudio train` and `cvstudio evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_training(commands: Any) -> None:
    """Add both commands to the subparsers of `cvstudio`."""
    trainer = commands.add_parser(
        "train",
        help="train one of the embedded models anew",
        description="Runs a training recipe, or goes on with it where it stopped. Without a name, lists the recipes.",
    )
    trainer.add_argument("recipe", nargs="?", metavar="NAME", help="the recipe; see the list")
    trainer.add_argument("--list", action="store_true", help="the recipes: what they make, need and are licensed as")
    _common(trainer)
    trainer.add_argument("--run", type=Path, metavar="DIR", help="folder of the run: checkpoint, curves, prepared data")
    trainer.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps")
    trainer.add_argument("--seed", type=int, default=0, help="of everything drawn by chance (default: 0)")
    trainer.add_argument("--epochs", type=_positive, metavar="N", help="in place of the recipe's own number")
    trainer.add_argument(
        "--export", type=Path, metavar="DIR", help="where weights and card go at the end (default: the run's folder)"
    )
    trainer.add_argument(
        "--attached",
        action="store_true",
        help="for a program that watches: progress as lines of JSON on stderr; closing stdin stops the training",
    )
    judge = commands.add_parser(
        "evaluate",
        help="measure an embedded model on data that it was not trained on",
        description="Measures the shipped weights, or a file of one's own, beside the figures of the model card.",
    )
    judge.add_argument("recipe", metavar="NAME", help="the recipe that made the model")
    _common(judge)
    judge.add_argument("--weights", type=Path, metavar="FILE", help="another file than the shipped one")
    judge.add_argument("--json", action="store_true", help="figures as JSON")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, found {number}")
    return number


def _common(parser: Any) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with the sets (default: $CVSTUDIO_DATA)")
    parser.add_argument(
        "--limit", type=_positive, metavar="N", help="at most so many pictures of each set, to try it out"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
