"""Cache of the Hugging Face hub: read without importing the hub's library, filled as the library does.

Each content is stored once, as a blob named by its ETag; the snapshot of a revision links to it, and a ref names the
snapshot of a branch or tag. The cache is shared with all programs on this machine that use the hub.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.weights.digests import Digest, digest_of_name

HOSTS = ("huggingface.co", "hf.co")
_URL = re.compile(
    rf"https://(?:{'|'.join(map(re.escape, HOSTS))})/(?P<repo>[\w.-]+(?:/[\w.-]+)?)"
    r"/resolve/(?P<revision>[^/]+)/(?P<path>[^?#]+)"
)
_COMMIT = re.compile("[0-9a-f]{40}")
_ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
METADATA_SECS = 15.0


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the hub. `revision` is a commit, branch or tag; `path` is within the repository."""

    repo: str
    revision: str
    path: str

    @property
    def folder(self) -> Path:
        """Folder of the repository in the cache."""
        return cache_folder() / f"models--{self.repo.replace('/', '--')}"


def parse(url: str) -> HubFile | None:
    """The file of a "resolve" URL of the hub; None for any other URL."""
    match = _URL.fullmatch(url)
    if match is None or ".." in PurePosixPath(match["path"]).parts:
        return None
    return HubFile(match["repo"], match["revision"], match["path"])


def cache_folder() -> Path:
    """Folder of the hub's cache, determined as its library does."""
    cache = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("HF_HOME", os.path.join(cache, "huggingface"))
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    return Path(os.path.expanduser(os.path.expandvars(os.environ.get("HF_HUB_CACHE", older))))


def named_digest(path: Path) -> Digest | None:
    """The digest by which the hub's cache names the file at `path`; None where it is no file of the cache."""
    return digest_of_name(Path(os.path.realpath(path)).name, path.stat().st_size)


def cached(file: HubFile) -> Path | None:
    """Path of `file` in the cache; None where it is missing."""
    commit = file.revision
    ref = file.folder / "refs" / file.revision
    if ref.is_file():
        commit = ref.read_text(encoding="ascii", errors="replace").strip()
    path = file.folder / "snapshots" / commit / file.path
    return path if path.is_file() else None


@dataclass(frozen=True)
class Remote:
    """Metadata of a file from the hub.

    Parameters
    ----------
    url : of the content
    digest : of the content
    size_bytes : None where the hub states none
    commit : hash of the requested revision
    blob : path of the content in the cache
    """

    url: str
    digest: Digest
    size_bytes: int | None
    commit: str
    blob: Path

    def same_content(self, other: Remote) -> bool:
        """Whether `other` describes the same content."""
        return (self.digest, self.size_bytes) == (other.digest, other.size_bytes)


def look_up(file: HubFile, progress: Progress) -> Remote:
    """Request the metadata of `file` from the hub.

    Raises
    ------
    WeightsError
        The hub does not have the file, states no hash, cannot be reached, or offline mode forbids the request.
    Cancelled
        `progress` was cancelled.
    """
    from cvstudio.weights.http import call, check_url

    progress(None, "asking the Hugging Face hub")
    endpoint = _endpoint()
    if endpoint is not None:
        check_url(endpoint)

    def request() -> Any:
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

        # Otherwise the library first downloads a list, and reports to the hub what is installed here.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        url = hf_hub_url(file.repo, file.path, revision=file.revision, endpoint=endpoint)
        return url, get_hf_file_metadata(url, timeout=METADATA_SECS, endpoint=endpoint, retry_on_errors=False)

    expected = f"Expected {file.path} of {file.repo} on the Hugging Face hub, but"
    try:
        url, metadata = call(request, progress)
    except Exception as error:  # the library's errors have no common base class
        raise WeightsError(f"{expected} {_reason(error)}; {_remedy(error)}, or choose a local file.") from error
    etag, commit = metadata.etag or "", metadata.commit_hash or ""
    if not etag or PurePosixPath(etag).name != etag or not _COMMIT.fullmatch(commit):
        raise WeightsError(f"{expected} what answers is no hub; look at the proxy and at $HF_ENDPOINT.")
    digest = digest_of_name(etag, metadata.size)
    if digest is None:
        raise WeightsError(f"{expected} it tells no hash by which to know it; choose a local file.")
    return Remote(url, digest, metadata.size, commit, file.folder / "blobs" / etag)


def link(file: HubFile, remote: Remote) -> Path:
    """Create the snapshot and the ref of a file whose blob exists, as the hub's library does, without a request.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    path = file.folder / "snapshots" / remote.commit / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(remote.blob, path.parent))
    except OSError:
        # On Windows not every user may create links; the hub's library then moves the file itself there.
        os.replace(remote.blob, path)
    if file.revision != remote.commit:
        ref = file.folder / "refs" / file.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(ref) as temporary:
            temporary.write_text(remote.commit, encoding="ascii")
    return path


def forget(path: Path) -> None:
    """Delete a damaged file from the cache: the link in its snapshot, and its blob."""
    blob = Path(os.path.realpath(path))
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _is_forbidden(error: Exception) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    return isinstance(error, OfflineModeIsEnabled)


def _remedy(error: Exception) -> str:
    return "allow it" if _is_forbidden(error) else "try again later"


def _reason(error: Exception) -> str:
    if _is_forbidden(error):
        return "$HF_HUB_OFFLINE or $TRANSFORMERS_OFFLINE forbids asking it"
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status in (401, 403):
        return f"it refuses access ({status}): its terms may have to be accepted on its page first"
    if status == 404:
        return "it is not there (404)"
    if status is not None:
        return f"it answers {status}"
    text = _ERROR_NUMBER.sub("", str(error).strip()).splitlines()
    return f"it cannot be reached ({text[0] if text else type(error).__name__})"
