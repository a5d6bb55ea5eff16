"""What each operation of torch does to what is seen. Imported only where torch is wanted.

A rule is called with the operation's arguments, in each of which an array that shows the picture has been looked up by
`look`, and answers with what the result shows; or a tuple of that where there are several results. What has no rule
counts as working place by place where the shape stays, and as unknown elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cvstudio.models.inspection.axes import LETTERS, Dim, Seen, atom, plain, regroup, resized
from cvstudio.models.inspection.receptive_field import Span

Look = Callable[[Any], Seen | None]
Answer = Seen | tuple[Seen | None, ...] | None


@dataclass(frozen=True)
class Call:
    """One run of an operation. `args` are complete: defaults are filled in; `shapes` are of its results."""

    args: dict[str, Any]
    shapes: tuple[tuple[int, ...], ...]
    look: Look

    def __getitem__(self, name: str) -> Any:
        return self.args[name]

    def seen(self, name: str) -> Seen | None:
        return self.look(self.args.get(name))


Rule = Callable[[Call], Answer]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    def keep(made: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, made))
        return made

    return keep


def answer(name: str, call: Call, tensors: Sequence[Any]) -> Answer:
    """What the results of the operation `name` show; `tensors` are all arrays among its arguments."""
    # What writes into its argument does otherwise the same.
    found = RULES.get(name) or RULES.get(name.rstrip("_"))
    if found is not None:
        return found(call)
    shown = [seen for seen in map(call.look, tensors) if seen is not None]
    if not shown or not call.shapes:
        return None
    return place_by_place(shown, call.shapes[0])


def place_by_place(shown: Sequence[Seen], shape: tuple[int, ...]) -> Seen:
    """Each unit is made of the units of its place in all of `shown`, which are broadcast to `shape`."""
    dims: list[Dim] = [()] * len(shape)
    seen = shown[0]
    for number, other in enumerate(shown):
        if number:
            for letter in LETTERS:
                seen = seen.with_span(letter, seen.span(letter).join(other.span(letter)))
            seen = replace(seen, gated=seen.gated or other.gated)
        if len(other.dims) > len(shape):
            return replace(seen, dims=plain(shape)).lost()
        for place, dim in enumerate(other.dims, len(shape) - len(other.dims)):
            size = math.prod(item[0] for item in dim)
            if size not in (1, shape[place]):
                return replace(seen, dims=plain(shape)).lost()
            # What runs along an axis of the picture says more of a dimension than a plain number.
            if size == shape[place] and (not dims[place] or any(letters for _, letters in dim)):
                dims[place] = dim
    made = tuple(dim or atom(size) for dim, size in zip(dims, shape, strict=True))
    return replace(seen, dims=made)


# Along places -------------------------------------------------------------------------------------------------------


def _pair(value: Any, count: int, default: int = 0) -> list[int]:
    values = [value] if isinstance(value, int | float) else list(value)
    if not values:
        values = [default]
    return [int(item) for item in (values * count if len(values) == 1 else values)]


def _along(seen: Seen, shape: tuple[int, ...], count: int, step: Callable[[Span, int], Span], mixes: Any) -> Seen:
    """`step` the span of each of the last `count` dimensions; `mixes(k)` tells whether number k is touched at all."""
    first = len(seen.dims) - count
    for number in range(count):
        letter = seen.letter_of(first + number)
        if not letter or not mixes(number):
            continue
        seen = seen.lost() if letter == "?" else seen.with_span(letter, step(seen.span(letter), number))
    places = [resized(seen.dims[first + number], shape[first + number]) for number in range(count)]
    return replace(seen, dims=(*plain(shape[:first]), *places))


def _windows(seen: Seen | None, call: Call, kernel: Sequence[int], stride: Any, padding: Any, dilation: Any) -> Answer:
    if seen is None:
        return None
    count = len(kernel)
    strides, pads, dilations = _pair(stride, count, 0), _pair(padding, count), _pair(dilation, count, 1)
    # A pooling without a stride steps by its window.
    steps = [step or size for step, size in zip(strides, kernel, strict=True)]

    def step(span: Span, number: int) -> Span:
        return span.window(kernel[number], steps[number], pads[number], dilations[number])

    found = _along(seen, call.shapes[0], count, step, lambda k: kernel[k] > 1 or steps[k] > 1 or pads[k])
    return tuple(found for _ in call.shapes)


@rule("convolution", "_convolution", "cudnn_convolution", "mkldnn_convolution", "conv1d", "conv2d")
def _convolution(call: Call) -> Answer:
    seen, kernel = call.seen("input"), list(call["weight"].shape[2:])
    if not call.args.get("transposed"):
        return _windows(seen, call, kernel, call["stride"], call["padding"], call["dilation"])
    if seen is None:
        return None
    count = len(kernel)
    strides, pads, dilations = (_pair(call[name], count) for name in ("stride", "padding", "dilation"))

    def step(span: Span, number: int) -> Span:
        return span.spread(kernel[number], strides[number], pads[number], dilations[number])

    return _along(seen, call.shapes[0], count, step, lambda k: True)


@rule("max_pool2d_with_indices", "max_pool2d", "avg_pool2d", "max_pool1d", "avg_pool1d")
def _pool(call: Call) -> Answer:
    count = 1 if call.look(call["self"]) and len(call.shapes[0]) < 3 else 2
    kernel = _pair(call["kernel_size"], count)
    return _windows(call.seen("self"), call, kernel, call["stride"], call["padding"], call.args.get("dilation", 1))


@rule("_adaptive_avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool1d")
def _adaptive(call: Call) -> Answer:
    seen = call.seen("self")
    if seen is None:
        return None
    count = len(_pair(call["output_size"], 2))
    before, after = seen.shape[-count:], call.shapes[0][-count:]
    whole = [len(seen.dims) - count + number for number in range(count) if after[number] == 1]
    mixed = seen.mixed(whole)

    def step(span: Span, number: int) -> Span:
        size, count = before[number], after[number]
        if not span.local or count == 1:
            return span
        # Window o reaches from o size / count, rounded down, to (o + 1) size / count, rounded up.
        exact = size % count == 0
        taps = size // count if exact else size // count + 2
        moved = span.window(taps, 1)
        start = moved.start if exact else moved.start - span.stride
        return Span(moved.size, span.stride * size / count, start)

    found = _along(mixed, call.shapes[0], count, step, lambda k: True)
    return tuple(found for _ in call.shapes)


TAPS = {"nearest": 1, "linear": 2, "bilinear": 2, "bicubic": 4}


def _enlarging(taps: int) -> Rule:
    def found(call: Call) -> Answer:
        seen = call.seen("input") or call.seen("self")
        if seen is None:
            return None
        before, after = seen.shape[-2:], call.shapes[0][-2:]

        def step(span: Span, number: int) -> Span:
            return span.enlarged(after[number] / before[number], taps)

        return _along(seen, call.shapes[0], 2, step, lambda k: before[k] != after[k])

    return found


for _name, _taps in TAPS.items():
    for _form in (f"upsample_{_name}2d", f"_upsample_{_name}2d", f"_upsample_{_name}2d_aa"):
        RULES[_form] = _enlarging(_taps)


@rule("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pad")
def _pad(call: Call) -> Answer:
    seen, pads = call.seen("self"), call.args.get("pad") or call["padding"]
    if seen is None:
        return None
    count = len(pads) // 2

    def step(span: Span, number: int) -> Span:
        return span.narrowed(-pads[2 * (count - 1 - number)])

    found = _along(seen, call.shapes[0], count, step, lambda k: any(pads[2 * (count - 1 - k) :][:2]))
    # Only the padded dimensions have changed.
    first = len(seen.dims) - count
    return replace(found, dims=(*seen.dims[:first], *found.dims[first:]))


@rule("pixel_shuffle")
def _shuffle(call: Call) -> Answer:
    seen, factor = call.seen("self"), call["upscale_factor"]
    return None if seen is None else _along(seen, call.shapes[0], 2, lambda s, _: s.enlarged(factor, 1), lambda k: True)


@rule("pixel_unshuffle")
def _unshuffle(call: Call) -> Answer:
    seen, factor = call.seen("self"), call["downscale_factor"]
    return (
        None if seen is None else _along(seen, call.shapes[0], 2, lambda s, _: s.window(factor, factor), lambda k: True)
    )


# Other shapes -------------------------------------------------------------------------------------------------------


@rule("view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten", "squeeze", "unsqueeze")
def _view(call: Call) -> Answer:
    seen = call.seen("self")
    return None if seen is None else replace(seen, dims=regroup(seen.dims, call.shapes[0]))


@rule("permute")
def _permute(call: Call) -> Answer:
    seen = call.seen("self")
    return None if seen is None else replace(seen, dims=tuple(seen.dims[dim] for dim in call["dims"]))


@rule("transpose", "t")
def _transpose(call: Call) -> Answer:
    seen = call.seen("self")
    if seen is None:
        return None
    dims = list(seen.dims)
    one, other = call.args.get("dim0", 0), call.args.get("dim1", -1)
    dims[one], dims[other] = dims[other], dims[one]
    return replace(seen, dims=tuple(dims))


def _part(seen: Seen, dim: int, begin: int, step: int, size: int) -> Seen:
    """`size` units of `dim`, from `begin` on, each `step`-th."""
    dim %= len(seen.dims)
    if seen.shape[dim] == size:
        return seen
    letter = seen.letter_of(dim)
    if letter == "?":
        # A token that is taken off a row of them, as vision transformers do: what it sees stays what it is.
        if seen.down.local or seen.across.local:
            seen = seen.lost()
    elif letter:
        seen = seen.with_span(letter, seen.span(letter).narrowed(begin, step))
    dims = list(seen.dims)
    dims[dim] = resized(dims[dim], size)
    return replace(seen, dims=tuple(dims))


@rule("slice", "narrow")
def _slice(call: Call) -> Answer:
    seen, dim = call.seen("self"), call["dim"]
    if seen is None:
        return None
    begin = call["start"] or 0
    begin = begin if begin >= 0 else begin + seen.shape[dim]
    return _part(seen, dim, begin, call.args.get("step", 1), call.shapes[0][dim])


@rule("select")
def _select(call: Call) -> Answer:
    seen, dim = call.seen("self"), call["dim"]
    if seen is None:
        return None
    index = call["index"] % seen.shape[dim]
    found = _part(seen, dim, index, 1, 1)
    return replace(found, dims=tuple(item for place, item in enumerate(found.dims) if place != dim % len(seen.dims)))


@rule("split", "split_with_sizes", "chunk", "unsafe_chunk", "unsafe_split", "tensor_split")
def _split(call: Call) -> Answer:
    seen, dim = call.seen("self"), call["dim"]
    if seen is None:
        return None
    begin, made = 0, []
    for shape in call.shapes:
        made.append(_part(seen, dim, begin, 1, shape[dim]))
        begin += shape[dim]
    return tuple(made)


@rule("unbind")
def _unbind(call: Call) -> Answer:
    seen, dim = call.seen("self"), call["dim"]
    if seen is None:
        return None
    parts = [_part(seen, dim, index, 1, 1) for index in range(len(call.shapes))]
    place = dim % len(seen.dims)
    return tuple(replace(part, dims=(*part.dims[:place], *part.dims[place + 1 :])) for part in parts)


@rule("cat", "concat", "stack")
def _cat(call: Call) -> Answer:
    shown = [seen for seen in map(call.look, call["tensors"]) if seen is not None]
    if not shown:
        return None
    shape = call.shapes[0]
    place = call["dim"] % len(shape)
    stacked = len(shown[0].dims) < len(shape)
    letters = "" if stacked else "".join(item[1] for seen in shown for item in seen.dims[place])
    # Along the joined dimension sizes differ; the others are alike.
    same = [replace(seen, dims=(*seen.dims[:place], (), *seen.dims[place + (not stacked) :])) for seen in shown]
    joined = place_by_place(same, (*shape[:place], 1, *shape[place + 1 :]))
    made = atom(shape[place], "".join(sorted({*letters})))
    return replace(joined, dims=(*joined.dims[:place], made, *joined.dims[place + 1 :]))


@rule("expand", "repeat")
def _expand(call: Call) -> Answer:
    seen = call.seen("self")
    return None if seen is None else place_by_place([seen], call.shapes[0])


@rule("roll", "index", "index_select", "gather", "as_strided", "topk", "sort", "grid_sampler_2d", "im2col", "col2im")
def _lost(call: Call) -> Answer:
    seen = call.seen("self") or call.seen("input")
    return None if seen is None else tuple(replace(seen, dims=plain(shape)).lost() for shape in call.shapes)


# Mixing -------------------------------------------------------------------------------------------------------------


def _dims_of(call: Call, seen: Seen) -> list[int]:
    value = call.args.get("dim")
    if value is None or value == []:
        return list(range(len(seen.dims)))
    return [value] if isinstance(value, int) else list(value)


@rule("mean", "sum", "amax", "amin", "max", "min", "var", "std", "var_mean", "std_mean", "linalg_vector_norm", "norm")
def _reduce(call: Call) -> Answer:
    seen = call.seen("self")
    if seen is None:
        return None
    if call.args.get("other") is not None:
        # The larger of two, place by place.
        shown = [item for item in (seen, call.seen("other")) if item is not None]
        return place_by_place(shown, call.shapes[0])
    dims = [dim % len(seen.dims) for dim in _dims_of(call, seen)]
    mixed = seen.mixed(dims)
    kept = [() if place in dims else dim for place, dim in enumerate(mixed.dims)]
    if len(call.shapes[0]) < len(kept):
        kept = [dim for place, dim in enumerate(kept) if place not in dims]
    return tuple(replace(mixed, dims=tuple(kept)) for _ in call.shapes)


@rule("softmax", "_softmax", "_safe_softmax", "log_softmax", "_log_softmax", "cumsum")
def _along_a_dimension(call: Call) -> Answer:
    seen = call.seen("self")
    return None if seen is None else seen.mixed(_dims_of(call, seen))


@rule("native_layer_norm", "layer_norm", "rms_norm", "_fused_rms_norm")
def _layer_norm(call: Call) -> Answer:
    seen = call.seen("input")
    if seen is None:
        return None
    count = len(call["normalized_shape"])
    places = [letter for letter in LETTERS if seen.extent(letter, range(len(seen.dims) - count, len(seen.dims))) > 1]
    return replace(seen, gated=seen.gated or bool(places))


@rule("native_group_norm", "group_norm")
def _group_norm(call: Call) -> Answer:
    seen = call.seen("input")
    return None if seen is None else replace(seen, gated=True)


@rule("mul", "div")
def _gate(call: Call) -> Answer:
    shown = [seen for seen in (call.seen("self"), call.seen("other")) if seen is not None]
    if not shown:
        return None
    if len(shown) == 2:
        for one, other in (shown, shown[::-1]):
            # One number for each map, made of the whole picture, times a map: the places stay what they are.
            if other.field.whole and not one.field.whole and all(other.extent(letter) == 1 for letter in LETTERS):
                joined = place_by_place([replace(other, down=one.down, across=one.across), one], call.shapes[0])
                return replace(joined, gated=True)
    return place_by_place(shown, call.shapes[0])


def _product(left: Seen | None, right: Seen | None, shape: tuple[int, ...]) -> Seen | None:
    """Of two matrices, or stacks of them: the last dimension of one goes with the last but one of the other."""
    mixed = [seen.mixed([dim]) for seen, dim in ((left, -1), (right, -2)) if seen is not None]
    if not mixed:
        return None
    dims: list[Dim] = [atom(size) for size in shape]
    if left is not None:
        dims[:-1] = left.dims[:-1]
    if right is not None:
        dims[-1] = right.dims[-1]
        if left is None:
            dims[:-2] = right.dims[:-2]
    seen = mixed[0]
    for other in mixed[1:]:
        for letter in LETTERS:
            seen = seen.with_span(letter, seen.span(letter).join(other.span(letter)))
        seen = replace(seen, gated=seen.gated or other.gated)
    return replace(seen, dims=tuple(dims))


@rule("mm", "bmm", "matmul")
def _mm(call: Call) -> Answer:
    return _product(call.seen("self"), call.seen("mat2") or call.seen("other"), call.shapes[0])


@rule("addmm", "baddbmm")
def _addmm(call: Call) -> Answer:
    names = ("mat1", "mat2") if "mat1" in call.args else ("batch1", "batch2")
    return _product(call.seen(names[0]), call.seen(names[1]), call.shapes[0])


@rule("linear")
def _linear(call: Call) -> Answer:
    return _product(call.seen("input"), None, call.shapes[0])


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_attention_math",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)
def _attention(call: Call) -> Answer:
    """Each query is answered by a mixture of all values."""
    query, key, value = (call.seen(name) for name in ("query", "key", "value"))
    if query is None or value is None:
        return None
    heard = value.mixed([-2])
    if key is not None:
        heard = heard if heard.field.whole else replace(heard, gated=heard.gated or key.gated)
    seen = query
    for letter in LETTERS:
        seen = seen.with_span(letter, query.span(letter).join(heard.span(letter)))
    made = replace(seen, dims=(*query.dims[:-1], atom(call.shapes[0][-1])))
    return (made, *(None for _ in call.shapes[1:]))
