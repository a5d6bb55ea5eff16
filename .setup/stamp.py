"""Print what an installation depends on, as one hash: lock file, pyproject.toml, Python, and where the checkout is."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stamp(root: Path) -> str:
    """Hex SHA-256; another value means that the installation has to be gone through again."""
    digest = hashlib.sha256(f"{sys.version}\0{root}\0".encode())
    for name in (".setup/requirements.lock", "pyproject.toml"):
        digest.update((root / name).read_bytes() + b"\0")
    return digest.hexdigest()


if __name__ == "__main__":
    print(stamp(ROOT))
