"""Inference with OpenVINO, where it is installed: on a CPU it takes a fraction of torch's time.

It supports neither gradients nor hooks, so that explanations go on using torch's module. Converting a network takes
seconds and is done once: the converted network is kept in the user's cache.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.paths import user_cache_dir

if TYPE_CHECKING:
    from torch import Tensor, nn

KEPT = 24
"""Converted networks in the cache; the least recently used are removed."""

MOST_STREAMS = 8
"""Pictures that a network is compiled for at once; each has feature maps of its own."""

_conversion_lock = threading.Lock()

log = logging.getLogger(__name__)


class EngineError(RuntimeError):
    """OpenVINO cannot run this network; torch can."""


@cache
def version() -> str:
    """Version of OpenVINO, without importing it; empty where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version("openvino")
    except metadata.PackageNotFoundError:
        return ""


class Engine:
    """A network compiled by OpenVINO.

    Parameters
    ----------
    trunk : torch module in evaluation mode on the CPU; it takes a tensor and returns tensors, also in tuples, lists and
        dicts
    pixels : float32 (1, 3, h, w), an example input; later ones may have other heights and widths
    dtype : "float32" or "bfloat16", precision of the computation

    Raises
    ------
    EngineError
        OpenVINO cannot run it.
    """

    def __init__(self, trunk: nn.Module, pixels: Tensor, dtype: str) -> None:
        import torch
        from torch.utils import _pytree

        # Tensors made in the caller's inference mode cannot be exported.
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            example = pixels.detach().clone(memory_format=torch.contiguous_format).float()
            leaves, self._form = _pytree.tree_flatten(trunk(example))
            try:
                # Neither torch's export nor the import of the library is thread-safe.
                with _conversion_lock:
                    openvino = _library()
                    core = openvino.Core()
                    converted = core.read_model(_conversion_folder(trunk, example) / "network.xml")
                hint = {"float32": "f32", "bfloat16": "bf16"}[dtype]
                options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
                self._network: Any = core.compile_model(converted, "CPU", options)
                if len(self._network.outputs) != len(leaves):
                    raise EngineError(f"expected {len(leaves)} outputs, found {len(self._network.outputs)}")
            except Exception as error:  # the library's errors share no class: torch takes over
                raise EngineError(f"OpenVINO cannot run it: {error}") from error
        self._shape: Any = openvino.PartialShape
        self._compile: Callable[[dict[str, Any]], Any] = partial(core.compile_model, converted, "CPU")
        self._precision_hint = {"INFERENCE_PRECISION_HINT": hint}
        # One that uses all cores: two would alternate at every layer and spin while they wait.
        self._requests = {1: _requests(self._network, 1)}
        self._compiling = threading.Lock()
        self._module_bytes: int = sum(tensor.numel() * tensor.element_size() for tensor in trunk.state_dict().values())

    @property
    def nbytes(self) -> int:
        """Memory of the weights in bytes: each compiled network has its own."""
        return self._module_bytes * len(set(self._requests.values()))

    def takes(self, pixels: Tensor) -> bool:
        """Whether an input of this shape can be run; some networks are compiled for a single shape."""
        input_shape = self._network.inputs[0].partial_shape
        return bool(input_shape.compatible(self._shape(list(pixels.shape))))

    def __call__(self, pixels: Tensor) -> Any:
        """Outputs of the trunk, float32, for pixels float32 (1, 3, h, w). Threads may call it concurrently.

        It uses as many threads as torch would in the calling thread (`cvstudio.models.runtime.cpu_threads`).
        """
        import torch
        from torch.utils import _pytree

        array = pixels.float().contiguous().numpy()
        requests = self._requests_for(min(MOST_STREAMS, (os.cpu_count() or 1) // max(1, torch.get_num_threads())))
        request = requests.get()
        try:
            outputs = request.infer([array], share_inputs=True).values()
        finally:
            requests.put(request)
        return _pytree.tree_unflatten([torch.from_numpy(output) for output in outputs], self._form)

    def _requests_for(self, streams: int) -> SimpleQueue[Any]:
        """Idle requests of the network that is compiled for this number of concurrent ones, each with an equal share of
        the cores; it is compiled at the first call, within a second.

        Requests on threads of their own wait for no other: on two cores two pictures take two thirds of the processor's
        time, and where one core is busy with decoding or drawing, one thread is faster than two.
        """
        if streams <= 1:
            return self._requests[1]
        with self._compiling:
            if streams not in self._requests:
                threads = max(1, (os.cpu_count() or 1) // streams)
                options = {
                    "NUM_STREAMS": str(streams),
                    "INFERENCE_NUM_THREADS": str(streams * threads),
                    # The window, the decoder and the network share the cores as the system decides.
                    "ENABLE_CPU_PINNING": False,
                }
                try:
                    network = self._compile({**self._precision_hint, **options})
                    self._requests[streams] = _requests(network, streams)
                except Exception:  # as above; the network that uses all cores runs
                    log.info("OpenVINO does not run %d requests at once", streams, exc_info=True)
                    self._requests[streams] = self._requests[1]
            return self._requests[streams]


def _requests(network: Any, count: int) -> SimpleQueue[Any]:
    """`count` idle requests of a compiled network."""
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(count):
        requests.put(network.create_infer_request())
    return requests


@cache
def _library() -> ModuleType:
    """OpenVINO, imported without its telemetry package, which reports each import over the network."""
    telemetry = "openvino_telemetry"
    telemetry_module = sys.modules.get(telemetry)
    sys.modules[telemetry] = None  # type: ignore[assignment]
    try:
        import openvino
    finally:
        if telemetry_module is None:
            del sys.modules[telemetry]
        else:
            sys.modules[telemetry] = telemetry_module
    library: ModuleType = openvino
    return library


def _conversion_folder(trunk: nn.Module, example: Tensor) -> Path:
    """Folder of the converted network; it is converted now where the cache has none."""
    folder = user_cache_dir() / "openvino"
    conversion = folder / _conversion_key(trunk, example)
    if (conversion / "network.xml").exists():
        conversion.touch()
        return conversion
    folder.mkdir(parents=True, exist_ok=True)
    _evict_unused(folder)
    # A unique name: another process may convert the same network now.
    partial_folder = folder / f"{conversion.name}.{threading.get_native_id()}.part"
    try:
        partial_folder.mkdir()
        _convert(trunk, example, partial_folder / "network.xml")
        try:
            partial_folder.rename(conversion)
        except OSError:
            if not (conversion / "network.xml").exists():
                raise
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return conversion


def _convert(trunk: nn.Module, example: Tensor, path: Path) -> None:
    openvino = _library()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder
    from torch.export import Dim, export

    with _quiet_logging():
        exported = export(trunk, (example,), dynamic_shapes=({2: Dim.AUTO, 3: Dim.AUTO},))
        # `openvino.convert_model` would send telemetry.
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchFXPythonDecoder.from_exported_program(exported)
        loaded = frontend.load(decoder)
        openvino.save_model(frontend.convert(loaded), path, compress_to_fp16=False)


def _conversion_key(trunk: nn.Module, example: Tensor) -> str:
    """Cache key of a conversion: hash of weights and structure, channels of the input, versions of both libraries."""
    import torch
    import xxhash

    digest = xxhash.xxh3_128()
    digest.update(f"{trunk}|{example.shape[:2]}|{version()}|{torch.__version__}".encode())
    for name, tensor in trunk.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _evict_unused(folder: Path) -> None:
    """Remove the least recently used conversions and unfinished ones of killed processes."""
    conversions = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in conversions[: max(0, len(conversions) - KEPT + 1)]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Suppress the warnings and log records that both libraries address to developers."""

    def is_not_openvino(record: logging.LogRecord) -> bool:
        return "openvino" not in record.pathname

    root = logging.getLogger()
    root.addFilter(is_not_openvino)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(is_not_openvino)
