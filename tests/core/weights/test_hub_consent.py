"""Size and hash of a file of the hub before a byte of it comes, and a download of nothing else than what was shown."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from cvstudio.cli.main import main
from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.offer import make_offer
from cvstudio.weights import hub
from cvstudio.weights.digests import Digest
from cvstudio.weights.download import ask_hub, download
from cvstudio.weights.store import ChangedError, cached_path, find_weights, hub_folder

SMALL = b'{"image_mean": [0.485, 0.456, 0.406]}\n'


def git_hash(content: bytes, folder: Path) -> str:
    """What git itself calls the content."""
    (folder / "content").write_bytes(content)
    done = subprocess.run(
        ["git", "hash-object", "--no-filters", "content"], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def facts(weights: Any, remote: Any = None, problem: str = "") -> dict[str, str]:
    return dict(make_offer(weights, "It", remote=remote, problem=problem).facts())


def test_size_and_hash_are_the_hubs(hub_server, hostile):
    weights = hub_server.hub_weights(size_bytes=4_000_000)
    before = make_offer(weights)
    assert before.asks_hub
    assert dict(before.facts())["size"] == "about 4.0 MB"
    assert "asking the Hugging Face hub" in dict(before.facts())["SHA-256"]
    remote = ask_hub(weights, Progress())
    told = facts(weights, remote)
    assert told["SHA-256"] == hashlib.sha256(hostile.CONTENT).hexdigest()
    assert told["size"] == "1.0 MB (1,000,000 bytes)"
    assert hub_server.heads == ["/some-one/a.network/resolve/main/folder/model.safetensors"]
    assert hub_server.log.paths == []  # not a byte of it


def test_elsewhere_there_is_nothing_to_ask(server):
    weights = server.weights()
    assert ask_hub(weights, Progress()) is None
    assert not make_offer(weights).asks_hub
    assert facts(weights)["SHA-256"] == weights.sha256


def test_a_size_that_was_guessed_wrong_is_no_other_file(hub_server, hostile, get):
    """A checkpoint in half precision has half the bytes that its numbers would take."""
    weights = hub_server.hub_weights(size_bytes=2 * len(hostile.CONTENT))
    shown = ask_hub(weights, Progress())
    assert download(weights, Progress(), shown=shown).read_bytes() == hostile.CONTENT


def test_room_is_counted_with_the_hubs_size(hub_server, monkeypatch):
    weights = hub_server.hub_weights(size_bytes=1000)
    hub_server.head_size = 10**12
    usage = type(shutil.disk_usage("/"))(10**12, 10**11, 9 * 10**11)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert make_offer(weights).has_room
    assert not make_offer(weights, remote=ask_hub(weights, Progress())).has_room


class TestSmallFiles:
    """What the hub keeps in git itself it names by git's hash."""

    @pytest.fixture
    def small(self, hub_server: Any, hostile: Any, tmp_path: Path) -> Any:
        if shutil.which("git") is None:
            pytest.skip("needs git to know its hash")
        hub_server.etag, hub_server.head_size = git_hash(SMALL, tmp_path), len(SMALL)
        hub_server.plays(hostile.honest(SMALL))
        return hub_server.hub_weights(size_bytes=len(SMALL))

    def test_the_hash_is_called_what_it_is_and_verified(self, small, hub_server, get):
        remote = ask_hub(small, Progress())
        assert facts(small, remote)["git SHA-1"] == hub_server.etag
        assert "SHA-256" not in facts(small, remote)
        path = download(small, Progress(), shown=remote)
        assert path.read_bytes() == SMALL
        assert find_weights(small) == path
        Path(os.path.realpath(path)).write_bytes(SMALL[::-1])
        with pytest.raises(WeightsError, match=f"git SHA-1 that begins with {hub_server.etag}"):
            find_weights(small)
        assert get(small).read_bytes() == SMALL

    def test_other_bytes_of_the_same_length_are_refused(self, small, hub_server, hostile, get):
        hub_server.plays(hostile.honest(SMALL[::-1]))
        with pytest.raises(WeightsError, match="not kept"):
            get(small)
        assert cached_path(small) is None

    def test_it_is_gone_on_with(self, small, hub_server, hostile, get):
        hub_server.plays(hostile.honest(SMALL, upto=10), hostile.honest(SMALL))
        assert get(small).read_bytes() == SMALL
        assert hub_server.log.ranges == ["", "bytes=10-"]

    def test_an_empty_file(self, tmp_path):
        # The name that git gives to nothing is known.
        assert Digest("", 0).hasher().hexdigest() == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


