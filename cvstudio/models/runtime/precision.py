"""Precision, memory layout and engine of a network, and the choice of the fastest that keeps its results."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from cvstudio.data.samples import Image
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.paths import user_cache_dir
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime import openvino as engine
from cvstudio.models.spec import ModelSpec
from cvstudio.results.result import Result, Tolerance

RequestedPrecision = Literal["auto", "float32", "bfloat16"]
REQUESTED_PRECISIONS: tuple[RequestedPrecision, ...] = ("auto", "float32", "bfloat16")

CHECKED_FROM = 0.5
"""Fraction of the score threshold from which results are compared: a score slightly below the threshold may exceed
it in the next image."""

WORTH = 0.9
"""Largest ratio of times at which another precision is taken; a smaller gain drowns in the noise."""

ROUNDS = 6
ENOUGH_SECS, MUCH_SECS = 1.0, 2.0
"""Rounds of timing, and the seconds after which no further round begins: `MUCH_SECS` after the first one, so that a
network that takes seconds is run once."""

log = logging.getLogger(__name__)

_tuning_lock = threading.Lock()


@dataclass(frozen=True)
class Precision:
    """Precision, memory layout and engine of a network.

    Parameters
    ----------
    dtype : of the computation of convolutions and linear layers; parameters are float32 in any case
    channels_last : whether a pixel's channels are contiguous in memory (NHWC)
    reason : one sentence for the user why this precision was chosen
    engine : library that runs the network where no gradients are needed
    """

    dtype: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = True
    reason: str = ""
    engine: Literal["torch", "openvino"] = "torch"

    def __str__(self) -> str:
        if self.engine == "openvino":
            return f"{self.dtype}, OpenVINO"
        return f"{self.dtype}, channels last" if self.channels_last else self.dtype


UNTUNED = Precision(reason="It computes in torch's usual way, as no other was tried on this machine yet.")
"""Precision of a network that was loaded without being tuned."""


class Adjustable(Protocol):
    """A network whose precision can be set; it returns a `Result`, which can be compared with another."""

    device: str
    precision: Precision

    def use_precision(self, precision: Precision) -> None: ...

    def predict(self, image: Image, params: Any, progress: Progress) -> Any: ...


def choose_precision(
    network: Adjustable,
    spec: ModelSpec,
    version: str,
    requested: RequestedPrecision,
    progress: Progress,
    *,
    measure: bool = True,
) -> None:
    """Set the precision of `network` to the `requested` one, or with "auto" to the fastest that keeps its results.

    "auto" times float32 in both layouts and takes the faster one, then bfloat16 where it is faster still *and* gives
    the same results on photographs, then OpenVINO, where it is installed, under the same terms. The choice is kept in
    the user's cache: the same network has the same precision tomorrow and is not measured again.

    Parameters
    ----------
    network, spec : the loaded network and what it was loaded from
    version : identifies its checkpoint
    requested : "auto", "float32" or "bfloat16"; the last without a check
    progress : may cancel it
    measure : whether a network that is not in the cache is measured now, which takes seconds; else it stays `UNTUNED`
    """
    if requested != "auto":
        network.use_precision(Precision(requested, reason=f"{requested} was asked for."))
        return
    key = _cache_key(network, spec, version)
    # Networks that a batch loads concurrently must get the same precision.
    with _tuning_lock:
        precision = _read_cache().get(key)
        if precision is None and not measure:
            precision = UNTUNED
        elif precision is None:
            precision = _fastest(network, spec, progress)
            _write_cache(key, precision)
    network.use_precision(precision)
    log.info("%s: %s; %s", spec.title, precision, precision.reason)


def force_precision(network: Adjustable, precision: Precision, progress: Progress) -> str:
    """Set exactly this precision, or the nearest one that this machine supports.

    Returns
    -------
    second half of a sentence for the user: the replacement and its reason; empty where `precision` is set
    """
    note = ""
    if precision.dtype == "bfloat16" and not _bfloat16(network.device):
        note, precision = "this device has no bfloat16, so that float32 is taken.", replace(precision, dtype="float32")
    if precision.engine == "openvino":
        torch_precision = replace(precision, engine="torch", channels_last=True)
        if not engine.version() or network.device != "cpu" or not hasattr(network, "trunk"):
            what = "is not installed" if not engine.version() else "does not run it on this device"
            refusal = f"OpenVINO {what}, so that torch takes its place."
        else:
            refusal = _openvino_refusal(network, precision, progress)
        if refusal:
            note, precision = f"{note[:-1]}, and {refusal}" if note else refusal, torch_precision
    network.use_precision(precision)
    return note


def _openvino_refusal(network: Any, precision: Precision, progress: Progress) -> str:
    """Sentence why OpenVINO does not run `network`, for `force_precision`; empty where it does."""
    network.use_precision(precision)
    try:
        network.warm_up(progress)
    except RuntimeError as error:
        log.info("OpenVINO does not run it: %s", error)
        return "OpenVINO does not run it here, so that torch takes its place."
    return ""


def choice(network: Adjustable) -> bool:
    """Whether this machine offers `network` another precision or engine than torch's float32."""
    has_openvino = bool(engine.version()) and network.device == "cpu" and hasattr(network, "trunk")
    return has_openvino or _bfloat16(network.device)


