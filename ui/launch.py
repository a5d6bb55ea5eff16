"""The `cvstudio` command: a window, or a command line tool that loads no Qt."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Start what the arguments ask for and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    from cvstudio.cli.main import COMMANDS

    if given and (given[0] in COMMANDS or given[0] in ("-h", "--help", "--version")):
        from cvstudio.cli import main as cli

        return cli.main(given)
    from ui.app import run_window

    return run_window(given)
