"""Controller of the window: turns the user's intents into changes of the session, which the presenter displays.

Only the modules of `ui/control/` write the session.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import InputFacts
from cvstudio.analyses.binding import Binding
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.request import given_values, points_of, value_on_file
from cvstudio.data.adjustments import Adjustments
from cvstudio.data.geometry import View
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import CLOSE_SECS, Event, Job
from cvstudio.foundation.params import from_mapping
from cvstudio.media import Media, MediaKind
from cvstudio.models import MODELS, ModelSpec
from cvstudio.session.browsing import with_read_as, with_shown
from cvstudio.session.label_edits import annotations_of
from cvstudio.session.session import Session, State, add_media, replace_instance
from cvstudio.session.transitions import with_analysis, with_model, with_reading, with_sample, without_media
from ui.base.translate import translated
from ui.control.binding import Binder
from ui.control.chosen_checkpoints import ChosenCheckpoints, with_checkpoint
from ui.control.comparison import ComparisonController
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.labelling import Labelling
from ui.control.layers import LayerStack
from ui.control.library import Library
from ui.control.long_work import LongWork
from ui.control.pipeline import Pipeline
from ui.control.playback import Playback
from ui.control.presenter import Presenter
from ui.control.sound.heard_mix import HeardMix
from ui.control.spatial import SpatialController
from ui.control.tuning import PrecisionTuning
from ui.control.unfinished import UnfinishedWork
from ui.control.window_requests import WindowRequests

if TYPE_CHECKING:
    from cvstudio.draw import Look
    from cvstudio.results.detections import Detections

log = logging.getLogger(__name__)


class Controller(QObject):
    """Owner of the session and of everything that changes or displays it. Main thread only.

    An invalid value leaves the session as it is and is reported by `notice`.

    Signals
    -------
    state_changed : (old, new) states of the session
    view_changed : `FrameOnScreen` to paint
    notice : (level, text) for the user; level "info", "warning" or "error"
    emphasis_changed : `hovered_id` has changed
    refused : text of a notice about a change that was not made; it applies until the next change
    pick_started : name of the parameter that the next click or drawing on the canvas sets
    weights_wanted : published weights to offer for download
    weights_changed : weights were added to this machine
    smooth_changed : whether a video plays smoothly instead of exactly
    """

    state_changed = Signal(object, object)
    notice = Signal(str, str)
    refused = Signal(str)
    emphasis_changed = Signal()
    pick_started = Signal(str)
    weights_wanted = Signal(object)
    weights_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.requests = WindowRequests(self)
        self.session = Session()
        self.pipeline = Pipeline(self)
        self.playback = Playback(self)
        self.library = Library(self.session, self.pipeline, self)
        self.layers = LayerStack(self.session, self)
        self.binder = Binder(self.session, self.pipeline, self)
        self.checkpoints = ChosenCheckpoints(self.session, self.pipeline, self)
        self.checkpoints.changed.connect(self.weights_changed)
        self.checkpoints.notice.connect(self.notice)
        self.labelling = Labelling(self.session, self.pipeline, self)
        self.comparison = ComparisonController(self.session, self.pipeline, self)
        self.presenter = Presenter(self.session, self.pipeline, self.playback, self)
        # The presenter's own signal objects: forwarding them would add a call to each tick of a slider.
        self.view_changed = self.presenter.view_changed
        self.smooth_changed = self.presenter.smooth_changed
        self.spatial = SpatialController(self.session, self.pipeline, self)
        self.view_changed.connect(self.spatial.follow)
        self.hovered_id: int | None = None
        self.session.listen(self._state_changed)
        self.view_changed.connect(self.comparison.look_at)
        self.view_changed.connect(lambda shown: self.labelling.frames.set_time(shown.pts))
        self.heard_mix = HeardMix(self.playback, self)
        self.view_changed.connect(self.heard_mix.follow)
        self.pipeline.job_event.connect(self._job_event)
        self.pipeline.failed.connect(self._failed)
        self.pipeline.noticed.connect(lambda text: self.notice.emit("warning", text))
        self.library.notice.connect(self.notice)
        self.labelling.notice.connect(self.notice)
        self.binder.refused.connect(self._refuse)
        self.long_work = LongWork(self)
        self.unfinished = UnfinishedWork()
        self.pipeline.job_event.connect(self.long_work.job_event)
        self.precision_tuning = PrecisionTuning(self.pipeline, lambda: self.playback.playing, self)
        self.playback.failed.connect(lambda text: self.notice.emit("warning", text))

    def warm_up(self) -> None:
        """Import on a worker thread the modules that would delay the first picture."""
        from ui.control import opening_jobs as opening

        self.pipeline.submit("pool", Job("warm up", "", opening.warm_up))

    # Opening --------------------------------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open files and folders on a worker thread; media that are open stay so if a file cannot be read."""
        self.library.open(paths)

    def open_labels(self, paths: Sequence[Path]) -> None:
        """Open files or folders of labels as sets of their pictures."""
        self.library.open(paths, as_labels=True)

    def open_sample(self, analysis: str) -> None:
        """Prepare the sample of the analysis with key `analysis` on a worker thread, then start the analysis on it."""
        from ui.control import opening_jobs as opening

        work = opening.prepare_sample(ANALYSES[analysis])
        self.pipeline.submit("probe", Job(("sample", analysis), self.tr("Preparing the sample"), work))

    # Intents --------------------------------------------------------------------------------------------------------

    def activate(self, media: Media) -> None:
        """Show an open medium on the canvas. A second input, such as a depth map, is shown alone; a camera starts."""
        state = with_shown(self.session.state, media, self.session.next_id)
        self.session.change(self.tr("Show {name}").format(name=media.name), state)
        if media.kind is MediaKind.CAMERA and not self.playback.playing:
            self.playback.play()

    def open_camera(self, media: Media) -> None:
        """Add a camera to the session and show its picture."""
        self.activate(media)

    def keep(self, title: str, media: Media) -> None:
        """Add a file that the program has written, such as a recording, to the media; the canvas stays as it is.

        `title` names the undo step.
        """
        self.session.change(title, add_media(self.session.state, media))

    def load(self, state: State, position_secs: float, *, modified: bool = False) -> None:
        """Replace the session by the state of a project, at `position_secs` of its medium, without undo history.

        `modified` : whether the project's file holds another state, as where its files were found elsewhere.
        """
        self.session.load(state, modified=modified)
        self.playback.seek(position_secs)

    def mark_saved(self) -> None:
        """Mark the session as saved to its project file."""
        self.session.mark_saved()

    def close_media(self, media: Media) -> None:
        """Remove a medium from the session; its file stays on disk."""
        state = without_media(self.session.state, media, self.session.next_id)
        self.session.change(self.tr("Close {name}").format(name=media.name), state)

    def use_analysis(self, key: str) -> None:
        """Make the analysis `key` the current one, with the open medium as its input where it accepts that."""
        spec = ANALYSES[key]
        state = with_analysis(self.session.state, spec, self.session.next_id)
        self.session.change(translated(spec.title), state)

    def bind(self, slot: str, binding: Binding | None) -> None:
        """Set the input in a slot of the current analysis; None empties the slot."""
        self.binder.bind(slot, binding)

    def set_adjustments(
        self, adjustments: Adjustments, *, slot: str = "", alone: bool = False, dragging: bool = False
    ) -> None:
        """Set the adjustments (crop, rotation, levels) of a slot of the current analysis, by default the main slot;
        `alone` for its medium only, in place of those of all media of the slot.

        Changes while `dragging` are one undo step.
        """
        instance = self.session.state.instance
        if instance is not None:
            name = slot or instance.spec.main_slot.name
            self.binder.set_adjustments(name, adjustments, alone=alone, dragging=dragging)

    def set_value(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Set one parameter of the current analysis; changes while `dragging` are one undo step."""
        instance = self.session.state.instance
        if instance is None:
            return
        self._set_values(instance, {name: value}, f"{instance.id}.{name}" if dragging else None)

    def set_stretch(self, begin: str, end: str, span: tuple[float, float] | None) -> None:
        """Set the two parameters of the current analysis that say which part of a sound or video it looks at, in one
        undo step; None is the whole."""
        instance = self.session.state.instance
        if instance is not None:
            first, last = span if span is not None else (0.0, None)
            self._set_values(instance, {begin: first, end: last}, None)

    def _set_values(self, instance: AnalysisInstance, values: Mapping[str, Any], merge: str | None) -> None:
        changed = dataclasses.replace(instance, values={**instance.values, **values})
        try:
            changed.params()
        except UserError as error:
            self._refuse(translated(str(error)))
            return
        state = replace_instance(self.session.state, changed)
        names = " and ".join(name.replace("_", " ") for name in values)
        self.session.change(self.tr("Change {name}").format(name=names), state, merge=merge)
        if merge is None:
            self.session.end_merge()

    def end_drag(self) -> None:
        """End a drag: the next change is an undo step of its own."""
        self.session.end_merge()

    def cancel_drag(self) -> None:
        """Cancel a drag: restore the values from before it."""
        self.session.drop_merge()

    def set_model(self, key: str, weights: Path | None = None, *, fits: bool = False) -> None:
        """Set the model of the current analysis, with the checkpoint `weights` or, for None, the one that was chosen
        for it before, else its published weights.

        A chosen checkpoint goes to every analysis that uses the model, and stays with it until it is removed; `fits`
        where its tensors were compared with the model's already. Parameters whose values the new model does not accept
        return to their defaults.
        """
        instance = self.session.state.instance
        if instance is None or not instance.spec.takes(MODELS[key]):
            return
        model = MODELS[key]
        if weights is not None:
            self.checkpoints.chosen(key, weights, fits=fits)
        changed = with_model(instance, key, weights)
        if (instance.model, instance.weights) == (changed.model, changed.weights):
            return
        state = dataclasses.replace(replace_instance(self.session.state, changed), selection=frozenset())
        if weights is not None:
            state = with_checkpoint(state, key, weights)
        self.session.change(self.tr("Use {model}").format(model=model.title), state)

    def use_custom_model(self, spec: ModelSpec) -> None:
        """Start the analysis of a custom model that was just added or declared again."""
        self.use_analysis(next(analysis.key for analysis in ANALYSES if analysis.task == spec.task))
        self.set_model(spec.key)
        self.pipeline.forget_failures()
        self.state_changed.emit(self.session.state, self.session.state)
        self.refresh()

    def leave_model(self, key: str) -> None:
        """Replace the removed model `key` by the first one of each analysis that uses it."""
        state = self.session.state
        for instance in state.instances:
            if instance.model == key:
                other = instance.spec.first_model
                changed = with_model(instance, other, None) if other else dataclasses.replace(instance, model="")
                state = replace_instance(state, changed)
        self.session.change(self.tr("Remove the model"), state)
        self.state_changed.emit(self.session.state, self.session.state)
        self.refresh()

    def set_visible(self, number: int, visible: bool) -> None:
        """Show or hide the result of the analysis with id `number`."""
        state = self.session.state
        instance = next(item for item in state.instances if item.id == number)
        title = self.tr("Show result") if visible else self.tr("Hide result")
        self.session.change(title, replace_instance(state, dataclasses.replace(instance, visible=visible)))

    def set_reading(self, media: Media, name: str, value: Any, *, dragging: bool = False) -> None:
        """Set a reading option of a file, such as the scale of a depth map or the sound track."""
        try:
            state = with_reading(self.session.state, media, name, value)
        except UserError as error:
            self._refuse(translated(str(error)))
            return
        title = self.tr("Change {name}").format(name=name.replace("_", " "))
        self.session.change(title, state, merge=f"{media.file_id}.{name}" if dragging else None)

    def read_as(self, media: Media, key: str) -> None:
        """Read an open file as another of its `readings`, on a worker thread, as that decodes it. One undo step."""
        from ui.control import opening_jobs as opening

        title = self.tr("Reading {name}").format(name=media.name)
        self.pipeline.submit("probe", Job(("read as", media.id), title, opening.read_as(media, key)))

    def set_look(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Set an option of `Look`, such as line width; changes while `dragging` are one undo step."""
        state = self.session.state
        new = dataclasses.replace(state, look={**state.look, name: value})
        self.session.change(self.tr("Change the appearance"), new, merge=f"look.{name}" if dragging else None)

    def select(self, ids: frozenset[int]) -> None:
        """Select the parts of the current result with these ids; not an undo step."""
        state = dataclasses.replace(self.session.state, selection=ids)
        self.session.change(self.tr("Select"), state, undoable=False)

    def hover(self, number: int | None) -> None:
        """Emphasise the part of the current result with id `number` without selecting it; None ends the emphasis."""
        if number != self.hovered_id:
            self.hovered_id = number
            self.emphasis_changed.emit()

    def request_pick(self, name: str) -> None:
        """Let the next click or drawing on the canvas set the parameter `name`."""
        self.pick_started.emit(name)

    def pick(self, x: float, y: float, name: str = "") -> None:
        """Handle a click at (x, y) in image pixels: by `Analysis.pick` of the current analysis or, without that, as
        the value of the point parameter `name`."""
        instance = self.session.state.instance
        if instance is None:
            return
        if instance.spec.pick is None:
            if name in points_of(instance):
                self.set_value(name, (x, y))
            return
        first = self.presenter.first_output(instance.id)
        if first is None:
            return
        pixel_map = instance.pixel_map
        if pixel_map is not None:
            x, y = pixel_map.point(x, y)
        for key, value in instance.spec.pick(first, x, y).items():
            self.set_value(key, value_on_file(instance, key, value))

    def input_facts(self) -> InputFacts:
        """Facts, such as ranges, that the current analysis derives from its input; before its first stage ran, only the
        ranges of times."""
        instance = self.session.state.instance
        if instance is None:
            return InputFacts()
        if instance.spec.input_facts is None:
            return InputFacts(ranges=instance.time_ranges(), values=instance.open_ends())
        first = self.presenter.first_output(instance.id)
        if first is None:
            return InputFacts()
        return instance.spec.input_facts(first, given_values(instance))

    def undo(self) -> None:
        """Undo the last change of the session; no effect without one."""
        self.session.undo()

    def redo(self) -> None:
        """Redo the change that was undone last; no effect without one."""
        self.session.redo()

    # State to view --------------------------------------------------------------------------------------------------

    def _state_changed(self, old: State, new: State) -> None:
        self.presenter.follow(old, new)
        self.library.state_changed(old, new)
        self.labelling.state_changed(new)
        self.state_changed.emit(old, new)
        self.presenter.refresh()

    def set_view(self, view: View) -> None:
        """Set the part of the image that the canvas shows."""
        self.presenter.set_view(view)

    def set_smooth(self, smooth: bool) -> None:
        """Choose smooth playing (the video's own rate, with the newest results) or exact playing (frames with their own
        results only)."""
        self.presenter.set_smooth(smooth)

    def refresh(self) -> None:
        """Resolve the session again, after a change outside of its state, such as new weights."""
        self.presenter.refresh()

    @property
    def shown(self) -> FrameOnScreen:
        """Frame and results on screen."""
        return self.presenter.shown

    def current_result(self) -> Any:
        """Result of the current analysis on screen; None without one."""
        return self.presenter.current_result()

    def detections(self) -> Detections | None:
        """Current result where it is of type `Detections`, else None."""
        from cvstudio.results.detections import Detections

        result = self.current_result()
        return result if isinstance(result, Detections) else None

    def predictions(self) -> Detections | None:
        """Result of the topmost visible layer with boxes that are not labels; None without one."""
        layer = self.predicting_layer()
        return layer.result if layer is not None else None

    def predicting_layer(self) -> LayerOnScreen | None:
        """The topmost visible layer with boxes that are not labels; None without one."""
        from cvstudio.results.detections import Detections

        for item in reversed(self.shown.layers):
            instance = item.layer.instance
            if isinstance(item.result, Detections) and instance.visible and annotations_of(instance) is None:
                return item
        return None

    def _job_event(self, event: Event) -> None:
        # Imported late, as in all of this room: nothing is opened before the window's first picture.
        from ui.control.opening_jobs import ReadAs, SampleReady

        value = event.value
        if event.kind == "failed" and event.job.tag is None:
            self._failed(event.job.title, value)
        elif event.kind == "output" and isinstance(value, SampleReady):
            state = self.session.state
            for bound in value.bindings.values():
                state = add_media(state, bound) if isinstance(bound, Media) else state
            state = with_sample(state, value.spec, value.bindings, self.session.next_id)
            self.session.change(translated(value.spec.title), state)
        elif event.kind == "output" and isinstance(value, ReadAs):
            state = with_read_as(self.session.state, value.media, value.other, self.session.next_id)
            title = value.other.reading.title if value.other.reading is not None else value.other.read_as
            self.session.change(self.tr("Read as {title}").format(title=translated(title)), state)

    def _refuse(self, text: str) -> None:
        self.notice.emit("error", text)
        self.refused.emit(text)

    def _failed(self, title: str, error: Exception) -> None:
        if not isinstance(error, UserError):
            log.error("%s failed", title, exc_info=error)
        self.notice.emit("error", self.failure_text(title, error))

    def failure_text(self, title: str, error: Exception) -> str:
        """Text of the notice about the `error` of a job or stage with this title."""
        if isinstance(error, UserError):
            return translated(str(error))
        text = self.tr("{title} failed: {error}. The log has the details.")
        return text.format(title=title or self.tr("A job"), error=str(error).rstrip("."))

    def failures(self) -> tuple[Exception, ...]:
        """Why what should be on screen is not there: errors of reading the medium and of the stages of its layers."""
        layers = tuple(item.layer for item in self.shown.layers)
        return self.pipeline.errors_of(self.session.state.active_media, layers)

    def look(self) -> Look:
        """Drawing options of results, from the session."""
        from cvstudio.draw import Look

        return from_mapping(Look, self.session.state.look)

    def close(self, timeout_secs: float = CLOSE_SECS, *, process_ends: bool = False) -> bool:
        """Stop playing and join all threads; False if one did not end within `timeout_secs`. See `Pipeline.close`."""
        self.unfinished.closing = True
        self.precision_tuning.close()
        self.playback.close()
        self.library.close()
        ended = self.pipeline.close(timeout_secs, process_ends=process_ends)
        self.unfinished.close()
        return ended
