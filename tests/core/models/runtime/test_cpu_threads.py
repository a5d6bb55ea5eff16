"""What the program asks of the threads of its libraries."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading

import pytest
import torch

from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import cores_shared, frames_at_once, leaving_a_core, share_cores
from cvstudio.models.runtime.host import Host

ASK = "import {module}, os; {call}; print(os.environ.get('OMP_WAIT_POLICY'))"
WAYS = {
    "window": ASK.format(module="ui.environment", call="ui.environment.prepare()"),
    "command line": ASK.format(module="cvstudio.cli.main", call="cvstudio.cli.main.main(['list'])"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_the_user_wants_it_otherwise(way: str, given: str | None, found: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": given} if given else {}
    said = subprocess.run(
        [sys.executable, "-c", WAYS[way]], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines()[-1] == found


@pytest.mark.parametrize(
    ("capabilities", "device", "expected"),
    [({"reentrant"}, "cpu", 3), ({"gradients", "hooks"}, "cpu", 1), ({"reentrant"}, "mps", 1)],
)
def test_frames_go_side_by_side_through_a_network_that_is_reentrant(
    capabilities: set[str], device: str, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvstudio.models.runtime.cpu_threads.cpu_streams", lambda model: 3)
    monkeypatch.setattr("cvstudio.models.runtime.host.is_there", lambda device: True)
    spec = dataclasses.replace(MODELS["ssdlite"], capabilities=frozenset(capabilities))
    assert frames_at_once(spec, Host(device)) == expected
    assert frames_at_once(spec, Host(device), streams=2) == min(expected, 2)
    assert frames_at_once(None, Host(device)) == 1


def test_the_networks_in_torch_are_reentrant_and_those_of_others_are_not_known_to_be() -> None:
    for spec in MODELS:
        # No analysis looks inside these, though they are modules of torch.
        in_torch = "gradients" in spec.capabilities or spec.trunk is not None or spec.task in ("separate", "depth")
        assert ("reentrant" in spec.capabilities) == in_torch, spec.key


def test_a_core_is_left_while_it_is_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        with leaving_a_core():
            assert torch.get_num_threads() == 2
            with leaving_a_core(), leaving_a_core():
                assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_threads_that_come_after_the_cores_were_shared_have_all_of_them() -> None:
    def asked(found: list[int]) -> None:
        thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        thread.start()
        thread.join()

    before = torch.get_num_threads()
    meanwhile: list[int] = []
    afterwards: list[int] = []
    try:
        torch.set_num_threads(3)
        with cores_shared():
            worker = threading.Thread(target=lambda: share_cores(os.cpu_count() or 1))
            worker.start()
            worker.join()
            asked(meanwhile)
        asked(afterwards)
    finally:
        torch.set_num_threads(before)
    assert (meanwhile, afterwards) == ([1], [3])


def test_blocks_of_two_threads_that_overlap_leave_all_cores_to_both() -> None:
    entered, gone = threading.Event(), threading.Event()
    found: dict[str, int] = {}

    def other() -> None:
        with cores_shared():
            torch.set_num_threads(1)
            entered.set()
            gone.wait(60)
        found["other"] = torch.get_num_threads()

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        thread = threading.Thread(target=other)
        with cores_shared():
            torch.set_num_threads(1)
            thread.start()
            assert entered.wait(60)
        found["first"] = torch.get_num_threads()
        gone.set()
        thread.join()
        third = threading.Thread(target=lambda: found.update(third=torch.get_num_threads()))
        third.start()
        third.join()
        assert found == {"first": 3, "other": 3, "third": 3}
    finally:
        torch.set_num_threads(before)
