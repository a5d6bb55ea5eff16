"""Separation of long sounds by OpenVINO against eager torch: the paper's Conv-TasNet, and the embedded one.

    .venv/bin/python tests/benchmarks/bench_separation.py [SECS]

Both run the same chunk of SECS (10) in turns, in one process, with random weights; times are the least of five. What
the conversion to OpenVINO takes, once, is told apart. At most .7 of eager torch is the aim for the paper's network.
"""

from __future__ import annotations

import sys
import time
from tempfile import TemporaryDirectory

import numpy as np

ROUNDS = 5
KEYS = ("conv-tasnet-libri2mix", "conv-tasnet-small")


def main(secs: float) -> None:
    import torch

    from cvstudio.models import MODELS
    from cvstudio.models.runtime.openvino import Engine

    for key in KEYS:
        spec = MODELS[key]
        assert spec.architecture is not None
        torch.manual_seed(0)
        network = spec.architecture.build().eval()
        wave = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, round(8000 * secs))).astype(np.float32))
        began = time.perf_counter()
        engine = Engine(network, wave, "float32")
        conversion_secs = time.perf_counter() - began
        best = dict.fromkeys(("torch", "openvino"), float("inf"))
        stems = {}
        for _ in range(ROUNDS):
            for name, run in (("torch", network), ("openvino", engine)):
                began = time.perf_counter()
                with torch.inference_mode():
                    stems[name] = run(wave).numpy()
                best[name] = min(best[name], time.perf_counter() - began)
        error = np.square(stems["torch"] - stems["openvino"]).sum() / np.square(stems["torch"]).sum()
        print(
            f"{spec.title:<28} torch {best['torch']:.3f} s for {secs:g} s of sound, OpenVINO "
            f"{best['openvino'] / best['torch']:.2f} of it, equal to {-10 * np.log10(error):.0f} dB; "
            f"conversion {conversion_secs:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    import os

    with TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
