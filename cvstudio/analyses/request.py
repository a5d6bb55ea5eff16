"""The request of an instance: everything that its result depends on."""

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
from cvstudio.foundation.params import fields_of
from cvstudio.media import MediaKind

SHAPES = frozenset({"point", "box", "polygon", "strokes"})
"""Kinds of parameters that lie on the picture."""


def make_request(
    instance: AnalysisInstance,
    *,
    pts: float | None,
    network: tuple[str, ...] = (),
    view: View | None = None,
    network_of: Callable[[AnalysisInstance], tuple[str, ...]] = lambda _: (),
) -> Request:
    """The request of one instance, which is linked where it takes the results of others (see `State.linked`).

    `network_of` names the network of each of those others.

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
            made = make_request(before, pts=pts, network=network_of(before), network_of=network_of)
            upstream.append((slot.name, made))
        elif bound is not None and not isinstance(bound, ResultOf):
            what, at = bound.key(pts)
            # A video is named with the frame, unless a stage reads all of it.
            sources.append((slot.name, what, None if slot.streamed else at))
    params, stages = instance.params()[: len(spec.stages)], spec.stages
    adjustments = []
    for slot in spec.inputs:
        adjusted = instance.adjustments_of(slot.name)
        if adjusted is not None:
            spec.check_adjustable(slot, adjusted)
            adjustments.append((slot.name, adjusted))
    pixel_map = instance.pixel_map
    if pixel_map is not None:
        # The user points at the file, the stages at what they are given; the result goes the way back.
        params = (*(moved_shapes(item, pixel_map) for item in params), pixel_map.inverse)
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
        trunk=model.trunk.network_key(network) if model is not None and model.trunk is not None else (),
        canvas_slot=spec.canvas_slot if spec.canvas_slot is not None and media is not None else "",
        frame_rate=media.frame_rate if media is not None and media.kind is MediaKind.VIDEO else None,
        adjustments=tuple(adjustments),
    )


def moved_shapes(params: Any, pixel_map: PixelMap) -> Any:
    """`params` with every point, box, polygon and stroke on the picture moved."""
    moved = {}
    for item in fields_of(type(params)):
        value = getattr(params, item.name)
        if item.kind in SHAPES and value is not None:
            moved[item.name] = _moved_shape(item.kind, value, pixel_map)
    return dataclasses.replace(params, **moved) if moved else params


def _moved_shape(kind: str, value: Any, pixel_map: PixelMap) -> Any:
    if kind == "point":
        return pixel_map.point(*value)
    if kind == "box":
        return tuple(pixel_map.boxes(np.array([value], np.float64))[0].tolist())
    if kind == "polygon":
        return tuple(pixel_map.point(*corner) for corner in value)
    return tuple(
        dataclasses.replace(stroke, points=tuple(pixel_map.point(*point) for point in stroke.points))
        for stroke in value
    )


def points_of(instance: AnalysisInstance) -> frozenset[str]:
    """The names of the parameters that are places on the picture."""
    types = instance.spec.params_types(instance.model_spec)
    return frozenset(item.name for declared in types for item in fields_of(declared) if item.kind == "point")


def _view_through(view: View, pixel_map: PixelMap) -> View:
    """What is visible of the picture that the stages are given; a corner of it where that is nothing."""
    rect, (width, height) = pixel_map.rect(view.rect), pixel_map.target
    left, top = min(max(rect.x, 0), width - 1), min(max(rect.y, 0), height - 1)
    right, bottom = max(min(rect.right, width), left + 1), max(min(rect.bottom, height), top + 1)
    return View(Rect(left, top, right - left, bottom - top), view.scale)
