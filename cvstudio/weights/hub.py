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


def named_digest(path: Path) -> Digest | None:
    """The hash by which the hub's cache names a file; None where `path` is no such file."""
    return digest_of_name(Path(os.path.realpath(path)).name, path.stat().st_size)


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
    """What the hub says of a file.

    Parameters
    ----------
    url : where its content is
    digest : of the content
    size_bytes : None where it is not told
    commit : the version that was asked for
    blob : where the cache keeps the content
    """

    url: str
    digest: Digest
    size_bytes: int | None
    commit: str
    blob: Path

    def same_content(self, other: Remote) -> bool:
        """Whether another answer tells of the same content."""
        return (self.digest, self.size_bytes) == (other.digest, other.size_bytes)


def look_up(file: HubFile, progress: Progress) -> Remote:
    """Ask the hub for `file`.

    Raises
    ------
    WeightsError
        It does not know the file, tells no hash of it, cannot be reached, or may not be asked.
    """
    from cvstudio.weights.http import call, check_url

    progress(None, "asking the Hugging Face hub")
    endpoint = _endpoint()
    if endpoint is not None:
        check_url(endpoint)

    def ask() -> Any:
        from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

        # Otherwise the library gets a list of its own first, and tells the hub what is installed here.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        url = hf_hub_url(file.repo, file.path, revision=file.revision, endpoint=endpoint)
        return url, get_hf_file_metadata(url, timeout=METADATA_SECS, endpoint=endpoint, retry_on_errors=False)

    expected = f"Expected {file.path} of {file.repo} on the Hugging Face hub, but"
    try:
        url, metadata = call(ask, progress)
    except Exception as error:  # the library has no common base for what it raises
        raise WeightsError(f"{expected} {_reason(error)}; {_remedy(error)}, or choose a local file.") from error
    etag, commit = metadata.etag or "", metadata.commit_hash or ""
    if not etag or PurePosixPath(etag).name != etag or not _COMMIT.fullmatch(commit):
        raise WeightsError(f"{expected} what answers is no hub; look at the proxy and at $HF_ENDPOINT.")
    digest = digest_of_name(etag, metadata.size)
    if digest is None:
        raise WeightsError(f"{expected} it tells no hash by which to know it; choose a local file.")
    return Remote(url, digest, metadata.size, commit, file.folder / "blobs" / etag)


def link(file: HubFile, remote: Remote) -> Path:
    """Make the snapshot and the ref of a file whose blob is there, as the hub's library does, without asking again.

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
        # Windows lets not everybody make links; the hub's library lets the file itself take the place then.
        os.replace(remote.blob, path)
    if file.revision != remote.commit:
        ref = file.folder / "refs" / file.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(ref) as temporary:
            temporary.write_text(remote.commit, encoding="ascii")
    return path


def forget(path: Path) -> None:
    """Take a damaged file out of the cache: the link of its snapshot, and the blob that it names."""
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
