"""How a network computes: precision and memory layout, and the choice of both where they keep what is found."""

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
"""Of the working score: what is a little below it may be above it on the next picture."""

WORTH = 0.9
"""Another way to compute is taken where it needs at most this part of the time; less is lost in the noise."""

ROUNDS = 6
ENOUGH_SECS, MUCH_SECS = 1.0, 2.0
"""How often, and how long at most, two ways are timed; of a network that takes seconds one run tells enough."""

log = logging.getLogger(__name__)

_measuring = threading.Lock()


@dataclass(frozen=True)
class Precision:
    """How a network computes.

    Parameters
    ----------
    dtype : of what convolutions and linear layers compute; parameters are float32 in any case
    channels_last : whether a pixel's channels lie side by side in memory
    reason : one sentence for the user, why it is so
    engine : what runs it where no gradients are asked for
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
"""Of a network that has to answer at once."""


class Adjustable(Protocol):
    """A network whose precision can be chosen; what it answers is a `Result`, which says whether another differs."""

    device: str
    precision: Precision

    def use_precision(self, precision: Precision) -> None: ...

    def predict(self, image: Image, params: Any, progress: Progress) -> Any: ...


def choose_precision(
    network: Adjustable,
    spec: ModelSpec,
    version: str,
    wanted: RequestedPrecision,
    progress: Progress,
    *,
    measure: bool = True,
) -> None:
    """Let `network` compute as `wanted`.

    With "auto" float32 is timed in both layouts, the faster of which is taken, and bfloat16 is taken where it is
    faster still *and* finds the same on photographs; then OpenVINO, where it is installed, under the same terms. What
    was found out is kept in the user's cache, so that the same network computes in the same way tomorrow and is not
    measured again.

    Parameters
    ----------
    network, spec : the loaded network and what it was loaded from
    version : identifies its checkpoint
    wanted : "auto", "float32" or "bfloat16"; the last without a check
    progress : able to cancel it
    measure : whether what is not known yet is found out now, which takes seconds; else `network` is left `UNTUNED`
    """
    if wanted != "auto":
        network.use_precision(Precision(wanted, reason=f"{wanted} was asked for."))
        return
    name = _name(network, spec, version)
    # Networks that are loaded side by side, as a batch does, are to compute in the same way.
    with _measuring:
        known = _remembered().get(name)
        if known is None and not measure:
            known = UNTUNED
        elif known is None:
            known = _measured(network, spec, progress)
            _remember(name, known)
    network.use_precision(known)
    log.info("%s: %s; %s", spec.title, known, known.reason)


def force_precision(network: Adjustable, way: Precision, progress: Progress) -> str:
    """Let `network` compute in this very way, or in the nearest that there is here.

    Returns
    -------
    the second half of a sentence that says what is done instead, and why; empty where it computes as wanted
    """
    instead = ""
    if way.dtype == "bfloat16" and not _bfloat16(network.device):
        instead, way = "this device has no bfloat16, so that float32 is taken.", replace(way, dtype="float32")
    if way.engine == "openvino":
        without = replace(way, engine="torch", channels_last=True)
        if not engine.version() or network.device != "cpu" or not hasattr(network, "trunk"):
            what = "is not installed" if not engine.version() else "does not run it on this device"
            told = f"OpenVINO {what}, so that torch takes its place."
        else:
            told = _refusal(network, way, progress)
        if told:
            instead, way = f"{instead[:-1]}, and {told}" if instead else told, without
    network.use_precision(way)
    return instead


def _refusal(network: Any, way: Precision, progress: Progress) -> str:
    """Why OpenVINO does not run `network`, as `force_precision` says it; empty where it does."""
    network.use_precision(way)
    try:
        network.warm_up(progress)
    except RuntimeError as error:
        log.info("OpenVINO does not run it: %s", error)
        return "OpenVINO does not run it here, so that torch takes its place."
    return ""


def choice(network: Adjustable) -> bool:
    """Whether there is more than torch's usual way for `network` to compute here."""
    with_engine = bool(engine.version()) and network.device == "cpu" and hasattr(network, "trunk")
    return with_engine or _bfloat16(network.device)


def _measured(network: Adjustable, spec: ModelSpec, progress: Progress) -> Precision:
    progress(None, f"measuring {spec.title}")
    trial = _Trial(network, spec, progress)
    single, chosen = _in_torch(trial)
    if engine.version() and network.device == "cpu" and hasattr(network, "trunk"):
        progress(None, f"preparing {spec.title} for OpenVINO, once")
        return _in_openvino(trial, single, chosen)
    return chosen


@dataclass
class _Trial:
    """A network that is tried in several ways."""

    network: Adjustable
    spec: ModelSpec
    progress: Progress

    def __post_init__(self) -> None:
        self.pictures = _check_pictures()
        self.params = self.spec.params()

    def secs(self, precision: Precision) -> float:
        """How long it takes for the first picture."""
        self.network.use_precision(precision)
        began = time.perf_counter()
        self.network.predict(self.pictures[0], self.params, self.progress)
        return time.perf_counter() - began

    def found(self, precision: Precision) -> list[Any]:
        """What it answers for each picture."""
        self.network.use_precision(precision)
        return [self.network.predict(picture, self.params, self.progress) for picture in self.pictures]