class TestChanges:
    def test_another_file_between_consent_and_download(self, hub_server, hostile):
        weights = hub_server.hub_weights()
        shown = ask_hub(weights, Progress())
        other = hostile.CONTENT[::-1]
        hub_server.etag = hashlib.sha256(other).hexdigest()
        hub_server.plays(hostile.honest(other))
        with pytest.raises(ChangedError) as caught:
            download(weights, Progress(), shown=shown)
        text = str(caught.value)
        assert shown.digest.text in text
        assert hub_server.etag in text
        assert "\n" not in text
        assert hub_server.log.paths == []
        assert cached_path(weights) is None
        # Agreed to anew, it is got.
        assert download(weights, Progress(), shown=ask_hub(weights, Progress())).read_bytes() == other

    def test_another_size_of_the_same_hash(self, hub_server):
        weights = hub_server.hub_weights()
        shown = ask_hub(weights, Progress())
        hub_server.head_size += 1
        with pytest.raises(ChangedError):
            download(weights, Progress(), shown=shown)

    def test_a_hub_that_tells_one_hash_and_sends_another_file(self, hub_server, hostile, get):
        weights = hub_server.hub_weights()
        shown = ask_hub(weights, Progress())
        hub_server.plays(hostile.honest(hostile.CONTENT[::-1]))
        with pytest.raises(WeightsError, match=f"begins with {shown.digest.text}.*not kept"):
            download(weights, Progress(), shown=shown, patience=hostile.QUICK)
        assert not [path for path in hub.cache_folder().rglob("*") if path.is_file()]

    def test_a_hub_that_changes_its_mind_after_the_last_byte(self, hub_server, hostile):
        """It is not asked once more: what was proved is what is kept."""
        weights = hub_server.hub_weights()
        shown = ask_hub(weights, Progress())

        def turning(handler: Any) -> None:
            hostile.honest()(handler)
            hub_server.etag = "0" * 64

        hub_server.plays(turning)
        path = download(weights, Progress(), shown=shown)
        assert path.read_bytes() == hostile.CONTENT
        assert find_weights(weights) == path
        assert len(hub_server.heads) == 2

    def test_another_file_that_was_there_before_is_not_taken_for_what_was_shown(self, hub_server, hostile):
        weights = hub_server.hub_weights()
        download(weights, Progress())
        other = hostile.CONTENT[::-1]
        hub_server.etag = hashlib.sha256(other).hexdigest()
        hub_server.plays(hostile.honest(other))
        shown = ask_hub(weights, Progress())
        assert download(weights, Progress(), shown=shown).read_bytes() == other

    def test_a_hash_that_the_model_states_is_held_against_the_hubs(self, hub_server, hostile):
        stated = hub_server.hub_weights(sha256=hostile.SHA256[:10])
        assert ask_hub(stated, Progress()).digest.text == hostile.SHA256
        with pytest.raises(WeightsError, match="begins with 1234567890, but the Hugging Face hub has"):
            ask_hub(dataclasses.replace(stated, sha256="1234567890"), Progress())

    def test_what_is_interrupted_is_told_as_it_stands(self, hub_server, hostile):
        weights = hub_server.hub_weights()
        hub_server.plays(hostile.stalls(400_000))
        progress = Progress()
        threading.Timer(0.3, progress.cancel).start()
        with pytest.raises(Cancelled):
            download(weights, progress)
        offer = make_offer(weights, remote=ask_hub(weights, Progress()))
        assert offer.come_bytes == 400_000
        assert "0.4 MB of them are here" in dict(offer.facts())["size"]


