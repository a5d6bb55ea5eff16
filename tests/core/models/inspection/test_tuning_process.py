"""A network answers at once in torch's usual way; its quickest way is found in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import cvstudio
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS
from cvstudio.models.inspection import tuning_process as measuring
from cvstudio.models.inspection.tuning_process import measured_beside
from cvstudio.models.runtime import precision
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import UNTUNED, Precision
from cvstudio.running.runner import Runner

SPEC = MODELS["pyramid-5"]
WIDE = Precision(channels_last=False, reason="It was said so.")


@pytest.fixture
def choosing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """As if there were more ways than one, and nothing were known of them; what was measured in this process."""
    monkeypatch.setattr(precision, "user_cache_dir", lambda: tmp_path)
    monkeypatch.setattr(precision, "choice", lambda network: True)
    monkeypatch.setattr("cvstudio.models.runtime.host.choice", lambda network: True)
    measured: list[str] = []

    def fake(network: Any, spec: Any, progress: Progress) -> Precision:
        measured.append(spec.key)
        return WIDE

    monkeypatch.setattr(precision, "_fastest", fake)
    return measured


def test_the_first_answer_waits_for_no_measurement(choosing: list[str]) -> None:
    host = Host("cpu", measure=False)
    key = host.network_key(SPEC)
    network = host.network(SPEC, None, Progress())
    assert choosing == []
    assert network.precision == UNTUNED
    assert host.reasons == (f"{SPEC.key}: float32, channels last. {UNTUNED.reason}",)
    assert host.untuned == ((SPEC, None),)
    assert host.network_key(SPEC) == key
    host.forget_untuned(SPEC, None)
    assert host.untuned == ()
    host.close()


def test_another_way_is_another_network_from_the_next_thing_on_that_is_looked_at(choosing: list[str]) -> None:
    host = Host("cpu", measure=False)
    network, key = host.network(SPEC, None, Progress()), host.network_key(SPEC)
    host.set_tuned(SPEC, None, WIDE)
    assert host.network_key(SPEC) == key  # what is on the canvas stays as it is
    assert host.network(SPEC, None, Progress()).precision == UNTUNED
    host.apply_tuned()
    after = host.network_key(SPEC)
    assert after != key
    assert after[-1] == f"auto: {WIDE}"
    assert host.network(SPEC, None, Progress()) is network  # loaded once, and held once
    assert network.precision == WIDE
    assert host.precision_of(SPEC) == WIDE
    assert len(host) == 1
    host.precision = "float32"
    assert host.network_key(SPEC)[-1] == "float32"
    host.close()


def test_what_is_known_is_done_at_once(choosing: list[str]) -> None:
    first = Host("cpu")
    assert first.network(SPEC, None, Progress()).precision == WIDE
    assert choosing == [SPEC.key]
    second = Host("cpu", measure=False)
    assert second.network(SPEC, None, Progress()).precision == WIDE
    assert second.untuned == ()
    for host in (first, second):
        host.close()


def test_another_host_computes_in_the_same_way_whatever_was_measured_meanwhile(choosing: list[str]) -> None:
    window = Host("cpu", measure=False)
    window.network(SPEC, None, Progress())
    Host("cpu").network(SPEC, None, Progress())  # it is remembered now
    export = Host("cpu", precisions=window.precisions)
    assert export.network_key(SPEC) == window.network_key(SPEC)
    assert export.network(SPEC, None, Progress()).precision == UNTUNED
    window.set_tuned(SPEC, None, WIDE)
    window.apply_tuned()
    assert Host("cpu", precisions=window.precisions).network_key(SPEC) == window.network_key(SPEC)
    for host in (window, export):
        host.close()


def test_one_picture_is_not_worth_a_measurement_and_a_video_is(choosing: list[str]) -> None:
    from cvstudio.running.runner import make_instance

    cvstudio.run("detect", sample_path("cat"), model=SPEC.key)
    assert choosing == []
    with Runner(measure=False) as runner:
        video = make_instance("detect", {"picture": sample_path("clip")}, model=SPEC.key)
        next(iter(runner.frames(video, Progress(), stop_secs=0.05)))
    assert choosing == [SPEC.key]


def test_a_network_without_a_choice_is_not_measured() -> None:
    host = Host("cpu", measure=False)
    host.network(SPEC, None, Progress())
    assert host.untuned == ()
    host.close()


def _child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Run `code` in the place of the measuring process; it finds its arguments in sys.argv."""
    program = tmp_path / "python"
    script = tmp_path / "child.py"
    script.write_text(code, encoding="utf-8")
    program.write_text(f'#!/bin/sh\nexec "{measuring.sys.executable}" "{script}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(measuring.sys, "executable", str(program))


def test_the_answer_of_the_other_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    way = {"dtype": "bfloat16", "channels_last": False, "reason": "Yes.", "engine": "openvino"}
    given = tmp_path / "given"
    code = f"""
import json, sys
open({str(given)!r}, "w").write(json.dumps(sys.argv[1:]))
print("noise")
print(json.dumps({way!r}))
"""
    _child(monkeypatch, tmp_path, code)
    *waited, found = measured_beside("pyramid-5", tmp_path / "own.pth", "cpu", Progress())
    assert found == Precision(**way)  # type: ignore[arg-type]
    assert set(waited) <= {None}
    arguments = [
        "-m",
        "cvstudio.models.inspection.tuning_process",
        "pyramid-5",
        "--device",
        "cpu",
        "--weights",
        str(tmp_path / "own.pth"),
    ]
    assert json.loads(given.read_text(encoding="utf-8")) == arguments


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('{')", 'print(\'{"dtype": 1, "more": 2}\')', ""])
def test_a_process_that_fails_answers_nothing(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _child(monkeypatch, tmp_path, code)
    assert set(measured_beside("pyramid-5", None, "cpu", Progress())) <= {None}


def test_stopping_ends_the_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(90)"
    _child(monkeypatch, tmp_path, code)
    progress = Progress()
    work = measured_beside("pyramid-5", None, "cpu", progress)
    deadline = time.monotonic() + 60
    while not pid.exists() or not pid.read_text(encoding="utf-8"):
        assert next(work) is None
        assert time.monotonic() < deadline
    progress.cancel()
    with pytest.raises(Cancelled):
        next(work)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text(encoding="utf-8")), 0)


