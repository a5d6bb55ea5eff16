"""Names of the command line tools. The window asks for them at its start: this module imports nothing."""

from __future__ import annotations

COMMANDS = ("run", "info", "list", "weights", "train", "evaluate", "own", "models", "labels", "world")
