"""Inference sessions of ONNX and TorchScript files: one array in, arrays by name out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import CustomModelError, WeightsError


class InferenceSession(Protocol):
    """An opened network.

    input_shape : of its only input, None where an axis is free; empty where it is unknown
    input_dtype : of its only input
    metadata : texts of the exporter in the file, by name
    """

    input_shape: tuple[int | None, ...]
    input_dtype: np.dtype[Any]
    metadata: Mapping[str, str]

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Outputs by name. Raises CustomModelError where the network rejects `pixels`."""
        ...


def open_session(path: Path, device: str = "cpu") -> InferenceSession:
    """Open the network in a file, whose format is told by its content.

    Raises
    ------
    CustomModelError
        The file is missing, damaged, or neither ONNX nor TorchScript.
    """
    return ScriptSession(path, device) if is_program(path) else OnnxSession(path, device)


def is_program(path: Path) -> bool:
    """Whether the file is a ZIP archive, as TorchScript programs are. Raises CustomModelError if it is unreadable."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(b"PK")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CustomModelError(
            f"Expected a network at {path}, but it cannot be read ({reason}); put it back, or remove the model."
        ) from None


def _reason(error: Exception) -> str:
    """First line of a library's error message, without its error codes."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition(" : ")[2].strip().rstrip(".")[:200] or type(error).__name__


_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_DTYPES |= {"tensor(double)": np.float64}


class OnnxSession:
    """Session of ONNX Runtime, on CUDA where its build supports it, otherwise on the CPU."""

    def __init__(self, path: Path, device: str) -> None:
        import onnxruntime

        state = onnxruntime.capi.onnxruntime_pybind11_state
        # The library's errors share no base class but Exception.
        error_names = (
            *("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented"),
            *("RuntimeException", "EPFail", "NoModel", "EngineError"),
        )
        error_classes = (getattr(state, name) for name in error_names if hasattr(state, name))
        self._errors: tuple[type[Exception], ...] = (*error_classes, RuntimeError, ValueError)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        preferred = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
        available = onnxruntime.get_available_providers()
        providers = [name for name in (*preferred, "CPUExecutionProvider") if name in available]
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except self._errors as error:
            raise CustomModelError(
                f"Expected an ONNX network in {path.name}, but it cannot be opened ({_reason(error)}); export it again "
                f"or choose another file."
            ) from None
        inputs = self._session.get_inputs()
        pictures = [item for item in inputs if len(item.shape) in (3, 4)]
        if len(inputs) != 1 or not pictures:
            actual = ", ".join(f"{item.name} {'x'.join(map(str, item.shape))}" for item in inputs) or "none"
            raise CustomModelError(
                f"Expected a network with one input of 3 or 4 axes in {path.name}, found {actual}; export the network "
                f"with the picture as its only input."
            )
        (picture,) = inputs
        if picture.type not in _DTYPES:
            raise CustomModelError(
                f"Expected an input of floats or bytes in {path.name}, found {picture.type}; export it as float32."
            )
        self._name = picture.name
        self.input_shape = tuple(side if isinstance(side, int) else None for side in picture.shape)
        self.input_dtype = np.dtype(_DTYPES[picture.type])
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._outputs = [item.name for item in self._session.get_outputs()]

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        try:
            arrays = self._session.run(None, {self._name: pixels})
        except self._errors as error:
            shape_text = "x".join("?" if side is None else str(side) for side in self.input_shape)
            raise CustomModelError(
                f"{self._path.name} takes {shape_text}, found {'x'.join(map(str, pixels.shape))} ({_reason(error)}); "
                f"correct the size or the layout of the input."
            ) from None
        return {name: np.asarray(array) for name, array in zip(self._outputs, arrays, strict=True)}


class ScriptSession:
    """Session of TorchScript. Such a file is a program: it is run only because the user registered it."""

    input_dtype: np.dtype[Any] = np.dtype(np.float32)

    def __init__(self, path: Path, device: str) -> None:
        import zipfile

        from cvstudio.weights.importing.torchscript import load_program

        try:
            with zipfile.ZipFile(path) as archive:
                names = {name.rpartition("/")[2] for name in archive.namelist()}
        except zipfile.BadZipFile:
            names = set()
        if "constants.pkl" not in names:
            raise CustomModelError(
                f"Expected a TorchScript or ONNX network in {path.name}, but it holds tensors only or is damaged; "
                f"export the network with torch.jit.script, torch.jit.trace or torch.onnx.export."
            )
        self._path = path
        self._device = device
        try:
            self._module: Any = load_program(path, device)
            arguments = self._module.forward.schema.arguments[1:]
        except WeightsError as error:
            raise CustomModelError(str(error)) from None
        except (RuntimeError, ValueError, AttributeError) as error:
            raise CustomModelError(
                f"Expected a TorchScript network in {path.name}, but it cannot be opened ({_reason(error)}); export it "
                f"again or choose another file."
            ) from None
        # torchvision's detectors take a list of pictures.
        self.takes_list = bool(arguments) and "List" in str(arguments[0].type)
        self.input_shape: tuple[int | None, ...] = (3, None, None) if self.takes_list else ()
        self.metadata: Mapping[str, str] = {}

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        import torch

        tensor = torch.from_numpy(pixels).to(self._device)
        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outputs = self._module([tensor]) if self.takes_list else self._module(tensor)
        except (RuntimeError, ValueError, IndexError) as error:
            # The last line is the error; those before are the traceback.
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = lines[-1].strip() if lines else type(error).__name__
            raise CustomModelError(
                f"{self._path.name} does not take {'x'.join(map(str, pixels.shape))} ({reason[:200]}); correct the "
                f"size or the layout of the input."
            ) from None
        arrays: dict[str, NDArray[Any]] = {}
        _flatten(outputs, "", arrays)
        return arrays


def _flatten(outputs: Any, name: str, into: dict[str, NDArray[Any]]) -> None:
    """Collect the tensors of nested tuples, lists and mappings in `into` by name; unnamed ones are numbered."""
    if isinstance(outputs, Mapping):
        for key, value in outputs.items():
            _flatten(value, str(key), into)
    elif isinstance(outputs, list | tuple):
        for number, value in enumerate(outputs):
            _flatten(value, f"{name}{number}" if not name.isidentifier() else f"{name}_{number}", into)
    elif hasattr(outputs, "detach"):
        array = outputs.detach().cpu()
        into[name or "output"] = np.asarray((array.float() if array.is_floating_point() else array).numpy())
