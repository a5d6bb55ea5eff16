"""Downloads from servers that truncate, stall, lie and change their mind."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cvstudio.foundation.errors import Cancelled, WeightsError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.weights.download import download
from cvstudio.weights.store import find_weights, hub_folder
from cvstudio.weights.transfer import Patience

ROOT = Path(__file__).parents[3]


def left() -> list[str]:
    """Names in torch's folder."""
    return sorted(path.name for path in hub_folder().iterdir()) if hub_folder().is_dir() else []


def check(path: Path, hostile: Any, weights: Any) -> None:
    assert path == hub_folder() / weights.file_name == find_weights(weights)
    assert path.read_bytes() == hostile.CONTENT
    assert left() == [weights.file_name]


def test_an_honest_server(server, hostile, get):
    told: list[tuple[float | None, str]] = []
    weights = server.weights()
    check(get(weights, Progress(lambda *report: told.append(report))), hostile, weights)
    assert server.log.ranges == [""]
    fractions = [fraction for fraction, _ in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert told[-1][1].startswith("1.0 of 1.0 MB, ")
    assert told[-1][1].endswith(" MB/s")
    # What is there is not asked for again.
    get(weights)
    assert len(server.log.ranges) == 1


def test_torch_finds_what_was_got(server, hostile, get, monkeypatch):
    import torch

    path = get(server.weights())
    assert path.parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_eight_digits_of_the_hash_are_enough(server, hostile, get):
    weights = server.weights(sha256=hostile.SHA256[:8])
    check(get(weights), hostile, weights)


@pytest.mark.parametrize("cut", ["truncates", "resets", "stalls"])
def test_a_broken_connection_is_gone_on_with(cut, server, hostile, get):
    broken = {"truncates": hostile.honest(upto=300_000), "resets": hostile.resets(300_000)}
    server.plays(broken.get(cut, hostile.stalls(300_000)), hostile.honest())
    weights = server.weights()
    check(get(weights, stall_secs=hostile.STALL_SECS), hostile, weights)
    first, second = server.log.ranges
    assert first == ""
    assert second.startswith("bytes=")
    assert 0 < int(second[6:-1]) <= 300_000
    assert server.log.conditions == ["", '"one"']


def test_a_connection_that_breaks_again_and_again_but_brings_something(server, hostile, get):
    server.plays(*[hostile.honest(upto=90_000)] * 11, hostile.honest())
    weights = server.weights()
    check(get(weights), hostile, weights)
    assert len(server.log.ranges) == 12


def test_one_that_brings_nothing_is_given_up_and_what_came_is_kept(server, hostile, refused, get):
    server.plays(hostile.honest(upto=400_000), hostile.stalls(0))
    weights = server.weights()
    text = refused(weights, stall_secs=hostile.STALL_SECS)
    assert "has stopped answering" in text
    assert "0.4 MB that have arrived are kept" in text
    assert left() == [f"{weights.file_name}.part", f"{weights.file_name}.part.json"]
    server.plays(hostile.honest())
    check(get(weights), hostile, weights)
    assert server.log.ranges[-1] == "bytes=400000-"


def test_nobody_listens(hostile, refused, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = refused(server.weights(url=f"http://127.0.0.1:{port}/weights-1234.pth"))
    assert "Connection refused" in text
    assert "check the internet connection and try again" in text


class TestLies:
    def test_a_length_that_is_too_large(self, server, hostile, get):
        server.plays(hostile.claims(1_010_000))
        weights = server.weights()
        # The content is right all the same.
        check(get(weights), hostile, weights)

    def test_a_length_that_is_too_large_over_a_truncated_file(self, server, hostile, refused):
        server.plays(hostile.claims(1_010_000, hostile.CONTENT[:-1]))
        assert "the connection ended after 999,999 of 1,010,000 bytes" in refused(server.weights())

    def test_a_length_that_is_too_small(self, server, hostile, refused):
        server.plays(hostile.claims(990_000))
        text = refused(server.weights())
        assert "sent 990,000 bytes whose hash begins with" in text
        assert left() == []

    def test_a_length_that_would_fill_the_disk(self, server, hostile, refused):
        server.plays(hostile.claims(10**15))
        assert "another file" in refused(server.weights())
        assert left() == []

    def test_no_length_and_no_end(self, server, hostile, refused):
        def endless(handler):
            handler.begin(200)
            while not handler.stop.is_set():
                handler.wfile.write(bytes(65536))

        server.plays(endless)
        assert "another file" in refused(server.weights())

    def test_no_length(self, server, hostile, get):
        def play(handler):
            handler.begin(200)
            handler.wfile.write(hostile.CONTENT)

        def cut(handler):
            handler.begin(200)
            handler.wfile.write(hostile.CONTENT[:300_000])

        server.plays(cut, play)
        weights = server.weights()
        check(get(weights), hostile, weights)

    def test_wrong_bytes(self, server, hostile, refused):
        server.plays(hostile.honest(hostile.CONTENT[::-1]))
        text = refused(server.weights())
        assert hostile.SHA256 in text
        assert hashlib.sha256(hostile.CONTENT[::-1]).hexdigest() in text
        assert "not kept" in text
        assert left() == []

    def test_a_page_in_place_of_the_file(self, server, hostile, refused):
        server.plays(hostile.honest(b"<html>log in to this network</html>"))
        assert "another file" in refused(server.weights())
        assert left() == []

    def test_another_part_than_was_asked_for(self, server, hostile, get):
        def play(handler):
            rest = hostile.CONTENT[5:]
            handler.begin(206, Content_Range=f"bytes 5-999999/{len(hostile.CONTENT)}", Content_Length=str(len(rest)))
            handler.wfile.write(rest)

        server.plays(hostile.honest(upto=300_000), play, hostile.honest())
        weights = server.weights()
        check(get(weights), hostile, weights)
        assert server.log.ranges == ["", "bytes=300000-", ""]

    def test_a_compressed_body_is_wrong_bytes(self, server, hostile, refused):
        import gzip

        server.plays(hostile.honest(gzip.compress(hostile.CONTENT, 0)))
        assert "sent" in refused(server.weights())


class TestResuming:
    def test_ranges_are_ignored(self, server, hostile, get):
        server.plays(hostile.honest(upto=300_000), hostile.honest(ranges=False))
        weights = server.weights()
        check(get(weights), hostile, weights)
        assert server.log.ranges == ["", "bytes=300000-"]

    def test_the_file_changed_in_between(self, server, hostile, get):
        old = hostile.CONTENT[::-1]
        server.plays(hostile.honest(old, etag='"old"', upto=300_000), hostile.honest(etag='"new"'))
        weights = server.weights()
        check(get(weights), hostile, weights)
        assert server.log.conditions == ["", '"old"']

    def test_the_file_changed_and_the_server_joins_it_all_the_same(self, server, hostile, get):
        def join(handler):
            rest = hostile.CONTENT[handler.offset :]
            where = f"bytes {handler.offset}-{len(hostile.CONTENT) - 1}/{len(hostile.CONTENT)}"
            handler.begin(206, ETag='"new"', Content_Range=where, Content_Length=str(len(rest)))
            handler.wfile.write(rest)

        server.plays(hostile.honest(hostile.CONTENT[::-1], etag='"old"', upto=300_000), join, hostile.honest())
        weights = server.weights()
        check(get(weights), hostile, weights)

    def test_a_part_of_another_version_that_no_tag_gives_away(self, server, hostile, get):
        """The joined file is wrong, and the whole is got once more."""
        weights = server.weights()
        hub_folder().mkdir(parents=True)
        (hub_folder() / f"{weights.file_name}.part").write_bytes(bytes(1000))
        check(get(weights), hostile, weights)
        assert server.log.ranges == ["bytes=1000-", ""]

    def test_all_had_come(self, server, hostile, get):
        weights = server.weights()
        hub_folder().mkdir(parents=True)
        (hub_folder() / f"{weights.file_name}.part").write_bytes(hostile.CONTENT)
        check(get(weights), hostile, weights)
        assert server.log.ranges == [f"bytes={len(hostile.CONTENT)}-"]

    def test_more_had_come_than_there_is(self, server, hostile, get):
        weights = server.weights()
        hub_folder().mkdir(parents=True)
        (hub_folder() / f"{weights.file_name}.part").write_bytes(hostile.CONTENT + b"more")
        check(get(weights), hostile, weights)

    def test_notes_that_are_damaged(self, server, hostile, get):
        weights = server.weights()
        hub_folder().mkdir(parents=True)
        (hub_folder() / f"{weights.file_name}.part").write_bytes(hostile.CONTENT[:500])
        (hub_folder() / f"{weights.file_name}.part.json").write_text("[1, ")
        check(get(weights), hostile, weights)
        assert server.log.ranges == ["bytes=500-"]

    def test_a_weak_tag_is_no_condition(self, server, hostile, get):
        server.plays(hostile.honest(etag='W/"one"', upto=300_000), hostile.honest(etag='W/"one"'))
        weights = server.weights()
        check(get(weights), hostile, weights)
        assert server.log.conditions == ["", ""]

    def test_a_damaged_file_under_the_final_name_is_replaced(self, server, hostile, get):
        weights = server.weights()
        hub_folder().mkdir(parents=True)
        (hub_folder() / weights.file_name).write_bytes(b"half")
        check(get(weights), hostile, weights)


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (404, ("404 (not found)", "where it is now")),
            (410, ("no longer there", "where it is now")),
            (403, ("access is refused", "terms have to be accepted")),
            (401, ("access is refused",)),
            (418, ("does not give it",)),
        ],
    )
    def test_a_refusal_is_told_at_once(self, status, words, server, hostile, refused):
        server.plays(hostile.says(status))
        text = refused(server.weights())
        for word in words:
            assert word in text
        assert len(server.log.paths) == 1

    @pytest.mark.parametrize(("status", "words"), [(500, "it has a problem"), (429, "too many requests")])
    def test_trouble_is_waited_out_and_told_where_it_stays(self, status, words, server, hostile, refused, get):
        server.plays(hostile.says(status))
        assert f"{status} ({words})" in refused(server.weights())
        assert len(server.log.paths) == hostile.QUICK.attempts
        server.plays(hostile.says(status, Retry_After="1"), hostile.honest())
        weights = server.weights()
        check(get(weights), hostile, weights)

    def test_a_redirect_is_followed_with_its_range(self, server, hostile, get):
        away = hostile.says(302, Location="/elsewhere.bin")
        server.plays(away, hostile.honest(upto=300_000), away, hostile.honest())
        weights = server.weights()
        check(get(weights), hostile, weights)
        assert server.log.paths == ["/weights-1234.pth", "/elsewhere.bin"] * 2
        assert server.log.ranges[-1] == "bytes=300000-"

    def test_redirects_in_circles(self, server, hostile, refused):
        server.plays(hostile.says(302, Location="/weights-1234.pth"))
        assert "redirects in circles" in refused(server.weights())

    @pytest.mark.parametrize(
        "place", ["http://example.org/w.pth", "file:///etc/passwd", "ftp://example.org/w.pth", "https:///nowhere"]
    )
    def test_a_redirect_to_where_anyone_can_change_it(self, place, server, hostile, refused):
        server.plays(hostile.says(302, Location=place))
        text = refused(server.weights())
        assert "begins with https://" in text or "to where it is not safe" in text

    @pytest.mark.parametrize("answer", [b"", b"\xff\xfe garbage\r\n\r\n", b"HTTP/1.1 999999 what\r\n\r\n"])
    def test_no_http(self, answer, server, hostile, refused):
        def play(handler):
            handler.wfile.write(answer)

        server.plays(play)
        assert "try again later" in refused(server.weights())


