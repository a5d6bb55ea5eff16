"""Import of a library at its first use, for the start of the window."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


class _Unused(ModuleType):
    """A module that is executed once one of its attributes is asked for; `importlib.util.LazyLoader` executes it with
    the second import already."""

    def __getattribute__(self, name: str) -> object:
        spec = super().__getattribute__("__spec__")
        if name == "__spec__":  # which each import asks for
            return spec
        super().__setattr__("__class__", ModuleType)
        assert spec is not None
        assert spec.loader is not None
        self.__dict__.update(importlib.util.module_from_spec(spec).__dict__)
        spec.loader.exec_module(self)
        return getattr(self, name)


def import_when_used(name: str) -> None:
    """Let ``import NAME`` give a module that is executed once an attribute of it is asked for.

    Call before `name` is imported, and have it executed (`execute`) before there is a second thread, which would find a
    half of it. Importing one of its submodules executes it: a module that shall not imports no names from them. No
    effect where the module is imported already, or not installed.

    Parameters
    ----------
    name : name of a top-level module
    """
    spec = importlib.util.find_spec(name) if name not in sys.modules else None
    if spec is not None:
        sys.modules[name] = _Unused(name)
        sys.modules[name].__spec__ = spec


def execute(name: str) -> None:
    """Execute a module that waits for its first use, and import one that nothing has imported."""
    getattr(importlib.import_module(name), "__doc__", None)
