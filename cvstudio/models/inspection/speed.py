"""How long a model takes on this device: measured when asked for, and remembered."""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.host import Host
from cvstudio.models.spec import ModelSpec
from cvstudio.models.terms import Place, terms

RUNS = 7
ENOUGH_SECS = 2.0
"""How often a model runs, and after how many seconds it has run often enough."""

SAMPLE = "cat"

log = logging.getLogger(__name__)


class SpeedError(UserError):
    """A model cannot be measured."""


@dataclass(frozen=True)
class Speed:
    """Milliseconds a picture, the median of some runs.

    `what` is "model": from the picture to what is found, as it is used; or "network": the bare network with random
    weights, for one whose weights are not here.
    """

    ms: float
    what: Literal["model", "network"]
    precision: str = ""


def speed_key(spec: ModelSpec, device: str, precision: str) -> str:
    """What a measurement holds for."""
    kind = device if spec.weights else "cpu"
    return f"{spec.key}{spec.revision}, {kind}, {precision if spec.weights else ''}"


def known_speeds() -> dict[str, Speed]:
    """What was measured on this machine, by `speed_key`."""
    try:
        saved = json.loads(_memory().read_text(encoding="utf-8"))
        return {str(name): Speed(**entry) for name, entry in saved.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nothing kept, or damaged: it is measured again


def measure(spec: ModelSpec, host: Host, progress: Progress) -> Speed:
    """Time a model as it is used; without its weights, the network alone. Runs where `host` belongs.

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
    """As `measure`, with a stop between any two runs so that others may pass; what comes out is remembered."""
    there = terms(spec).place in (Place.EMBEDDED, Place.HERE, Place.LIBRARY)
    if there:
        run, what = _as_used(spec, host, progress)
    elif spec.architecture is not None:
        run, what = _bare(spec, host.device, progress), Speed(0.0, "network", "float32")
    else:
        raise SpeedError(f"{spec.title} cannot be measured, as its weights are not here; get them first.")
    name = speed_key(spec, host.requested_device, host.precision)
    run()  # the first one allocates
    began, taken = time.perf_counter(), []
    for number in range(RUNS):
        progress(number / RUNS, f"measuring {spec.title}")
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
        yield
        if time.perf_counter() - began > ENOUGH_SECS:
            break
    _remember(name, replace(what, ms=1000 * statistics.median(taken)))


def _as_used(spec: ModelSpec, host: Host, progress: Progress) -> tuple[Callable[[], Any], Speed]:
    from cvstudio.media import open_media
    from cvstudio.media.examples.files import sample_path
    from cvstudio.media.reader_pool import Readers

    with Readers() as readers:
        image = readers.get(open_media(sample_path(SAMPLE))).read()
    network, params = host.network(spec, None, progress), spec.params()
    what = Speed(0.0, "model", str(getattr(network, "precision", "")))
    return lambda: network.predict(image, params, progress), what


def _bare(spec: ModelSpec, device: str, progress: Progress) -> Callable[[], Any]:
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


def _memory() -> Path:
    return user_cache_dir() / "speeds.json"


def _remember(name: str, speed: Speed) -> None:
    kept = {key: asdict(value) for key, value in {**known_speeds(), name: speed}.items()}
    path = _memory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    except OSError as error:
        log.info("the speed of %s is not kept: %s", name, error)
