"""What an analysis declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.binding import AnnotationSet, Binding, MediaList, ResultOf, Several, TextInput
from cvstudio.analyses.stages import Stage
from cvstudio.analyses.temporal import Temporal
from cvstudio.data.adjustments import Adjustments
from cvstudio.foundation.errors import BindingError, ParamsError
from cvstudio.foundation.params import Choices, NoParams, Range, Text, check_value, fields_of
from cvstudio.media.base import Media, MediaKind
from cvstudio.models import MODELS
from cvstudio.models.spec import ModelSpec
from cvstudio.results.result import can_be_placed

Accepted = MediaKind | Text | Several | type[Any]


@dataclass(frozen=True)
class Slot:
    """An input of an analysis.

    Parameters
    ----------
    name, title : "picture", "Picture"; the name is also the flag of the command line
    accepts : what fits
        Kinds of a single medium, a `Text`, a `Several` (media at once), `AnnotationSet`, and types of results, which
        another analysis gives.
    streamed : the stage is handed an open reader of the sound instead of a sample
    optional : it may stay empty; then `Inputs.samples` has no such name
    """

    name: str
    title: str
    accepts: frozenset[Accepted]
    streamed: bool = False
    optional: bool = False

    @property
    def kinds(self) -> frozenset[MediaKind]:
        """The kinds of single media that fit."""
        return frozenset(item for item in self.accepts if isinstance(item, MediaKind))

    @property
    def text(self) -> Text | None:
        """The text that fits; None where none does."""
        return next((item for item in self.accepts if isinstance(item, Text)), None)

    @property
    def several(self) -> Several | None:
        """The media that fit together; None where only single ones do."""
        return next((item for item in self.accepts if isinstance(item, Several)), None)

    @property
    def results(self) -> tuple[type[Any], ...]:
        """The types of results that fit."""
        return tuple(item for item in self.accepts if isinstance(item, type) and item is not AnnotationSet)

    @property
    def wanted(self) -> str:
        """What fits, in words: "image or video"."""
        words = [str(kind) for kind in sorted(self.kinds)]
        if self.text is not None:
            words.append("text")
        if self.several is not None:
            words.append(f"several of {' or '.join(sorted(self.several.kinds))}")
        if AnnotationSet in self.accepts:
            words.append("annotation set")
        words += sorted(f"{result.__name__.lower()} of another analysis" for result in self.results)
        return " or ".join(words)

    def takes(self, binding: Binding) -> bool:
        """Whether `binding` fits: a camera where a video does; one without sound is no input where sound is wanted.

        The result of an analysis that is not linked yet (see `ResultOf`) fits where any result does.
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
        return MediaKind.AUDIO in self.kinds


def _fits(binding: MediaList, several: Several) -> bool:
    count = len(binding.media)
    enough = several.least <= count and (several.most is None or count <= several.most)
    return enough and all(item.kind in several.kinds for item in binding.media)


ADJUSTABLE = frozenset({MediaKind.IMAGE, MediaKind.VIDEO, MediaKind.CAMERA, MediaKind.DEPTH})
"""Media that `Adjustments` apply to."""

