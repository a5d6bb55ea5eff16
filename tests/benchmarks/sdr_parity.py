"""SDR and SI-SDR beside fast_bss_eval's, on real speech: `python tests/benchmarks/sdr_parity.py FOLDER`.

FOLDER holds sound files of speech, such as `../shared/data/speech_8k`. fast_bss_eval is none of the program's packages:

    pip install --no-deps --target /tmp/fbe fast-bss-eval
    PYTHONPATH=$PWD:/tmp/fbe python tests/benchmarks/sdr_parity.py ../shared/data/speech_8k
"""

from __future__ import annotations

import sys
from pathlib import Path

import fast_bss_eval
import numpy as np
import soundfile

from cvstudio.data.sound_measures import best_assignment, sdr, si_sdr

PAIRS, SECS = 20, 4.0


def speech(folder: Path) -> list[np.ndarray]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".flac", ".ogg"))
    sounds = []
    for path in paths[:: max(1, len(paths) // (2 * PAIRS))]:
        samples, rate_hz = soundfile.read(path, always_2d=True)
        if len(samples) >= SECS * rate_hz:
            sounds.append(samples[: round(SECS * rate_hz), 0])
    return sounds[: 2 * PAIRS]


def main() -> None:
    sounds = speech(Path(sys.argv[1]))
    random = np.random.default_rng(0)
    differences: dict[str, list[float]] = {"SDR": [], "SI-SDR": [], "order": []}
    for one, other in zip(sounds[::2], sounds[1::2], strict=False):
        count = min(len(one), len(other))
        sources = np.stack((one[:count], other[:count]))
        leak = random.uniform(0.02, 0.5, (2, 2)) + np.eye(2)
        estimates = leak @ sources + random.normal(0, 0.003, sources.shape)
        estimates = np.stack([np.convolve(row, [0.9, 0.2, -0.1])[:count] for row in estimates])[::-1]
        theirs, order = fast_bss_eval.sdr(sources, estimates, return_perm=True)
        ours = best_assignment(sources, estimates, sdr)
        differences["SDR"] += np.abs(ours.values - theirs).tolist()
        differences["order"] += [float(ours.order != tuple(order.tolist()))]
        for source, estimate in zip(sources, estimates[::-1], strict=True):
            theirs_si = fast_bss_eval.si_sdr(source[None], estimate[None], zero_mean=True)
            differences["SI-SDR"] += [abs(si_sdr(source, estimate) - float(theirs_si[0]))]
    for name, values in differences.items():
        print(f"{name}: largest difference {max(values):.2e} over {len(values)}")


if __name__ == "__main__":
    main()
