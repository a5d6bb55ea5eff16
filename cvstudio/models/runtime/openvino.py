"""OpenVINO, where it is installed: it runs a network on the processor in a part of torch's time.

It knows neither gradients nor hooks, so that what looks inside a network goes on asking torch's module. Converting one
takes seconds and is done once: the converted network is kept in the user's cache.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.paths import user_cache_dir

if TYPE_CHECKING:
    from torch import Tensor, nn

KEPT = 24
"""Converted networks in the cache; the longest unused leave."""

_making = threading.Lock()

log = logging.getLogger(__name__)


class EngineError(RuntimeError):
    """The engine does not run this network; torch does."""


@cache
def version() -> str:
    """Of OpenVINO; empty where it is not installed. It is not imported."""
    from importlib import metadata

    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ""


class Engine:
    """A network that OpenVINO runs.

    Parameters
    ----------
    trunk : torch module in evaluation mode on the CPU; it takes a tensor and returns tensors, also in tuples, lists and
        dicts
    pixels : float32 (1, 3, h, w), an input as it will be; other heights and widths may follow
    dtype : "float32" or "bfloat16", of what it computes in

    Raises
    ------
    EngineError
        OpenVINO cannot run it.
    """

    def __init__(self, trunk: nn.Module, pixels: Tensor, dtype: str) -> None:
        import torch
        from torch.utils import _pytree

        # What is made here must not belong to the caller's inference mode: exporting records it.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            example = pixels.detach().clone(memory_format=torch.contiguous_format).float()
            leaves, self._form = _pytree.tree_flatten(trunk(example))
            try:
                # Neither torch's export nor the import of the library can be done by two threads at once.
                with _making:
                    openvino = _library()
                    core = openvino.Core()
                    converted = core.read_model(_converted(trunk, example) / "network.xml")
                hint = {"float32": "f32", "bfloat16": "bf16"}[dtype]
                options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
                self._network: Any = core.compile_model(converted, "CPU", options)
                if len(self._network.outputs) != len(leaves):
                    raise EngineError(f"expected {len(leaves)} outputs, found {len(self._network.outputs)}")
            except Exception as error:  # the library's errors have no class in common: torch goes on
                raise EngineError(f"OpenVINO cannot run it: {error}") from error
        self._shape: Any = openvino.PartialShape
        self._request: Any = self._network.create_infer_request()
        self._running = threading.Lock()
        self.nbytes: int = sum(tensor.numel() * tensor.element_size() for tensor in trunk.state_dict().values())

    def takes(self, pixels: Tensor) -> bool:
        """Whether an input of this shape can be run; a network may be made for one."""
        wanted = self._network.inputs[0].partial_shape
        return bool(wanted.compatible(self._shape(list(pixels.shape))))

    def __call__(self, pixels: Tensor) -> Any:
        """What the trunk returns, float32, of pixels float32 (1, 3, h, w). Threads may call it side by side."""
        import torch
        from torch.utils import _pytree

        given = pixels.float().contiguous().numpy()
        # A second one would take turns with the first at every layer, and both would spin meanwhile.
        with self._running:
            outputs = self._request.infer([given], share_inputs=True).values()
        return _pytree.tree_unflatten([torch.from_numpy(output) for output in outputs], self._form)


@cache
def _library() -> ModuleType:
    """OpenVINO. Importing it tells its makers over the network, unless their package for that cannot be imported."""
    name = "openvino_telemetry"
    found = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if found is None:
            del sys.modules[name]
        else:
            sys.modules[name] = found
    library: ModuleType = openvino
    return library


def _converted(trunk: nn.Module, example: Tensor) -> Path:
    """The folder with the converted network, which is made where it is not there."""
    folder = user_cache_dir() / "openvino"
    place = folder / _name(trunk, example)
    if (place / "network.xml").exists():
        place.touch()
        return place
    folder.mkdir(parents=True, exist_ok=True)
    _make_room(folder)
    # A name of its own: another process may convert the same network now.
    unfinished = folder / f"{place.name}.{threading.get_native_id()}.part"
    try:
        unfinished.mkdir()
        _convert(trunk, example, unfinished / "network.xml")
        try:
            unfinished.rename(place)
        except OSError:
            if not (place / "network.xml").exists():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return place


def _convert(trunk: nn.Module, example: Tensor, path: Path) -> None:
    openvino = _library()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder
    from torch.export import Dim, export

    with _quiet():
        exported = export(trunk, (example,), dynamic_shapes=({2: Dim.AUTO, 3: Dim.AUTO},))
        # `openvino.convert_model` would tell its makers that it was used.
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchFXPythonDecoder.from_exported_program(exported)
        loaded = frontend.load(decoder)
        openvino.save_model(frontend.convert(loaded), path, compress_to_fp16=False)


def _name(trunk: nn.Module, example: Tensor) -> str:
    """What a conversion holds for: weights and structure, the kind of input, the versions of both libraries."""
    import torch
    import xxhash

    digest = xxhash.xxh3_128()
    digest.update(f"{trunk}|{example.shape[:2]}|{version()}|{torch.__version__}".encode())
    for name, tensor in trunk.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _make_room(folder: Path) -> None:
    """Remove the longest unused conversions, and what a killed process left."""
    kept = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in kept[: max(0, len(kept) - KEPT + 1)]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what both libraries say to their own developers."""

    def ours(record: logging.LogRecord) -> bool:
        return "openvino" not in record.pathname

    root = logging.getLogger()
    root.addFilter(ours)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(ours)
