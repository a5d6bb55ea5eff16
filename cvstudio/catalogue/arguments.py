"""The command line of `cvstudio models`."""

from __future__ import annotations

from typing import Any

DEFAULT_COLUMNS = "key,model,task,year,score,metric,params,macs,size,ms,status,licence"


def add_models(commands: Any) -> None:
    """Add the command to the subparsers of `cvstudio`."""
    parser = commands.add_parser(
        "models",
        help="the catalogue of models, and the card of one with its layers",
        description="Every model with what is known of it; with MODEL its card and its layers.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="key of a model: show its card and its layers")
    parser.add_argument("--task", default="", metavar="TASK", help="only models of this task, e.g. detect")
    parser.add_argument("--family", default="", metavar="FAMILY", help="only models of this family")
    parser.add_argument("--search", default="", metavar="WORDS", help="only models in which all words occur")
    parser.add_argument("--columns", default=DEFAULT_COLUMNS, metavar="LIST", help=f"default: {DEFAULT_COLUMNS}")
    parser.add_argument("--sort", default="", metavar="COLUMN", help="sort by this column")
    parser.add_argument("-r", "--reverse", action="store_true", help="the largest first")
    parser.add_argument("--measure", action="store_true", help="measure the models that are shown on this device first")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--depth", type=int, metavar="N", help="of the layers, show so many levels (default: all)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
