"""Finding the quickest way to compute a network in a process of its own, beside what goes on.

Converting a network for another engine holds up its thread for seconds and cannot be interrupted; a process of its own
holds up nobody and ends at once when it is not wanted any more.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.precision import Precision

NICENESS = 10
"""What the user does goes first; two ways that are timed in turns are slowed alike."""

POLL_SECS = 0.1

log = logging.getLogger(__name__)


def measured_beside(model: str, weights: Path | None, device: str, progress: Progress) -> Iterator[Precision | None]:
    """Let another process measure a model; None while it does, at last its quickest way. Nothing where it failed.

    Parameters
    ----------
    model : key
    weights : a checkpoint of the user's own; None for the model's
    device : "cpu", "cuda", "cuda:1" or "mps"
    progress : able to end the process at once
    """
    progress(None, "measuring beside")
    command = [sys.executable, "-m", "cvstudio.models.inspection.tuning_process", model, "--device", device]
    if weights is not None:
        command += ["--weights", str(weights)]
    root = str(Path(__file__).resolve().parents[3])
    # A checkout need not be installed.
    places = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": places},
        creationflags=hidden,
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure a model, remember what comes out, and print it as JSON."""
    parser = argparse.ArgumentParser(prog="cvstudio.models.inspection.tuning_process")
    parser.add_argument("model")
    parser.add_argument("--device", required=True)
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args(arguments)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    from cvstudio.models import MODELS
    from cvstudio.models.runtime.host import Host

    host = Host(options.device)
    network = host.network(MODELS[options.model], options.weights, Progress())
    print(json.dumps(asdict(network.precision)))
    host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
