"""Each process that tests windows has a display of its own, which goes with it however it ends."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

MODULE = Path(__file__).with_name("displays.py")
# What conftest.py does in each process.
CODE = f"""
import importlib.util, os, pathlib, sys
spec = importlib.util.spec_from_file_location("displays", {str(MODULE)!r})
displays = importlib.util.module_from_spec(spec)
spec.loader.exec_module(displays)
displays.use_none()
print(os.environ.get("DISPLAY"), os.environ["QT_QPA_PLATFORM"], flush=True)
displays.use(displays.start(pathlib.Path(sys.argv[1])))
print(os.environ["DISPLAY"], os.environ["QT_QPA_PLATFORM"], flush=True)
sys.stdin.read()
"""


def _is_possible() -> bool:
    spec = importlib.util.spec_from_file_location("displays_asked", MODULE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return bool(module.is_possible())


pytestmark = pytest.mark.skipif(not _is_possible(), reason="needs Xvfb, openbox and xprop")


def _started(lock: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, str(lock)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def _goes(display: str) -> bool:
    socket = Path(f"/tmp/.X11-unix/X{display.removeprefix(':')}")
    assert display.startswith(":")
    deadline = time.monotonic() + 20
    while socket.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not socket.exists()


@pytest.mark.parametrize("killed", [False, True])
def test_two_processes_have_two_displays_and_leave_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    monkeypatch.setenv("DISPLAY", ":12345")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with ExitStack() as stack:
        both = [stack.enter_context(_started(tmp_path / "lock")) for _ in range(2)]
        for process in both:
            stack.callback(process.kill)
        # The user's is out of reach from the start.
        assert [_told(process) for process in both] == [["None", "offscreen"]] * 2
        (first, platform), (second, _) = (_told(process) for process in both)
        assert platform == "xcb"
        assert len({first, second, ":12345"}) == 3
        for process in both:
            if killed:
                process.send_signal(signal.SIGKILL)
            else:
                assert process.stdin is not None
                process.stdin.close()
            assert process.wait(timeout=20) == (-signal.SIGKILL if killed else 0)
        assert _goes(first)
        assert _goes(second)
