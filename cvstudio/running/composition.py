"""Composition of exported pictures: stacks of layers and comparisons, as on the canvas."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.samples import Image
from cvstudio.foundation.params import Field, fields_of
from cvstudio.foundation.progress import Progress
from cvstudio.running.recipe import FORMAT, load_stack, make_recipe, read_json

if TYPE_CHECKING:
    from cvstudio.draw import Pair, Stack
    from cvstudio.exporters.base import ExportItem
    from cvstudio.running.provenance import ProvenanceLookup
    from cvstudio.running.runner import Runner


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
    return dataclasses.replace(item, composition=Stack(layers))


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
    index = stack.index(instance) if instance in stack else len(stack)
    layers = (*stack, instance) if index == len(stack) else stack
    for frame, results in _side_by_side(runner, layers, progress, **span):
        yield frame, results[index], _stacked(results[: len(stack)], stack)


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
    frame_iterators = [
        runner.frames(first, progress, **span),
        *(runner.frames(other, Progress(), **span) for other in others),
    ]
    for frames in zip(*frame_iterators, strict=True):
        progress.check()
        yield frames[0][0], tuple(result for _, result in frames)


MOST_SETTINGS = 3
"""Maximum number of settings in a title."""


LONGEST_TEXT = 40
"""Maximum length in characters of a text parameter in a title."""


@dataclass(frozen=True)
class Comparison:
    """What is compared and how it is shown.

    `left` and `right` have the same medium in their first slots. `split` is 0..1 of the picture's width, where the line
    between them is; None shows them beside each other.
    """

    left: AnalysisInstance
    right: AnalysisInstance
    split: float | None = None

    @property
    def titles(self) -> tuple[str, str]:
        """What each side is called: by what makes it another one."""
        return side_title(self.left, self.right), side_title(self.right, self.left)

    def pair(self, left: Any, right: Any, image: Image) -> Pair:
        """The results of both sides on `image`."""
        from cvstudio.draw import Pair

        return Pair(left, right, image.size, self.split, self.titles)


def side_title(one: AnalysisInstance, other: AnalysisInstance) -> str:
    """What `one` is called beside `other`: its analysis, its model, or the settings that differ."""
    if one.analysis != other.analysis:
        return one.spec.title
    model = one.model_spec
    if one.model != other.model or one.weights != other.weights:
        own = f" ({one.weights.name})" if one.weights is not None and one.model == other.model else ""
        return f"{model.title if model else one.spec.title}{own}"
    name = model.title if model else one.spec.title
    settings = [
        f"{field.doc.title} {_value(field, one.value(field.name))}"
        for params_type in one.spec.params_types(model)
        for field in fields_of(params_type)
        if one.value(field.name) != other.value(field.name)
    ]
    return ", ".join(settings[:MOST_SETTINGS]) or name


def _value(field: Field, value: Any) -> str:
    unit = f" {field.range.unit}" if field.range and field.range.unit else ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    if field.kind in ("polygon", "strokes"):
        return f"of {len(value)} {'points' if field.kind == 'polygon' else 'strokes'}"
    if field.kind in ("lines", "zones"):
        return ", ".join(shape.name for shape in value) or "none"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or ("all" if field.kind == "choices" else "none")
    if field.kind == "text":
        return f"“{shorten(value, LONGEST_TEXT, placeholder=' …')}”"
    return f"{value:.3g}{unit}" if isinstance(value, float) else f"{value}{unit}"


Composition = Sequence[AnalysisInstance] | Comparison
"""Composition of an exported picture: a stack of layers, the lowest first, or a comparison."""


def with_composition(
    runner: Runner,
    item: ExportItem,
    instance: AnalysisInstance,
    composition: Composition,
    progress: Progress,
    *,
    pts: float | None,
) -> ExportItem:
    """`item`, which holds the result of `instance`, drawn as `composition`. Raises UserError."""
    if not isinstance(composition, Comparison):
        return with_stack(runner, item, instance, composition, progress, pts=pts)
    if item.base is None:
        return item
    left, right = (
        item.result if side == instance else runner.result(side, progress, pts=pts)
        for side in (composition.left, composition.right)
    )
    pair = composition.pair(left, right, item.base)
    return dataclasses.replace(item, base=pair.base_of(item.base), composition=pair)


def composed_frames(
    runner: Runner, instance: AnalysisInstance, composition: Composition, progress: Progress, **span: Any
) -> Iterator[tuple[Image, Any]]:
    """Every frame of a video in order, drawn as `composition`; `span` as `Runner.frames`."""
    if isinstance(composition, Comparison):
        yield from _paired_frames(runner, composition, progress, **span)
    elif is_plain(instance, composition):
        yield from runner.frames(instance, progress, **span)
    else:
        yield from stacked_frames(runner, composition, progress, **span)


def _paired_frames(
    runner: Runner, comparison: Comparison, progress: Progress, **span: Any
) -> Iterator[tuple[Image, Pair]]:
    # The networks of both sides run side by side as they are.
    span = {**span, "streams": 1}
    frame_iterators = (
        runner.frames(comparison.left, progress, **span),
        runner.frames(comparison.right, Progress(), **span),
    )
    for (frame, left), (_, right) in zip(*frame_iterators, strict=True):
        progress.check()
        pair = comparison.pair(left, right, frame)
        yield pair.base_of(frame), pair


def composition_recipe(
    instance: AnalysisInstance,
    base: Path,
    composition: Composition,
    *,
    pts: float | None,
    look: Mapping[str, Any],
    computed: ProvenanceLookup | None = None,
) -> dict[str, Any]:
    """The recipe of an export of `instance` drawn as `composition`; see `make_recipe`."""
    if isinstance(composition, Comparison):
        recipe = make_recipe(
            instance, base, pts=pts, look=look, stack=(composition.left, composition.right), computed=computed
        )
        return {**recipe, "comparison": {"split": composition.split}}
    stack = () if is_plain(instance, composition) else composition
    return make_recipe(instance, base, pts=pts, look=look, stack=stack, computed=computed)


def load_composition(path: Path) -> Composition:
    """The composition of the picture in a recipe file. Raises UserError, as `load_recipe`."""
    stack = load_stack(path)
    comparison = read_json(path, FORMAT).get("comparison")
    if not isinstance(comparison, dict) or len(stack) != 2:
        return stack
    split = comparison.get("split")
    return Comparison(*stack, min(max(float(split), 0.0), 1.0) if isinstance(split, int | float) else None)