class TestCancelling:
    @pytest.mark.parametrize("when", ["drips", "stalls", "waits to try again", "waits for the first byte"])
    def test_at_once_and_what_came_stays(self, when, server, hostile, get):
        def silent(handler):
            handler.stop.wait(20)

        scripts = {
            "drips": hostile.drips(500),
            "stalls": hostile.stalls(100_000),
            "waits to try again": hostile.says(503),
            "waits for the first byte": silent,
        }
        server.plays(scripts[when])
        weights, progress = server.weights(), Progress()
        threading.Timer(0.4, progress.cancel).start()
        began = time.monotonic()
        with pytest.raises(Cancelled):
            get(weights, progress, stall_secs=30.0, backoff_secs=30.0, longest_secs=30.0)
        assert time.monotonic() - began < 10, "it must not wait for the connection"
        assert weights.file_name not in left()
        if when in ("drips", "stalls"):
            server.plays(hostile.honest())
            check(get(weights), hostile, weights)
            assert server.log.ranges[-1].startswith("bytes=")

    def test_its_thread_ends(self, server, hostile, get):
        server.plays(hostile.stalls(1000))
        progress = Progress()
        threading.Timer(0.3, progress.cancel).start()
        with pytest.raises(Cancelled):
            get(server.weights(), progress, stall_secs=600.0)
        deadline = time.monotonic() + 60
        while any(thread.name == "download" for thread in threading.enumerate()):
            assert time.monotonic() < deadline, "the thread still waits in its read"
            time.sleep(0.01)


