"""Print the packages of the system that are missing: ``system.py apt|dnf|pacman GROUP...``, one line of names.

Runs with any Python >= 3.11 and nothing installed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).with_name("system-packages.txt")
MANAGERS = ("apt", "dnf", "pacman")
KOREAN_FONTS = ("cjk", "nanum", "korea", "baekmuk", "undotum", "malgun", "unifont", "droidsansfallback")


def _font_folders() -> Iterator[Path]:
    home = Path(os.path.expanduser("~"))
    yield from (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts")
    yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "fonts"


def _has_korean_font() -> bool:
    return any(
        any(word in path.name.lower() for word in KOREAN_FONTS)
        for folder in _font_folders()
        for path in folder.rglob("*.[ot]t[cf]")
    )


def is_there(wanted: str) -> bool:
    """Whether ``lib:SONAME`` loads, ``cmd:NAME`` is on PATH, or ``font:ko`` is installed."""
    kind, _, name = wanted.partition(":")
    if kind == "cmd":
        return shutil.which(name) is not None
    if kind == "font":
        return _has_korean_font()
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def missing(manager: str, groups: list[str], table: str) -> list[str]:
    """Names for `manager` of everything in `groups` that is not there, each once, in the order of the table."""
    rows = [line.split() for line in table.splitlines() if line and not line.startswith("#")]
    column = 2 + MANAGERS.index(manager)
    return list(dict.fromkeys(row[column] for row in rows if row[0] in groups and not is_there(row[1])))


if __name__ == "__main__":
    if sys.platform == "linux":
        print(*missing(sys.argv[1], sys.argv[2:], TABLE.read_text(encoding="utf-8")))
