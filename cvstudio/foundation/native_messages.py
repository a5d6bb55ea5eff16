"""What libraries in C and C++ print to the standard error of the process, of which they have no other way to tell."""

from __future__ import annotations

import atexit
import os
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, TextIO, TypeVar, cast

_Answer = TypeVar("_Answer")
_KNOWN = re.compile(
    rb"(?:Corrupt JPEG data: |Premature end of JPEG file|Invalid SOS parameters|Warning: unknown JFIF"
    rb"|Application transferred too |Unsupported marker type |Bogus |Invalid JPEG|JPEG datastream contains"
    rb"|libpng (?:error|warning): |TIFF\w*: |[^\n]*: \(EXR_ERR_|\[ WARN:|\[ERROR:)[^\n]*\n?"
)
"""Lines of libjpeg, libpng, libtiff, OpenEXR and OpenCV."""
_STDERR = 2


@dataclass(frozen=True)
class Messages:
    """What was printed while a library worked.

    Parameters
    ----------
    text : the lines of libraries
    alone : whether no other library worked meanwhile, which may have printed them
    """

    text: str
    alone: bool


class NativeMessages:
    """Keeps what libraries print from the terminal.

    Standard error belongs to the whole process. While a library works it leads into a temporary file; what other
    threads write there meanwhile is passed on when the last of the libraries has ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = self._entered = 0
        self._saved = -1
        self._file: BinaryIO | None = None

    def of(self, call: Callable[[], _Answer]) -> tuple[_Answer, Messages]:
        """The answer of `call`, and what was printed meanwhile. What `call` raises is passed on, without messages."""
        alone, entered, start = self._enter()
        messages = Messages("", True)
        try:
            answer = call()
        finally:
            messages = self._leave(start, entered, alone=alone)
        return answer, messages

    def _enter(self) -> tuple[bool, int, int]:
        with self._lock:
            if self._inside == 0:
                self._redirect()
            self._inside += 1
            self._entered += 1
            return self._inside == 1, self._entered, self._length()

    def _redirect(self) -> None:
        if not hasattr(os, "pread"):
            return  # elsewhere they print
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="cvstudio-", buffering=0)  # noqa: SIM115
                atexit.register(self._file.close)
            self._saved = os.dup(_STDERR)
        except OSError:  # closed by the caller (``2>&-``), or no room
            self._saved = -1
            return
        self._file.seek(0)
        self._file.truncate()
        os.dup2(self._file.fileno(), _STDERR)

    def _leave(self, start: int, entered: int, *, alone: bool) -> Messages:
        with self._lock:
            self._inside -= 1
            alone = alone and self._entered == entered
            length = self._length()
            printed = os.pread(self._file.fileno(), length, 0) if self._file is not None and length else b""
            if self._inside == 0 and self._saved >= 0:
                os.dup2(self._saved, _STDERR)
                os.close(self._saved)
                self._saved = -1
                if others := _KNOWN.sub(b"", printed):
                    with suppress(OSError):  # nobody listens any more
                        os.write(_STDERR, others)
            return Messages(b"".join(_KNOWN.findall(printed[start:])).decode("utf-8", "replace"), alone)

    def _length(self) -> int:
        return os.fstat(self._file.fileno()).st_size if self._file is not None and self._saved >= 0 else 0


NATIVE_MESSAGES = NativeMessages()
"""Of this process."""


class _Muted:
    """Python's standard output without what some threads write."""

    def __init__(self, output: Any) -> None:
        self.output = output
        self.threads: Counter[int] = Counter()

    def write(self, text: str) -> int:
        if self.threads[threading.get_ident()]:
            return len(text)
        return int(self.output.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.output, name)


_muting = threading.Lock()


@contextmanager
def muted() -> Iterator[None]:
    """Keep from standard output what this thread prints through Python, as OpenEXR's module does."""
    thread = threading.get_ident()
    with _muting:
        if not isinstance(sys.stdout, _Muted):
            sys.stdout = cast("TextIO", _Muted(sys.stdout))
        stream = cast("_Muted", sys.stdout)
        stream.threads[thread] += 1
    try:
        yield
    finally:
        with _muting:
            stream.threads[thread] -= 1
            if not +stream.threads and sys.stdout is cast("TextIO", stream):
                sys.stdout = stream.output
