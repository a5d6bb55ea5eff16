"""The owner of the accelerator: loaded networks, within a budget of memory.

Every thread may ask a host. Loading is serialised: who asks for a network waits for the one that another thread loads.
The requested device and precisions (`use`, `set_tuned`, `apply_tuned`) may be changed meanwhile without waiting, and
count for the networks that are asked for from then on. Keys and the figures for display may be read anywhere. `close`
only when no lane runs a network of this host.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cvstudio.foundation.errors import DeviceError
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.memory import network_budget
from cvstudio.models.runtime.precision import (
    UNTUNED,
    Precision,
    RequestedPrecision,
    choice,
    choose_precision,
    force_precision,
)
from cvstudio.models.spec import ModelSpec

T = TypeVar("T")


class Host:
    """Loads networks once and keeps them.

    Parameters
    ----------
    device : "auto", "cpu", "cuda", "cuda:1" … or "mps"
        "auto" takes the best one that there is, when a network first needs one.
    precision : "auto", "float32" or "bfloat16", for networks that can be told; see `precision.choose_precision`
        It may be set anew at any time: another precision is another network.
    forced : how certain networks are to compute instead, by model and path of a checkpoint that the user chose
        As a recipe tells it. Where that is not possible here, `notice` is told what is done instead.
    budget_bytes : memory of all kept networks; the longest unused leave, the newest always stays
        None takes what suits the device, see `cvstudio.models.runtime.memory.network_budget`.
    measure : whether a network whose quickest way is not known is measured when it is loaded, which takes seconds;
        else it computes in torch's usual way and is one of `untuned`. It may be set anew at any time
    precisions : how networks compute, by their key, whatever is measured or remembered; as `precisions` of another host
    notice : callable (sentence), optional
        Told what the user should know, from the thread that loads or runs the network.
    """

    def __init__(
        self,
        device: str = "auto",
        *,
        precision: RequestedPrecision = "auto",
        forced: Mapping[tuple[str, str], Precision] | None = None,
        budget_bytes: int | None = None,
        measure: bool = True,
        precisions: Mapping[tuple[str, ...], Precision] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._budget_bytes = budget_bytes
        self.precision = precision
        self._forced = dict(forced or {})
        self._requested = device
        self._resolved = "" if device == "auto" else device
        self._notice = notice
        self.measure = measure
        self._precisions = dict(precisions or {})
        self._found: dict[tuple[str, ...], Precision] = {}
        self._unmeasured: dict[tuple[str, ...], tuple[ModelSpec, Path | None]] = {}
        self._networks: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        # Held for seconds, while a network is loaded.
        self._loading = threading.RLock()
        # Held for moments: device, precisions and networks to be measured, which the window's thread changes, too.
        self._choices = threading.RLock()

    @property
    def device(self) -> str:
        """Where networks run. Unless it is the CPU, the first call imports torch to find out.

        Never waits for a network that is being loaded.

        Raises
        ------
        DeviceError
            The device that was asked for is not there.
        """
        with self._choices:
            requested, resolved = self._requested, self._resolved
        return resolved or self._resolve(requested)

    def _resolve(self, requested: str) -> str:
        """The device that `requested` stands for, which is kept unless another is wanted meanwhile."""
        resolved = _best_device() if requested == "auto" else _checked_device(requested)
        with self._choices:
            if self._requested == requested and not self._resolved:
                self._resolved = resolved
        return resolved

    @property
    def requested_device(self) -> str:
        """What was asked for: "auto" or a device."""
        return self._requested

    def use(self, device: str) -> None:
        """Ask for another device: networks that are asked for from now on run there."""
        with self._choices:
            self._requested = device
            self._resolved = "cpu" if device == "cpu" else ""

    @property
    def device_name(self) -> str:
        """`device` for display: "auto" until it is known, which needs no torch."""
        return self._resolved.upper() or self._requested

    def network_key(self, spec: ModelSpec, weights_path: Path | None = None) -> tuple[str, ...]:
        """What the output of a network depends on: model, checkpoint and its version, device, precision.

        Cheap and without torch: it is asked at every change. A checkpoint that is not there is part of the key,
        so that a file that is put there later is another key. Device and precision are the requested ones: what "auto"
        stands for does not change while the program runs, but by `apply_tuned`: then the key tells it.
        """
        return self._telling(self._asked(spec, weights_path))

    def _telling(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        way = self._precisions.get(asked, UNTUNED)
        return asked if way == UNTUNED else (*asked[:-1], f"{asked[-1]}: {way}")

    def _asked(self, spec: ModelSpec, weights_path: Path | None) -> tuple[str, ...]:
        return self._key(spec, weights_path, self._wanted(spec, weights_path))

    def _key(
        self, spec: ModelSpec, weights_path: Path | None, wanted: RequestedPrecision | Precision
    ) -> tuple[str, ...]:
        from cvstudio.weights.store import cached_path

        path = weights_path
        if path is None and spec.weights:
            path = cached_path(spec.weights[0])
        # A way that was asked for to the letter is not what "float32" alone stands for.
        told = f"exactly {wanted}" if isinstance(wanted, Precision) else wanted
        device, precision = (self._requested, told) if spec.weights else ("cpu", "")
        return (spec.key + spec.revision, str(path or ""), _version(path), device, precision)

    def has(self, spec: ModelSpec, weights_path: Path | None = None) -> bool:
        """Whether the network of `spec` is loaded."""
        return self.network_key(spec, weights_path) in self._networks

    def _wanted(self, spec: ModelSpec, weights_path: Path | None) -> RequestedPrecision | Precision:
        return self._forced.get((spec.key, str(weights_path or "")), self.precision)

    def precision_of(self, spec: ModelSpec, weights_path: Path | None = None) -> Precision | None:
        """How the loaded network of `spec` computes and why; None where it is not loaded or cannot be told."""
        return getattr(self._networks.get(self.network_key(spec, weights_path)), "precision", None)

    @property
    def precisions(self) -> dict[tuple[str, ...], Precision]:
        """How networks compute that were loaded without being measured, by their key; another host can do the same."""
        with self._choices:
            return dict(self._precisions)

    @property
    def untuned(self) -> tuple[tuple[ModelSpec, Path | None], ...]:
        """Model and own checkpoint of networks that might compute quicker than they do."""
        with self._choices:
            return tuple(self._unmeasured.values())

    def set_tuned(self, spec: ModelSpec, weights_path: Path | None, way: Precision) -> None:
        """Store the fastest precision found for a network; it takes effect at the next `apply_tuned`."""
        with self._choices:
            self._found[self._asked(spec, weights_path)] = way

    def forget_untuned(self, spec: ModelSpec, weights_path: Path | None) -> None:
        """Take a network out of `untuned`."""
        with self._choices:
            self._unmeasured.pop(self._asked(spec, weights_path), None)

    def apply_tuned(self) -> None:
        """Let networks compute in the precisions that were `set_tuned`, which makes other keys of them.

        Called between two things that are looked at, so that nothing on the canvas changes by itself. A network that is
        being loaded is completed in the way in which it was asked for.
        """
        with self._choices:
            self._precisions.update(self._found)
            self._found.clear()

    def network(self, spec: ModelSpec, weights_path: Path | None, progress: Progress) -> Any:
        """The loaded network of `spec`; a first use reports "loading …" and "warming up …".

        Raises
        ------
        WeightsError
            Its checkpoint is missing, damaged or of another network; nothing is kept then.
        """
        with self._loading:
            return self._loaded(spec, weights_path, progress)

    def _loaded(self, spec: ModelSpec, weights_path: Path | None, progress: Progress) -> Any:
        # Once for all: the user may choose another meanwhile, which is another network.
        with self._choices:
            wanted = self._wanted(spec, weights_path)
            asked = self._key(spec, weights_path, wanted)
            key, way = self._telling(asked), self._precisions.get(asked)
            requested, resolved = self._requested, self._resolved
        if key not in self._networks:
            progress(None, f"loading {spec.title}")
            # In its other way it is wanted no more.
            network = self._networks.pop(asked, None)
            if network is None:
                # What a dependency carries runs on the CPU, and torch need not be imported to know it.
                network = spec.load((resolved or self._resolve(requested)) if spec.weights else "cpu", weights_path)
            if hasattr(network, "use_precision"):
                self._settle(network, spec, weights_path, way, wanted, asked, progress)
            if hasattr(network, "warm_up"):
                progress(None, f"warming up {spec.title}")
                network.warm_up(progress)
            self._networks[key] = network
        self._networks.move_to_end(key)
        self._evict()
        return self._networks[key]

    def _settle(
        self,
        network: Any,
        spec: ModelSpec,
        weights_path: Path | None,
        way: Precision | None,
        wanted: RequestedPrecision | Precision,
        asked: tuple[str, ...],
        progress: Progress,
    ) -> None:
        if way is not None:
            network.use_precision(way)
        elif isinstance(wanted, Precision):
            instead = force_precision(network, wanted, progress)
            if instead and self._notice is not None:
                self._notice(f"{spec.title} was computed in {wanted}; {instead}")
        else:
            choose_precision(network, spec, asked[2], wanted, progress, measure=self.measure)
            if network.precision == UNTUNED:
                measurable = choice(network)
                with self._choices:
                    self._precisions.setdefault(asked, UNTUNED)
                    if measurable:
                        self._unmeasured[asked] = (spec, weights_path)

    def run(self, work: Callable[[], Iterator[T]]) -> Iterator[T]:
        """What `work` yields; where the accelerator runs out of memory, what it yields once more on the CPU.

        `work` asks `network` for what it runs, so that the second call gets it on the CPU; networks that follow
        run there too. Any other error passes through.
        """
        try:
            yield from work()
            return
        except RuntimeError as error:
            if self._resolved in ("", "cpu") or not _out_of_memory(error):
                raise
        # Outside of the handler: the error's traceback holds the tensors that have to go.
        lost = self._resolved
        self.close()
        with self._choices:
            self._resolved = "cpu"
        if self._notice is not None:
            self._notice(f"The memory of {lost} is full: this and what follows runs on the CPU, slower but the same.")
        yield from work()

    def close(self) -> None:
        """Drop all networks and give their memory back. The host stays usable."""
        with self._loading:
            self._networks.clear()
        _free_memory()

    @property
    def budget_bytes(self) -> int:
        """Memory that the kept networks may take together."""
        return self._budget_bytes if self._budget_bytes is not None else network_budget(self._resolved or "cpu")

    @property
    def used_bytes(self) -> int:
        """Memory of the kept networks, as far as they tell."""
        # Copied in one step, as the window asks while the accelerator's thread loads.
        return sum(getattr(network, "nbytes", 0) for network in tuple(self._networks.values()))

    @property
    def precision_names(self) -> tuple[str, ...]:
        """In which precisions the kept networks compute, as far as they tell."""
        found = (str(getattr(network, "precision", "")) for network in tuple(self._networks.values()))
        return tuple(dict.fromkeys(name for name in found if name))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the kept networks compute as they do: a line for each that tells."""
        found = ((key[0], getattr(network, "precision", None)) for key, network in tuple(self._networks.items()))
        return tuple(f"{name}: {way}. {way.reason}" for name, way in found if way is not None)

    def __len__(self) -> int:
        return len(self._networks)

    def _evict(self) -> None:
        dropped = False
        while len(self._networks) > 1 and self.used_bytes > self.budget_bytes:
            self._networks.popitem(last=False)
            dropped = True
        if dropped:
            _free_memory()


