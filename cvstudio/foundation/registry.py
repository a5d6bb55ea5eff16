"""Registries: named collections of entries, discovered in the modules that declare them."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from cvstudio.foundation.errors import UnknownKeyError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints, SelectableGroups
    from types import ModuleType


class Keyed(Protocol):
    """Anything with a key."""

    @property
    def key(self) -> str: ...


T = TypeVar("T", bound=Keyed)


@functools.cache
def _entry_points() -> SelectableGroups | EntryPoints:
    """Entry points of all installed packages, read once for all registries: each package costs a file access."""
    from importlib.metadata import entry_points

    return entry_points()


@dataclass(frozen=True)
class Broken:
    """A module or entry point that failed to load, listed with its reason while the others stay usable."""

    module: str
    reason: str


class Registry(Generic[T]):
    """Entries by key; the first access imports every module of `package`, which registers them.

    Parameters
    ----------
    what : str
        The noun used in messages, e.g. "analysis".
    package : str
        Dotted name of the package whose modules, and those of its sub-packages, register entries.
    order : callable, optional
        Sort key of the entries; without it they are ordered by the dotted names of their modules.
    open_to_packages : bool
        Whether other packages may add entries.
    group : str, optional
        Entry point group of other packages; `package` by default.
    folders : callable () -> folder names, optional
        The sub-packages directly under `package` that are imported, in this order; the others hold no entries. Names
        of sub-packages that do not exist are ignored.

    Notes
    -----
    Modules and sub-packages whose names begin with an underscore are not imported: they are shared by entries.

    Other packages add entries through an entry point of the registry's `group`, for example in their
    ``pyproject.toml``::

        [project.entry-points."cvstudio.models"]
        my-network = "my_package.cvstudio_models:SPEC"

    The object is an entry, a collection of entries, or a module that registers its own entries on import. It is
    imported at the first access to the registry, so heavy imports belong into `load` there, too. One that fails
    becomes a `Broken` row; the others are not affected.

    Thread-safe: other threads wait until a running discovery is complete. A module registers entries while it is
    imported but must not access a registry then, as the discovery of another thread may be waiting for that import.
    """

    def __init__(
        self,
        what: str,
        package: str,
        *,
        order: Callable[[T], int] | None = None,
        open_to_packages: bool = True,
        group: str = "",
        folders: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self._what = what
        self._package = package
        self._order = order
        self._open_to_packages = open_to_packages
        self._group = group or package
        self._folders = folders
        self._entries: dict[str, T] = {}
        self._broken: list[Broken] = []
        self._resolvers: dict[str, Callable[[str], T]] = {}
        self._modules: dict[str, str] = {}  # by key, which one registered it
        self._discovered = False
        self._discovering = False
        self._discovery = threading.RLock()
        # Not the discovery's lock: a module that another thread imports registers its entries while the discovery waits
        # for that import.
        self._writing = threading.Lock()

    def register(self, entry: T) -> T:
        """Add `entry` and return it. Raises ValueError where its key is already registered."""
        with self._writing:
            if entry.key in self._entries:
                raise ValueError(f"the {self._what} '{entry.key}' is registered twice")
            self._entries[entry.key] = entry
            self._modules[entry.key] = sys._getframe(1).f_globals.get("__name__", "")
        return entry

    def replace(self, entry: T) -> T:
        """Add `entry`, replacing the one under the same key, and return it."""
        self.discover()
        with self._writing:
            self._entries[entry.key] = entry
        return entry

    @contextmanager
    def lend(self, *entries: T) -> Iterator[None]:
        """Add `entries` for the duration of a ``with`` block, each replacing the one under the same key.

        At the end the previous entries and broken rows are restored; all other changes made in the block are undone,
        too.
        """
        self.discover()
        with self._writing:
            before, broken = dict(self._entries), list(self._broken)
            self._entries.update((entry.key, entry) for entry in entries)
        try:
            yield
        finally:
            with self._writing:
                self._entries, self._broken = before, broken

    def resolve(self, prefix: str, make: Callable[[str], T]) -> None:
        """Create entries whose key starts with `prefix` on demand, where there are too many to register.

        The entry that `make` returns stays registered until the program ends; for an unknown key it raises
        UnknownKeyError. It may take seconds: a caller that must not block checks `has_to_ask` first.
        """
        self._resolvers[prefix] = make

    def has_to_ask(self, key: str) -> bool:
        """Whether `key` is not registered yet but may be created on demand (`resolve`), which may take seconds."""
        return key not in self and key.startswith(tuple(self._resolvers))

    def remove(self, key: str) -> None:
        """Remove the entry under `key`. Raises UnknownKeyError."""
        entry = self[key]
        with self._writing:
            del self._entries[entry.key]

    def add_broken(self, name: str, reason: str) -> None:
        """List `name` as not loadable, with the reason."""
        self._broken.append(Broken(name, reason))

    def discover(self) -> None:
        """Import all modules of the package and load all entry points, once; one that fails becomes a `Broken` row."""
        if self._discovered:
            return
        with self._discovery:
            # A module imported by this discovery that accesses the registry gets the entries so far.
            if self._discovered or self._discovering:
                return
            self._discovering = True
            try:
                self._discover()
                self._discovered = True
            finally:
                self._discovering = False

    def _discover(self) -> None:
        package = importlib.import_module(self._package)
        folders = None if self._folders is None else tuple(self._folders())
        positions = {name: position for position, name in enumerate(self._import_all(package, folders))}
        at_end = len(positions)
        with self._writing:
            # A module imported before the discovery has registered its entries out of order.
            order = sorted(self._entries, key=lambda key: positions.get(self._modules.get(key, ""), at_end))
            self._entries = {key: self._entries[key] for key in order}
        if self._open_to_packages:
            self._discover_entry_points()

    def _import_all(self, package: ModuleType, folders: tuple[str, ...] | None = None) -> Iterator[str]:
        """Import the modules under `package` and yield their dotted names.

        Alphabetically; where `folders` are given, these come last and in their order.
        """

        def place(info: pkgutil.ModuleInfo) -> tuple[int, str]:
            return (folders.index(info.name) if folders and info.ispkg and info.name in folders else -1, info.name)

        for info in sorted(pkgutil.iter_modules(package.__path__), key=place):
            # Modules that begin with an underscore are shared by entries and may have heavy imports.
            if info.name.startswith("_") or (info.ispkg and folders is not None and info.name not in folders):
                continue
            name = f"{package.__name__}.{info.name}"
            try:
                module = importlib.import_module(name)
            except Exception as error:  # a discovery ends here: the row tells what failed
                self._add_broken(name.removeprefix(f"{self._package}."), error)
                continue
            yield name
            if info.ispkg:
                yield from self._import_all(module)

    def _discover_entry_points(self) -> None:
        for point in sorted(_entry_points().select(group=self._group), key=lambda point: point.name):
            origin = f" of {point.dist.name}" if point.dist else ""
            try:
                self._register_loaded(point.load())
            except Exception as error:  # a discovery ends here: the row tells what failed
                self._add_broken(f"{point.name}{origin}", error)

    def _add_broken(self, name: str, error: Exception) -> None:
        self.add_broken(name, f"{type(error).__name__}: {error}")

    def _register_loaded(self, loaded: Any) -> None:
        """Register the entry or entries that an entry point names; a module has registered its own on import."""
        if inspect.ismodule(loaded):
            return
        entries = loaded if isinstance(loaded, list | tuple | set | frozenset) else (loaded,)
        for entry in entries:
            if not isinstance(getattr(entry, "key", None), str):
                raise TypeError(f"expected a {self._what} with a key, found {type(entry).__name__}")
            if self._entries.get(entry.key) is not entry:
                self.register(entry)

    def __getitem__(self, key: str) -> T:
        self.discover()
        try:
            return self._entries[key]
        except KeyError:
            for prefix, make in self._resolvers.items():
                if key.startswith(prefix):
                    # Two threads may create the entry at the same time; the first one stays.
                    entry = make(key)
                    with self._writing:
                        return self._entries.setdefault(key, entry)
            import difflib

            matches = difflib.get_close_matches(key, self._entries, n=1, cutoff=0.5)
            hint = f"did you mean '{matches[0]}'?" if matches else f"there are: {', '.join(sorted(self._entries))}."
            raise UnknownKeyError(f"There is no {self._what} '{key}'; {hint}") from None

    def __iter__(self) -> Iterator[T]:
        self.discover()
        with self._writing:
            entries = list(self._entries.values())
        return iter(entries if self._order is None else sorted(entries, key=self._order))

    def __len__(self) -> int:
        self.discover()
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        self.discover()
        return key in self._entries

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Modules and entry points that failed to load."""
        self.discover()
        return tuple(self._broken)
