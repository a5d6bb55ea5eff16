"""The default detector and the classifier of whole pictures on one video, sharing their trunk and each with its own.

    .venv/bin/python tests/benchmarks/bench_one_trunk.py [PRECISION [VIDEO]]

PRECISION is "float32" (the default), "bfloat16" or "auto". VIDEO is `talk_1080p.mp4` of ../shared/data/video by
default. Both ways go through the same decoded frames in turns, a block of frames each, so that other work on the
machine slows both. Printed are milliseconds a frame for the networks and what follows them, and the ratio: below 1
sharing pays.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import sys
import time
from pathlib import Path

import numpy as np

from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media
from cvstudio.media.reader_pool import Readers, iterate_frames
from cvstudio.models import MODELS
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS
from cvstudio.running.runner import Runner, make_instance

VIDEO = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "talk_1080p.mp4"
KEYS = ("pyramid-lite0", "efficientnet-lite0-scene")
BLOCK, BLOCKS = 10, 6


def main(precision_name: str, path: Path) -> None:
    precision = next(item for item in REQUESTED_PRECISIONS if item == precision_name)
    media = open_media(path)
    layers = [
        make_instance(analysis, {"picture": media}, model=key)
        for analysis, key in zip(("detect", "classify"), KEYS, strict=True)
    ]
    with Readers() as readers:
        frames = list(itertools.islice(iterate_frames(media, readers), BLOCK * BLOCKS))
    took: dict[str, list[float]] = {"shared": [], "separate": []}
    with Runner(device="cpu", precision=precision) as runner, Runner(device="cpu", precision=precision) as other:
        for key in KEYS:
            for one in (runner, other):
                network = one.host.network(MODELS[key], None, Progress())
            print(f"{key}: {network.precision}")
        for block in range(BLOCKS):
            for way, one in (("shared", runner), ("separate", other)):
                own = [dataclasses.replace(MODELS[key], trunk=None) for key in KEYS] if way == "separate" else []
                with contextlib.ExitStack() as lent:
                    for spec in own:
                        lent.enter_context(MODELS.lend(spec))
                    began = time.perf_counter()
                    for frame in frames[block * BLOCK : (block + 1) * BLOCK]:
                        for layer in layers:
                            one.result(layer, pts=frame.pts)
                    if block:
                        took[way].append(1e3 * (time.perf_counter() - began) / BLOCK)
        networks = [runner.host.network(MODELS[key], None, Progress()) for key in KEYS]
        given = (frames[0], NoParams(), Progress())
        features = [network.trunk_features(*given) for network in networks]
        heads = {
            key: (lambda network=network, other=other: network.predict_from(other, *given))
            for key, network, other in zip(KEYS, networks, reversed(features), strict=True)
        }
        for key, work in heads.items():
            began = time.perf_counter()
            for _ in range(BLOCK):
                work()
            print(f"head of {key} on the other's maps: {1e3 * (time.perf_counter() - began) / BLOCK:.1f} ms")
    medians = {way: float(np.median(times)) for way, times in took.items()}
    ratio = medians["shared"] / medians["separate"]
    print(
        f"two heads: {medians['shared']:.1f} ms a frame on one trunk, {medians['separate']:.1f} ms on two: {ratio:.2f}x"
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "float32", Path(sys.argv[2]) if len(sys.argv) > 2 else VIDEO)
