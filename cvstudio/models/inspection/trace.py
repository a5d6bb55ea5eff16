"""Tracing of a network on the meta device: output shape, work and receptive field of each layer. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.weak import WeakTensorKeyDictionary

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.progress import Progress
from cvstudio.models.inspection.axes import TracedTensor, trace_input
from cvstudio.models.inspection.layers import Inspection, NetworkLayer
from cvstudio.models.inspection.operations import Call, apply_rule
from cvstudio.models.inspection.receptive_field import ReceptiveField
from cvstudio.models.spec import Architecture


class InspectionError(UserError):
    """The layers of a network cannot be traced."""


@dataclass
class _LayerRecord:
    """Record of one module while the network runs."""

    shape: tuple[int, ...] = ()
    outputs: int = 0
    calls: int = 0
    macs: int = 0
    field: ReceptiveField | None = None


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Intercepts every operation below autograd: counts its multiply-adds and traces receptive fields through it."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.traced: Any = WeakTensorKeyDictionary()
        self.running: list[_LayerRecord] = []
        self.macs = 0
        self._progress = progress

    def lookup(self, value: Any) -> TracedTensor | None:
        return self.traced.get(value) if isinstance(value, Tensor) else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._progress.check()
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and args[0].dtype is torch.bool:
            # Transformers test whether their mask is all true, as it is here: no part of the picture is masked.
            return True
        out = func(*args, **kwargs)
        self._count(func, args, kwargs, out)
        results = [item for item in tree_leaves(out) if isinstance(item, Tensor)]
        tensors = [item for item in tree_leaves((args, kwargs)) if isinstance(item, Tensor)]
        if results and any(self.lookup(item) is not None for item in tensors):
            arguments = {argument.name: argument.default_value for argument in func._schema.arguments}
            arguments.update(zip(arguments, args, strict=False))
            arguments.update(kwargs)
            call = Call(arguments, tuple(tuple(item.shape) for item in results), self.lookup)
            outcome = apply_rule(func._schema.name.partition("::")[2], call, tensors)
            traced_results = outcome if isinstance(outcome, tuple) else (outcome,) * len(results)
            for result, traced in zip(results, traced_results, strict=False):
                if traced is not None:
                    self.traced[result] = traced
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            # The library counts a multiplication and its addition as two.
            macs = count(*args, **kwargs, out_val=out) // 2
            self.macs += macs
            for record in self.running:
                record.macs += macs


@contextmanager
def _recorded_layers(module: nn.Module, recorder: _Recorder) -> Iterator[dict[nn.Module, _LayerRecord]]:
    """A record for each module, filled while the block runs; the hooks are always removed."""
    records = {part: _LayerRecord() for part in module.modules()}

    def begin(part: nn.Module, inputs: Any) -> None:
        recorder.running.append(records[part])

    def end(part: nn.Module, inputs: Any, output: Any) -> None:
        record = recorder.running.pop()
        record.calls += 1
        arrays = [item for item in tree_leaves(output) if isinstance(item, Tensor)]
        if record.calls == 1 and arrays:
            record.shape, record.outputs = tuple(arrays[0].shape), len(arrays)
            traced = recorder.lookup(arrays[0])
            record.field = None if traced is None else traced.field

    hooks: list[Any] = []
    try:
        for part in records:
            hooks += [part.register_forward_pre_hook(begin), part.register_forward_hook(end)]
        yield records
    finally:
        for hook in hooks:
            hook.remove()


def inspect(architecture: Architecture, progress: Progress | None = None) -> Inspection:
    """Trace the layers of a network, which is built and run on the meta device: without values and memory.

    Raises
    ------
    InspectionError
        It depends on values, which meta tensors do not have.
    Cancelled
        By `progress`.
    """
    module = build_without_numbers(architecture)
    height, width = architecture.input_size
    pixels = torch.empty(1, 3, height, width, device="meta")
    recorder = _Recorder(progress or Progress())
    recorder.traced[pixels] = trace_input(pixels.shape)
    try:
        with torch.no_grad(), _recorded_layers(module, recorder) as records, recorder:
            if architecture.call is None:
                module(pixels)
            else:
                architecture.call(module, pixels)
    except (RuntimeError, NotImplementedError) as error:
        raise InspectionError(
            f"The layers cannot be told, as the network cannot run without numbers ({error})."
        ) from error
    counted: set[int] = set()
    root = _layer("", module, records, counted)
    return Inspection(architecture.input_size, root.parameters, recorder.macs, root)


class _MetaParameters(TorchFunctionMode):
    """Creates parameters on the meta device, but other tensors with values: some networks compute widths from them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def build_without_numbers(architecture: Architecture) -> nn.Module:
    """Build the network in evaluation mode on the meta device, where it takes no memory."""
    module: nn.Module
    try:
        with torch.device("meta"):
            module = architecture.build()
    except NotImplementedError:
        with _MetaParameters():
            module = architecture.build()
        module = module.to("meta")
    return module.eval()


def _layer(name: str, module: nn.Module, records: dict[nn.Module, _LayerRecord], counted: set[int]) -> NetworkLayer:
    record = records[module]
    parameters = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in counted]
    counted.update(id(parameter) for parameter in parameters)
    children = tuple(_layer(key, child, records, counted) for key, child in module.named_children())
    return NetworkLayer(
        name,
        type(module).__name__,
        record.shape,
        record.outputs,
        record.calls,
        sum(parameter.numel() for parameter in parameters) + sum(child.parameters for child in children),
        # A module that is not called itself, only its children, costs what they do.
        record.macs if record.calls else sum(child.macs for child in children),
        record.field,
        children,
    )
