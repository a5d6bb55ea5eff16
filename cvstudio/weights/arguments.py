"""The command line of `cvstudio weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def add_weights(commands: Any) -> None:
    """Add the command to the subparsers of `cvstudio`."""
    parser = commands.add_parser(
        "weights", help="the networks' weights: list, get, verify, find", description="The networks' weights."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lister = actions.add_parser("list", help="every model, or every file of some: size, licence, whether it is here")
    lister.add_argument("model", nargs="*", metavar="MODEL", help="list the files of these models")
    getter = actions.add_parser(
        "get",
        help="download the weights of models",
        description="Shows size, licence, source and hash, then downloads, or goes on where it stopped.",
    )
    getter.add_argument("model", nargs="+", metavar="MODEL", help="key of a model; see `cvstudio weights list`")
    which = getter.add_mutually_exclusive_group()
    which.add_argument("--file", metavar="NAME", help="another file than the model's first; see `weights list MODEL`")
    which.add_argument("--all", action="store_true", help="every file of the models")
    getter.add_argument("-q", "--quiet", action="store_true", help="no facts and no progress on stderr")
    checker = actions.add_parser("verify", help="compare the hash of what is here with the published one")
    checker.add_argument("model", nargs="*", metavar="MODEL", help="without one, all that are here")
    finder = actions.add_parser("where", help="print the file, or the folder where it would be kept")
    finder.add_argument("model", metavar="MODEL")
    teller = actions.add_parser("identify", help="what a checkpoint file holds, and which models it fits")
    teller.add_argument("file", type=Path, metavar="FILE", help="a checkpoint, or a folder with one")
    teller.add_argument("--model", metavar="MODEL", help="compare with this model, and list what differs")
    teller.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
