"""Pictures of an evaluation on the canvas, with their labels and the predictions as layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt

from cvstudio.analyses import ANALYSES, Analysis
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.media import Media
from cvstudio.models import MODELS
from cvstudio.session.label_edits import annotations_of, labels_slot
from cvstudio.session.layers import layers_on, with_layer, without_layer
from cvstudio.session.session import State, replace_instance
from cvstudio.session.transitions import with_model
from ui.control.controller import Controller


@dataclass(frozen=True)
class ShownModel:
    """A model whose predictions are shown, with its checkpoint, and the score from which they are."""

    model: str
    weights: Path | None
    score: float


class MeasuredPictures(QObject):
    """Opens pictures of an evaluation with labels and predictions overlaid. Main thread only."""

    def __init__(self, controller: Controller, parent: QObject) -> None:
        super().__init__(parent)
        self._controller = controller
        self._waiting: tuple[Path, AnnotationSet | None, tuple[ShownModel, ...], float | None] | None = None
        self._known: frozenset[int] = frozenset()
        controller.library.opened.connect(self._arrived)
        # In the middle of a change of the session no other may begin.
        controller.library.place_changed.connect(self._arrived, Qt.ConnectionType.QueuedConnection)

    def show(
        self, path: Path, annotations: AnnotationSet | None, models: Sequence[ShownModel], secs: float | None = None
    ) -> None:
        """Open a picture, at its place where its set is open, or a video at `secs` seconds; when it is there, put its
        labels and the predictions of `models` on it."""
        self._waiting = path, annotations, tuple(models), secs
        self._known = frozenset(item.id for item in self._controller.session.state.instances)
        media = self._controller.session.state.active_media
        if media is not None and media.path == path:
            self._arrived()
        elif not self._controller.library.show(path):
            self._controller.open_paths([path])

    def _arrived(self) -> None:
        session = self._controller.session
        media = session.state.active_media
        if self._waiting is None or media is None or media.path != self._waiting[0]:
            return
        _, annotations, models, secs = self._waiting
        self._waiting = None
        state = session.state
        started = [item.id for item in layers_on(state) if item.id not in self._known]
        if annotations is not None:
            state = with_truth(state, annotations, models[0].model, session.next_id)
        for number, shown in enumerate(models):
            state = with_prediction(state, shown, number, session.next_id)
        keys = {shown.model for shown in models}
        for item in layers_on(state):
            # What began by itself with the picture, and nobody has asked for, would lie over what was.
            if item.id in started and annotations_of(item) is None and item.model not in keys:
                state = without_layer(state, item.id)
        session.change(self.tr("Show predictions on {name}").format(name=media.name), state)
        if secs is not None:
            self._controller.playback.pause()
            self._controller.playback.seek(secs)


def _analysis_of(model: str) -> Analysis:
    return next(item for item in ANALYSES if item.takes(MODELS[model]))


def with_truth(state: State, annotations: AnnotationSet, model: str, next_id: Callable[[], int]) -> State:
    """State with the labels as a layer on the canvas, of the type that the predictions of `model` have; as it is where
    no analysis shows them so."""
    media, result = state.active_media, _analysis_of(model).result
    bound = (annotations_of(item) for item in layers_on(state))
    if media is None or any(item is not None and _same_labels(item, annotations) for item in bound):
        return state
    specs = [item for item in ANALYSES if labels_slot(item) is not None and item.shows(media)]
    spec = next((item for item in specs if issubclass(item.result, result)), None)
    if spec is None:
        return state
    slot = labels_slot(spec)
    state = with_layer(state, spec, next_id)
    instance = state.instance
    assert slot is not None
    assert instance is not None
    return replace_instance(state, instance.with_binding(slot.name, annotations))


def _same_labels(one: AnnotationSet, other: AnnotationSet) -> bool:
    """Whether both are one set, which may have been edited in between: a second layer of it would be edited apart."""
    if one.path is None and other.path is None:
        return one == other or bool(one.edits.keys() & other.edits.keys())
    return one.path == other.path


def with_prediction(state: State, shown: ShownModel, number: int, next_id: Callable[[], int]) -> State:
    """State with the prediction of a model as a visible layer on the canvas, the current one: the layer of this model,
    else the one of its analysis (the `number`-th, from 0), else a new one."""
    media, spec = state.active_media, _analysis_of(shown.model)
    if media is None or not spec.shows(media):
        return state
    layers = [item for item in layers_on(state) if item.analysis == spec.key]
    same = [item for item in layers if (item.model, item.weights) == (shown.model, shown.weights)]
    instance = next(iter(same or layers[number : number + 1]), None)
    if instance is None:
        state = with_layer(state, spec, next_id)
        instance = state.instance
        assert instance is not None
    changed = _showing(instance, spec, media, shown)
    return dataclasses.replace(replace_instance(state, changed), current=changed.id, selection=frozenset())


def _showing(instance: AnalysisInstance, spec: Analysis, media: Media, shown: ShownModel) -> AnalysisInstance:
    changed = with_model(instance, shown.model, shown.weights)
    names = {name for params in spec.params_types(MODELS[shown.model]) for name in params.__dataclass_fields__}
    values = {**changed.values, "score": shown.score} if "score" in names else changed.values
    changed = dataclasses.replace(changed, weights=shown.weights, values=values, visible=True)
    return changed if changed.canvas_media is not None else changed.on(media)
