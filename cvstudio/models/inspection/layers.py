"""A network's layers as a tree of plain facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cvstudio.models.inspection.receptive_field import ReceptiveField, field_from_json, field_to_json


@dataclass(frozen=True)
class NetworkLayer:
    """A module of a network.

    Parameters
    ----------
    name : of the attribute or number that it has in its parent; empty for the network itself
    kind : its class
    shape : of what it puts out first, with the batch; empty where it does not run by itself
    outputs : how many arrays it puts out
    calls : how often it runs for one picture
    parameters, macs : of it and all that is in it; parameters that are shared count once, where they come first
    field : what a unit of its output sees of the picture; None where it has none
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
        """This layer and all in it, each with its dotted path, from the top."""
        path = f"{above}.{self.name}" if above else self.name
        yield path, self
        for child in self.children:
            yield from child.walk(path)

    @property
    def shape_text(self) -> str:
        """Without the batch, as it is told: "256 × 28 × 28"."""
        sides = " × ".join(str(side) for side in self.shape[1:]) or ("1" if self.shape else "")
        return f"{sides}, {self.outputs} of them" if self.outputs > 1 else sides


@dataclass(frozen=True)
class Inspection:
    """All layers of a network, and what it costs.

    `input_size` is (height, width) in pixels; `macs` are multiply-adds of convolutions and matrix products for one
    picture of that size.
    """

    input_size: tuple[int, int]
    parameters: int
    macs: int
    root: NetworkLayer


def layer_to_json(layer: NetworkLayer) -> dict[str, Any]:
    """Plain values of a layer and all in it."""
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
    """The layer of plain values. Raises ValueError, TypeError or KeyError where they are none."""
    found = values["field"]
    return NetworkLayer(
        str(values["name"]),
        str(values["kind"]),
        tuple(int(side) for side in values["shape"]),
        int(values["outputs"]),
        int(values["calls"]),
        int(values["parameters"]),
        int(values["macs"]),
        None if found is None else field_from_json(found),
        tuple(layer_from_json(child) for child in values["children"]),
    )
