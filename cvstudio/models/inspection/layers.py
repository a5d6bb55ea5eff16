"""Layers of a network as a tree of plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cvstudio.models.inspection.receptive_field import ReceptiveField, field_from_json, field_to_json


@dataclass(frozen=True)
class NetworkLayer:
    """One module of a network, with its children.

    Parameters
    ----------
    name : attribute or number in its parent; empty for the network itself
    kind : name of its class
    shape : of its first output, batch included; empty where it is not called itself
    outputs : number of output tensors
    calls : number of calls for one picture
    parameters, macs : of it and its descendants; shared parameters count once, where they come first
    field : receptive field of its first output; None where that does not depend on the picture
    children : in the order of the module
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    outputs: int = 0
    calls: int = 0
    parameters: int = 0
    macs: int = 0
    field: ReceptiveField | None = None
    children: tuple[NetworkLayer, ...] = ()

    def walk(self, above: str = "") -> Iterator[tuple[str, NetworkLayer]]:
        """This layer and its descendants in depth-first order, each with its dotted path."""
        path = f"{above}.{self.name}" if above else self.name
        yield path, self
        for child in self.children:
            yield from child.walk(path)

    @property
    def shape_text(self) -> str:
        """Shape without the batch, for display: "256 × 28 × 28"."""
        sides = " × ".join(str(side) for side in self.shape[1:]) or ("1" if self.shape else "")
        return f"{sides}, {self.outputs} of them" if self.outputs > 1 else sides


@dataclass(frozen=True)
class Inspection:
    """All layers of a network, and its cost.

    `input_size` is (height, width) in pixels; `macs` are multiply-adds of convolutions and matrix products for one
    picture of that size.
    """

    input_size: tuple[int, int]
    parameters: int
    macs: int
    root: NetworkLayer


def layer_to_json(layer: NetworkLayer) -> dict[str, Any]:
    """A layer and its descendants as JSON values."""
    return {
        "name": layer.name,
        "kind": layer.kind,
        "shape": list(layer.shape),
        "outputs": layer.outputs,
        "calls": layer.calls,
        "parameters": layer.parameters,
        "macs": layer.macs,
        "field": None if layer.field is None else field_to_json(layer.field),
        "children": [layer_to_json(child) for child in layer.children],
    }


def layer_from_json(values: dict[str, Any]) -> NetworkLayer:
    """The layer from JSON values. Raises ValueError, TypeError or KeyError for others."""
    field = values["field"]
    return NetworkLayer(
        str(values["name"]),
        str(values["kind"]),
        tuple(int(side) for side in values["shape"]),
        int(values["outputs"]),
        int(values["calls"]),
        int(values["parameters"]),
        int(values["macs"]),
        None if field is None else field_from_json(field),
        tuple(layer_from_json(child) for child in values["children"]),
    )