class TestDisk:
    def test_no_room_is_told_before_anything_is_asked(self, server, refused, monkeypatch):
        usage = type(shutil.disk_usage("/"))(10**12, 10**12, 201 << 20)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        weights = server.weights(size_bytes=5_000_000)
        text = refused(weights)
        assert "Expected room for 5.0 MB more" in text
        assert "$TORCH_HOME" in text
        assert server.log.paths == []

    def test_a_disk_that_fills_up(self, server, hostile, refused, monkeypatch, tmp_path):
        from cvstudio.weights import transfer

        def full(*args: Any, **options: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(transfer, "_receive", full)
        assert "the disk is full" in refused(server.weights())

    def test_a_folder_that_cannot_be_made(self, server, get, monkeypatch, tmp_path):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
        with pytest.raises(WeightsError, match="cannot be made"):
            get(server.weights())

    def test_a_name_that_leads_elsewhere(self, server, get):
        with pytest.raises(WeightsError, match="name of a file"):
            get(server.weights(file_name="../escaped.pth"))


GET = """
import sys
from cvstudio.weights.declaration import Weights
from cvstudio.foundation.progress import Progress
from cvstudio.weights.download import download
url, digest = sys.argv[1:]
weights = Weights("t", "weights-1234.pth", url, digest, 1_000_000, "MIT", "noise")
print("begun", flush=True)
print(download(weights, Progress(lambda fraction, text: "another" in text and print(text, flush=True))))
"""


def test_two_processes_get_it_once(server, hostile):
    server.plays(hostile.drips(20_000))
    command = [sys.executable, "-c", GET, server.weights().url, hostile.SHA256]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert len(server.log.paths) == 1
    assert left() == ["weights-1234.pth"]
    assert (hub_folder() / "weights-1234.pth").read_bytes() == hostile.CONTENT
    assert all(text.splitlines()[-1].endswith("weights-1234.pth") for text in told)


def test_a_killed_process_leaves_a_part_that_is_gone_on_with(server, hostile, get):
    server.plays(hostile.drips(2_000))
    weights = server.weights()
    process = subprocess.Popen([sys.executable, "-c", GET, weights.url, hostile.SHA256], cwd=ROOT)
    part = hub_folder() / f"{weights.file_name}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 10_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert left() == [part.name, f"{part.name}.json"]
    server.plays(hostile.honest())
    check(get(weights), hostile, weights)
    assert server.log.ranges[-1].startswith("bytes=")
    assert (user_cache_dir() / "locks").is_dir()


def test_nothing_is_got_for_what_comes_with_the_program(server):
    with pytest.raises(WeightsError, match="comes with the program"):
        download(server.weights(url=""), Progress())


def test_patience_of_the_program():
    patience = Patience()
    assert patience.stall_secs >= 10
    assert patience.attempts >= 3


class TestOffline:
    def test_a_name_that_nobody_knows_is_told_within_three_seconds(self, server):
        weights = server.weights(url="https://weights.invalid/weights-1234.pth")
        began = time.monotonic()
        with pytest.raises(WeightsError, match=r"weights\.invalid cannot be reached") as caught:
            download(weights, Progress())
        assert time.monotonic() - began < 3
        assert "check the internet connection and try again" in str(caught.value)

    def test_packets_that_get_lost_are_told_while_it_still_tries(self, server, monkeypatch):
        given_up = threading.Event()

        def lose(*_: Any, **__: Any) -> None:
            given_up.wait(100)
            raise TimeoutError("timed out")

        monkeypatch.setattr(socket, "create_connection", lose)
        told: list[float] = []
        began = time.monotonic()

        def tell(fraction: float | None, text: str) -> None:
            if "cannot be reached (no answer): trying again" in text:
                told.append(time.monotonic() - began)

        patience = Patience(connect_secs=0.2, backoff_secs=0.01)
        with pytest.raises(WeightsError, match="check the internet connection"):
            download(server.weights(), Progress(tell), patience=patience)
        assert told[0] < 50  # while the first attempt goes on
        given_up.set()
        # The second attempt is for slow networks.
        assert time.monotonic() - began > 0.2 + 4 * 0.2
        assert Patience().connect_secs < 3

    def test_a_slow_network_is_not_taken_for_none(self, server, hostile, get, monkeypatch):
        connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda *a, **o: (time.sleep(0.5), connect(*a, **o))[1])
        server.plays(hostile.honest())
        weights = server.weights()
        check(get(weights, connect_secs=0.2), hostile, weights)
