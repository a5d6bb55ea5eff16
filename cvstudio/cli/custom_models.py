"""`cvstudio own …`: add, show, list and remove custom networks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cvstudio.foundation.progress import Progress
from cvstudio.models.custom.declaration import SUFFIXES, declaration_path, read_declaration, to_mapping
from cvstudio.models.custom.inference import is_program
from cvstudio.models.custom.store import add, registered, remove, save


def add_own(commands: Any) -> None:
    """Add the command `own` to the parser's `commands`."""
    own = commands.add_parser("own", help="your own networks: ONNX or TorchScript files with a declaration")
    actions = own.add_subparsers(dest="action", required=True, metavar="ACTION")
    adding = actions.add_parser(
        "add", help="register a network; its declaration is written beside it where it has none"
    )
    adding.add_argument("file", type=Path, help="an ONNX or TorchScript file, or its YAML declaration")
    showing = actions.add_parser("show", help="print the declaration of a file, or a suggested one")
    showing.add_argument("file", type=Path, help="an ONNX or TorchScript file, or its YAML declaration")
    removing = actions.add_parser("remove", help="remove a network from the program; its files stay on disk")
    removing.add_argument("key", help="as `cvstudio list` shows it")
    actions.add_parser("list", help="the declarations that are registered")


def run_own(options: argparse.Namespace, progress: Progress) -> int:
    """Run the action in `options` and return the exit code. Raises CustomModelError."""
    if options.action == "list":
        for path in registered():
            print(path)
        return 0
    if options.action == "remove":
        remove(options.key)
        return 0
    from cvstudio.models.custom.infer_declaration import infer_declaration

    file: Path = options.file
    declaration = file if file.suffix.lower() in SUFFIXES else declaration_path(file)
    if options.action == "show":
        import yaml

        model = read_declaration(declaration) if declaration is not None else infer_declaration(file, progress)
        content = to_mapping(model, model.file.parent)
        print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, default_flow_style=None), end="")
        return 0
    if declaration is None:
        model = infer_declaration(file, progress)
        declaration = save(model)
        print(f"Read as {model.decoder}; look at {declaration} and correct it where needed.", file=sys.stderr)
    spec = add(declaration)
    if is_program(spec.weights[0].path or file):
        print("A TorchScript file is a program; use it only where you trust its author.", file=sys.stderr)
    print(f"{declaration}\n--model {spec.key}")
    return 0
