"""Named collections of what the program can do. A file that declares something is the only place to touch."""

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
    """Those of all packages: every one has a file to be read for it, so all registries share one look."""
    from importlib.metadata import entry_points

    return entry_points()


@dataclass(frozen=True)
class Broken:
    """A module that failed to import: shown as a row, so that one bad file does not take the rest with it."""

    module: str
    reason: str


class Registry(Generic[T]):
    """Entries by key, filled by importing every module of `package` when first asked.

    Parameters
    ----------
    what : str
        The noun used in messages, e.g. "analysis".
    package : str
        Dotted name of the package whose modules, and those of its sub-packages, register entries.
    order : callable, optional
        Key by which entries are listed; otherwise they come by the dotted names of their modules.
    open_to_packages : bool
        Whether other packages may add entries.
    group : str, optional
        Name of the entry points of other packages; otherwise it is that of `package`.
    folders : callable () -> folder names, optional
        The sub-packages directly under `package` that are looked into, where the others hold no entries. Those that are
        not there are passed over.

    Notes
    -----
    Modules and sub-packages whose names begin with an underscore are never imported by a registry: entries share them.

    Other packages add entries through an entry point of the registry's `group`, for example in their
    ``pyproject.toml``::

        [project.entry-points."cvstudio.models"]
        my-network = "my_package.cvstudio_models:SPEC"

    The object is an entry, a collection of entries, or a module that registers its own when it is imported. It is
    imported when the registry is first asked, so what is heavy belongs into `load` there, too. One that fails becomes
    a `Broken` row and takes nothing else with it.

    Every thread may ask; those that ask during the discovery wait until it is complete. A module may register entries
    while it is imported, but asks no registry then: another thread's discovery may be waiting for that import.
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
        # Not the lock of the discovery: a module that another thread imports registers its entries while the discovery
        # waits for that import.
        self._writing = threading.Lock()

    def register(self, entry: T) -> T:
        """Add `entry` and return it. Raises ValueError where its key is taken."""
        with self._writing:
            if entry.key in self._entries:
                raise ValueError(f"the {self._what} '{entry.key}' is registered twice")
            self._entries[entry.key] = entry
            self._modules[entry.key] = sys._getframe(1).f_globals.get("__name__", "")
        return entry

    def replace(self, entry: T) -> T:
        """Add `entry`, in the place of the one that had its key, and return it."""
        self.discover()
        with self._writing:
            self._entries[entry.key] = entry
        return entry

    @contextmanager
    def lend(self, *entries: T) -> Iterator[None]:
        """Add `entries` for the time of a ``with`` block, each in the place of the one that had its key.

        Afterwards the registry holds what it held before: what else was registered, replaced or removed in the block,
        and rows that were added as broken, go as well.
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
        """Let `make` answer for a key that begins with `prefix` and is not registered: too many are to be listed.

        What it returns is registered until the program ends. It raises UnknownKeyError. It may take seconds: whoever
        must not wait asks `has_to_ask` first.
        """
        self._resolvers[prefix] = make

    def has_to_ask(self, key: str) -> bool:
        """Whether `key` is not registered, but begins as one that somebody answers for, which may take seconds."""
        return key not in self and key.startswith(tuple(self._resolvers))

    def remove(self, key: str) -> None:
        """Take the entry under `key` out. Raises UnknownKeyError."""
        found = self[key]
        with self._writing:
            del self._entries[found.key]

    def add_broken(self, name: str, reason: str) -> None:
        """Show that something could not be registered, without stopping at it."""
        self._broken.append(Broken(name, reason))

    def discover(self) -> None:
        """Import every module of the package and every entry point once; a failing one becomes a `Broken` row."""
        if self._discovered:
            return
        with self._discovery:
            # A module that is being imported by this very thread may ask: it gets what there is so far.
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
        folders = None if self._folders is None else frozenset(self._folders())
        places = {name: place for place, name in enumerate(self._import_all(package, folders))}
        last = len(places)
        with self._writing:
            # One that was imported by itself before has registered its entries first.
            order = sorted(self._entries, key=lambda key: places.get(self._modules.get(key, ""), last))
            self._entries = {key: self._entries[key] for key in order}
        if self._open_to_packages:
            self._discover_entry_points()

    def _import_all(self, package: ModuleType, folders: frozenset[str] | None = None) -> Iterator[str]:
        """Import the modules under `package` and yield their dotted names, ordered by these."""
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            # What begins with an underscore is shared by entries, and may import what is heavy.
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
            came_with = f" of {point.dist.name}" if point.dist else ""
            try:
                self._take(point.load())
            except Exception as error:  # a discovery ends here: the row tells what failed
                self._add_broken(f"{point.name}{came_with}", error)

    def _add_broken(self, name: str, error: Exception) -> None:
        self.add_broken(name, f"{type(error).__name__}: {error}")

    def _take(self, found: Any) -> None:
        """Register what an entry point names: an entry, or several; a module has registered its own by now."""
        if inspect.ismodule(found):
            return
        several = found if isinstance(found, list | tuple | set | frozenset) else (found,)
        for entry in several:
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
                    # Two threads may ask at a time; what was first stays.
                    made = make(key)
                    with self._writing:
                        return self._entries.setdefault(key, made)
            import difflib

            near = difflib.get_close_matches(key, self._entries, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(self._entries))}."
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
        """The modules that failed to import."""
        self.discover()
        return tuple(self._broken)
