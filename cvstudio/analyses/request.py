"""Requests: everything that the result of an instance depends on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from cvstudio.analyses.binding import ResultOf
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.stages import PLACE, Request
from cvstudio.data.geometry import Rect, View
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.params import SHAPES, Field, fields_of, values_of
from cvstudio.media import MediaKind


def make_request(
    instance: AnalysisInstance,
    *,
    pts: float | None,
    network: tuple[str, ...] = (),
    view: View | None = None,
    network_of: Callable[[AnalysisInstance], tuple[str, ...]] = lambda _: (),
) -> Request:
    """Make the request of an instance, which is linked to its upstream analyses (see `State.linked`).

    Parameters
    ----------
    pts : presentation time of the frame in seconds
    network : network key of the instance
    view : visible part of the canvas, in pixels of the file
    network_of : network key of each upstream analysis

    Raises
    ------
    BindingError, ParamsError, MediaError
    """
    spec = instance.spec
    spec.check_bindings(instance.bindings)
    sources: list[tuple[str, Hashable, float | None]] = []
    upstream = []
    for slot in sorted(spec.inputs, key=lambda slot: slot.name != spec.canvas_slot):
        bound = instance.bindings.get(slot.name)
        before = instance.upstream_of(slot.name)
        if before is not None:
            request = make_request(before, pts=pts, network=network_of(before), network_of=network_of)
            upstream.append((slot.name, request))
        elif bound is not None and not isinstance(bound, ResultOf):
            identity, at = bound.key(pts)
            # A video is identified with its frame, unless a stage reads all of it.
            sources.append((slot.name, identity, None if slot.streamed else at))
    params, stages = instance.params()[: len(spec.stages)], spec.stages
    adjustments = []
    for slot in spec.inputs:
        adjusted = instance.adjustments_of(slot.name)
        if adjusted is not None:
            spec.check_adjustable(slot, adjusted)
            adjustments.append((slot.name, adjusted))
    spec.check_aligned(dict(adjustments))
    pixel_map = instance.pixel_map
    if adjustments:
        # Parameters are in pixels of the file, stages see adjusted pixels; PLACE maps the result back.
        params = tuple(_moved_shapes(item, instance) for item in params)
    if pixel_map is not None:
        params = (*params, pixel_map.inverse)
        stages = (*stages, PLACE)
        view = _view_through(view, pixel_map) if view is not None else None
    model, media = instance.model_spec, instance.canvas_media
    return Request(
        spec.key,
        stages,
        tuple(sources),
        params,
        network,
        view,
        tuple(upstream),
        trunk=(
            model.trunk.network_key(network, chosen=instance.weights is not None)
            if model is not None and model.trunk is not None
            else ()
        ),
        canvas_slot=spec.canvas_slot if spec.canvas_slot is not None and media is not None else "",
        frame_rate=media.frame_rate if media is not None and media.kind is MediaKind.VIDEO else None,
        adjustments=tuple(adjustments),
    )


def given_values(instance: AnalysisInstance) -> dict[str, Any]:
    """Every value by name as the stages are given it: shapes lie on the adjusted picture. Raises ParamsError."""
    params = instance.chosen_params()[: len(instance.spec.stages)]
    return {name: value for item in params for name, value in values_of(_moved_shapes(item, instance)).items()}


def value_on_file(instance: AnalysisInstance, name: str, value: Any) -> Any:
    """The `value` of one parameter that lies on what the stages are given, in the pixels of the file."""
    types = instance.spec.params_types(instance.model_spec)
    found = next((item for declared in types for item in fields_of(declared) if item.name == name), None)
    pixel_map = _map_of(found, instance) if found is not None and value is not None else None
    return value if found is None or pixel_map is None else _moved_shape(found.kind, value, pixel_map.inverse)


def _moved_shapes(params: Any, instance: AnalysisInstance) -> Any:
    """`params` with every shape moved from the pixels of its file to those that the stages are given."""
    moved = {}
    for item in fields_of(type(params)):
        value, pixel_map = getattr(params, item.name), _map_of(item, instance)
        if pixel_map is not None and value is not None:
            moved[item.name] = _moved_shape(item.kind, value, pixel_map)
    return dataclasses.replace(params, **moved) if moved else params


def _map_of(field: Field, instance: AnalysisInstance) -> PixelMap | None:
    """Where the pixels of the picture go that the shape `field` lies on; None where it is none, or they stay."""
    if field.pick is None or field.kind not in SHAPES:
        return None
    return instance.pixel_map_of(field.pick.slot or instance.spec.canvas_slot)


def _moved_shape(kind: str, value: Any, pixel_map: PixelMap) -> Any:
    if kind == "point":
        return pixel_map.point(*value)
    if kind == "box":
        return tuple(pixel_map.boxes(np.array([value], np.float64))[0].tolist())
    if kind == "polygon":
        return tuple(pixel_map.point(*corner) for corner in value)
    # Strokes, lines and zones.
    return tuple(
        dataclasses.replace(shape, points=tuple(pixel_map.point(*point) for point in shape.points)) for shape in value
    )


def points_of(instance: AnalysisInstance) -> frozenset[str]:
    """Names of the parameters that are points on the picture."""
    types = instance.spec.params_types(instance.model_spec)
    return frozenset(item.name for declared in types for item in fields_of(declared) if item.kind == "point")


def _view_through(view: View, pixel_map: PixelMap) -> View:
    """The visible part in adjusted pixels; at least one pixel at the nearest corner."""
    rect, (width, height) = pixel_map.rect(view.rect), pixel_map.target
    left, top = min(max(rect.x, 0), width - 1), min(max(rect.y, 0), height - 1)
    right, bottom = max(min(rect.right, width), left + 1), max(min(rect.bottom, height), top + 1)
    return View(Rect(left, top, right - left, bottom - top), view.scale)
