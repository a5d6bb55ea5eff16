"""Seeded damage to files, and a process with little memory in which the damaged ones are opened.

Run as a program it is that process: it takes paths from its standard input and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import resource
import selectors
import struct
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

MEMORY_BYTES = 6 << 30
LIMIT_SECS = 10
START_SECS = 90
WAYS = ("truncated", "flipped", "swapped header", "absurd size")
_ABSURD = (0, 1, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x8000_0000, 0x1000_0000)


def damage(whole: bytes, others: Sequence[bytes], seed: int) -> tuple[str, bytes]:
    """The way of damage that belongs to `seed`, and a copy of `whole` with it; `others` lend their headers."""
    draw = random.Random(seed)
    way = draw.choice(WAYS)
    content = bytearray(whole)
    # Half of it is done in the first bytes, where headers are.
    reach = min(len(content), draw.choice((64, 400, len(content), len(content))))
    if way == "truncated":
        del content[draw.randrange(1, reach) :]
    elif way == "flipped":
        for _ in range(draw.choice((1, 2, 8, 40))):
            content[draw.randrange(reach)] ^= 1 << draw.randrange(8)
    elif way == "swapped header":
        length = min(draw.choice((4, 12, 32, 128)), len(content))
        content[:length] = draw.choice(others)[:length]
    else:
        for _ in range(draw.choice((1, 1, 3))):
            size = draw.choice(("<H", ">H", "<I", ">I"))
            number = draw.choice(_ABSURD) & (0xFFFF if size[1] == "H" else 0xFFFF_FFFF)
            position = draw.randrange(max(1, reach - 4))
            content[position : position + struct.calcsize(size)] = struct.pack(size, number)
        digits = [i for i, byte in enumerate(content[:reach]) if chr(byte).isdigit()]
        if digits and draw.random() < 0.3:
            content[draw.choice(digits)] = ord("9")
            at = draw.choice(digits)
            content[at:at] = b"99999"
    return way, bytes(content)


class Opener:
    """The process in which files are opened; it is begun anew where it ended or hung.

    Parameters
    ----------
    program : Python file that it runs
    limit_secs, start_secs : time for one file, and for the first one, before which all is imported
    """

    def __init__(
        self, program: str = __file__, *, limit_secs: float = LIMIT_SECS, start_secs: float = START_SECS
    ) -> None:
        self._program, self._limit_secs, self._start_secs = program, limit_secs, start_secs
        self._process: subprocess.Popen[str] | None = None

    def open(self, path: Path) -> str:
        """ "" where `path` was opened, or refused in one sentence; else what happened instead."""
        limit = self._limit_secs
        if self._process is None:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._process = subprocess.Popen(
                [sys.executable, self._program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
            limit = self._start_secs
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            ready = selector.select(limit)
        line = process.stdout.readline() if ready else ""
        if line:
            return str(json.loads(line))
        self.close()
        return f"ended with status {process.returncode}" if ready else f"hung for {limit} s"

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _open(path: str) -> str:
    """ "" where the file was opened, or refused in one sentence; else what happened instead."""
    from cvstudio.foundation.errors import UserError
    from cvstudio.media import MediaKind, facts, open_media, open_reader

    try:
        media = open_media(path)
        with open_reader(media) as reader:
            if media.kind is MediaKind.VIDEO:
                reader.next()
            elif media.kind is MediaKind.AUDIO:
                reader.read(0, 4096)
            else:
                reader.read()
        facts.facts(media)
    except UserError as error:
        text = str(error)
        return "" if text.endswith(".") and "\n" not in text else f"no sentence: {text!r}"
    except BaseException:
        return traceback.format_exc(limit=-4)
    return ""


def _serve() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # Libraries print, too: what they print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_open(line.rstrip("\n"))), file=answers, flush=True)


if __name__ == "__main__":
    _serve()
