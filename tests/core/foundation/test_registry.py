"""Registries of packages with sub-packages, asked by several threads."""

from __future__ import annotations

import importlib.metadata
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cvstudio.foundation import registry
from cvstudio.foundation.errors import UnknownKeyError
from cvstudio.foundation.registry import Registry

WAIT_SECS = 30.0
WAITS = f"""
from cvstudio.foundation.registry import GATE_OF_TEST as gate
gate.entered.set()
assert gate.go.wait({WAIT_SECS})
"""

_numbers = itertools.count()


@dataclass(frozen=True)
class Tool:
    key: str
    size: int = 0


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Registry[Tool], str]]:
    """Writes a package of the given files, and a registry of it that the files know as `TOOLS`."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(files: Mapping[str, str], **options: Any) -> tuple[Registry[Tool], str]:
        name = f"toolbox_{next(_numbers)}"
        for file, text in {"__init__.py": "", **files}.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            for parent in path.relative_to(tmp_path).parents[:-1]:
                (tmp_path / parent / "__init__.py").touch()
        tools: Registry[Tool] = Registry("tool", name, open_to_packages="group" in options, **options)
        monkeypatch.setattr(registry, "TOOLS_OF_TEST", tools, raising=False)
        return tools, name

    return make


def declares(*keys: str) -> str:
    entries = "".join(f"TOOLS.register(Tool('{key}'))\n" for key in keys)
    tool = "from dataclasses import make_dataclass\nTool = make_dataclass('Tool', ['key'])\n"
    return f"from cvstudio.foundation.registry import TOOLS_OF_TEST as TOOLS\n{tool}{entries}"


def keys_of(tools: Registry[Tool]) -> list[str]:
    return [tool.key for tool in tools]


def test_sub_packages_are_searched_and_entries_come_by_dotted_names(package: Callable[..., Any]) -> None:
    tools, name = package(
        {
            "saw.py": declares("saw"),
            "b/axe.py": declares("axe"),
            "b/a/file.py": declares("file"),
            "b/__init__.py": declares("b"),
            "a.py": declares("a2", "a1"),
            "_shared.py": "raise SystemExit",
            "_inside/pin.py": declares("pin"),
            "b/_inside/nail.py": declares("nail"),
        }
    )
    # Imported by itself before, so that it registers first.
    __import__(f"{name}.saw")
    assert keys_of(tools) == ["a2", "a1", "b", "file", "axe", "saw"]
    assert tools.broken == ()


def test_a_broken_module_deep_inside_takes_nothing_with_it(package: Callable[..., Any]) -> None:
    tools, _ = package(
        {
            "a/b/bad.py": "import no_such_module_at_all",
            "a/b/good.py": declares("good"),
            "c/__init__.py": "1 / 0",
            "c/never.py": declares("never"),
            "d.py": declares("d"),
        }
    )
    assert keys_of(tools) == ["good", "d"]
    assert [(row.module, row.reason.split(":")[0]) for row in tools.broken] == [
        ("a.b.bad", "ModuleNotFoundError"),
        ("c", "ZeroDivisionError"),
    ]


def test_a_registry_may_look_into_some_folders_only(package: Callable[..., Any]) -> None:
    files = {
        "own.py": declares("own"),
        "tasks/deep/x.py": declares("x"),
        "others/y.py": declares("y"),
        "others/tasks/z.py": declares("z"),
    }
    asked: list[int] = []

    def folders() -> tuple[str, ...]:
        asked.append(1)
        return ("tasks", "not_there")

    tools, _ = package(files, folders=folders)
    assert asked == []
    assert keys_of(tools) == ["own", "x"]
    assert tools.broken == ()


def test_folders_come_in_the_order_that_is_given(package: Callable[..., Any]) -> None:
    files = {"own.py": declares("own"), "a/x.py": declares("x"), "b/z.py": declares("z"), "b/y.py": declares("y")}
    tools, _ = package(files, folders=lambda: ("b", "a"))
    assert keys_of(tools) == ["own", "y", "z", "x"]


def test_the_entry_points_have_a_name_of_their_own(
    package: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Point(importlib.metadata.EntryPoint):
        def load(self) -> Tool:
            return Tool(self.value)

    tools, name = package({}, group="their.tools")
    points = [Point("one", "rule", "their.tools"), Point("two", "wrong", name)]
    monkeypatch.setattr(registry, "_entry_points", lambda: importlib.metadata.EntryPoints(points))
    assert keys_of(tools) == ["rule"]


def test_a_thread_that_asks_while_another_fills_it_waits_for_all(
    package: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = SimpleNamespace(entered=threading.Event(), go=threading.Event())
    monkeypatch.setattr(registry, "GATE_OF_TEST", gate, raising=False)
    tools, _ = package({"a.py": declares("a") + WAITS, "b.py": declares("b")})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(keys_of, tools)
        assert gate.entered.wait(WAIT_SECS)
        second = pool.submit(lambda: tools["b"].key)
        # Without the lock it has an answer, an UnknownKeyError, at once.
        assert not second.done()
        with pytest.raises(TimeoutError):
            second.exception(timeout=0.2)
        gate.go.set()
        assert first.result(WAIT_SECS) == ["a", "b"]
        assert second.result(WAIT_SECS) == "b"


def test_a_module_that_another_thread_imports_registers_during_the_discovery(
    package: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = SimpleNamespace(entered=threading.Event(), go=threading.Event())
    monkeypatch.setattr(registry, "GATE_OF_TEST", gate, raising=False)
    tools, name = package({"a.py": WAITS + declares("a")})
    with ThreadPoolExecutor(2) as pool:
        direct = pool.submit(__import__, f"{name}.a")
        assert gate.entered.wait(WAIT_SECS)
        # It waits for the import, which in turn must not wait for it.
        discovery = pool.submit(keys_of, tools)
        with pytest.raises(TimeoutError):
            discovery.exception(timeout=0.2)
        gate.go.set()
        assert discovery.result(WAIT_SECS) == ["a"]
        direct.result(WAIT_SECS)


def test_a_module_that_asks_while_it_is_imported_gets_what_there_is(package: Callable[..., Any]) -> None:
    asks = "\nassert 'a' in TOOLS and 'c' not in TOOLS\nSEEN = [tool.key for tool in TOOLS]\n"
    tools, name = package({"a.py": declares("a"), "b.py": declares("b") + asks, "c.py": declares("c")})
    assert keys_of(tools) == ["a", "b", "c"]
    assert tools.broken == ()
    assert __import__(f"{name}.b").b.SEEN == ["a", "b"]


def test_what_is_lent_is_taken_back_and_what_it_replaced_is_there_again(package: Callable[..., Any]) -> None:
    tools, _ = package({"a.py": declares("a", "b")})
    before = tools["a"]
    with pytest.raises(KeyboardInterrupt), tools.lend(Tool("a", 2), Tool("new")):  # noqa: PT012
        assert tools["a"].size == 2
        assert keys_of(tools) == ["a", "b", "new"]
        tools.register(Tool("later"))
        tools.remove("b")
        tools.add_broken("file", "reason")
        raise KeyboardInterrupt
    assert keys_of(tools) == ["a", "b"]
    assert tools["a"] is before
    assert tools.broken == ()
    with pytest.raises(UnknownKeyError):
        tools["later"]
