"""A display of its own for each process that tests windows: its own screen, window manager, mouse and keyboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

SCRIPT = Path(__file__).resolve().parent.parent / ".setup" / "with-display"
TOOLS = ("Xvfb", "openbox", "xprop")
NAMES = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORM")
# A child of nobody here, so that nothing has to wait for it.
APART = 'exec 3<&0; "$@" <&3 3<&- &'
TELL = 'for name in "$@"; do eval "value=\\${$name-}"; echo "$name=$value"; done; echo; exec cat >/dev/null 2>&1'
START_SECS = 60

_open: list[int] = []


def is_possible() -> bool:
    """Whether this system has what a display needs. A Mac's windows have no X display."""
    return sys.platform != "darwin" and all(shutil.which(tool) for tool in TOOLS)


def start(lock: Path) -> dict[str, str]:
    """Start a virtual display that ends with this process, however that ends.

    `.setup/with-display` keeps it for as long as a command lasts that reads a pipe from here. When this process ends
    or is killed, the pipe ends, and with it the command, the window manager and the server. It is not taken down
    earlier: Qt ends a process whose display goes.

    Parameters
    ----------
    lock : of those that take the same file one starts at a time; two at once may look for the same number

    Returns
    -------
    dict
        The variables that say where the display is; an empty one is to be unset.

    Raises
    ------
    RuntimeError
        The display did not start; what the script said is in the message.
    """
    kept, gone_with_us = os.pipe()
    with (
        FileLock(lock, timeout=START_SECS),
        subprocess.Popen(
            ["sh", "-c", APART, "sh", str(SCRIPT), "--virtual", "sh", "-c", TELL, "sh", *NAMES],
            stdin=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Ctrl+C ends the tests first, which still need the display to put their windows away.
            start_new_session=True,
        ) as process,
    ):
        os.close(kept)
        assert process.stdout is not None
        lines = list(iter(lambda: process.stdout.readline().strip(), ""))
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    if set(found) != set(NAMES):
        raise RuntimeError("\n".join(lines))
    _open.append(gone_with_us)
    return found


def use(environment: dict[str, str]) -> None:
    """Let this process, and what it starts, open windows on the display of these variables."""
    for name in NAMES:
        if environment.get(name):
            os.environ[name] = environment[name]
        else:
            os.environ.pop(name, None)


def use_none() -> None:
    """Let windows open nowhere: tests move the mouse, and must not move the user's."""
    use({"QT_QPA_PLATFORM": "offscreen"})
