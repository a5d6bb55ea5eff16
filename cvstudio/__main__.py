"""`python -m cvstudio`: the command line, without the window."""

from __future__ import annotations

import sys

from cvstudio.cli.main import build_parser, main

if __name__ == "__main__":
    if len(sys.argv) == 1:
        build_parser().print_help()
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
