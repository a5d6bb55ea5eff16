"""Who may write the session, and who may know the window."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CONTROL = tuple(f"ui.control.{path.stem}" for path in sorted((ROOT / "ui/control").glob("[!_]*.py")))
"""The state, and what follows from it."""
WRITES = {"change", "load", "mark_saved", "end_merge", "undo", "redo"}


def file_of(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def session_writes(tree: ast.AST) -> list[str]:
    """Calls such as `self._controller.session.change(...)`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            owner = ast.unparse(node.func.value)
            if re.fullmatch(r"(.*\.)?_?session", owner):
                found.append(f"{owner}.{node.func.attr}")
    return found


def test_only_control_writes_the_session() -> None:
    control = {file_of(module) for module in CONTROL}
    writers = {
        path: writes
        for path in sorted((ROOT / "ui").rglob("*.py"))
        if (writes := session_writes(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert file_of("ui.control.controller") in writers
    assert {str(path): writes for path, writes in writers.items() if path not in control} == {}


def test_a_write_is_recognised() -> None:
    for text in ("session.change(title, state)", "self._controller.session.load(state)", "self._session.mark_saved()"):
        assert session_writes(ast.parse(text)), text
    for text in ("controller.change(1)", "self.session.listen(f)", "self.sessions.load(1)"):
        assert not session_writes(ast.parse(text)), text


@pytest.mark.parametrize("module", CONTROL)
def test_control_knows_no_widgets(module: str) -> None:
    tree = ast.parse(file_of(module).read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in names if name and "QtWidgets" in name]


def test_control_comes_without_the_module_of_widgets() -> None:
    code = f"import sys, {', '.join(CONTROL)}; sys.exit('PySide6.QtWidgets' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nobody_takes_the_window_for_the_controllers_parent() -> None:
    back_doors = re.compile(
        r"controller\.parent\(\)|window: Any|self\.window\(\)\.(?!hide\b|isWindow\b|activateWindow\b|focusWidget\b)"
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "ui").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if back_doors.search(line)
    ]
    assert found == []
