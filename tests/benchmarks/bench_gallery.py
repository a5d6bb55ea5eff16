"""A folder of pictures for nearest neighbours: described once, found again, and a slider's tick over all of them.

`.venv/bin/python tests/benchmarks/bench_gallery.py [COUNT]`. Everything is put beside what the machine itself needs in
the same run: `cv2.imread` of every file and the network alone for describing, `np.load` for finding again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cvstudio-bench-")

import cv2
import numpy as np

from cvstudio.analyses.classification._features import by_network
from cvstudio.analyses.classification._gallery import BATCH, Galleries
from cvstudio.analyses.classification._nearest import distances_to, nearest
from cvstudio.data.samples import Image
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.results.neighbours import METRICS

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
SIZE = (640, 480)


def make_folder(folder: Path) -> None:
    """`COUNT` different photographs of 640 x 480 in ten classes."""
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = folder / f"class {number % 10}" / f"{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), SIZE))


def secs(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - began


def main() -> None:
    network = MODELS["residual-60"].load("cpu", None)
    how = by_network(network)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folder(folder)
        files = sorted(folder.rglob("*.jpg"))
        pictures = [Image(cv2.imread(str(path))) for path in files[:BATCH]]
        network.features(pictures)
        alone = secs(lambda: [network.features(pictures) for _ in range(COUNT // BATCH)])
        reading = secs(lambda: [cv2.imread(str(path)) for path in files])
        first = secs(lambda: list(Galleries().open(folder, how, Progress())))
        galleries = Galleries()
        again = secs(lambda: list(galleries.open(folder, how, Progress())))
        (kept,) = (user_cache_dir() / "features").glob("*.npz")
        loading = secs(lambda: np.load(kept)["features"])
        gallery = list(galleries.open(folder, how, Progress()))[-1]
        print(f"{COUNT} pictures: reading alone {reading:.2f} s, the network alone {alone:.2f} s")
        print(f"described in {first:.2f} s: {first / max(reading, alone):.2f}x the slower of the two")
        print(f"found again in {again * 1000:.0f} ms: {again / first:.1%} of it; np.load {loading * 1000:.0f} ms")
        print(f"on disk {kept.stat().st_size / COUNT:.0f} bytes a picture")
        for metric in METRICS:
            tick = min(
                secs(lambda m=metric: nearest(distances_to(gallery.features[0], gallery.features, m), 50))  # type: ignore[misc]
                for _ in range(20)
            )
            print(f"{metric}: {tick * 1000:.2f} ms for all")


if __name__ == "__main__":
    main()
