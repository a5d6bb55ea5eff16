"""An analysis in use, with its inputs, model, parameters and opacity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.binding import Binding, ResultOf
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.params import Doc, Range, check_value, fields_of
from cvstudio.media import Media
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.checkpoints import chosen_checkpoint
from cvstudio.models.default_models import preferred_model


@dataclass(frozen=True)
class AnalysisInstance:
    """An analysis in use.

    Parameters
    ----------
    id : unique within a session
    analysis : key of the analysis
    bindings : slot name -> binding, see `cvstudio.analyses.binding`; empty slots are missing
    model : key of the model; empty where the analysis has none
    weights : checkpoint chosen by the user; None takes the published one, whatever `models.checkpoints` says
    values : parameters that differ from their default, by name
    adjustments : slot name -> adjustments, applied before the first stage; they also apply to the slot's next medium
    file_adjustments : slot name -> path of a file -> its own adjustments, in place of those of the slot
    visible : whether the result is drawn
    opacity : 0..1, opacity of the result over the layers below; multiplied with that of the look
    """

    id: int
    analysis: str
    bindings: Mapping[str, Binding] = field(default_factory=dict)
    model: str = ""
    weights: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    adjustments: Mapping[str, Adjustments] = field(default_factory=dict)
    file_adjustments: Mapping[str, Mapping[Path, Adjustments]] = field(default_factory=dict)
    visible: bool = True
    opacity: float = 1.0

    @classmethod
    def beginning(
        cls, number: int, spec: Analysis, bindings: Mapping[str, Binding], model: str = ""
    ) -> AnalysisInstance:
        """A new instance of `spec` with the id `number`, with `model`, by default the one that the user prefers or else
        its first, and the checkpoint that the user has chosen for it."""
        preferred = preferred_model(spec.task)
        usable = preferred in MODELS and spec.takes(MODELS[preferred])
        key = model or (preferred if usable else spec.first_model)
        return cls(number, spec.key, bindings, key, chosen_checkpoint(key))

    @property
    def spec(self) -> Analysis:
        """Declaration of the analysis."""
        return ANALYSES[self.analysis]

    @property
    def model_spec(self) -> ModelSpec | None:
        """Declaration of the model; None where there is none."""
        return MODELS[self.model] if self.model else None

    @property
    def lacks_model(self) -> bool:
        """Whether the analysis requires a model and has none, as none was available."""
        return bool(self.spec.task) and not self.model

    @property
    def canvas_media(self) -> Media | None:
        """Medium that the canvas shows under the result; None where there is none (yet)."""
        slot = self.spec.canvas_slot
        bound = self.bindings.get(slot) if slot is not None else None
        return bound if isinstance(bound, Media) else None

    @property
    def media(self) -> tuple[Media, ...]:
        """Single media among the bindings."""
        return tuple(bound for bound in self.bindings.values() if isinstance(bound, Media))

    @property
    def upstream(self) -> tuple[AnalysisInstance, ...]:
        """Analyses whose results are inputs, as far as linked (see `State.linked`)."""
        instances = (self.upstream_of(slot) for slot in self.bindings)
        return tuple(item for item in instances if item is not None)

    def upstream_of(self, slot: str) -> AnalysisInstance | None:
        """Analysis whose result is the binding of `slot`; None for any other binding, or where it is not linked."""
        bound = self.bindings.get(slot)
        upstream = bound.upstream if isinstance(bound, ResultOf) else None
        return upstream if isinstance(upstream, AnalysisInstance) else None

    @property
    def lineage(self) -> tuple[AnalysisInstance, ...]:
        """All analyses that this one depends on in topological order, itself last."""
        ordered: list[AnalysisInstance] = []
        for item in (*(ancestor for upstream in self.upstream for ancestor in upstream.lineage), self):
            if item not in ordered:
                ordered.append(item)
        return tuple(ordered)

    @property
    def follows(self) -> bool:
        """Whether the medium on the canvas can be replaced: no other slot holds files that belong to it."""
        others = (slot for slot in self.spec.inputs if slot.name != self.spec.canvas_slot)
        return not any(slot.kinds or slot.several for slot in others)

    def with_binding(self, slot: str, binding: Binding | None) -> AnalysisInstance:
        """Copy with `binding` in `slot`; None empties the slot."""
        rest = {name: bound for name, bound in self.bindings.items() if name != slot}
        if binding is None:
            return dataclasses.replace(self, bindings=rest)
        # A slot keeps its place: the order of slots is visible to the user.
        return dataclasses.replace(self, bindings={**self.bindings, slot: binding})

    def with_adjustments(self, slot: str, adjustments: Adjustments, *, file: Path | None = None) -> AnalysisInstance:
        """Copy with `adjustments` of `slot` replaced, or with `file` those of that file alone. Raises BindingError."""
        self.spec.check_adjustable(self.spec.slot(slot), adjustments)
        if file is not None:
            # Also where nothing is done: the file is an exception from the others.
            files = {**self.file_adjustments.get(slot, {}), file: adjustments}
            return dataclasses.replace(self, file_adjustments={**self.file_adjustments, slot: files})
        rest = {name: item for name, item in self.adjustments.items() if name != slot}
        if not adjustments.identity:
            rest[slot] = adjustments
        return dataclasses.replace(self, adjustments=rest)

    def without_file_adjustments(self, slot: str, file: Path | None = None) -> AnalysisInstance:
        """Copy in which `file`, by default every file, has the adjustments of `slot` again."""
        files = {path: item for path, item in self.file_adjustments.get(slot, {}).items() if file not in (None, path)}
        others = {name: item for name, item in self.file_adjustments.items() if name != slot}
        return dataclasses.replace(self, file_adjustments={**others, slot: files} if files else others)

    def own_adjustments_of(self, slot: str | None) -> Adjustments | None:
        """Adjustments that belong to the file in `slot` alone; None where it has those of the slot."""
        bound = self.bindings.get(slot) if slot else None
        return self.file_adjustments.get(slot, {}).get(bound.path) if slot and isinstance(bound, Media) else None

    def adjustments_of(self, slot: str | None) -> Adjustments | None:
        """Adjustments of the medium in `slot`; None where there is no medium or no adjustment."""
        own = self.own_adjustments_of(slot)
        if own is not None:
            return None if own.identity else own
        return self.adjustments.get(slot) if slot and isinstance(self.bindings.get(slot), Media) else None

    @property
    def pixel_map(self) -> PixelMap | None:
        """Map from pixels of the file on the canvas to pixels of the adjusted sample; None where both are the same.

        Raises MediaError, as `pixel_map_of`.
        """
        return self.pixel_map_of(self.spec.canvas_slot)

    def pixel_map_of(self, slot: str | None) -> PixelMap | None:
        """Map from pixels of the file in `slot` to pixels of the adjusted sample; None where both are the same.

        Raises
        ------
        MediaError
            The crop lies outside of the picture, or the size of the picture is unknown.
        """
        adjustments, media = self.adjustments_of(slot), self.bindings.get(slot) if slot else None
        if adjustments is None or not isinstance(media, Media) or not adjustments.spatial:
            return None
        if media.size is None:
            raise MediaError(f"The size of {media.name} is not known; remove crop, rotation and flip.")
        pixel_map = adjustments.pixel_map(media.size)
        return None if pixel_map.identity else pixel_map

    def on(self, binding: Binding | None) -> AnalysisInstance:
        """Copy with `binding` in the main slot, and in those of upstream analyses on the same medium of the canvas.

        None empties the slots.
        """
        slot, canvas_media = self.spec.main_slot.name, self.canvas_media
        changed = self.with_binding(slot, binding)
        if self.spec.canvas_slot is None:
            return changed
        for name, bound in self.bindings.items():
            upstream = self.upstream_of(name)
            if isinstance(bound, ResultOf) and upstream is not None and upstream.spec.canvas_slot is not None:
                moved = upstream.on(binding) if upstream.canvas_media == canvas_media else upstream
                changed = changed.with_binding(name, dataclasses.replace(bound, upstream=moved))
        return changed

    @property
    def file_stem(self) -> str:
        """Name of exported files without suffix: medium, where there is one, and analysis."""
        media = self.canvas_media
        return f"{media.path.stem}-{self.analysis}" if media is not None else self.analysis

    @property
    def complete(self) -> bool:
        """Whether every required slot has a binding."""
        return all(slot.name in self.bindings for slot in self.spec.inputs if not slot.optional)

    @property
    def ready(self) -> bool:
        """Whether it and its upstream analyses are complete and linked."""
        result_slots = [slot for slot, bound in self.bindings.items() if isinstance(bound, ResultOf)]
        upstream = self.upstream
        return self.complete and len(upstream) == len(result_slots) and all(item.ready for item in upstream)

    def params(self) -> tuple[Any, ...]:
        """Checked parameters of each stage and, last, of `Analysis.temporal`.

        Raises ParamsError, or BindingError where there is no model yet.
        """
        if self.lacks_model:
            raise BindingError(
                f"{self.spec.title} needs a network, and none is built in; add your own: an ONNX or TorchScript file."
            )
        return self.chosen_params()

    def chosen_params(self) -> tuple[Any, ...]:
        """As `params`, also without a model: the parameters that a project saves. Raises ParamsError."""
        spec, model = self.spec, self.model_spec
        # While a video plays they are asked for several times a frame, and nothing in them changes.
        known = self.__dict__.get("_chosen_params")
        if known is None or known[0] is not spec or known[1] is not model:
            known = spec, model, spec.all_params(self.values, model)
            self.__dict__["_chosen_params"] = known
        params: tuple[Any, ...] = known[2]
        return params

    def value(self, name: str) -> Any:
        """Effective value of a parameter: set by the user, or its default. Raises KeyError."""
        return self.effective_values()[name]

    def time_ranges(self) -> dict[str, Range]:
        """Ranges of the times in a sound or video of known length, by name; empty where none is declared.

        A value behind its end, such as one that was set for a longer sound, is within: what is used is shown.
        """
        ranges = {}
        for item in (item for types in self.spec.params_types(self.model_spec) for item in fields_of(types)):
            declared = item.range
            if declared is None or declared.unit != "s":
                continue
            bound = self.bindings.get(declared.from_input)
            if isinstance(bound, Media) and bound.duration_secs:
                end = math.ceil(bound.duration_secs / declared.step) * declared.step
                high = max(round(end, 6), self.value(item.name) or 0.0)
                ranges[item.name] = dataclasses.replace(declared, high=high)
        return ranges

    def open_ends(self) -> dict[str, float]:
        """The end of the sound or video, by name, for the times of which None stands for it."""
        names = {
            item.name for types in self.spec.params_types(self.model_spec) for item in fields_of(types) if item.optional
        }
        return {name: item.high for name, item in self.time_ranges().items() if name in names}

    def effective_values(self) -> dict[str, Any]:
        """Effective value of every parameter by name, that of the first stage where several declare a name."""
        return {
            item.name: getattr(params, item.name)
            for params in reversed(self.chosen_params())
            for item in fields_of(type(params))
        }


@dataclass(frozen=True)
class LayerStyle:
    """Style of a layer as a whole."""

    opacity: Annotated[
        float,
        Range(0, 1, step=0.05),
        Doc("Opacity", "How strongly this layer covers what lies below it.", "Try 0.5 to see both."),
    ] = 1.0


def check_opacity(value: Any) -> float:
    """Opacity 0..1 from a `value`. Raises ParamsError."""
    return float(check_value(fields_of(LayerStyle)[0], value))
