"""The Hugging Face hub's cache, read without its library and filled so that its library finds what was got."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.weights import hub
from cvstudio.weights.digests import Digest
from cvstudio.weights.download import keep_folder
from cvstudio.weights.store import cached_path, find_weights, require_weights

URL = "https://huggingface.co/some-one/a.network/resolve/main/folder/model.safetensors"


def weights_of(server: Any) -> Any:
    return server.weights(url=URL, file_name="model.safetensors")


def library_finds(revision: str = "main") -> Any:
    return huggingface_hub.try_to_load_from_cache(
        "some-one/a.network", "folder/model.safetensors", cache_dir=hub.cache_folder(), revision=revision
    )


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (URL, ("some-one/a.network", "main", "folder/model.safetensors")),
        ("https://huggingface.co/gpt2/resolve/abc/m.bin", ("gpt2", "abc", "m.bin")),
        ("https://hf.co/a/b/resolve/v1.0/m.bin", ("a/b", "v1.0", "m.bin")),
        ("https://huggingface.co/a/b/blob/main/m.bin", None),
        ("https://huggingface.co/a/b/resolve/main/../../secret", None),
        ("https://huggingface.co.evil.org/a/b/resolve/main/m.bin", None),
        ("http://huggingface.co/a/b/resolve/main/m.bin", None),
        ("https://download.pytorch.org/models/m.pth", None),
    ],
)
def test_addresses_of_the_hub(url, found):
    file = hub.parse(url)
    assert (dataclasses.astuple(file) if file else None) == found


CONSTANTS = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HF_HOME": "/a/한글"},
        {"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/b"},
        {"XDG_CACHE_HOME": "/b"},
        {"HUGGINGFACE_HUB_CACHE": "/c"},
        {"HF_HUB_CACHE": "$HOME/d", "HUGGINGFACE_HUB_CACHE": "/c", "HF_HOME": "/a"},
    ],
    ids=lambda variables: "+".join(variables) or "none",
)
def test_the_folder_is_the_hubs_own(variables, monkeypatch):
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run([sys.executable, "-c", CONSTANTS], capture_output=True, text=True, check=True)
    assert str(hub.cache_folder()) == done.stdout.strip()


def test_what_is_got_is_found_by_the_library(hub_server, hostile, get):
    weights = weights_of(hub_server)
    assert cached_path(weights) is None
    path = get(weights)
    assert path == cached_path(weights) == find_weights(weights) == require_weights(weights, None)
    assert Path(library_finds()) == path
    assert Path(library_finds(hostile.COMMIT)) == path
    assert path.read_bytes() == hostile.CONTENT
    # Once on disk: the snapshot links to the blob.
    blob = hub.cache_folder() / "models--some-one--a.network" / "blobs" / hostile.SHA256
    assert path.is_symlink()
    assert Path(os.path.realpath(path)) == blob.resolve()
    assert [entry.name for entry in blob.parent.iterdir()] == [hostile.SHA256]
    assert keep_folder(weights) == blob.parents[1]


def test_what_the_library_got_is_found_and_not_got_again(hub_server, hostile, get, tmp_path):
    weights = weights_of(hub_server)
    path = huggingface_hub.hf_hub_download(
        "some-one/a.network", "folder/model.safetensors", cache_dir=hub.cache_folder(), endpoint=hub_server.base
    )
    asked = len(hub_server.log.paths)
    assert get(weights) == Path(path) == cached_path(weights)
    assert len(hub_server.log.paths) == asked


def test_a_broken_connection_is_gone_on_with(hub_server, hostile, get):
    hub_server.plays(hostile.honest(upto=300_000), hostile.honest())
    assert get(weights_of(hub_server)).read_bytes() == hostile.CONTENT
    assert hub_server.log.ranges == ["", "bytes=300000-"]


def test_wrong_bytes_are_refused_and_the_cache_knows_nothing(hub_server, hostile, get):
    hub_server.plays(hostile.honest(hostile.CONTENT[::-1]))
    with pytest.raises(WeightsError, match="not kept"):
        get(weights_of(hub_server))
    assert library_finds() is None
    assert not [path for path in hub.cache_folder().rglob("*") if path.is_file()]


def test_a_cancel_keeps_the_part(hub_server, hostile, get):
    hub_server.plays(hostile.stalls(100_000))
    progress = Progress()
    threading.Timer(0.3, progress.cancel).start()
    with pytest.raises(Cancelled):
        get(weights_of(hub_server), progress)
    assert library_finds() is None
    hub_server.plays(hostile.honest())
    get(weights_of(hub_server))
    assert hub_server.log.ranges[-1].startswith("bytes=")


def test_a_damaged_file_is_got_anew(hub_server, hostile, get):
    weights = weights_of(hub_server)
    path = get(weights)
    Path(os.path.realpath(path)).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged or incomplete"):
        find_weights(weights)
    assert get(weights).read_bytes() == hostile.CONTENT


@pytest.mark.parametrize(("status", "word"), [(404, "not there"), (401, "refuses access"), (500, "answers 500")])
def test_refusals_are_one_sentence(status, word, hub_server, get):
    hub_server.head_status = status
    with pytest.raises(WeightsError) as caught:
        get(weights_of(hub_server))
    text = str(caught.value)
    assert word in text
    assert "\n" not in text


def test_an_etag_that_leads_out_of_the_cache_is_refused(hub_server, get, tmp_path):
    hub_server.etag = "../../../escaped"
    with pytest.raises(WeightsError, match="no hub"):
        get(weights_of(hub_server))
    assert not list(tmp_path.rglob("escaped*"))


def test_where_it_is_to_be_put_by_hand(monkeypatch, tmp_path, server):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WeightsError) as caught:
        require_weights(weights_of(server), None)
    assert str(tmp_path / "cache" / "models--some-one--a.network") in str(caught.value)


def test_finding_needs_no_library():
    code = (
        "import sys\nfrom cvstudio.weights import hub\n"
        f"assert hub.cached(hub.parse({URL!r})) is None\n"
        "sys.exit('huggingface_hub' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_where_no_hash_is_stated_the_hubs_name_of_the_file_is_its_hash(hub_server, hostile, get):
    weights = dataclasses.replace(weights_of(hub_server), sha256="")
    path = get(weights)
    assert find_weights(weights) == path
    assert hub.named_digest(path) == Digest(hostile.SHA256)
    Path(os.path.realpath(path)).write_bytes(b"another content of the same name")
    with pytest.raises(WeightsError, match=f"begins with {hostile.SHA256}"):
        find_weights(weights)
    assert get(weights).read_bytes() == hostile.CONTENT


def test_a_file_that_the_hub_names_by_another_hash_is_not_kept(hub_server, hostile, get):
    hub_server.etag = "0" * 64
    with pytest.raises(WeightsError, match="begins with 000"):
        get(dataclasses.replace(weights_of(hub_server), sha256=""))
    assert cached_path(weights_of(hub_server)) is None


def test_a_file_whose_hash_nobody_tells_is_not_got(hub_server, get):
    hub_server.etag = "abc123"
    with pytest.raises(WeightsError, match="tells no hash"):
        get(dataclasses.replace(weights_of(hub_server), sha256=""))
