"""The house: which room may import which, that no circle is in it, and what stands where."""

from __future__ import annotations

import ast
import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cvstudio.models.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
MAX_FILES = 25

ALLOWED: dict[str, set[str]] = {
    "cvstudio/foundation": set(),
    "cvstudio/data": {"foundation"},
    "cvstudio/results": {"foundation", "data"},
    "cvstudio/draw": {"foundation", "data", "results"},
    "cvstudio/world": {"foundation", "data"},
    "cvstudio/conversion": {"foundation", "data"},
    "cvstudio/media": {"foundation", "data", "draw", "world"},
    "cvstudio/exporters": {"foundation", "data", "results", "draw", "media", "conversion"},
    "cvstudio/weights": {"foundation"},
    "cvstudio/models": {"foundation", "data", "results", "media", "weights"},
    "cvstudio/analyses": {"foundation", "data", "results", "media", "models", "conversion"},
    "cvstudio/training": {"foundation", "data", "results", "weights", "models", "evaluation", "world"},
    "cvstudio/running": {"foundation", "data", "results", "draw", "media", "exporters", "models", "analyses"},
    "cvstudio/evaluation": {
        *("foundation", "data", "results", "draw", "media", "exporters", "models", "analyses", "running"),
    },
    "cvstudio/session": {"foundation", "data", "results", "media", "models", "analyses", "running"},
    "cvstudio/cli": {
        *("foundation", "data", "results", "draw", "media", "exporters"),
        *("weights", "models", "analyses", "training", "running", "evaluation", "world"),
    },
    "ui/base": set(),
    "ui/control": {"base"},
    "ui/widgets": {"base"},
    "ui/views": {"base", "widgets"},
    "ui/library": {"base", "control", "widgets"},
    "ui/models": {"base", "control", "widgets", "views"},
    "ui/files": {"base", "control", "widgets", "library"},
    "ui/training": {"base", "control", "widgets", "views", "models"},
    "ui/panels": {"base", "control", "widgets", "views", "library", "models", "files", "training"},
    "ui/window": {"base", "control", "widgets", "views", "library", "models", "files", "training", "panels"},
    "ui/tour": {
        *(".", "base", "control", "widgets", "views", "library"),
        *("models", "files", "training", "panels", "window"),
    },
}
"""Room -> the rooms of the same package that its files may import, beside their own; "." is the package's own root.
The rooms of `ui` may import all of the core."""

FLOORS_OF_MODELS = {
    # What stands in the room itself: the declarations.
    "": set(),
    "shared": {""},
    "runtime": {"", "shared"},
    "inspection": {"", "shared", "runtime"},
    "catalogue": {"", "shared", "runtime", "inspection"},
    "custom": {"", "shared", "runtime"},
}
"""Folder of `cvstudio/models` -> the folders that it may import. A task's folder may import `shared` and `runtime`."""
FLOORS_OF_A_TASK = {"", "shared", "runtime"}

FILES_OF_A_ROOT = {
    "cvstudio": {"__init__.py", "__main__.py"},
    "ui": {"__init__.py", "app.py", "crash_log.py", "environment.py", "launch.py"},
}
FREE = {"cvstudio/__init__.py", "cvstudio/__main__.py", "ui/app.py", "ui/launch.py"}
"""The doors of the house lead everywhere."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_file(dotted: str, root: Path = ROOT) -> str | None:
    """The file of the module `dotted`; None where there is none."""
    base = root.joinpath(*dotted.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path.relative_to(root).as_posix()
    return None


def imports(path: Path, root: Path = ROOT) -> Iterator[str]:
    """The files of the project that `path` imports, also inside functions and for type checking only."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                target = module_file(alias.name, root)
                if target:
                    yield target
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            for alias in node.names:
                target = module_file(f"{module}.{alias.name}", root) or module_file(module, root)
                if target:
                    yield target


