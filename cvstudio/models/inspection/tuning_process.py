"""Choice of a network's fastest precision in a process of its own, while the program goes on.

Converting a network for OpenVINO blocks its thread for seconds and cannot be interrupted; a separate process blocks
nothing and can be ended at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.precision import Precision

NICENESS = 10
"""Below the program's own priority; precisions that are timed in alternation are slowed alike."""

POLL_SECS = 0.1

log = logging.getLogger(__name__)


def measured_beside(model: str, weights: Path | None, device: str, progress: Progress) -> Iterator[Precision | None]:
    """Measure a model in another process: yield None while it runs, then the fastest precision; nothing if it fails.

    Parameters
    ----------
    model : key
    weights : checkpoint of the user; None for the model's own
    device : "cpu", "cuda", "cuda:1" or "mps"
    progress : may end the process at once
    """
    import subprocess  # the window imports this module before its first picture

    progress(None, "measuring beside")
    command = [sys.executable, "-m", "cvstudio.models.inspection.tuning_process", model, "--device", device]
    if weights is not None:
        command += ["--weights", str(weights)]
    root = str(Path(__file__).resolve().parents[3])
    # The package need not be installed.
    python_path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    creation_flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": python_path},
        creationflags=creation_flags,
    ) as process:
        try:
            while process.poll() is None:
                progress.check()
                yield None
                time.sleep(POLL_SECS)
        finally:
            process.kill()
        assert process.stdout is not None
        answer = process.stdout.read()
    try:
        yield Precision(**json.loads(answer.splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        log.info("measuring %s ended with %s", model, process.returncode)


def _end_with_the_program() -> None:
    """End this process as soon as the one that started it has ended and so closed the pipe between them, even where
    that had no time to end this one."""
    # Not through `sys.stdin`, whose lock the end of the process would wait for.
    while os.read(0, 1):
        pass
    os._exit(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a model, store the precision in the cache, and print it as JSON."""
    parser = argparse.ArgumentParser(prog="cvstudio.models.inspection.tuning_process")
    parser.add_argument("model")
    parser.add_argument("--device", required=True)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args(arguments)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_end_with_the_program, daemon=True).start()
    from cvstudio.models import MODELS
    from cvstudio.models.runtime.host import Host

    host = Host(options.device)
    network = host.network(MODELS[options.model], options.weights, Progress())
    print(json.dumps(asdict(network.precision)))
    host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