def _fastest(network: Adjustable, spec: ModelSpec, progress: Progress) -> Precision:
    """The fastest precision of `network` that keeps its results, measured now."""
    progress(None, f"measuring {spec.title}")
    trial = _Trial(network, spec, progress)
    float32, fastest = _fastest_in_torch(trial)
    if engine.version() and network.device == "cpu" and hasattr(network, "trunk"):
        progress(None, f"preparing {spec.title} for OpenVINO, once")
        return _fastest_in_openvino(trial, float32, fastest)
    return fastest


@dataclass
class _Trial:
    """Runs of one network in several precisions."""

    network: Adjustable
    spec: ModelSpec
    progress: Progress

    def __post_init__(self) -> None:
        self.images = _test_images()
        self.params = self.spec.params()

    def secs(self, precision: Precision) -> float:
        """Seconds that the first image takes."""
        self.network.use_precision(precision)
        began = time.perf_counter()
        self.network.predict(self.images[0], self.params, self.progress)
        return time.perf_counter() - began

    def results(self, precision: Precision) -> list[Any]:
        """The result for each image."""
        self.network.use_precision(precision)
        return [self.network.predict(image, self.params, self.progress) for image in self.images]


def _fastest_in_torch(trial: _Trial) -> tuple[Precision, Precision]:
    """The faster memory layout in float32, and the fastest precision of all that keeps the results."""
    # In alternation, so that other load on the machine slows all of them alike.
    contiguous, channels_last = Precision(channels_last=False), Precision()
    times = _least_secs([contiguous, channels_last], trial.secs)
    float32 = channels_last if times[channels_last] < times[contiguous] else contiguous
    layout = f"channels last take {times[channels_last] / times[contiguous]:.0%} of the time"
    if not _bfloat16(trial.network.device):
        return float32, replace(float32, reason=f"This device has no bfloat16; {layout}.")
    bfloat16 = replace(float32, dtype="bfloat16")
    try:
        times = _least_secs([float32, bfloat16], trial.secs)
        ratio = times[bfloat16] / times[float32]
        if ratio > WORTH:
            return float32, replace(float32, reason=f"bfloat16 would take {ratio:.0%} of the time; {layout}.")
        results = trial.results(bfloat16)
    except RuntimeError as error:
        log.info("bfloat16 does not work for %s: %s", trial.spec.title, error)
        return float32, replace(float32, reason=f"bfloat16 does not work here; {layout}.")
    change = difference(trial.spec, trial.results(float32), results)
    if change:
        return float32, replace(float32, reason=f"bfloat16 would change what is found ({change}); {layout}.")
    return float32, replace(bfloat16, reason=f"bfloat16 finds the same in {ratio:.0%} of the time; {layout}.")


