"""What the program asks of the threads of its libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

ASK = "import {module}, os; {call}; print(os.environ.get('OMP_WAIT_POLICY'))"
WAYS = {
    "window": ASK.format(module="ui.environment", call="ui.environment.prepare()"),
    "command line": ASK.format(module="cvstudio.cli", call="cvstudio.cli.main(['list'])"),
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