class TestNoAnswer:
    @pytest.fixture
    def reason(self) -> Any:
        def ask(weights: Any) -> str:
            with pytest.raises(WeightsError) as caught:
                ask_hub(weights, Progress())
            text = str(caught.value)
            assert "\n" not in text
            assert text.endswith(".")
            assert text.startswith("Expected folder/model.safetensors of some-one/a.network on the Hugging Face hub")
            return text

        return ask

    def test_nobody_is_there(self, hub_server, reason, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert "cannot be reached (Connection refused)" in reason(hub_server.hub_weights())

    def test_it_takes_too_long(self, hub_server, reason, monkeypatch):
        monkeypatch.setattr(hub, "METADATA_SECS", 0.3)
        hub_server.silent = True
        assert "timed out" in reason(hub_server.hub_weights())

    @pytest.mark.parametrize(("status", "word"), [(404, "not there"), (403, "refuses access"), (503, "answers 503")])
    def test_it_refuses(self, status, word, hub_server, reason):
        hub_server.head_status = status
        assert word in reason(hub_server.hub_weights())

    @pytest.mark.parametrize("etag", ["abc123", "z" * 64, "0" * 63])
    def test_it_tells_no_hash(self, etag, hub_server, reason):
        hub_server.etag = etag
        assert "tells no hash" in reason(hub_server.hub_weights())

    def test_what_answers_is_no_hub(self, hub_server, hostile, reason):
        hub_server.etag = ""
        assert "no hub" in reason(hub_server.hub_weights())

    def test_the_user_forbids_it(self, hub_server, reason, monkeypatch):
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        assert "$HF_HUB_OFFLINE or $TRANSFORMERS_OFFLINE forbids asking it; allow it" in reason(
            hub_server.hub_weights()
        )
        assert hub_server.heads == []

    @pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
    def test_the_variables_that_forbid_it(self, name, hub_server, tmp_path):
        code = (
            "from cvstudio.foundation.progress import Progress\nfrom cvstudio.weights import hub\n"
            f"hub.look_up(hub.parse({hub_server.hub_weights().url!r}), Progress())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, name: "1"}, capture_output=True, text=True, check=False
        )
        assert "forbids asking it" in done.stderr
        assert hub_server.heads == []

    def test_an_endpoint_that_anyone_on_the_way_can_change_is_not_asked(self, hub_server, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example.org")
        with pytest.raises(WeightsError, match="begins with https://"):
            ask_hub(hub_server.hub_weights(), Progress())

    def test_a_proxy_of_the_environment_is_used(self, hub_server, hostile, monkeypatch):
        # The hub's library reads the proxies when it makes its connection.
        huggingface_hub.close_session()
        monkeypatch.setenv("http_proxy", hub_server.base)
        monkeypatch.setenv("HF_ENDPOINT", "http://localhost:9")
        try:
            assert ask_hub(hub_server.hub_weights(), Progress()).digest.text == hostile.SHA256
        finally:
            huggingface_hub.close_session()
        assert hub_server.heads == ["http://localhost:9/some-one/a.network/resolve/main/folder/model.safetensors"]

    def test_a_silent_hub_is_cancelled_at_once(self, hub_server):
        hub_server.silent = True
        progress = Progress()
        threading.Timer(0.2, progress.cancel).start()
        with pytest.raises(Cancelled):
            ask_hub(hub_server.hub_weights(), progress)
        assert len(hub_server.heads) == 1

    def test_a_problem_is_told_and_nothing_is_claimed(self, hub_server):
        offer = make_offer(hub_server.hub_weights(), problem="It rains.")
        assert offer.asks_hub
        assert "could not be asked" in dict(offer.facts())["SHA-256"]


class TestCommandLine:
    @pytest.fixture
    def model(self, hub_server: Any, hostile: Any) -> Iterator[ModelSpec]:
        """A model with a file on the hub and two elsewhere."""
        second = hub_server.weights(key="old", file_name="old-1.pth", url=f"{hub_server.base}/old-1.pth")
        third = hub_server.weights(key="older", file_name="older-1.pth", url=f"{hub_server.base}/older-1.pth")
        files = (hub_server.hub_weights(key="hub"), second, third)
        spec = dataclasses.replace(MODELS["ssdlite"], key="three", title="Three", weights=files)
        with MODELS.lend(spec):
            yield spec

    def test_hash_and_size_are_told_before_the_first_byte(self, model, hub_server, hostile, capsys):
        asked: list[str] = []

        def look(handler: Any) -> None:
            asked.append(capsys.readouterr().err)
            hostile.honest()(handler)

        hub_server.plays(look)
        assert main(["weights", "get", "three"]) == 0
        assert hostile.SHA256 in asked[0]
        assert "1,000,000 bytes" in asked[0]
        assert Path(capsys.readouterr().out.strip()) == cached_path(model.weights[0])

    def test_what_is_here_needs_no_hub(self, model, hub_server, capsys):
        assert main(["weights", "get", "three", "-q"]) == 0
        asked = len(hub_server.heads)
        hub_server.head_status = 503
        capsys.readouterr()
        assert main(["weights", "get", "three"]) == 0
        assert Path(capsys.readouterr().out.strip()) == cached_path(model.weights[0])
        assert len(hub_server.heads) == asked

    def test_a_hub_that_cannot_be_asked(self, model, hub_server, capsys):
        hub_server.head_status = 503
        assert main(["weights", "get", "three"]) == 1
        assert "answers 503" in capsys.readouterr().err
        assert hub_server.log.paths == []

    @pytest.mark.parametrize("name", ["older", "older-1.pth"])
    def test_a_named_file(self, name, model, hub_server, hostile, capsys):
        assert main(["weights", "get", "three", "--file", name]) == 0
        assert capsys.readouterr().out.split() == [str(hub_folder() / "older-1.pth")]
        assert (hub_folder() / "older-1.pth").read_bytes() == hostile.CONTENT
        assert hub_server.log.paths == ["/older-1.pth"]
        assert hub_server.heads == []

    def test_all_files(self, model, hub_server, hostile, capsys):
        assert main(["weights", "get", "three", "--all", "-q"]) == 0
        paths = [Path(line) for line in capsys.readouterr().out.split()]
        assert paths == [cached_path(weights) for weights in model.weights]
        assert all(path.read_bytes() == hostile.CONTENT for path in paths)

    def test_an_unknown_name_gets_nothing_at_all(self, model, hub_server, capsys):
        assert main(["weights", "get", "ssdlite", "three", "--file", "oldest"]) == 1
        assert "has no file 'oldest'; there are: " in capsys.readouterr().err
        assert main(["weights", "get", "hog", "--file", "oldest"]) == 1
        assert "there are: none" in capsys.readouterr().err
        assert hub_server.log.paths == hub_server.heads == []
        with pytest.raises(SystemExit, match="2"):
            main(["weights", "get", "three", "--file", "old", "--all"])

    def test_the_files_of_a_model_are_listed(self, model, capsys):
        assert main(["weights", "get", "three", "--file", "old", "-q"]) == 0
        capsys.readouterr()
        assert main(["weights", "list", "three", "hog"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[1] for line in lines[:3]] == ["hub", "old", "older"]
        assert "MIT, 1.0 MB, downloaded" in lines[1]
        assert "not downloaded" in lines[2]
        assert "included in a library" in lines[3]
