"""Cache of loaded networks on one device, within a memory budget.

A host may be used from every thread. Loading is serialised: a call of `network` waits for one that another thread
loads. The requested device and precisions (`use`, `set_tuned`, `apply_tuned`) may be changed meanwhile without waiting,
and apply to the networks requested afterwards. Keys and the figures for display may be read anywhere. `close` only when
no lane runs a network of this host.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from cvstudio.foundation.errors import DeviceError
from cvstudio.foundation.garbage import collect_garbage
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
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
        "auto" takes the best available one, when a network first needs it.
    precision : "auto", "float32" or "bfloat16", for networks that support it; see `precision.choose_precision`
        It may be set at any time: another precision is another network.
    forced : precisions of single networks, e.g. from a recipe, by model key and path of the user's checkpoint
        Where one is not supported here, `notice` gets the replacement.
    budget_bytes : memory of all kept networks; the least recently used are dropped, the newest always stays
        None takes `cvstudio.models.runtime.memory.network_budget` of the device.
    measure : whether a network without a cached precision is measured when it is loaded, which takes seconds;
        otherwise it runs in torch's default and is one of `untuned`. It may be set at any time
    precisions : precisions by network key, which override measured and cached ones; as `precisions` of another host
    notice : callable (sentence), optional
        Called with sentences for the user, from the thread that loads or runs the network.
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
        self._requested_device = device
        self._resolved_device = "" if device == "auto" else device
        self._notice = notice
        self.measure = measure
        self._precisions = dict(precisions or {})
        self._tuned: dict[tuple[str, ...], Precision] = {}
        self._untuned: dict[tuple[str, ...], tuple[ModelSpec, Path | None]] = {}
        # What "auto" stands for is the same for all models on one trunk, as one may compute the trunk of another.
        self._trunk_precisions: dict[tuple[str, ...], Precision] = {}
        self._networks: OrderedDict[tuple[str, ...], Any] = OrderedDict()
        # Held for seconds, while a network loads.
        self._load_lock = threading.RLock()
        # Held briefly, for device, precisions and untuned networks, which the window's thread changes, too.
        self._settings_lock = threading.RLock()

    @property
    def device(self) -> str:
        """Device that networks run on. Unless it is the CPU, the first call imports torch.

        Never waits for a network that is being loaded.

        Raises
        ------
        DeviceError
            The requested device does not exist.
        """
        with self._settings_lock:
            requested, resolved = self._requested_device, self._resolved_device
        return resolved or self._resolve(requested)

    def _resolve(self, requested: str) -> str:
        """The device that `requested` stands for; it is stored unless another was requested meanwhile."""
        resolved = _best_device() if requested == "auto" else _checked_device(requested)
        with self._settings_lock:
            if self._requested_device == requested and not self._resolved_device:
                self._resolved_device = resolved
        return resolved

    @property
    def requested_device(self) -> str:
        """The device as requested, "auto" included."""
        return self._requested_device

    def use(self, device: str) -> None:
        """Change the device of networks that are requested from now on."""
        with self._settings_lock:
            self._requested_device = device
            self._resolved_device = "cpu" if device == "cpu" else ""

    @property
    def device_name(self) -> str:
        """`device` for display, without importing torch: "auto" until it is resolved."""
        return self._resolved_device.upper() or self._requested_device

    def network_key(self, spec: ModelSpec, weights_path: Path | None = None) -> tuple[str, ...]:
        """Cache key of a network: model, checkpoint path and version, device, precision.

        Cheap and without torch, as it is computed at every change. A missing checkpoint has a key, too, which changes
        when the file appears. Device and precision are the requested ones: what "auto" stands for stays the same while
        the program runs, except after `apply_tuned`, which adds the precision to the key.
        """
        return self._with_precision(self._requested_key(spec, weights_path))

    def _with_precision(self, requested_key: tuple[str, ...]) -> tuple[str, ...]:
        precision = self._precisions.get(requested_key, UNTUNED)
        return requested_key if precision == UNTUNED else (*requested_key[:-1], f"{requested_key[-1]}: {precision}")

    def _requested_key(self, spec: ModelSpec, weights_path: Path | None) -> tuple[str, ...]:
        return self._key(spec, weights_path, self._requested_precision(spec, weights_path))

    def _key(
        self, spec: ModelSpec, weights_path: Path | None, requested: RequestedPrecision | Precision
    ) -> tuple[str, ...]:
        from cvstudio.weights.store import cached_path

        path = weights_path
        if path is None and spec.weights:
            path = cached_path(spec.weights[0])
        # A forced precision also fixes layout and engine, which "float32" alone does not.
        precision_text = f"exactly {requested}" if isinstance(requested, Precision) else requested
        device_part, precision_part = (self._requested_device, precision_text) if spec.weights else ("cpu", "")
        return (spec.key + spec.revision, str(path or ""), _version(path), device_part, precision_part)

    def has(self, spec: ModelSpec, weights_path: Path | None = None) -> bool:
        """Whether the network of `spec` is loaded."""
        return self.network_key(spec, weights_path) in self._networks

    def _requested_precision(self, spec: ModelSpec, weights_path: Path | None) -> RequestedPrecision | Precision:
        return self._forced.get((spec.key, str(weights_path or "")), self.precision)

    def precision_of(self, spec: ModelSpec, weights_path: Path | None = None) -> Precision | None:
        """Precision of the loaded network of `spec`; None where it is not loaded or has none."""
        return getattr(self._networks.get(self.network_key(spec, weights_path)), "precision", None)

    @property
    def precisions(self) -> dict[tuple[str, ...], Precision]:
        """Precisions, by key, of networks that were loaded without measuring; hand them to another host to match it."""
        with self._settings_lock:
            return dict(self._precisions)

    @property
    def untuned(self) -> tuple[tuple[ModelSpec, Path | None], ...]:
        """Model and user's checkpoint of the networks that a measurement might speed up."""
        with self._settings_lock:
            return tuple(self._untuned.values())

    def set_tuned(self, spec: ModelSpec, weights_path: Path | None, precision: Precision) -> None:
        """Store the fastest precision found for a network; it takes effect at the next `apply_tuned`.

        It holds for all models on a published trunk, as only in one precision they share its output.
        """
        specs = [spec]
        if spec.trunk is not None and spec.trunk.published and weights_path is None:
            specs = [model for model in MODELS if model.trunk == spec.trunk]
        with self._settings_lock:
            for model in specs:
                key = self._requested_key(model, weights_path)
                self._tuned[key] = precision
                self._untuned.pop(key, None)

    def forget_untuned(self, spec: ModelSpec, weights_path: Path | None) -> None:
        """Remove a network from `untuned`."""
        with self._settings_lock:
            self._untuned.pop(self._requested_key(spec, weights_path), None)

    def apply_tuned(self) -> None:
        """Apply the precisions stored by `set_tuned`, which changes the keys of their networks.

        Called when the user turns to another input, so that nothing on the canvas changes by itself. A network that is
        being loaded keeps the precision with which it was requested.
        """
        with self._settings_lock:
            self._precisions.update(self._tuned)
            self._tuned.clear()

    def network(self, spec: ModelSpec, weights_path: Path | None, progress: Progress) -> Any:
        """The network of `spec`, loaded at its first use, which reports "loading …" and "warming up …".

        Raises
        ------
        WeightsError
            Its checkpoint is missing, damaged or of another network; nothing is kept then.
        DeviceError
            The requested device does not exist.
        """
        with self._load_lock:
            return self._loaded(spec, weights_path, progress)

    def _loaded(self, spec: ModelSpec, weights_path: Path | None, progress: Progress) -> Any:
        # Read together, once: the user may change them meanwhile, which makes another network.
        with self._settings_lock:
            precision = self._requested_precision(spec, weights_path)
            requested_key = self._key(spec, weights_path, precision)
            key, tuned = self._with_precision(requested_key), self._precisions.get(requested_key)
            requested_device, resolved_device = self._requested_device, self._resolved_device
        if key not in self._networks:
            progress(None, f"loading {spec.title}")
            # In its untuned precision it is not needed any more.
            network = self._networks.pop(requested_key, None)
            if network is None:
                # A model without weights runs on the CPU, and torch need not be imported to know it.
                network = spec.load(
                    (resolved_device or self._resolve(requested_device)) if spec.weights else "cpu", weights_path
                )
            if hasattr(network, "use_precision"):
                self._set_precision(network, spec, weights_path, tuned, precision, requested_key, progress)
            if hasattr(network, "warm_up"):
                progress(None, f"warming up {spec.title}")
                network.warm_up(progress)
            notice: str = getattr(network, "notice", "")
            if notice and self._notice is not None:
                self._notice(notice)
            self._networks[key] = network
        self._networks.move_to_end(key)
        self._evict()
        return self._networks[key]

    def _set_precision(
        self,
        network: Any,
        spec: ModelSpec,
        weights_path: Path | None,
        tuned: Precision | None,
        requested: RequestedPrecision | Precision,
        requested_key: tuple[str, ...],
        progress: Progress,
    ) -> None:
        if tuned is not None:
            network.use_precision(tuned)
        elif isinstance(requested, Precision):
            note = force_precision(network, requested, progress)
            if note and self._notice is not None:
                self._notice(f"{spec.title} was computed in {requested}; {note}")
        else:
            trunk = (
                spec.trunk.network_key(requested_key, chosen=weights_path is not None) if spec.trunk is not None else ()
            )
            if trunk in self._trunk_precisions:
                force_precision(network, self._trunk_precisions[trunk], progress)
            else:
                choose_precision(network, spec, requested_key[2], requested, progress, measure=self.measure)
            if trunk:
                self._trunk_precisions.setdefault(trunk, network.precision)
            if network.precision == UNTUNED:
                has_choice = choice(network)
                with self._settings_lock:
                    self._precisions.setdefault(requested_key, UNTUNED)
                    if has_choice:
                        self._untuned[requested_key] = (spec, weights_path)

    def run(self, work: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Run `work` and yield its values; where the accelerator runs out of memory, run it again on the CPU.

        `work` must get its networks from `network`, so that the second run gets them on the CPU. Later networks run
        there, too. Any other error is raised.
        """
        try:
            yield from work()
            return
        except RuntimeError as error:
            if self._resolved_device in ("", "cpu") or not _out_of_memory(error):
                raise
        # Outside of the handler: the error's traceback holds the tensors that must be freed.
        full_device = self._resolved_device
        self.close()
        with self._settings_lock:
            self._resolved_device = "cpu"
        if self._notice is not None:
            self._notice(
                f"The memory of {full_device} is full: this and what follows runs on the CPU, slower but the same."
            )
        yield from work()

    def close(self) -> None:
        """Drop all networks and free their memory. The host stays usable."""
        with self._load_lock:
            self._networks.clear()
        _free_memory()

    @property
    def budget_bytes(self) -> int:
        """Memory that the kept networks may take together, in bytes."""
        return self._budget_bytes if self._budget_bytes is not None else network_budget(self._resolved_device or "cpu")

    @property
    def used_bytes(self) -> int:
        """Memory of the kept networks in bytes, where they state it (`nbytes`)."""
        # Copied in one step, as the window's thread reads while the accelerator's thread loads.
        return sum(getattr(network, "nbytes", 0) for network in tuple(self._networks.values()))

    @property
    def precision_names(self) -> tuple[str, ...]:
        """Distinct precisions of the kept networks, for display."""
        names = (str(getattr(network, "precision", "")) for network in tuple(self._networks.values()))
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Precision of each kept network with its reason, one line each."""
        precisions = ((key[0], getattr(network, "precision", None)) for key, network in tuple(self._networks.items()))
        return tuple(
            f"{name}: {precision}. {precision.reason}" for name, precision in precisions if precision is not None
        )

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
    """Size and modification time of the checkpoint: another file under the same name is another network."""
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
    """Available devices as (device, name for display). Imports torch."""
    import torch

    named_devices = [("cpu", "CPU")]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        named_devices.append((f"cuda:{number}", f"CUDA {number}: {torch.cuda.get_device_name(number)}"))
    if torch.backends.mps.is_available():
        named_devices.append(("mps", "MPS"))
    return tuple(named_devices)


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether `error` is the accelerator's out-of-memory error; the Metal backend has no class of its own for it."""
    torch = sys.modules.get("torch")
    is_torch = torch is not None and isinstance(error, torch.OutOfMemoryError)
    return is_torch or "backend out of memory" in str(error)


def _free_memory() -> None:
    """Free the memory of dropped networks; a no-op where torch was never imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    collect_garbage()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