def test_the_real_process_measures_and_remembers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    *_, found = measured_beside("residual-60", None, "cpu", Progress())
    assert isinstance(found, Precision)
    assert found.reason.endswith(".")
    remembered = json.loads((tmp_path / "cvstudio" / "precision.json").read_text(encoding="utf-8"))
    assert [Precision(**entry) for entry in remembered.values()] == [found]


def test_a_network_that_is_being_loaded_is_completed_as_it_was_asked_for(choosing: list[str]) -> None:
    host = Host("cpu", measure=False)
    key = host.network_key(SPEC)

    def adopts(fraction: float | None, message: str) -> None:
        if message.startswith("loading"):
            host.set_tuned(SPEC, None, WIDE)
            host.apply_tuned()

    network = host.network(SPEC, None, Progress(adopts))
    assert network.precision == UNTUNED
    assert host.network_key(SPEC) != key
    assert host.network(SPEC, None, Progress()) is network
    assert network.precision == host.precision_of(SPEC) == WIDE
    host.close()


STARTER = """
import os, sys
from cvstudio.foundation.progress import Progress
from cvstudio.models.inspection.tuning_process import measured_beside
import psutil
for _ in measured_beside("pyramid-5", None, "cpu", Progress()):
    children = psutil.Process().children()
    if any("cvstudio" in " ".join(child.cmdline()) for child in children):
        print(*(child.pid for child in children), flush=True)
        os._exit(0)  # as a program that has no time for anything
"""


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", STARTER], env=environment, capture_output=True, text=True, check=True)
    children = [psutil.Process(int(number)) for number in said.stdout.split() if psutil.pid_exists(int(number))]
    assert said.stdout.split()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
