"""The results of a whole stack of layers for an export: what is seen is what is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cvstudio.progress import Progress
from cvstudio.session import AnalysisInstance

if TYPE_CHECKING:
    from cvstudio.api import Runner
    from cvstudio.draw import Stack
    from cvstudio.exporters.base import ExportItem


def is_plain(instance: AnalysisInstance, stack: Sequence[AnalysisInstance]) -> bool:
    """Whether the picture shows just the result of `instance`, fully opaque."""
    return not stack or (len(stack) == 1 and stack[0] == instance and instance.opacity >= 1)


def with_stack(
    runner: Runner,
    item: ExportItem,
    instance: AnalysisInstance,
    stack: Sequence[AnalysisInstance],
    progress: Progress,
    *,
    pts: float | None,
) -> ExportItem:
    """`item`, which holds the result of `instance`, showing all the layers of `stack`, the lowest first."""
    if is_plain(instance, stack):
        return item
    from cvstudio.draw import Stack

    layers = tuple(
        (item.result if layer == instance else runner.result(layer, progress, pts=pts), layer.opacity)
        for layer in stack
    )
    return dataclasses.replace(item, seen=Stack(layers))


def stacked_frames(
    runner: Runner, stack: Sequence[AnalysisInstance], progress: Progress, **span: Any
) -> Iterator[tuple[Any, Stack]]:
    """Every frame of a video in order, with all the layers of `stack`, the lowest first; `span` as `Runner.frames`."""
    for frame, results in _side_by_side(runner, stack, progress, **span):
        yield frame, _stacked(results, stack)


def shown_frames(
    runner: Runner,
    instance: AnalysisInstance,
    stack: Sequence[AnalysisInstance],
    progress: Progress,
    **span: Any,
) -> Iterator[tuple[Any, Any, Any]]:
    """Every frame of a video in order, with the result of `instance` and with what the picture shows: all the layers
    of `stack`, the lowest first. For formats of both kinds at once; `span` as `Runner.frames`."""
    if is_plain(instance, stack):
        yield from ((frame, result, result) for frame, result in runner.frames(instance, progress, **span))
        return
    place = stack.index(instance) if instance in stack else len(stack)
    walked = (*stack, instance) if place == len(stack) else stack
    for frame, results in _side_by_side(runner, walked, progress, **span):
        yield frame, results[place], _stacked(results[: len(stack)], stack)


def _stacked(results: Sequence[Any], stack: Sequence[AnalysisInstance]) -> Stack:
    from cvstudio.draw import Stack

    return Stack(tuple((result, layer.opacity) for result, layer in zip(results, stack, strict=True)))


def _side_by_side(
    runner: Runner, layers: Sequence[AnalysisInstance], progress: Progress, **span: Any
) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    first, *others = layers
    # Each layer walks the video by itself, as what follows things from frame to frame has to; their networks run side
    # by side as they are.
    if others:
        span = {**span, "streams": 1}
    walks = [runner.frames(first, progress, **span), *(runner.frames(other, Progress(), **span) for other in others)]
    for found in zip(*walks, strict=True):
        progress.check()
        yield found[0][0], tuple(result for _, result in found)
