"""Checks whether a checkpoint fits a network, and copying it in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from cvstudio.weights.differences import Differences, MismatchError, compare, shape_text

if TYPE_CHECKING:
    from torch import Tensor, nn

MOST_PREFIX_PARTS = 3

_probed: ContextVar[Mapping[str, Tensor] | None] = ContextVar("probed", default=None)


class ProbedError(BaseException):
    """Ends a `probing` before the tensors are copied. Not an Exception, so that no loader handles it."""

    def __init__(self, differences: Differences) -> None:
        super().__init__(differences.what)
        self.differences = differences


@contextmanager
def probing(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Context in which a model's `load` reads `tensors` and ends with a `ProbedError` that holds the differences.

    It tests whether a checkpoint fits any model that uses `load_state_dict` and `load_into`, without declaring its
    layers a second time.
    """
    token = _probed.set(tensors)
    try:
        yield
    finally:
        _probed.reset(token)


def probed_tensors() -> Mapping[str, Tensor] | None:
    """The tensors to read in place of a file within `probing`; None outside of it."""
    return _probed.get()


def load_into(module: nn.Module, state_dict: Mapping[str, Tensor], what: str) -> None:
    """Copy `state_dict` into `module`.

    Where all names differ by a common prefix ("model.", "backbone." …), it is ignored.

    Parameters
    ----------
    module : the network
    state_dict : tensors by name
    what : name of the network, for the message

    Raises
    ------
    MismatchError
        Names or shapes differ; the text is a sentence and a table of the first differences. `module` is unchanged.
    ProbedError
        Within `probing`.
    """
    module_state = module.state_dict()
    expected = {name: shape_text(tensor) for name, tensor in module_state.items()}
    aligned_state = aligned(state_dict, expected)
    differences = compare(expected, {name: shape_text(tensor) for name, tensor in aligned_state.items()}, what)
    if _probed.get() is not None:
        raise ProbedError(differences)
    if differences.rows:
        raise MismatchError(differences)
    copied: Any = OrderedDict(aligned_state)
    # Version metadata that torch keeps beside the tensors: some layers refuse a state dict without it.
    copied._metadata = getattr(module_state, "_metadata", None)
    module.load_state_dict(copied, strict=False)


def aligned(state_dict: Mapping[str, Tensor], expected: Mapping[str, object]) -> Mapping[str, Tensor]:
    """`state_dict` with the prefix removed or added that lets most of its names match those in `expected`."""
    best, most = state_dict, sum(name in expected for name in state_dict)
    for prefix in _shared_prefixes(state_dict):
        candidate = {name.removeprefix(prefix): tensor for name, tensor in state_dict.items()}
        if (count := sum(name in expected for name in candidate)) > most:
            best, most = candidate, count
    for prefix in _shared_prefixes(expected):
        candidate = {prefix + name: tensor for name, tensor in state_dict.items()}
        if (count := sum(name in expected for name in candidate)) > most:
            best, most = candidate, count
    return best


def _shared_prefixes(names: Mapping[str, object]) -> list[str]:
    """The prefixes "a.", "a.b." … common to all `names`, at most `MOST_PREFIX_PARTS` parts."""
    first = next(iter(names), "").split(".")[:-1][:MOST_PREFIX_PARTS]
    prefixes = [".".join(first[: count + 1]) + "." for count in range(len(first))]
    return [prefix for prefix in prefixes if all(name.startswith(prefix) for name in names)]
