"""Declaration of an analysis: input slots, stages, model task and result type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.analyses.binding import AnnotationSet, Binding, MediaList, ResultOf, Several, TextInput
from cvstudio.analyses.stages import Stage
from cvstudio.analyses.temporal import Temporal
from cvstudio.data.adjustments import Adjustments
from cvstudio.foundation.errors import BindingError, ParamsError
from cvstudio.foundation.params import Choices, NoParams, Range, Text, check_value, fields_of
from cvstudio.media.base import NOUNS, Media, MediaKind
from cvstudio.models import MODELS
from cvstudio.models.spec import ModelSpec
from cvstudio.models.terms import Place, terms
from cvstudio.results.result import can_be_placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

Accepted = MediaKind | Text | Several | type[Any]


@dataclass(frozen=True)
class Slot:
    """An input of an analysis.

    Parameters
    ----------
    name, title : "picture", "Picture"; the name is also the flag of the command line
    accepts : accepted inputs
        Kinds of a single medium, a `Text`, a `Several` (media at once), `AnnotationSet`, and result types, which
        another analysis returns.
    streamed : whether the stage gets an open reader of the sound instead of a sample
    optional : whether the slot may stay empty; `Inputs.samples` then lacks its name
    aligned_with : name of the slot whose picture this one describes place by place, such as a depth map; empty without
    """

    name: str
    title: str
    accepts: frozenset[Accepted]
    streamed: bool = False
    optional: bool = False
    aligned_with: str = ""

    @property
    def kinds(self) -> frozenset[MediaKind]:
        """Accepted kinds of a single medium."""
        return frozenset(item for item in self.accepts if isinstance(item, MediaKind))

    @property
    def text(self) -> Text | None:
        """Declaration of the accepted text; None where no text is accepted."""
        return next((item for item in self.accepts if isinstance(item, Text)), None)

    @property
    def several(self) -> Several | None:
        """Declaration of accepted media lists; None where none is accepted."""
        return next((item for item in self.accepts if isinstance(item, Several)), None)

    @property
    def results(self) -> tuple[type[Any], ...]:
        """Accepted result types."""
        return tuple(item for item in self.accepts if isinstance(item, type) and item is not AnnotationSet)

    @property
    def wanted(self) -> str:
        """Description of the accepted inputs: "picture or video"."""
        words = [NOUNS[kind] for kind in sorted(self.kinds)]
        if self.text is not None:
            words.append("text")
        if self.several is not None:
            words.append(f"several of {' or '.join(NOUNS[kind] for kind in sorted(self.several.kinds))}")
        if AnnotationSet in self.accepts:
            words.append("labels")
        words += sorted(f"{result.__name__.lower()} of another analysis" for result in self.results)
        return " or ".join(words)

    def named(self, title: str) -> str:
        """`title`, that of the slot in the user's language, with what it takes; what it takes alone where the title is
        one of these words."""
        if title != self.title and self.wanted == self.title.lower():
            return title
        if title.lower() in self.wanted.split(" or "):
            return title[0] + self.wanted[1:] if self.wanted.startswith(title.lower()) else self.wanted
        return f"{title} ({self.wanted})"

    def takes(self, binding: Binding) -> bool:
        """Whether the slot accepts `binding`.

        A camera is accepted wherever a video is. Where sound is accepted, media without sound are refused. A `ResultOf`
        that is not linked yet is accepted wherever any result is.
        """
        if isinstance(binding, Media):
            kind = MediaKind.VIDEO if binding.kind is MediaKind.CAMERA else binding.kind
            return kind in self.kinds and (not self.wants_sound or binding.has_sound)
        if isinstance(binding, TextInput):
            return self.text is not None
        if isinstance(binding, MediaList):
            return self.several is not None and _fits(binding, self.several)
        if isinstance(binding, AnnotationSet):
            return AnnotationSet in self.accepts
        upstream = binding.upstream
        return bool(self.results) and (upstream is None or issubclass(upstream.spec.result, self.results))

    @property
    def wants_sound(self) -> bool:
        """Whether sound is accepted."""
        return MediaKind.AUDIO in self.kinds


def _fits(binding: MediaList, several: Several) -> bool:
    count = len(binding.media)
    enough = several.least <= count and (several.most is None or count <= several.most)
    return enough and all(item.kind in several.kinds for item in binding.media)


ADJUSTABLE = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.CAMERA, MediaKind.DEPTH})
"""Kinds of media that can be adjusted."""

PICTURE = Slot("picture", "Picture", frozenset({MediaKind.IMAGE}))
PICTURE_OR_VIDEO = Slot("picture", "Picture", frozenset({MediaKind.IMAGE, MediaKind.VIDEO}))


@dataclass(frozen=True, eq=False)
class Histogram:
    """Histogram: `counts` int64 (n,) in n equal bins over `low`..`high`; a control paints it behind its track."""

    counts: NDArray[np.int64]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class InputFacts:
    """Properties of the input, by parameter name: bounds (`Range.from_input`), effective values of parameters that the
    user has not set, histograms, the choices that fit this input best, the first first, and choices that only the
    loaded network tells. Computed from the output of the first stage."""

    ranges: Mapping[str, Range] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    suggested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """Declaration of an analysis: a named chain of stages.

    Parameters
    ----------
    key, title : "detect", "Object detection": the field's term, used wherever the analysis is named
    summary : one plain sentence below the title, and on the command line
    action : the same in everyday words, for the search, e.g. "Find objects"
    icon : name of an icon in resources/icons
    inputs : input slots, at least one
    canvas_slot : name of the slot whose medium the canvas shows; "" takes the first slot that accepts a medium. None,
        also where no slot accepts one: the result is shown alone on an empty canvas
    stages : stages in the order in which they run
    task : task of the models that can be chosen; empty where no model is used
    needs : capabilities that such a model must have
    default_model : key of the default model; empty where no model of the task comes with the program
    on_start_page : whether the first screen offers it, which has room for the main ones; those that show what a
        labelled set holds come with that set
    automatic : whether a medium that is opened may begin with it; else it is shown as it is until the user chooses it
    samples : slot name -> file name in resources/samples, or a text: the inputs of the first screen
    sample_values : parameters by name whose value on the sample differs from the default
    result : type of the last stage's output
    temporal : processing of consecutive video frames, such as tracking; None where frames are independent
    order : sort key in lists; a medium is opened with the first analysis that accepts it
    keywords : search terms, such as names from the course
    input_facts : callable (output of the first stage, all values by name) -> InputFacts, where controls depend on the
        input; shapes among the values are in pixels of the adjusted sample
    pick : callable (output of the first stage, x, y) -> values by name that a click at x, y in image pixels sets
    step_parameter : name of the int parameter that the keys for the next and the previous step change; empty where the
        analysis has no steps
    """

    key: str
    title: str
    summary: str
    action: str
    icon: str
    inputs: tuple[Slot, ...]
    stages: tuple[Stage, ...]
    result: type[Any]
    temporal: Temporal | None = None
    order: int = 100
    task: str = ""
    needs: frozenset[str] = frozenset()
    default_model: str = ""
    samples: Mapping[str, str | TextInput] | None = None
    on_start_page: bool = True
    automatic: bool = True
    sample_values: Mapping[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    input_facts: Callable[[Any, Mapping[str, Any]], InputFacts] | None = None
    pick: Callable[[Any, float, float], Mapping[str, Any]] | None = None
    step_parameter: str = ""
    canvas_slot: str | None = ""

    def __post_init__(self) -> None:
        if self.canvas_slot == "":
            object.__setattr__(self, "canvas_slot", next((slot.name for slot in self.inputs if slot.kinds), None))
        shared = [stage.name for stage in self.stages if stage.shared]
        if shared and (shared != [self.stages[0].name] or self.canvas is None or self.canvas.streamed):
            raise ValueError(f"{self.key}: only the first stage, of what is on the canvas, is shared, found {shared}")

    @property
    def canvas(self) -> Slot | None:
        """Slot whose medium the canvas shows; None where the result is shown alone."""
        return self.slot(self.canvas_slot) if self.canvas_slot is not None else None

    @property
    def main_slot(self) -> Slot:
        """Slot that a batch iterates over, positional on the command line: the one on the canvas, else the first."""
        return self.canvas or self.inputs[0]

    def shows(self, media: Media) -> bool:
        """Whether the canvas can show `media` under a result."""
        return self.canvas is not None and self.canvas.takes(media)

    def goes_by_frame(self, media: Media | None) -> bool:
        """Whether `media` on the canvas is a video with one result per frame."""
        canvas = self.canvas
        return media is not None and canvas is not None and media.kind is MediaKind.VIDEO and not canvas.streamed

    def takes(self, model: ModelSpec) -> bool:
        """Whether `model` can be chosen: it has the task and the needed capabilities."""
        return bool(self.task) and model.task == self.task and self.needs <= model.capabilities

    @property
    def models(self) -> list[ModelSpec]:
        """Models that can be chosen, in the order of their registration."""
        return [model for model in MODELS if self.takes(model)]

    @property
    def first_model(self) -> str:
        """Key of the initial model; empty where there is none (yet).

        Where the package that carries the default one's weights is not installed, another that comes with the program.
        """
        if not self.task:
            return ""
        if self.default_model:
            if terms(MODELS[self.default_model]).place is not Place.NO_PACKAGE:
                return self.default_model
            embedded = (model.key for model in self.models if terms(model).place is Place.EMBEDDED)
            return next(embedded, self.default_model)
        return next((model.key for model in self.models), "")

    def slot(self, name: str) -> Slot:
        """The slot called `name`. Raises BindingError."""
        for slot in self.inputs:
            if slot.name == name:
                return slot
        raise BindingError(f"{self.title} has no input '{name}'; it has: {', '.join(s.name for s in self.inputs)}.")

    def check_bindings(self, bindings: Mapping[str, Binding]) -> None:
        """Raise BindingError unless every binding is accepted by its slot and every required slot has one."""
        for name in bindings:
            self.slot(name)
        for slot in self.inputs:
            bound = bindings.get(slot.name)
            if bound is None:
                if slot.optional:
                    continue
                raise BindingError(f"{self.title} needs a {slot.named(slot.title.lower())}; {_remedy(slot)}.")
            self.check_binding(slot, bound)

    def check_binding(self, slot: Slot, bound: Binding) -> None:
        """Raise BindingError unless `slot` accepts `bound`, and the upstream analysis of a `ResultOf` exists."""
        if isinstance(bound, ResultOf) and bound.upstream is None:
            raise BindingError(
                f"{self.title} takes its {slot.title.lower()} from an analysis that was removed; choose another one."
            )
        if not slot.takes(bound):
            readings = bound.readings if isinstance(bound, Media) else ()
            fitting = next((reading.key for reading in readings if reading.kind in slot.kinds), "")
            remedy = f"choose another {'file' if isinstance(bound, Media) else 'input'}"
            raise BindingError(
                f"{self.title} expects {_expected(slot)}, but {_describe_refused(slot, bound)}; "
                f"{f'read it as {fitting}' if fitting else remedy}."
            )

    def check_adjustable(self, slot: Slot, adjustments: Adjustments) -> None:
        """Raise BindingError unless `adjustments` apply to `slot` and the result can be mapped back to file pixels."""
        if slot.streamed or not slot.kinds & ADJUSTABLE:
            raise BindingError(f"{self.title} takes its {slot.title.lower()} unadjusted; adjust a picture instead.")
        if adjustments.tonal and not slot.kinds & (ADJUSTABLE - {MediaKind.DEPTH}):
            raise BindingError(f"The {slot.title.lower()} has no levels and channels; crop, rotate or flip it.")
        if adjustments.spatial and slot.name == self.canvas_slot and not can_be_placed(self.result):
            raise BindingError(
                f"What {self.title} finds cannot be mapped back to the whole picture; remove crop, rotation and flip."
            )

    def check_aligned(self, adjustments: Mapping[str, Adjustments]) -> None:
        """Raise BindingError where slots that are aligned are cropped, turned or mirrored in different ways."""
        for slot in self.inputs:
            if not slot.aligned_with:
                continue
            ours, theirs = (adjustments.get(name, Adjustments()) for name in (slot.name, slot.aligned_with))
            if not ours.moves_as(theirs):
                other = self.slot(slot.aligned_with)
                raise BindingError(
                    f"The {slot.title.lower()} belongs to the {other.title.lower()} pixel by pixel; "
                    f"crop, rotate and flip both in the same way."
                )

    def params_types(self, model: ModelSpec | None) -> tuple[type[Any], ...]:
        """Parameter class of each stage and, last, of `temporal`. A stage that runs the network and declares none has
        that of the model, with `Stage.beside_model`."""
        types = tuple(
            stage.params_with(model.params if model else NoParams)
            if stage.uses_network and stage.params is NoParams
            else stage.params
            for stage in self.stages
        )
        return (*types, self.temporal.params) if self.temporal else types

    def make_params(self, values: Mapping[str, Any], model: ModelSpec | None) -> tuple[Any, ...]:
        """Parameter object of each stage from flat `values` by name; missing ones take the default (of the model).

        Raises
        ------
        ParamsError
            No stage declares a name, or a value is not allowed.
        """
        return self.all_params(values, model)[: len(self.stages)]

    def all_params(self, values: Mapping[str, Any], model: ModelSpec | None) -> tuple[Any, ...]:
        """As `make_params`, with the parameters of `temporal` last, where there is one."""
        types = self.params_types(model)
        declared = {item.name: item for params_type in types for item in fields_of(params_type)}
        chosen = {**{k: v for k, v in (model.defaults if model else {}).items() if k in declared}, **values}
        for name in chosen:
            if name not in declared:
                names = ", ".join(declared) or "none"
                raise ParamsError(f"{self.title} has no parameter '{name}'; there are: {names}.")
        params_objects = []
        for params_type in types:
            fields = {}
            for item in fields_of(params_type):
                if item.name in chosen:
                    bounds, options = self.bounds(item.range, model), self.options(item.choices, model)
                    fields[item.name] = check_value(item, chosen[item.name], bounds, options)
            params_objects.append(params_type(**fields))
        return tuple(params_objects)

    @staticmethod
    def bounds(declared: Range | None, model: ModelSpec | None) -> Range | None:
        """Range of a parameter for `model`; None where the input determines it."""
        if declared is None or declared.from_input:
            return None
        if model and declared.from_model:
            return model.ranges.get(declared.from_model, declared)
        return declared

    @staticmethod
    def options(declared: Choices | None, model: ModelSpec | None) -> tuple[str, ...]:
        """Choices of a parameter for `model`; empty where any text is allowed, as the model is not known."""
        if declared is None:
            return ()
        if model and declared.from_model:
            return model.labels if declared.from_model == "labels" else model.options.get(declared.from_model, ())
        return declared.options


def _expected(slot: Slot) -> str:
    """What a slot takes, as part of an error sentence: "a picture or a video"."""
    if slot.kinds and len(slot.accepts) == len(slot.kinds):
        return " or ".join(f"a {NOUNS[kind]}" for kind in sorted(slot.kinds))
    return f"{slot.wanted} as {slot.title.lower()}"


def _remedy(slot: Slot) -> str:
    """Advice for an empty `slot`, as part of an error sentence."""
    if slot.kinds or AnnotationSet in slot.accepts:
        return "open one and choose it"
    if slot.text is not None:
        return "type it"
    if slot.several is not None:
        return "open a folder and choose it"
    return "add an analysis that finds it and choose that"


def _describe_refused(slot: Slot, bound: Binding) -> str:
    """Description of a refused binding, as the second half of an error sentence."""
    if isinstance(bound, Media):
        silent = slot.wants_sound and bound.kind in slot.kinds
        return f"{bound.name} is a {NOUNS[bound.kind]}{' without sound' if silent else ''}"
    if isinstance(bound, MediaList):
        kinds = ", ".join(sorted({NOUNS[item.kind] for item in bound.media})) or "empty"
        return f"{bound.name} holds {len(bound.media)} ({kinds})"
    if isinstance(bound, ResultOf):
        return f"{bound.name} gives {bound.upstream.spec.result.__name__.lower() if bound.upstream else 'nothing'}"
    return f"'{bound.name}' is {'a text' if isinstance(bound, TextInput) else 'an annotation set'}"
