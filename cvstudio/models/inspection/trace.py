"""Runs a network without numbers and writes down what each of its layers does. Imports torch."""

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
from cvstudio.models.inspection.axes import Seen, first_seen
from cvstudio.models.inspection.layers import Inspection, NetworkLayer
from cvstudio.models.inspection.operations import Call, answer
from cvstudio.models.inspection.receptive_field import ReceptiveField
from cvstudio.models.spec import Architecture


class InspectionError(UserError):
    """A network cannot be looked into."""


@dataclass
class _Note:
    """What is written down of a module while it runs."""

    shape: tuple[int, ...] = ()
    outputs: int = 0
    calls: int = 0
    macs: int = 0
    field: ReceptiveField | None = None


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation below autograd: counts its multiply-adds and follows what its results see."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: Any = WeakTensorKeyDictionary()
        self.running: list[_Note] = []
        self.macs = 0
        self._progress = progress

    def look(self, value: Any) -> Seen | None:
        return self.seen.get(value) if isinstance(value, Tensor) else None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._progress.check()
        kwargs = kwargs or {}
        if func is torch.ops.aten._local_scalar_dense.default and args[0].dtype is torch.bool:
            # Transformers ask whether a mask hides nothing; the whole picture is looked at.
            return True
        out = func(*args, **kwargs)
        self._count(func, args, kwargs, out)
        results = [item for item in tree_leaves(out) if isinstance(item, Tensor)]
        tensors = [item for item in tree_leaves((args, kwargs)) if isinstance(item, Tensor)]
        if results and any(self.look(item) is not None for item in tensors):
            given = {argument.name: argument.default_value for argument in func._schema.arguments}
            given.update(zip(given, args, strict=False))
            given.update(kwargs)
            call = Call(given, tuple(tuple(item.shape) for item in results), self.look)
            found = answer(func._schema.name.partition("::")[2], call, tensors)
            each = found if isinstance(found, tuple) else (found,) * len(results)
            for result, seen in zip(results, each, strict=False):
                if seen is not None:
                    self.seen[result] = seen
        return out

    def _count(self, func: Any, args: Any, kwargs: Any, out: Any) -> None:
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            # It counts a multiplication and its addition as two.
            macs = count(*args, **kwargs, out_val=out) // 2
            self.macs += macs
            for note in self.running:
                note.macs += macs


@contextmanager
def _notes(module: nn.Module, recorder: _Recorder) -> Iterator[dict[nn.Module, _Note]]:
    """What is noted of each module while the block runs; the hooks are gone afterwards, whatever happens."""
    notes = {part: _Note() for part in module.modules()}

    def begin(part: nn.Module, inputs: Any) -> None:
        recorder.running.append(notes[part])

    def end(part: nn.Module, inputs: Any, output: Any) -> None:
        note = recorder.running.pop()
        note.calls += 1
        arrays = [item for item in tree_leaves(output) if isinstance(item, Tensor)]
        if note.calls == 1 and arrays:
            note.shape, note.outputs = tuple(arrays[0].shape), len(arrays)
            seen = recorder.look(arrays[0])
            note.field = None if seen is None else seen.field

    hooks: list[Any] = []
    try:
        for part in notes:
            hooks += [part.register_forward_pre_hook(begin), part.register_forward_hook(end)]
        yield notes
    finally:
        for hook in hooks:
            hook.remove()


def inspect(architecture: Architecture, progress: Progress | None = None) -> Inspection:
    """The layers of a network; it is built and run without numbers, so its size matters little.

    Raises
    ------
    InspectionError
        It does what cannot be done without numbers.
    Cancelled
        By `progress`.
    """
    module = build_without_numbers(architecture)
    height, width = architecture.input_size
    pixels = torch.empty(1, 3, height, width, device="meta")
    recorder = _Recorder(progress or Progress())
    recorder.seen[pixels] = first_seen(pixels.shape)
    try:
        with torch.no_grad(), _notes(module, recorder) as notes, recorder:
            if architecture.call is None:
                module(pixels)
            else:
                architecture.call(module, pixels)
    except (RuntimeError, NotImplementedError) as error:
        raise InspectionError(
            f"The layers cannot be told, as the network cannot run without numbers ({error})."
        ) from error
    counted: set[int] = set()
    root = _layer("", module, notes, counted)
    return Inspection(architecture.input_size, root.parameters, recorder.macs, root)


class _EmptyParameters(TorchFunctionMode):
    """What modules make their parameters of has no numbers; all else has, as some compute their widths with torch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def build_without_numbers(architecture: Architecture) -> nn.Module:
    """The network in evaluation mode on the meta device, where it takes no memory."""
    module: nn.Module
    try:
        with torch.device("meta"):
            module = architecture.build()
    except NotImplementedError:
        with _EmptyParameters():
            module = architecture.build()
        module = module.to("meta")
    return module.eval()


def _layer(name: str, module: nn.Module, notes: dict[nn.Module, _Note], counted: set[int]) -> NetworkLayer:
    note = notes[module]
    own = [parameter for parameter in module.parameters(recurse=False) if id(parameter) not in counted]
    counted.update(id(parameter) for parameter in own)
    children = tuple(_layer(key, child, notes, counted) for key, child in module.named_children())
    return NetworkLayer(
        name,
        type(module).__name__,
        note.shape,
        note.outputs,
        note.calls,
        sum(parameter.numel() for parameter in own) + sum(child.parameters for child in children),
        # One that others are called through, and not by itself, costs what they do.
        note.macs if note.calls else sum(child.macs for child in children),
        note.field,
        children,
    )
