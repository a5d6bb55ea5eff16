"""The `cvstudio` command: opens the window, or runs a command line tool without loading Qt."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line tool that `arguments` (default: those of the process) name, or else the window.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    from cvstudio.cli.commands import COMMANDS

    if words and (words[0] in COMMANDS or words[0] in ("-h", "--help", "--version")):
        from cvstudio.cli import main as cli

        return cli.main(words)
    from ui.app import run_window

    return run_window(words)
