"""What may know of what, checked by machine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_IN_CORE = {"PySide6", "shiboken6", "pyqtgraph", "ui"}
HEAVY = {
    "torch",
    "torchvision",
    "open3d",
    "sounddevice",
    "skimage",
    "librosa",
    "PySide6",
    "shiboken6",
    "pyqtgraph",
    "ui",
}
MAX_LINES = 500
# Work that overlaps goes through `foundation`; these wait for something outside of the program, or end their own way.
THREADS = {
    "cvstudio/media/camera.py": "a device that is read as fast as it delivers",
    "cvstudio/media/playback/player.py": "the feeder of the sound card, which must not wait for a lane",
    "cvstudio/weights/http.py": "a read that blocks on the network and is abandoned at a cancel",
    "cvstudio/models/inspection/tuning_process.py": "a read in the other process that ends with the program",
    "cvstudio/cli/terminal.py": "a read of the terminal, which nothing can break off",
    "cvstudio/running/batch/work.py": "a runner for each network, and pools that outlive an error of one file",
}
FOREIGN = re.compile(
    r"pypi[.]org|pythonhosted|pytorch[.]org/whl|debian[.]org|npmjs|"
    r"--(extra-)?index-url|--find-links|(?<![\w.*-])/(work|root|home/\w)/"
)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of every module that the file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def own_texts() -> list[Path]:
    """Every text file of the project that a person wrote."""
    names = (".py", ".md", ".toml", ".txt", ".qss", ".json", ".ts")
    files = [path for folder in ("cvstudio", "ui", "tests", "resources") for path in (ROOT / folder).rglob("*")]
    files += [*ROOT.iterdir(), *(ROOT / ".setup").iterdir(), *(ROOT / ".ci").iterdir()]
    extra = {"Makefile", "LICENSE", ".gitignore", "install", "with-display", "run"}
    files = [path for path in files if path.parent.name != "cases"]  # media, such as the MPEG streams called .ts
    return sorted(path for path in files if path.is_file() and (path.suffix in names or path.name in extra))


@pytest.mark.parametrize("path", sources("cvstudio"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_never_imports_the_window(path: Path) -> None:
    assert not imported(path) & FORBIDDEN_IN_CORE


def test_the_check_itself_sees_a_forbidden_import(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("def load():\n    from PySide6.QtCore import QTimer\n    import ui.app\n", encoding="utf-8")
    assert imported(path) & FORBIDDEN_IN_CORE == {"PySide6", "ui"}


@pytest.mark.parametrize(
    "code",
    [
        "import cvstudio",
        "import cvstudio.media, cvstudio.cli.main, cvstudio.running.runner; cvstudio.run",
        "from cvstudio.analyses import ANALYSES as r; assert len(r) and not r.broken, r.broken",
        "from cvstudio.models import MODELS as r; assert len(r) and not r.broken, r.broken",
        "from cvstudio.exporters import EXPORTERS as r; assert len(r) and not r.broken, r.broken",
        "from cvstudio.training import RECIPES as r, runs; assert len(r) and not r.broken, r.broken",
    ],
    ids=["package", "callers", "analyses", "models", "exporters", "recipes"],
)
def test_importing_and_discovering_loads_nothing_heavy(code: str) -> None:
    show = "; import sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + show], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not set(json.loads(done.stdout)) & HEAVY


def thread_makers(path: Path) -> set[str]:
    """Names in the file of what starts a thread."""
    names = {"Thread", "ThreadPoolExecutor", "QThread", "QThreadPool"}
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    return names & {f.attr if isinstance(f, ast.Attribute) else f.id if isinstance(f, ast.Name) else "" for f in called}


def test_threads_are_started_by_the_foundation_and_the_files_that_say_why() -> None:
    makers = {str(path.relative_to(ROOT)) for path in sources("cvstudio", "ui") if thread_makers(path)}
    assert {path for path in makers if not path.startswith("cvstudio/foundation/")} == set(THREADS)


def test_the_window_keeps_its_own_lists_of_what_a_layout_holds() -> None:
    """Python's object of a layout's item outlives the item, which the layout deletes, and then crashes the program."""
    items = re.compile(r"\.(itemAt|itemAtPosition|takeAt)\(")
    calling = [path for path in sources("ui") if items.search(path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in calling] == []


def test_no_file_has_outgrown_its_subject() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources("cvstudio", "ui", "tests")}
    assert {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in own_texts()
        for match in FOREIGN.finditer(path.read_text(encoding="utf-8"))
        if path != Path(__file__).resolve()
    ]
    assert found == []