def _fastest_in_openvino(trial: _Trial, float32: Precision, fastest: Precision) -> Precision:
    """OpenVINO in bfloat16, else in float32, where it is faster than `fastest` and keeps the results; else `fastest`.

    `float32` is torch's precision that gives the reference results.
    """
    # Not in alternation, as every change of engine would compile the network anew.
    secs = _least_secs([fastest], trial.secs)[fastest]
    reference = trial.results(float32)
    reasons = ""
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("bfloat16", "float32")
    for dtype in dtypes if _bfloat16(trial.network.device) else dtypes[1:]:
        precision = Precision(dtype, channels_last=False, engine="openvino")
        try:
            trial.secs(precision)
            ratio = _least_secs([precision], trial.secs)[precision] / secs
            change = difference(trial.spec, reference, trial.results(precision)) if ratio <= WORTH else ""
        except RuntimeError as error:
            log.info("OpenVINO does not run %s: %s", trial.spec.title, error)
            return replace(fastest, reason=f"{fastest.reason} OpenVINO does not run it.")
        if ratio > WORTH:
            reasons += f" OpenVINO in {dtype} would take {ratio:.0%} of that."
        elif change:
            reasons += f" OpenVINO in {dtype} would change what is found ({change})."
        else:
            return replace(precision, reason=f"OpenVINO finds the same in {ratio:.0%} of torch's time.")
    return replace(fastest, reason=fastest.reason + reasons)


def _least_secs(precisions: Sequence[Precision], secs: Callable[[Precision], float]) -> dict[Precision, float]:
    """The least seconds that each of `precisions` takes, in rounds until `ENOUGH_SECS` are spent."""
    best = dict.fromkeys(precisions, float("inf"))
    began = time.perf_counter()
    for round_index in range(ROUNDS):
        for precision in precisions:
            best[precision] = min(best[precision], secs(precision))
        # The first run of a fast network is not representative.
        if time.perf_counter() - began > (ENOUGH_SECS if round_index else MUCH_SECS):
            break
    return best


def difference(spec: ModelSpec, reference: Sequence[Any], other: Sequence[Any], *, share: float = CHECKED_FROM) -> str:
    """First difference between two series of results, image by image (`Result.differs_from`).

    Values that are no `Result` cannot be compared and count as different.

    Parameters
    ----------
    spec : its default thresholds are the tolerance
    reference, other : results of the same images, in the same order
    share : fraction of the score threshold from which results are compared

    Returns
    -------
    part of a sentence for the user; empty where nothing differs
    """
    if not all(isinstance(result, Result) for result in (*reference, *other)):
        return f"answers such as {type(reference[0]).__name__} cannot be compared"
    defaults = spec.defaults
    tolerance = Tolerance(score=share * defaults.get("score", 0.5), suppression_iou=defaults.get("iou", 0.5))
    if not any(result.is_conclusive(tolerance) for result in reference):
        return "nothing was found on the photographs that would show it"
    changes = (
        expected.differs_from(actual, tolerance) if type(expected) is type(actual) else "the answer is of another kind"
        for expected, actual in zip(reference, other, strict=True)
    )
    return next((change for change in changes if change), "")


def _test_images() -> list[Image]:
    """Example photographs of classes that many networks know: a person, a cat, a cup on a table."""
    from cvstudio.media import open_media
    from cvstudio.media.examples.files import sample_path
    from cvstudio.media.reader_pool import Readers

    with Readers() as readers:
        return [readers.get(open_media(sample_path(key))).read() for key in ("astronaut", "cat", "coffee")]


def _bfloat16(device: str) -> bool:
    """Whether `device` supports bfloat16 in hardware; emulation is many times slower."""
    import torch

    kind = torch.device(device).type
    if kind == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _cache_key(network: Adjustable, spec: ModelSpec, version: str) -> str:
    """Cache key of a measurement: model, checkpoint, hardware, threads and versions of the libraries."""
    import torch

    kind = torch.device(network.device).type
    hardware = torch.cuda.get_device_name(network.device) if kind == "cuda" else kind
    runs = f"torch {torch.__version__}" + (f", OpenVINO {engine.version()}" if engine.version() else "")
    return f"{spec.key} {version}, {hardware}, {torch.get_num_threads()} threads, {runs}"


def _cache_path() -> Path:
    return user_cache_dir() / "precision.json"


def _read_cache() -> dict[str, Precision]:
    try:
        saved = json.loads(_cache_path().read_text(encoding="utf-8"))
        return {str(key): Precision(**entry) for key, entry in saved.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # missing or damaged: it is measured again


def _write_cache(key: str, precision: Precision) -> None:
    entries = {name: asdict(value) for name, value in {**_read_cache(), key: precision}.items()}
    try:
        _cache_path().parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(_cache_path()) as temporary:
            temporary.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    except OSError as error:
        log.info("the measurement of %s is not kept: %s", key, error)