def _version(path: Path | None) -> str:
    """Size and time of the checkpoint: another file under the same name is another network."""
    try:
        status = path.stat() if path else None
    except OSError:
        status = None
    return f"{status.st_size}-{status.st_mtime_ns}" if status else ""


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def is_there(device: str) -> bool:
    """Whether networks can run on `device` here. Imports torch, unless it is the CPU."""
    if device == "cpu":
        return True
    import torch

    kind, _, number = device.partition(":")
    return (kind == "mps" and torch.backends.mps.is_available()) or (
        kind == "cuda" and torch.cuda.is_available() and int(number or 0) < torch.cuda.device_count()
    )


def _checked_device(device: str) -> str:
    if not is_there(device):
        raise DeviceError(
            f"Networks were to run on {device.upper()}, which is not there; choose CPU or auto as device."
        )
    return device


def devices() -> tuple[tuple[str, str], ...]:
    """Where networks can run here: (device, name for display). Imports torch."""
    import torch

    found = [("cpu", "CPU")]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        found.append((f"cuda:{number}", f"CUDA {number}: {torch.cuda.get_device_name(number)}"))
    if torch.backends.mps.is_available():
        found.append(("mps", "MPS"))
    return tuple(found)


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` is the accelerator's out-of-memory; the Metal backend has no class of its own for it."""
    torch = sys.modules.get("torch")
    is_torch = torch is not None and isinstance(error, torch.OutOfMemoryError)
    return is_torch or "backend out of memory" in str(error)


def _free_memory() -> None:
    """Give back what the dropped networks held; nothing to do where torch was never imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