PICTURE = Slot("picture", "Picture", frozenset({MediaKind.IMAGE}))
PICTURE_OR_VIDEO = Slot("picture", "Picture", frozenset({MediaKind.IMAGE, MediaKind.VIDEO}))


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often values occur: `counts` in equal bins over `low`..`high`; a control paints it behind its track."""

    counts: NDArray[np.int64]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class InputFacts:
    """What a computed stage tells of the input: bounds of parameters (`Range.from_input`), the values that hold
    while the user has set none, and histograms, all by parameter name."""

    ranges: Mapping[str, Range] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True)
class Analysis:
    """A chain of stages with a name.

    Parameters
    ----------
    key, title : "detect", "Detect objects"
    summary : one sentence for the first screen and the command line
    action : what the first screen says one can do, e.g. "Find objects"
    icon : name of an icon in resources/icons
    inputs : the slots, at least one
    canvas_slot : name of the slot whose medium the canvas shows; "" takes the first slot that takes a medium. None,
        also where no slot takes one: the result stands alone on an empty canvas
    stages : the chain
    task : models of this task can be picked; empty where no model is used
    needs : capabilities that such a model has to have
    default_model : key of the model that is picked first; empty where no model of the task comes with the program
    samples : slot name -> file name in resources/samples, or a text: what the first screen begins with
    sample_values : parameters by name that the sample wants other than their defaults
    result : the type of the last stage's output
    temporal : what it makes of the frames of a video in their order; None where each frame stands alone
    order : place in lists; the first that takes a medium is what it opens with
    keywords : names from the course that lead here
    input_facts : callable (output of the first stage, values by name) -> InputFacts, where controls depend on the input
    pick : callable (output of the first stage, x, y) -> values by name, what a click on the picture sets
    step_parameter : name of the whole number that the keys for the next and the previous step change; empty where the
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
        """The slot whose medium the canvas shows; None where the result stands alone."""
        return self.slot(self.canvas_slot) if self.canvas_slot is not None else None

    @property
    def main_slot(self) -> Slot:
        """The slot that a batch fills with one thing after the other, and that is positional on the command line: the
        one on the canvas, or else the first."""
        return self.canvas or self.inputs[0]

    def shows(self, media: Media) -> bool:
        """Whether `media` can be what the canvas shows under a result."""
        return self.canvas is not None and self.canvas.takes(media)

    def goes_by_frame(self, media: Media | None) -> bool:
        """Whether `media` on the canvas is a video that has a result for each of its frames."""
        canvas = self.canvas
        return media is not None and canvas is not None and media.kind is MediaKind.VIDEO and not canvas.streamed

    def takes(self, model: ModelSpec) -> bool:
        """Whether `model` can be picked."""
        return bool(self.task) and model.task == self.task and self.needs <= model.capabilities

    @property
    def models(self) -> list[ModelSpec]:
        """The models that can be picked, in the order of their registration."""
        return [model for model in MODELS if self.takes(model)]

    @property
    def first_model(self) -> str:
        """Key of the model that is picked first; empty where there is none (yet)."""
        if self.default_model or not self.task:
            return self.default_model
        return next((model.key for model in self.models), "")

    def slot(self, name: str) -> Slot:
        for slot in self.inputs:
            if slot.name == name:
                return slot
        raise BindingError(f"{self.title} has no input '{name}'; it has: {', '.join(s.name for s in self.inputs)}.")

    def check_bindings(self, bindings: Mapping[str, Binding]) -> None:
        """Raise BindingError unless every slot that is not optional has something that it takes."""
        for name in bindings:
            self.slot(name)
        for slot in self.inputs:
            bound = bindings.get(slot.name)
            if bound is None:
                if slot.optional:
                    continue
                raise BindingError(f"{self.title} needs a {slot.title.lower()} ({slot.wanted}); {_remedy(slot)}.")
            self.check_binding(slot, bound)

    def check_binding(self, slot: Slot, bound: Binding) -> None:
        """Raise BindingError unless `slot` takes `bound`, and the analysis is there whose result that is."""
        if isinstance(bound, ResultOf) and bound.upstream is None:
            raise BindingError(
                f"{self.title} takes its {slot.title.lower()} from an analysis that is gone; choose another one."
            )
        if not slot.takes(bound):
            raise BindingError(
                f"{self.title} expects {slot.wanted} as {slot.title.lower()}, but {_found(slot, bound)}; "
                f"choose another {'file' if isinstance(bound, Media) else 'input'}."
            )

    def check_adjustable(self, slot: Slot, adjustments: Adjustments) -> None:
        """Raise BindingError unless what is in `slot` can be adjusted so, and the result put back on the file."""
        if slot.streamed or not slot.kinds & ADJUSTABLE:
            raise BindingError(f"{self.title} takes its {slot.title.lower()} as it is; adjust a picture, or nothing.")
        if adjustments.tonal and not slot.kinds & (ADJUSTABLE - {MediaKind.DEPTH}):
            raise BindingError(f"The {slot.title.lower()} has no levels and channels; crop, rotate or flip it.")
        if adjustments.spatial and slot.name == self.canvas_slot and not can_be_placed(self.result):
            raise BindingError(
                f"What {self.title} finds cannot be put back on the whole picture; take crop, rotate and flip away."
            )

    def params_types(self, model: ModelSpec | None) -> tuple[type[Any], ...]:
        """The parameter class of each stage and, last, of what follows frames; a stage that runs the network and
        declares none has the model's."""
        stages = tuple(
            model.params if model and stage.uses_network and stage.params is NoParams else stage.params
            for stage in self.stages
        )
        return (*stages, self.temporal.params) if self.temporal else stages

    def make_params(self, values: Mapping[str, Any], model: ModelSpec | None) -> tuple[Any, ...]:
        """Parameters of every stage from flat `values` by name; what is missing takes its (model's) default.

        Raises
        ------
        ParamsError
            A name is not declared by any stage, or a value is not allowed.
        """
        return self.all_params(values, model)[: len(self.stages)]

    def all_params(self, values: Mapping[str, Any], model: ModelSpec | None) -> tuple[Any, ...]:
        """As `make_params`, with the parameters of what follows frames as the last, where there is such a thing."""
        types = self.params_types(model)
        declared = {item.name: item for params_type in types for item in fields_of(params_type)}
        given = {**{k: v for k, v in (model.defaults if model else {}).items() if k in declared}, **values}
        for name in given:
            if name not in declared:
                known = ", ".join(declared) or "none"
                raise ParamsError(f"{self.title} has no parameter '{name}'; there are: {known}.")
        made = []
        for params_type in types:
            own = {}
            for item in fields_of(params_type):
                if item.name in given:
                    bounds, options = self.bounds(item.range, model), self.options(item.choices, model)
                    own[item.name] = check_value(item, given[item.name], bounds, options)
            made.append(params_type(**own))
        return tuple(made)

    @staticmethod
    def bounds(declared: Range | None, model: ModelSpec | None) -> Range | None:
        """The range that holds for `model`; None where the input decides."""
        if declared is None or declared.from_input:
            return None
        if model and declared.from_model:
            return model.ranges.get(declared.from_model, declared)
        return declared

    @staticmethod
    def options(declared: Choices | None, model: ModelSpec | None) -> tuple[str, ...]:
        """The texts that may be chosen with `model`; empty where any may, as the model is not known."""
        if declared is None:
            return ()
        if model and declared.from_model:
            return model.labels if declared.from_model == "labels" else model.options.get(declared.from_model, ())
        return declared.options


def _remedy(slot: Slot) -> str:
    """What to do where nothing is in `slot`."""
    if slot.kinds:
        return "open one and choose it"
    if slot.text is not None:
        return "type it"
    if slot.several is not None:
        return "open a folder and choose it"
    return "choose it" if AnnotationSet in slot.accepts else "add an analysis that finds it and choose that"


def _found(slot: Slot, bound: Binding) -> str:
    """What is in `slot` and does not fit, as the second half of a sentence."""
    if isinstance(bound, Media):
        silent = slot.wants_sound and bound.kind in slot.kinds
        return f"{bound.name} is {bound.kind} without sound" if silent else f"{bound.name} is {bound.kind}"
    if isinstance(bound, MediaList):
        kinds = ", ".join(sorted({str(item.kind) for item in bound.media})) or "empty"
        return f"{bound.name} holds {len(bound.media)} ({kinds})"
    if isinstance(bound, ResultOf):
        return f"{bound.name} gives {bound.upstream.spec.result.__name__.lower() if bound.upstream else 'nothing'}"
    return f"'{bound.name}' is {'a text' if isinstance(bound, TextInput) else 'an annotation set'}"
