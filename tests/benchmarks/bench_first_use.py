"""The first result of the embedded detector on a machine that knows nothing of it, against torch alone.

Each in a fresh process with an empty cache, torch's own import left out: as the window does it, as torch alone does it
(float32 asked for), and with the measurement before the first answer, as a batch does it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 3

CODE = """
import sys, time
import torch, torchvision
from cvstudio.models.runtime.host import Host
from cvstudio.media import open_media
from cvstudio.models import MODELS
from cvstudio.foundation.progress import Progress
from cvstudio.media.reader_pool import Readers
from cvstudio.media.examples.files import sample_path
spec = MODELS["pyramid-lite0"]
with Readers() as readers:
    picture = readers.get(open_media(sample_path("cat"))).read()
began = time.perf_counter()
host = Host("cpu", precision=sys.argv[1], measure=sys.argv[2] == "measure")
host.network(spec, None, Progress()).predict(picture, spec.params(), Progress())
print(time.perf_counter() - began)
"""

WAYS = {
    "torch alone": ("float32", ""),
    "the window": ("auto", ""),
    "measured first": ("auto", "measure"),
}


def seconds(precision: str, measure: str) -> float:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        done = subprocess.run(
            [sys.executable, "-c", CODE, precision, measure],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            env=environment,
        )
    return float(done.stdout.split()[-1])


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(RUNS):
        for name, given in WAYS.items():
            taken[name].append(seconds(*given))
    alone = statistics.median(taken["torch alone"])
    for name, secs in taken.items():
        print(f"{name}: {statistics.median(secs):.2f} s, {statistics.median(secs) / alone:.2f} of torch alone")


if __name__ == "__main__":
    main()
