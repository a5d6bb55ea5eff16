"""Transfer of a file over an unreliable connection: resumed, retried, and with progress.

The received bytes are kept in a ".part" file beside the target, with notes on the version that they belong to
(RFC 9110, sections 13.1.5 and 14: If-Range, Range and Content-Range).
"""

from __future__ import annotations

import errno
import json
import os
import re
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.weights.digests import Digest
from cvstudio.weights.http import TRANSPORT_ERRORS, ResponseHead, Stream

REPORT_SECS = 0.2
RATE_SECS = 3.0
"""Window of the transfer rate in seconds."""

SHORT = 0.95
"""Fraction of the published length, which may be rounded, below which a transfer without a stated length is broken."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)$")


@dataclass(frozen=True)
class Patience:
    """Retry policy of a transfer.

    Parameters
    ----------
    stall_secs : time without data after which a connection counts as broken
    attempts : consecutive attempts without new data after which the transfer fails
    backoff_secs : pause before the second attempt; doubles with each further one, up to `longest_secs`
    connect_secs : time without a connection after which the first attempt ends, so that it is soon said that there is
        none; a slow network has four times as long in the second
    offline_attempts : consecutive attempts without an answer to the first connection after which the transfer fails;
        where the system says at once that there is none, the first one decides
    """

    stall_secs: float = 20.0
    attempts: int = 5
    backoff_secs: float = 1.0
    longest_secs: float = 30.0
    connect_secs: float = 2.5
    offline_attempts: int = 2


@dataclass(frozen=True)
class Transfer:
    """Source of a file, and how to verify it.

    Parameters
    ----------
    url : of the file
    name : of the file in messages
    about_bytes : published length, approximate
    digest : of the published content
    check_size : callable (total bytes, bytes still to transfer); raises WeightsError where they cannot be right
    """

    url: str
    name: str
    about_bytes: int
    digest: Digest
    check_size: Callable[[int, int], None]


class PartialFile:
    """The received beginning of a file, beside its target."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._notes = target.with_name(target.name + ".part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def notes(self) -> dict[str, str]:
        """The server's notes on the version that this is part of: url, validator, etag; empty where there are none."""
        try:
            found = json.loads(self._notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def note(self, **values: str) -> None:
        self._notes.write_text(json.dumps(values), encoding="utf-8")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Move the complete file to `target`."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.path, target)
        self._notes.unlink(missing_ok=True)


class _BrokenError(Exception):
    """A failed attempt that may be repeated. Its text follows "but" in the message."""

    def __init__(
        self, text: str, *, wait_secs: float | None = None, offline: bool = False, silent: bool = False
    ) -> None:
        super().__init__(text)
        self.silent = silent
        self.wait_secs = wait_secs
        self.offline = offline


def fetch(source: Transfer, part: PartialFile, progress: Progress, patience: Patience) -> str:
    """Complete `part` and return its hexadecimal hash, of the kind of `source.digest`, without comparing the two.

    Raises
    ------
    WeightsError
        The server refuses, the connection fails repeatedly, or the disk is full. The received bytes stay in `part`.
    Cancelled
        `progress` was cancelled; the received bytes stay in `part`.
    """
    fruitless, offline, largest, first = 0, 0, part.size, part.size
    while True:
        try:
            connect_secs = patience.connect_secs * (1 if offline == 0 else 4)
            return _attempt(source, part, progress, patience, connect_secs)
        except OSError as error:
            raise _disk_error(error, part) from error
        except _BrokenError as broken:
            # Progress is a part larger than ever before: a server that always restarts from 0 makes none.
            fruitless = 1 if part.size > largest else fruitless + 1
            largest = max(largest, part.size)
            offline = offline + 1 if broken.offline else 0
            # In the middle of a transfer the network may come back.
            alone = broken.offline and largest == first
            given_up = alone and (not broken.silent or offline >= patience.offline_attempts)
            if fruitless >= patience.attempts or given_up:
                note = f"; the {_mb(part.size)} that have arrived are kept" if part.size else ""
                remedy = "check the internet connection and try again" if broken.offline else "try again later"
                raise WeightsError(
                    f"Expected {source.name} from {source.url}, but {broken}; {remedy}{note}, or choose a local file."
                ) from broken
            pause = min(patience.longest_secs, patience.backoff_secs * 2 ** (fruitless - 1))
            if broken.wait_secs is not None:
                pause = min(patience.longest_secs, max(pause, broken.wait_secs))
            _wait(pause, f"{broken}: trying again", progress)


def _wait(secs: float, message: str, progress: Progress) -> None:
    end = time.monotonic() + secs
    progress(None, message)
    while (remaining := end - time.monotonic()) > 0:
        time.sleep(min(0.05, remaining))
        progress.check()


def _attempt(source: Transfer, part: PartialFile, progress: Progress, patience: Patience, connect_secs: float) -> str:
    offset, notes = part.size, part.notes()
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if notes.get("validator"):
            headers["If-Range"] = notes["validator"]
    progress(None, "connecting")
    with Stream(source.url, headers, stall_secs=patience.stall_secs, connect_secs=connect_secs) as stream:
        try:
            head = stream.head(progress)
        except TRANSPORT_ERRORS as error:
            if stream.connected or isinstance(getattr(error, "reason", error), ssl.SSLError):
                raise _BrokenError(_reason(error)) from error
            host = urlsplit(source.url).hostname
            silent = isinstance(getattr(error, "reason", error), TimeoutError)
            raise _BrokenError(f"{host} cannot be reached ({_short(error)})", offline=True, silent=silent) from error
        offset, total = _check_response(head, offset, notes, source, part)
        digest = _hash_of(part.path, offset, source.digest, progress) if offset else source.digest.hasher()
        if head.status == 416:  # nothing is left to transfer
            hexdigest: str = digest.hexdigest()
            return hexdigest
        if total is not None:
            source.check_size(total, total - offset)
        part.path.parent.mkdir(parents=True, exist_ok=True)
        part.note(url=source.url, validator=_validator(head), etag=head.headers.get("ETag", ""))
        return _receive(stream, digest, offset, total, source, part, progress)


def _receive(
    stream: Stream, digest: Any, offset: int, total: int | None, source: Transfer, part: PartialFile, progress: Progress
) -> str:
    done, report = offset, _RateReporter(offset, total, progress)
    # Opened for update, so that bytes after the offset are overwritten; "ab" would append to a restarted part.
    with part.path.open("r+b" if offset else "wb") as file:
        file.truncate(offset)
        file.seek(offset)
        chunks = stream.chunks(progress)
        while True:
            try:
                chunk = next(chunks, b"")
            except TRANSPORT_ERRORS as error:
                raise _BrokenError(_reason(error)) from error
            if not chunk:
                break
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if total is None:
                source.check_size(max(done, source.about_bytes), 0)
            report(done)
    hexdigest: str = digest.hexdigest()
    # With the right content, a wrong length from the server does not matter.
    whole = source.about_bytes * SHORT if total is None else total
    if done < whole and not source.digest.fits(hexdigest):
        raise _BrokenError(f"the connection ended after {done:,} of {round(whole):,} bytes")
    return hexdigest


def _check_response(
    head: ResponseHead, offset: int, notes: dict[str, str], source: Transfer, part: PartialFile
) -> tuple[int, int | None]:
    """Offset of the response in the file, and the total length where stated. Raises _BrokenError, WeightsError."""
    length = head.headers.get("Content-Length", "")
    match = CONTENT_RANGE.match(head.headers.get("Content-Range", ""))
    total = int(match[3]) if match and match[3] != "*" else None
    if head.status == 200:
        return 0, int(length) if length.isdigit() else None
    if head.status == 206:
        same = not notes.get("etag") or head.headers.get("ETag", notes["etag"]) == notes["etag"]
        if match and match[1] and int(match[1]) == offset and same:
            return offset, total
        part.remove()
        raise _BrokenError("the server sent another part than was asked for")
    if head.status == 416:
        if offset and total == offset:
            return offset, total
        part.remove()
        raise _BrokenError("the file there has changed since a part of it came")
    if head.status in RETRIED:
        after = head.headers.get("Retry-After", "")
        wait_secs = float(after) if after.isdigit() else None
        raise _BrokenError(f"the server answers {head.status} ({_meaning(head.status)})", wait_secs=wait_secs)
    raise WeightsError(
        f"Expected {source.name} from {source.url}, but the server answers {head.status} ({_meaning(head.status)}); "
        f"{_remedy(head.status)}"
    )


def _meaning(status: int) -> str:
    meanings = {401: "access is refused", 403: "access is refused", 404: "not found", 410: "no longer there"}
    if status in meanings:
        return meanings[status]
    if 300 <= status < 400:
        return "it redirects in circles, or to where it is not safe"
    return "too many requests" if status == 429 else "it has a problem" if status >= 500 else "it does not give it"


def _remedy(status: int) -> str:
    if status in (401, 403):
        return "look at the publisher's page whether its terms have to be accepted first, or choose a local file."
    if status in (404, 410):
        return "look at the publisher's page where it is now, and choose it as a local file."
    return "try again later, or choose a local file."


def _validator(head: ResponseHead) -> str:
    """Validator for If-Range: a strong ETag, else the date (RFC 9110, section 13.1.5)."""
    etag = head.headers.get("ETag", "")
    return etag if etag.startswith('"') else head.headers.get("Last-Modified", "")


def _hash_of(path: Path, length: int, like: Digest, progress: Progress) -> Any:
    """Hash object over the first `length` bytes of `path`, to be updated with the rest."""
    digest = like.hasher()
    with path.open("rb") as file:
        remaining = length
        while remaining and (chunk := file.read(min(remaining, 1 << 22))):
            digest.update(chunk)
            remaining -= len(chunk)
            progress.check()
    return digest


def _reason(error: Exception) -> str:
    cause: Any = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError) or "timed out" in str(cause):
        return "the server has stopped answering"
    return f"the connection broke ({_short(error)})"


def _short(error: Exception) -> str:
    cause: Any = getattr(error, "reason", error)
    text = getattr(cause, "strerror", None) or str(cause).splitlines()[0].strip() if str(cause) else ""
    return text or type(cause).__name__


def _disk_error(error: OSError, part: PartialFile) -> WeightsError:
    reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or type(error).__name__
    return WeightsError(
        f"Expected to write {part.path.name} into {part.path.parent}, but it cannot be written ({reason}); make room "
        f"there or allow writing, and try again."
    )


def _mb(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


class _RateReporter:
    """Reports the received bytes and the transfer rate."""

    def __init__(self, offset: int, total: int | None, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._samples: deque[tuple[float, int]] = deque([(time.monotonic(), offset)])

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._samples[-1][0] < REPORT_SECS and done != self._total:
            return
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[0][0] > RATE_SECS:
            self._samples.popleft()
        since, first = self._samples[0]
        rate = f"{_mb(round((done - first) / max(now - since, 1e-3)))}/s"
        if self._total is None:
            self._progress(None, f"{_mb(done)}, {rate}")
        else:
            text = f"{done / 1e6:.1f} of {_mb(self._total)}, {rate}"
            self._progress(min(1.0, done / self._total) if self._total else None, text)