def _in_torch(trial: _Trial) -> tuple[Precision, Precision]:
    """The faster layout in float32, and the best way of all."""
    # One after the other and again: what else the machine does at a moment then slows all of them.
    wide, last = Precision(channels_last=False), Precision()
    times = _least_secs([wide, last], trial.secs)
    single = last if times[last] < times[wide] else wide
    layout = f"channels last take {times[last] / times[wide]:.0%} of the time"
    if not _bfloat16(trial.network.device):
        return single, replace(single, reason=f"This device has no bfloat16; {layout}.")
    half = replace(single, dtype="bfloat16")
    try:
        times = _least_secs([single, half], trial.secs)
        share = times[half] / times[single]
        if share > WORTH:
            return single, replace(single, reason=f"bfloat16 would take {share:.0%} of the time; {layout}.")
        found = trial.found(half)
    except RuntimeError as error:
        log.info("bfloat16 does not work for %s: %s", trial.spec.title, error)
        return single, replace(single, reason=f"bfloat16 does not work here; {layout}.")
    change = difference(trial.spec, trial.found(single), found)
    if change:
        return single, replace(single, reason=f"bfloat16 would change what is found ({change}); {layout}.")
    return single, replace(half, reason=f"bfloat16 finds the same in {share:.0%} of the time; {layout}.")


def _in_openvino(trial: _Trial, single: Precision, chosen: Precision) -> Precision:
    """OpenVINO in bfloat16, or else in float32, where it is quicker than what was `chosen` and finds the same."""
    # Not in turns, as every change would make it anew.
    secs = _least_secs([chosen], trial.secs)[chosen]
    reference = trial.found(single)
    told = ""
    dtypes: tuple[Literal["float32", "bfloat16"], ...] = ("bfloat16", "float32")
    for dtype in dtypes if _bfloat16(trial.network.device) else dtypes[1:]:
        way = Precision(dtype, channels_last=False, engine="openvino")
        try:
            trial.secs(way)
            share = _least_secs([way], trial.secs)[way] / secs
            change = difference(trial.spec, reference, trial.found(way)) if share <= WORTH else ""
        except RuntimeError as error:
            log.info("OpenVINO does not run %s: %s", trial.spec.title, error)
            return replace(chosen, reason=f"{chosen.reason} OpenVINO does not run it.")
        if share > WORTH:
            told += f" OpenVINO in {dtype} would take {share:.0%} of that."
        elif change:
            told += f" OpenVINO in {dtype} would change what is found ({change})."
        else:
            return replace(way, reason=f"OpenVINO finds the same in {share:.0%} of torch's time.")
    return replace(chosen, reason=chosen.reason + told)


def _least_secs(ways: Sequence[Precision], secs: Callable[[Precision], float]) -> dict[Precision, float]:
    """The least seconds that each of `ways` takes, in rounds until `ENOUGH_SECS` are spent."""
    best = dict.fromkeys(ways, float("inf"))
    began = time.perf_counter()
    for number in range(ROUNDS):
        for way in ways:
            best[way] = min(best[way], secs(way))
        # The first run of a quick network says nothing.
        if time.perf_counter() - began > (ENOUGH_SECS if number else MUCH_SECS):
            break
    return best


def difference(spec: ModelSpec, reference: Sequence[Any], other: Sequence[Any], *, share: float = CHECKED_FROM) -> str:
    """What `other` says differently from `reference`, picture by picture, from `share` of the working score on.

    The answers say it themselves (`Result.differs_from`); those that cannot are taken to differ, as nobody could tell.

    Returns
    -------
    a part of a sentence; empty where nothing differs
    """
    if not all(isinstance(answer, Result) for answer in (*reference, *other)):
        return f"answers such as {type(reference[0]).__name__} cannot be compared"
    defaults = spec.defaults
    tolerance = Tolerance(score=share * defaults.get("score", 0.5), suppression_iou=defaults.get("iou", 0.5))
    if not any(answer.is_conclusive(tolerance) for answer in reference):
        return "nothing was found on the photographs that would show it"
    changes = (
        ours.differs_from(theirs, tolerance) if type(ours) is type(theirs) else "the answer is of another kind"
        for ours, theirs in zip(reference, other, strict=True)
    )
    return next((change for change in changes if change), "")


def _check_pictures() -> list[Image]:
    """Photographs that are always there and show what many networks know: a person, a cat, a cup on a table."""
    from cvstudio.media import open_media
    from cvstudio.media.examples.files import sample_path
    from cvstudio.media.reader_pool import Readers

    with Readers() as readers:
        return [readers.get(open_media(sample_path(key))).read() for key in ("astronaut", "cat", "coffee")]


def _bfloat16(device: str) -> bool:
    """Whether `device` computes in bfloat16 by itself; where it only imitates it, it is many times slower."""
    import torch

    kind = torch.device(device).type
    if kind == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def _name(network: Adjustable, spec: ModelSpec, version: str) -> str:
    """What a measurement holds for."""
    import torch

    kind = torch.device(network.device).type
    hardware = torch.cuda.get_device_name(network.device) if kind == "cuda" else kind
    runs = f"torch {torch.__version__}" + (f", OpenVINO {engine.version()}" if engine.version() else "")
    return f"{spec.key} {version}, {hardware}, {torch.get_num_threads()} threads, {runs}"


def _memory() -> Path:
    return user_cache_dir() / "precision.json"


def _remembered() -> dict[str, Precision]:
    try:
        saved = json.loads(_memory().read_text(encoding="utf-8"))
        return {str(name): Precision(**entry) for name, entry in saved.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nothing kept, or damaged: it is measured again


def _remember(name: str, precision: Precision) -> None:
    kept = {key: asdict(value) for key, value in {**_remembered(), name: precision}.items()}
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(_memory()) as temporary:
            temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    except OSError as error:
        log.info("the measurement of %s is not kept: %s", name, error)
