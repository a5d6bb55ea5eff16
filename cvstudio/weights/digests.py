"""Digests that verify published files: SHA-256 or, for small files of the hub, git's SHA-1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_SHA256 = re.compile("[0-9a-f]{64}")
_SHA1 = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Digest:
    """An expected hash.

    Parameters
    ----------
    text : hexadecimal; may be only the first digits of a SHA-256
    git_bytes : length of the file for git's SHA-1, which includes it; None for SHA-256. Git's is the hash of
        "blob LENGTH" and a zero byte before the content (Chacon and Straub, "Pro Git", section 10.2)
    """

    text: str
    git_bytes: int | None = None

    @property
    def kind(self) -> str:
        """Name of the hash function, for messages."""
        return "SHA-256" if self.git_bytes is None else "git SHA-1"

    @property
    def whole(self) -> bool:
        """Whether all digits are known."""
        return self.git_bytes is not None or _SHA256.fullmatch(self.text) is not None

    def hasher(self) -> Any:
        """A new hashlib object, to be updated with the content."""
        import hashlib

        if self.git_bytes is None:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.git_bytes}\0".encode(), usedforsecurity=False)

    def fits(self, found: str) -> bool:
        """Whether the hexadecimal hash `found`, of this kind, matches."""
        return found.startswith(self.text)


def digest_of_name(name: str, size_bytes: int | None) -> Digest | None:
    """The digest in a file name of the hub's cache: SHA-256 for a large file, git's SHA-1 for a small one of known
    `size_bytes`; None for any other name."""
    if _SHA256.fullmatch(name):
        return Digest(name)
    if _SHA1.fullmatch(name) and size_bytes is not None:
        return Digest(name, size_bytes)
    return None
