"""Speed of a model on this device: measured on request, and kept in the user's cache."""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.models.runtime.host import Host
from cvstudio.models.spec import ModelSpec
from cvstudio.models.terms import terms

RUNS = 7
ENOUGH_SECS = 2.0
"""Most runs of a measurement, and the seconds after which no further one begins."""

SAMPLE = "cat"

log = logging.getLogger(__name__)


class SpeedError(UserError):
    """A model cannot be measured."""


@dataclass(frozen=True)
class Speed:
    """Milliseconds per picture, the median of some runs.

    `what` is "model": preprocessing, network and decoding; or "network": the bare network with random weights, where
    the model's weights are not on this machine.
    """

    ms: float
    what: Literal["model", "network"]
    precision: str = ""


def speed_key(spec: ModelSpec, device: str, precision: str) -> str:
    """Cache key of a measurement: model, device, precision."""
    kind = device if spec.weights else "cpu"
    return f"{spec.key}{spec.revision}, {kind}, {precision if spec.weights else ''}"


def known_speeds() -> dict[str, Speed]:
    """Measurements on this machine, by `speed_key`."""
    try:
        saved = json.loads(_cache_path().read_text(encoding="utf-8"))
        return {str(key): Speed(**entry) for key, entry in saved.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # missing or damaged: it is measured again


def measure(spec: ModelSpec, host: Host, progress: Progress) -> Speed:
    """Measure a model's speed, or without its weights that of the bare network; on the accelerator thread.

    Raises
    ------
    SpeedError
        Its weights are not here, and it states no architecture.
    WeightsError
        Its weights are damaged.
    """
    for _ in measuring(spec, host, progress):
        pass
    return known_speeds()[speed_key(spec, host.requested_device, host.precision)]


def measuring(spec: ModelSpec, host: Host, progress: Progress) -> Iterator[None]:
    """As `measure`, but yields between two runs, so that other work may pass; the result is stored in the cache."""
    has_weights = terms(spec).place.ready
    if has_weights:
        run, what = _model_run(spec, host, progress)
    elif spec.architecture is not None:
        run, what = _network_run(spec, host.device, progress), Speed(0.0, "network", "float32")
    else:
        raise SpeedError(f"{spec.title} cannot be measured, as its weights are not here; get them first.")
    key = speed_key(spec, host.requested_device, host.precision)
    run()  # the first one allocates
    began, durations = time.perf_counter(), []
    for number in range(RUNS):
        progress(number / RUNS, f"measuring {spec.title}")
        start = time.perf_counter()
        run()
        durations.append(time.perf_counter() - start)
        yield
        if time.perf_counter() - began > ENOUGH_SECS:
            break
    _write_cache(key, replace(what, ms=1000 * statistics.median(durations)))


def _model_run(spec: ModelSpec, host: Host, progress: Progress) -> tuple[Callable[[], Any], Speed]:
    network, params = host.network(spec, chosen_checkpoint(spec.key), progress), spec.params()
    what = Speed(0.0, "model", str(getattr(network, "precision", "")))
    if hasattr(network, "separate"):
        # A second of noise at the level of speech.
        sound = np.random.default_rng(0).normal(0, 0.1, network.rate_hz).astype(np.float32)
        return lambda: network.separate(sound, progress), what
    from cvstudio.media import open_media
    from cvstudio.media.examples.files import sample_path
    from cvstudio.media.reader_pool import Readers

    with Readers() as readers:
        image = readers.get(open_media(sample_path(SAMPLE))).read()
    return lambda: network.predict(image, params, progress), what


def _network_run(spec: ModelSpec, device: str, progress: Progress) -> Callable[[], Any]:
    import torch

    architecture = spec.architecture
    assert architecture is not None
    progress(None, f"building {spec.title}")
    module = architecture.build().to(device)
    pixels = torch.rand(1, 3, *architecture.input_size, device=device)

    def run() -> None:
        with torch.inference_mode():
            (architecture.call or (lambda network, x: network(x)))(module, pixels)
            if pixels.is_cuda:
                torch.cuda.synchronize()

    return run


def _cache_path() -> Path:
    return user_cache_dir() / "speeds.json"


def _write_cache(key: str, speed: Speed) -> None:
    entries = {entry_key: asdict(value) for entry_key, value in {**known_speeds(), key: speed}.items()}
    path = _cache_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    except OSError as error:
        log.info("the speed of %s is not kept: %s", key, error)
