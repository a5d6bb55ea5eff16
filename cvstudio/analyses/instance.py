"""One use of an analysis: its inputs, model, parameters and style."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.binding import AnnotationSet, Binding, ResultOf
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.params import Doc, Range, check_value, fields_of
from cvstudio.media import Media
from cvstudio.models import MODELS, ModelSpec


@dataclass(frozen=True)
class AnalysisInstance:
    """One analysis in use.

    Parameters
    ----------
    id : unique within a session
    analysis : key
    bindings : slot name -> what is in it, see `cvstudio.analyses.binding`; a slot that is still empty is missing
    model : key, empty where the analysis has none
    weights : a checkpoint that the user chose; None takes the published one
    values : parameters that differ from their default, by name
    adjustments : what is done to a medium before any stage is given it, by slot; they stay for the next medium in it
    visible : whether its result is drawn
    opacity : 0..1, how strongly its result covers what lies below it; it multiplies the look's
    """

    id: int
    analysis: str
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    model: str = ""
    weights: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    adjustments: Mapping[str, Adjustments] = field(default_factory=dict)
    visible: bool = True
    opacity: float = 1.0

    @property
    def spec(self) -> Analysis:
        return ANALYSES[self.analysis]

    @property
    def model_spec(self) -> ModelSpec | None:
        return MODELS[self.model] if self.model else None

    @property
    def lacks_model(self) -> bool:
        """Whether the analysis works with models and none has been chosen, as there was none."""
        return bool(self.spec.task) and not self.model

    @property
    def canvas_media(self) -> Media | None:
        """The medium that the canvas shows under the result; None where there is none, or none yet."""
        slot = self.spec.canvas_slot
        bound = self.bindings.get(slot) if slot is not None else None
        return bound if isinstance(bound, Media) else None

    @property
    def media(self) -> tuple[Media, ...]:
        """The single media in its slots."""
        return tuple(bound for bound in self.bindings.values() if isinstance(bound, Media))

    @property
    def upstream(self) -> tuple[AnalysisInstance, ...]:
        """The analyses whose results it takes, where it is linked (see `State.linked`)."""
        found = (self.upstream_of(slot) for slot in self.bindings)
        return tuple(item for item in found if item is not None)

    def upstream_of(self, slot: str) -> AnalysisInstance | None:
        """The analysis whose result is in `slot`; None where it is something else, or not linked."""
        bound = self.bindings.get(slot)
        upstream = bound.upstream if isinstance(bound, ResultOf) else None
        return upstream if isinstance(upstream, AnalysisInstance) else None

    @property
    def lineage(self) -> tuple[AnalysisInstance, ...]:
        """All that it depends on, what comes first before what needs it, and itself at the end."""
        found: list[AnalysisInstance] = []
        for item in (*(one for before in self.upstream for one in before.lineage), self):
            if item not in found:
                found.append(item)
        return tuple(found)

    @property
    def follows(self) -> bool:
        """Whether it can go on with another medium on the canvas: no other file belongs to its own."""
        others = (slot for slot in self.spec.inputs if slot.name != self.spec.canvas_slot)
        return not any(slot.kinds or slot.several or AnnotationSet in slot.accepts for slot in others)

    def with_binding(self, slot: str, binding: Binding | None) -> AnalysisInstance:
        """The same with `binding` in `slot`; None empties it."""
        rest = {name: bound for name, bound in self.bindings.items() if name != slot}
        if binding is None:
            return dataclasses.replace(self, bindings=rest)
        # In the place that it had: the order of slots is nobody's but the user's eye's.
        return dataclasses.replace(self, bindings={**self.bindings, slot: binding})

    def with_adjustments(self, slot: str, adjustments: Adjustments) -> AnalysisInstance:
        """The same with `adjustments` of what is in `slot`, in place of those that were there. Raises BindingError."""
        self.spec.check_adjustable(self.spec.slot(slot), adjustments)
        rest = {name: item for name, item in self.adjustments.items() if name != slot}
        if not adjustments.identity:
            rest[slot] = adjustments
        return dataclasses.replace(self, adjustments=rest)

    def adjustments_of(self, slot: str | None) -> Adjustments | None:
        """What is done to the medium in `slot`; None where there is none, or nothing is done."""
        return self.adjustments.get(slot) if slot and isinstance(self.bindings.get(slot), Media) else None

    @property
    def pixel_map(self) -> PixelMap | None:
        """From the pixels of the file on the canvas to those that the stages are given; None where they are the same.

        Raises
        ------
        MediaError
            The crop lies outside of the picture, or the size of the picture is not known.
        """
        adjustments, media = self.adjustments_of(self.spec.canvas_slot), self.canvas_media
        if adjustments is None or media is None or not adjustments.spatial:
            return None
        if media.size is None:
            raise MediaError(f"The size of {media.name} is not known; take crop, rotate and flip away.")
        found = adjustments.pixel_map(media.size)
        return None if found.identity else found

    def on(self, binding: Binding | None) -> AnalysisInstance:
        """The same with `binding` in its main slot, and what it takes results of likewise where that lies on the same
        medium of the canvas; None empties them."""
        slot, before = self.spec.main_slot.name, self.canvas_media
        made = self.with_binding(slot, binding)
        if self.spec.canvas_slot is None:
            return made
        for name, bound in self.bindings.items():
            upstream = self.upstream_of(name)
            if isinstance(bound, ResultOf) and upstream is not None and upstream.spec.canvas_slot is not None:
                moved = upstream.on(binding) if upstream.canvas_media == before else upstream
                made = made.with_binding(name, dataclasses.replace(bound, upstream=moved))
        return made

    @property
    def file_stem(self) -> str:
        """How files with its result are called, without ending: after its medium, where there is one, and itself."""
        media = self.canvas_media
        return f"{media.path.stem}-{self.analysis}" if media is not None else self.analysis

    @property
    def complete(self) -> bool:
        """Whether every slot that is not optional has something in it."""
        return all(slot.name in self.bindings for slot in self.spec.inputs if not slot.optional)

    @property
    def ready(self) -> bool:
        """Whether it is complete and linked, and so are the analyses whose results it takes."""
        taken = [slot for slot, bound in self.bindings.items() if isinstance(bound, ResultOf)]
        upstream = self.upstream
        return self.complete and len(upstream) == len(taken) and all(item.ready for item in upstream)

    def params(self) -> tuple[Any, ...]:
        """Checked parameters of every stage and, last, of what follows frames.

        Raises ParamsError, or BindingError where there is no model yet.
        """
        if self.lacks_model:
            raise BindingError(
                f"{self.spec.title} needs a network, and none comes with the program; add your own: "
                f"an ONNX or TorchScript file."
            )
        return self.chosen_params()

    def chosen_params(self) -> tuple[Any, ...]:
        """The same, also where there is no model yet: what a project keeps of it. Raises ParamsError."""
        return self.spec.all_params(self.values, self.model_spec)

    def value(self, name: str) -> Any:
        """The value of one parameter, its default where the user did not set it."""
        for params in self.params():
            if hasattr(params, name):
                return getattr(params, name)
        raise KeyError(name)


@dataclass(frozen=True)
class LayerStyle:
    """What a user may change of a layer as a whole."""

    opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Opacity", "How strongly this layer covers what lies below it.", "Try 0.5 to see both."),
    ] = 1.0


def check_opacity(value: Any) -> float:
    """`value` as an opacity. Raises ParamsError."""
    return float(check_value(fields_of(LayerStyle)[0], value))
