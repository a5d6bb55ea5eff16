"""The Hugging Face hub's own cache: found without importing the hub's library, filled through it.

A file lies once, as a blob under its ETag; a snapshot of each revision links to it, and a ref names the snapshot of a
branch or tag. Whatever else uses the hub on this machine finds what was got here, and the other way round.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cvstudio.errors import WeightsError
from cvstudio.progress import Progress

HOSTS = ("huggingface.co", "hf.co")
_URL = re.compile(
    rf"https://(?:{'|'.join(map(re.escape, HOSTS))})/(?P<repo>[\w.-]+(?:/[\w.-]+)?)"
    r"/resolve/(?P<revision>[^/]+)/(?P<path>[^?#]+)"
)
_SHA256 = re.compile("[0-9a-f]{64}")
METADATA_SECS = 15.0


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the hub. `revision` is a commit, branch or tag; `path` is within the repository."""

    repo: str
    revision: str
    path: str

    @property
    def folder(self) -> Path:
        """Where the cache keeps the repository."""
        return cache_folder() / f"models--{self.repo.replace('/', '--')}"


def parse(url: str) -> HubFile | None:
    """The file that a "resolve" address of the hub names; None for any other address."""
    match = _URL.fullmatch(url)
    if match is None or ".." in PurePosixPath(match["path"]).parts:
        return None
    return HubFile(match["repo"], match["revision"], match["path"])


def cache_folder() -> Path:
    """The hub's cache, found as its library finds it."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("HF_HOME", os.path.join(cache, "huggingface"))
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    return Path(os.path.expanduser(os.path.expandvars(os.environ.get("HF_HUB_CACHE", older))))


def named_sha256(path: Path) -> str:
    """The SHA-256 by which the hub's cache names a large file; empty where `path` is no such file."""
    name = Path(os.path.realpath(path)).name
    return name if _SHA256.fullmatch(name) else ""


def cached(file: HubFile) -> Path | None:
    """The file in the cache; None where it is not there."""
    commit = file.revision
    ref = file.folder / "refs" / file.revision
    if ref.is_file():
        commit = ref.read_text(encoding="ascii", errors="replace").strip()
    path = file.folder / "snapshots" / commit / file.path
    return path if path.is_file() else None


@dataclass(frozen=True)
class Remote:
    """What the hub says of a file: where its content is, and under which name the cache keeps it."""

    url: str
    blob: Path


def look_up(file: HubFile, progress: Progress) -> Remote:
    """Ask the hub for `file`. Raises WeightsError where it does not know it or cannot be reached."""
    from cvstudio.weights.http import call

    progress(None, "asking the Hugging Face hub")

    def ask() -> Any:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(file.repo, file.path, revision=file.revision, endpoint=_endpoint())
        return url, get_hf_file_metadata(url, timeout=METADATA_SECS, endpoint=_endpoint(), retry_on_errors=False)

    try:
        url, metadata = call(ask, progress)
    except Exception as error:  # the library has no common base for what it raises
        raise WeightsError(
            f"Expected {file.path} of {file.repo} on the Hugging Face hub, but {_reason(error)}; try again later, or "
            f"choose a local file."
        ) from error
    etag = metadata.etag
    if not etag or not metadata.commit_hash or PurePosixPath(etag).name != etag:
        raise WeightsError(
            f"Expected {file.path} of {file.repo} on the Hugging Face hub, but what answers is no hub; look at the "
            f"proxy and at $HF_ENDPOINT."
        )
    return Remote(url, file.folder / "blobs" / etag)


def link(file: HubFile, progress: Progress) -> Path:
    """Make the snapshot and the ref of a file whose blob is there, as the hub's library does."""
    from cvstudio.weights.http import call

    def ask() -> str:
        from huggingface_hub import hf_hub_download

        return str(
            hf_hub_download(
                file.repo, file.path, revision=file.revision, cache_dir=cache_folder(), endpoint=_endpoint()
            )
        )

    try:
        return Path(call(ask, progress))
    except Exception as error:  # as above
        raise WeightsError(
            f"Expected to put {file.path} into {file.folder}, but {_reason(error)}; try again later."
        ) from error


def forget(path: Path) -> None:
    """Take a damaged file out of the cache: the link of its snapshot, and the blob that it names."""
    blob = Path(os.path.realpath(path))
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status in (401, 403):
        return f"it refuses access ({status}): its terms may have to be accepted on its page first"
    if status == 404:
        return "it is not there (404)"
    if status is not None:
        return f"it answers {status}"
    text = str(error).strip().splitlines()
    return f"it cannot be reached ({text[0] if text else type(error).__name__})"