def graph(paths: Iterable[Path], root: Path = ROOT) -> dict[str, set[str]]:
    """File -> the files that it imports."""
    return {path.relative_to(root).as_posix(): set(imports(path, root)) for path in paths}


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one file (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(arrows.get(node, ())):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            place = stack.index(node)
            component = stack[place:]
            del stack[place:]
            if len(component) > 1:
                components.append(sorted(component))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return components


def room_of(name: str) -> str:
    """Such as "cvstudio/models" for "cvstudio/models/detection/ssd.py"; the package alone for a file in its root."""
    parts = name.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def offences(arrows: dict[str, set[str]]) -> list[str]:
    """Every import that the table does not allow."""
    found = []
    for name, targets in arrows.items():
        if name in FREE:
            continue
        package = name.split("/")[0]
        room = room_of(name)
        allowed = {package if other == "." else f"{package}/{other}" for other in ALLOWED.get(room, ())} | {room}
        for target in sorted(targets):
            other = room_of(target)
            if package == "ui" and target.startswith("cvstudio/"):
                continue
            if other not in allowed:
                found.append(f"{name} imports {target}")
    return found


@functools.cache
def arrows_of_the_house() -> dict[str, set[str]]:
    """Those of both packages. Not made with the module, which every process of a run imports."""
    return graph(sources("cvstudio", "ui"))


def test_a_room_imports_only_what_lies_below_it() -> None:
    assert offences(arrows_of_the_house()) == []


@pytest.mark.parametrize("package", ["cvstudio", "ui"])
def test_every_folder_is_a_room_of_the_table(package: str) -> None:
    rooms = {path.name for path in (ROOT / package).iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms == {room.split("/")[1] for room in ALLOWED if room.startswith(f"{package}/")}
    files = {path.name for path in (ROOT / package).glob("*.py")}
    assert files == FILES_OF_A_ROOT[package]


def test_no_file_imports_itself_in_a_circle() -> None:
    assert circles(arrows_of_the_house()) == []


def test_the_checks_see_a_wrong_arrow_and_a_circle(tmp_path: Path) -> None:
    for name, code in {
        "cvstudio/data/samples.py": "def load():\n    from cvstudio.draw import base\n",
        "cvstudio/draw/base.py": "if TYPE_CHECKING:\n    from cvstudio.data.samples import Image\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(code, encoding="utf-8")
    arrows = graph(sorted(tmp_path.rglob("*.py")), tmp_path)
    assert offences(arrows) == ["cvstudio/data/samples.py imports cvstudio/draw/base.py"]
    assert circles(arrows) == [["cvstudio/data/samples.py", "cvstudio/draw/base.py"]]


def test_every_folder_with_files_is_a_package() -> None:
    """A registry does not look into a folder that is none, and what stands in it would silently be missing."""
    folders = {path.parent for path in sources("cvstudio", "ui")}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_folder_is_crowded() -> None:
    counts = Counter(path.parent for path in sources("cvstudio", "ui") if path.name != "__init__.py")
    assert {name_of(folder): count for folder, count in counts.items() if count > MAX_FILES} == {}


def test_what_begins_with_an_underscore_is_used_in_its_own_folder_only() -> None:
    wrong = [
        f"{name} imports {target}"
        for name, targets in arrows_of_the_house().items()
        for target in targets
        if target.split("/")[-1].startswith("_") and not target.endswith("/__init__.py")
        if Path(name).parent != Path(target).parent
    ]
    assert wrong == []


def test_the_folders_of_models_know_only_the_floors_below() -> None:
    def folder(name: str) -> str:
        inside = name.removeprefix("cvstudio/models/")
        return inside.split("/")[0] if "/" in inside else ""

    wrong = [
        f"{name} imports {target}"
        for name, targets in arrows_of_the_house().items()
        if name.startswith("cvstudio/models/")
        for target in targets
        if target.startswith("cvstudio/models/") and folder(target) != folder(name)
        if folder(target) not in FLOORS_OF_MODELS.get(folder(name), FLOORS_OF_A_TASK)
    ]
    assert wrong == []


def test_a_folder_of_models_is_of_a_task_or_of_the_table() -> None:
    folders = {path.name for path in (ROOT / "cvstudio/models").iterdir() if any(path.glob("*.py"))}
    assert folders - {task.folder for task in TASKS.values()} == {*FLOORS_OF_MODELS} - {""}


def test_the_folders_of_analyses_do_not_know_one_another() -> None:
    def folder(name: str) -> str:
        inside = name.removeprefix("cvstudio/analyses/")
        return inside.split("/")[0] if "/" in inside else ""

    wrong = [
        f"{name} imports {target}"
        for name, targets in arrows_of_the_house().items()
        if name.startswith("cvstudio/analyses/")
        for target in targets
        if target.startswith("cvstudio/analyses/") and folder(target) not in ("", folder(name))
    ]
    assert wrong == []


def test_no_two_public_classes_of_the_core_share_a_name() -> None:
    places = defaultdict(list)
    for path in sources("cvstudio"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
