"""What proves that a file is the published one: its SHA-256 or, for small files of the hub, git's hash of it."""

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
    text : hexadecimal; of a SHA-256 perhaps only its first digits
    git_bytes : length of the file where this is git's SHA-1 of it, which begins with the length: the hash of
        "blob LENGTH" and a zero byte before the content (Chacon and Straub, "Pro Git", section 10.2)
    """

    text: str
    git_bytes: int | None = None

    @property
    def kind(self) -> str:
        """What it is called."""
        return "SHA-256" if self.git_bytes is None else "git SHA-1"

    @property
    def whole(self) -> bool:
        """Whether all digits are known."""
        return self.git_bytes is not None or _SHA256.fullmatch(self.text) is not None

    def hasher(self) -> Any:
        """An object of hashlib, to be given the content."""
        import hashlib

        if self.git_bytes is None:
            return hashlib.sha256()
        return hashlib.sha1(f"blob {self.git_bytes}\0".encode(), usedforsecurity=False)

    def fits(self, found: str) -> bool:
        """Whether a hash of this kind, in hexadecimal, is this one."""
        return found.startswith(self.text)


def digest_of_name(name: str, size_bytes: int | None) -> Digest | None:
    """The hash that the hub names a file by: SHA-256 of a large one, git's of a small one, whose length has to be
    known; None for any other name."""
    if _SHA256.fullmatch(name):
        return Digest(name)
    if _SHA1.fullmatch(name) and size_bytes is not None:
        return Digest(name, size_bytes)
    return None
