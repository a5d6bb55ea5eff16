"""Small tables of texts in the user's data folder, which window, command line and scripts share."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.paths import user_data_dir

log = logging.getLogger(__name__)
VERSION = 1


class UserTable:
    """A table of texts by key, in a JSON file of the user's data folder.

    Parameters
    ----------
    name : of the file, without its suffix
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def path(self) -> Path:
        """Path of the file, which need not exist."""
        return user_data_dir() / f"{self._name}.json"

    def read(self) -> Mapping[str, str]:
        """All entries. A file that cannot be read counts as empty, and the log says so: nothing waits for it."""
        path = self.path
        try:
            status = path.stat()
        except OSError:
            return MappingProxyType({})
        return _read(path, f"cvstudio-{self._name}", status.st_size, status.st_mtime_ns)

    def put(self, key: str, value: str | None) -> None:
        """Set the entry of `key`; None removes it. Raises OSError where the file cannot be written."""
        entries = {name: text for name, text in self.read().items() if name != key}
        if value is not None:
            entries[key] = value
        content = {"format": f"cvstudio-{self._name}", "version": VERSION, "entries": entries}
        path = self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        _read.cache_clear()


@functools.lru_cache(maxsize=8)
def _read(path: Path, form: str, size: int, mtime_ns: int) -> Mapping[str, str]:
    """Entries of a table; `size` and `mtime_ns` make a changed file a new cache key."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != form or content["version"] > VERSION:
            raise ValueError("another format")
        return MappingProxyType({str(key): str(value) for key, value in content["entries"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the table %s cannot be read: %s", path, error)
        return MappingProxyType({})
