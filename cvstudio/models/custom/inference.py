"""Runs an ONNX or TorchScript file: one array in, arrays by name out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import OwnModelError, WeightsError


class InferenceSession(Protocol):
    """An open network.

    input_shape : of its picture, None where an axis is free; empty where nothing is known
    input_dtype : what it takes
    metadata : what its exporter wrote into the file
    """

    input_shape: tuple[int | None, ...]
    input_dtype: np.dtype[Any]
    metadata: Mapping[str, str]

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The outputs by name. Raises OwnModelError where the network does not take `pixels`."""
        ...


def open_session(path: Path, device: str = "cpu") -> InferenceSession:
    """The network in a file, whatever its name ends in.

    Raises
    ------
    OwnModelError
        The file is missing, damaged, or neither ONNX nor TorchScript.
    """
    return ScriptSession(path, device) if is_program(path) else OnnxSession(path, device)


def is_program(path: Path) -> bool:
    """Whether the file is an archive, as TorchScript programs are. Raises OwnModelError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(b"PK")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OwnModelError(
            f"Expected a network at {path}, but it cannot be read ({reason}); put it back, or remove the model."
        ) from None


def _reason(error: Exception) -> str:
    """The first line of what a library says, without its codes."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition(" : ")[2].strip().rstrip(".")[:200] or type(error).__name__


_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_DTYPES |= {"tensor(double)": np.float64}


class OnnxSession:
    """Through ONNX Runtime, on CUDA where its build has it and on the CPU otherwise."""

    def __init__(self, path: Path, device: str) -> None:
        import onnxruntime

        state = onnxruntime.capi.onnxruntime_pybind11_state
        # They share no base but Exception.
        names = (
            *("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented"),
            *("RuntimeException", "EPFail", "NoModel", "EngineError"),
        )
        known = (getattr(state, name) for name in names if hasattr(state, name))
        self._errors: tuple[type[Exception], ...] = (*known, RuntimeError, ValueError)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
        there = onnxruntime.get_available_providers()
        providers = [name for name in (*wanted, "CPUExecutionProvider") if name in there]
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        except self._errors as error:
            raise OwnModelError(
                f"Expected an ONNX network in {path.name}, but it cannot be opened ({_reason(error)}); export it again "
                f"or choose another file."
            ) from None
        inputs = self._session.get_inputs()
        pictures = [item for item in inputs if len(item.shape) in (3, 4)]
        if len(inputs) != 1 or not pictures:
            told = ", ".join(f"{item.name} {'x'.join(map(str, item.shape))}" for item in inputs) or "none"
            raise OwnModelError(
                f"Expected a network with one input of 3 or 4 axes in {path.name}, found {told}; export the network "
                f"with the picture as its only input."
            )
        (picture,) = inputs
        if picture.type not in _DTYPES:
            raise OwnModelError(
                f"Expected an input of floats or bytes in {path.name}, found {picture.type}; export it as float32."
            )
        self._name = picture.name
        self.input_shape = tuple(side if isinstance(side, int) else None for side in picture.shape)
        self.input_dtype = np.dtype(_DTYPES[picture.type])
        self.metadata: Mapping[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._outputs = [item.name for item in self._session.get_outputs()]

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        try:
            found = self._session.run(None, {self._name: pixels})
        except self._errors as error:
            wanted = "x".join("?" if side is None else str(side) for side in self.input_shape)
            raise OwnModelError(
                f"{self._path.name} takes {wanted}, found {'x'.join(map(str, pixels.shape))} ({_reason(error)}); "
                f"correct the size or the layout of the input."
            ) from None
        return {name: np.asarray(array) for name, array in zip(self._outputs, found, strict=True)}


class ScriptSession:
    """Through TorchScript. Such a file is a program: it is opened because the user registered it as one."""

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
            raise OwnModelError(
                f"Expected a TorchScript or ONNX network in {path.name}, but it holds tensors only or is damaged; "
                f"export the network with torch.jit.script, torch.jit.trace or torch.onnx.export."
            )
        self._path = path
        self._device = device
        try:
            self._module: Any = load_program(path, device)
            arguments = self._module.forward.schema.arguments[1:]
        except WeightsError as error:
            raise OwnModelError(str(error)) from None
        except (RuntimeError, ValueError, AttributeError) as error:
            raise OwnModelError(
                f"Expected a TorchScript network in {path.name}, but it cannot be opened ({_reason(error)}); export it "
                f"again or choose another file."
            ) from None
        # torchvision's detectors take a list of pictures.
        self.takes_list = bool(arguments) and "List" in str(arguments[0].type)
        self.input_shape: tuple[int | None, ...] = (3, None, None) if self.takes_list else ()
        self.metadata: Mapping[str, str] = {}

    def run(self, pixels: NDArray[Any]) -> dict[str, NDArray[Any]]:
        import torch

        given = torch.from_numpy(pixels).to(self._device)
        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._module([given]) if self.takes_list else self._module(given)
        except (RuntimeError, ValueError, IndexError) as error:
            # The last line is the error; those before are where in the program.
            lines = [line for line in str(error).splitlines() if line.strip()]
            reason = lines[-1].strip() if lines else type(error).__name__
            raise OwnModelError(
                f"{self._path.name} does not take {'x'.join(map(str, pixels.shape))} ({reason[:200]}); correct the "
                f"size or the layout of the input."
            ) from None
        arrays: dict[str, NDArray[Any]] = {}
        _flatten(found, "", arrays)
        return arrays


def _flatten(found: Any, name: str, into: dict[str, NDArray[Any]]) -> None:
    """Tensors in nested tuples, lists and mappings by name; those without one are numbered."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            _flatten(value, str(key), into)
    elif isinstance(found, list | tuple):
        for number, value in enumerate(found):
            _flatten(value, f"{name}{number}" if not name.isidentifier() else f"{name}_{number}", into)
    elif hasattr(found, "detach"):
        array = found.detach().cpu()
        into[name or "output"] = np.asarray((array.float() if array.is_floating_point() else array).numpy())
