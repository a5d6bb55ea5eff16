"""The only writer of the session: turns intents into changes, and changes into what is seen."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.base import Facts
from cvstudio.bindings import Binding
from cvstudio.browsing import with_shown
from cvstudio.errors import UserError
from cvstudio.jobs import Event, Job
from cvstudio.media import Media, MediaKind
from cvstudio.models import MODELS, ModelSpec
from cvstudio.params import from_mapping
from cvstudio.readers import sample_key
from cvstudio.resolve import Layer, ViewState, resolve
from cvstudio.results import Detections
from cvstudio.session import Session, State, add_media, replace_instance
from cvstudio.stages import stage_keys
from cvstudio.temporal import Chain, Followed
from cvstudio.transitions import with_analysis, with_model, with_reading, with_sample, without_media
from cvstudio.types import View
from ui import opening
from ui.binding import Binder
from ui.comparing import Comparing
from ui.layers import Layers
from ui.library.library import Library
from ui.live import Live
from ui.measuring import Measuring
from ui.opening import SampleReady
from ui.pipeline import Pipeline
from ui.playback import Playback
from ui.shown import Shown, ShownLayer
from ui.translate import translated

if TYPE_CHECKING:
    from cvstudio.draw import Look

log = logging.getLogger(__name__)


class Controller(QObject):
    """State in, view out.

    Signals
    -------
    state_changed : (old, new) states of the session
    view_changed : a new `Shown` is to be painted
    notice : (level, text) for the user
    weights_wanted : published weights are to be offered for download
    weights_changed : weights came to this machine
    smooth_changed : whether a video is played smoothly instead of exactly
    """

    state_changed = Signal(object, object)
    view_changed = Signal(object)
    notice = Signal(str, str)
    emphasis_changed = Signal()
    smooth_changed = Signal(bool)
    pick_started = Signal(str)
    weights_wanted = Signal(object)
    weights_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = Session()
        self.pipeline = Pipeline(self)
        self.playback = Playback(self)
        self.library = Library(self.session, self.pipeline, self)
        self.layers = Layers(self.session, self)
        self.binder = Binder(self.session, self.pipeline, self)
        self.comparing = Comparing(self.session, self.pipeline, self)
        self.view: View | None = None
        self.shown: Shown = Shown(None, None, ())
        self.hovered_id: int | None = None
        self._pts: float | None = None
        self._last: dict[int, tuple[Any, Any]] = {}
        self._refresh_soon = QTimer(self, interval=0, singleShot=True)
        self._refresh_soon.timeout.connect(lambda: self.refresh(changed=False))
        self.session.listen(self._state_changed)
        self.view_changed.connect(self.comparing.look_at)
        self.pipeline.changed.connect(self._refresh_soon.start)
        self.pipeline.event.connect(self._job_event)
        self.pipeline.failed.connect(self._failed)
        self.pipeline.noticed.connect(lambda text: self.notice.emit("warning", text))
        self.library.notice.connect(self.notice)
        self.binder.notice.connect(self.notice)
        self.followed = Followed()
        soon = self._refresh_soon.start
        self.live = Live(self.pipeline, self.playback, self._resolve_at, self._complete, self._publish, soon)
        self.measuring = Measuring(self.pipeline, lambda: self.playback.playing, self)
        self.playback.moved.connect(self._moved)
        self.playback.sought.connect(self.live.clear)
        self.playback.playing_changed.connect(self._playing_changed)
        self.playback.failed.connect(lambda text: self.notice.emit("warning", text))

    def warm_up(self) -> None:
        """Load on a worker what would hold up the first picture."""
        self.pipeline.submit("pool", Job("warm up", "", opening.warm_up))

    # Opening --------------------------------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open files and folders; what is open stays open if one of them fails."""
        self.library.open(paths)

    def open_sample(self, analysis: str) -> None:
        """Begin an analysis on its own sample: what the first screen does."""
        work = opening.prepare_sample(ANALYSES[analysis])
        self.pipeline.submit("probe", Job(("sample", analysis), self.tr("Preparing the sample"), work))

    # Intents --------------------------------------------------------------------------------------------------------

    def activate(self, media: Media) -> None:
        """Put an open medium on the canvas. A second input, such as a depth map, is shown alone."""
        state = with_shown(self.session.state, media, self.session.next_id)
        self.session.change(self.tr("Show {name}").format(name=media.name), state)
        if media.kind is MediaKind.CAMERA and not self.playback.playing:
            self.playback.play()

    def open_camera(self, media: Media) -> None:
        """Put a camera into the session and look through it."""
        self.activate(media)

    def close_media(self, media: Media) -> None:
        """Take a medium out of the session."""
        state = without_media(self.session.state, media, self.session.next_id)
        self.session.change(self.tr("Close {name}").format(name=media.name), state)

    def use_analysis(self, key: str) -> None:
        """Make an analysis the current one, on the medium that is open where it fits."""
        spec = ANALYSES[key]
        state = with_analysis(self.session.state, spec, self.session.next_id)
        self.session.change(translated(spec.title), state)

    def bind(self, slot: str, binding: Binding | None) -> None:
        """Choose what is in a slot of the current analysis; None empties it."""
        self.binder.bind(slot, binding)

    def set_value(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Set one parameter of the current analysis; the ticks of a drag are one undo step."""
        instance = self.session.state.instance
        if instance is None:
            return
        changed = dataclasses.replace(instance, values={**instance.values, name: value})
        try:
            changed.params()
        except UserError as error:
            self.notice.emit("error", translated(str(error)))
            return
        merge = f"{instance.id}.{name}" if dragging else None
        state = replace_instance(self.session.state, changed)
        self.session.change(self.tr("Change {name}").format(name=name.replace("_", " ")), state, merge=merge)
        if not dragging:
            self.session.end_merge()

    def end_drag(self) -> None:
        """The mouse was let go: the next change is a step of its own."""
        self.session.end_merge()

    def set_model(self, key: str, weights: Path | None = None) -> None:
        """Choose the model of the current analysis. Values that the new one has no place for go back to default."""
        instance = self.session.state.instance
        if instance is None or (instance.model == key and instance.weights == weights):
            return
        model = MODELS[key]
        if not instance.spec.takes(model):
            return
        changed = with_model(instance, key, weights)
        state = dataclasses.replace(replace_instance(self.session.state, changed), selection=frozenset())
        self.session.change(self.tr("Use {model}").format(model=model.title), state)

    def use_own_model(self, spec: ModelSpec) -> None:
        """Begin with a network that the user has just added or declared anew."""
        self.use_analysis(next(analysis.key for analysis in ANALYSES if analysis.task == spec.task))
        self.set_model(spec.key)
        self.pipeline.forget_failures()
        self.state_changed.emit(self.session.state, self.session.state)
        self.refresh()

    def leave_model(self, key: str) -> None:
        """Another model takes the place of `key`, which was removed, wherever it is in use."""
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
        """Show or hide the result of one analysis."""
        state = self.session.state
        instance = next(item for item in state.instances if item.id == number)
        title = self.tr("Show result") if visible else self.tr("Hide result")
        self.session.change(title, replace_instance(state, dataclasses.replace(instance, visible=visible)))

    def set_reading(self, media: Media, name: str, value: Any, *, dragging: bool = False) -> None:
        """Change how a file is read: the scale of a depth map, the sound track."""
        try:
            state = with_reading(self.session.state, media, name, value)
        except UserError as error:
            self.notice.emit("error", translated(str(error)))
            return
        title = self.tr("Change {name}").format(name=name.replace("_", " "))
        self.session.change(title, state, merge=f"{media.file_id}.{name}" if dragging else None)

    def set_look(self, name: str, value: Any, *, dragging: bool = False) -> None:
        """Change how results are drawn."""
        state = self.session.state
        new = dataclasses.replace(state, look={**state.look, name: value})
        self.session.change(self.tr("Change the look"), new, merge=f"look.{name}" if dragging else None)

    def select(self, ids: frozenset[int]) -> None:
        """Highlight results of the current analysis."""
        state = dataclasses.replace(self.session.state, selection=ids)
        self.session.change(self.tr("Select"), state, undoable=False)

    def hover(self, number: int | None) -> None:
        """Point at a result of the current analysis without choosing it."""
        if number != self.hovered_id:
            self.hovered_id = number
            self.emphasis_changed.emit()

    def request_pick(self, name: str) -> None:
        """The next click on the canvas sets the parameter `name`."""
        self.pick_started.emit(name)

    def pick(self, x: float, y: float) -> None:
        """A click at (x, y) in image pixels, handed to the current analysis."""
        instance = self.session.state.instance
        if instance is None or instance.spec.pick is None:
            return
        first = self._first_output(instance.id)
        if first is None:
            return
        for name, value in instance.spec.pick(first, x, y).items():
            self.set_value(name, value)

    def facts(self) -> Facts:
        """What the current analysis knows of its input by now."""
        instance = self.session.state.instance
        if instance is None or instance.spec.facts is None:
            return Facts()
        first = self._first_output(instance.id)
        if first is None:
            return Facts()
        model = instance.model_spec
        return instance.spec.facts(first, {**(model.defaults if model else {}), **instance.values})

    def _first_output(self, number: int) -> Any:
        for shown in self.shown.layers:
            request = shown.layer.request
            if shown.layer.instance.id == number and request is not None:
                entry = self.pipeline.cache.get(stage_keys(request)[0])
                return entry.value if entry else None
        return None

    def undo(self) -> None:
        self.session.undo()

    def redo(self) -> None:
        self.session.redo()

    def set_view(self, view: View) -> None:
        """What the canvas shows has changed."""
        self.view = view
        self.refresh()

    # State to view --------------------------------------------------------------------------------------------------

    def _state_changed(self, old: State, new: State) -> None:
        before = {item.id: item for item in old.instances}
        for instance in new.instances:
            previous = before.get(instance.id)
            if previous is not None and (
                previous.bindings != instance.bindings
                or previous.model != instance.model
                or previous.weights != instance.weights
            ):
                self.pipeline.cancel_instance(instance.id)
                self.pipeline.forget_failures()
        if new.active != old.active:
            self.pipeline.host.adopt()
            self.pipeline.forget_failures()
            self._pts = None
            self._last.clear()
            self.live.clear()
            before_media = old.active_media
            # The same file read in another way goes on where it is.
            same = before_media and new.active_media and before_media.file_id == new.active_media.file_id
            self.playback.set_media(new.active_media, going_on=bool(same))
        self.library.state_changed(old, new)
        self.state_changed.emit(old, new)
        self.refresh()

    def _resolve_at(self, pts: float | None) -> ViewState:
        state = self.session.state
        networks = {item.id: self.pipeline.network_key(item) for item in state.instances}
        return resolve(state, self.pipeline.cache, pts=pts, view=self.view, network_of=networks)

    def refresh(self, *, changed: bool = True) -> None:
        """Resolve, run what may run here, ask for the rest, and show what there is.

        `changed` is off where only something new is in the cache.
        """
        media = self.session.state.active_media
        if media is not None and self.playback.shows_frames and self.shown.sample is not None:
            self.live.refresh(changed=changed)
            return
        view = self._resolve_at(self._pts)
        if media is not None and media.kind is MediaKind.CAMERA and view.sample is None and not self.playback.playing:
            return  # it is off: what it has shown stays
        if media is not None and media.kind is not MediaKind.AUDIO and view.sample is None:
            self.pipeline.request_sample(media, self.playback.position_secs if view.pts is None else view.pts)
            if media.moving and self._pts is None:
                return
        ran = [self.pipeline.run_inline(layer) for layer in view.layers]
        if any(ran):
            view = self._resolve_at(self._pts)
        self.pipeline.request_layers(view)
        self._publish(view, view)

    def _publish(self, view: ViewState, results: ViewState) -> None:
        """Show the frame of `view` with the results of `results`, which may be of an older frame."""
        layers = []
        age_secs = (view.pts or 0.0) - (results.pts or 0.0)
        for layer in results.layers:
            result = self.pipeline.partial_result(layer)
            error = self.pipeline.error_of(layer)
            # An old result may stay only on the very picture and of the very model that made it.
            origin = (layer.request.sources, layer.request.network) if layer.request else None
            if result is None and error is None and origin is not None:
                kept_origin, kept = self._last.get(layer.instance.id, (None, None))
                result = kept if kept_origin == origin else None
            elif result is not None and layer.next_stage is None:
                result = self._in_order(layer, result)
            if result is not None:
                self._last[layer.instance.id] = (origin, result)
            stale = layer.next_stage is not None and error is None and not layer.missing
            layers.append(ShownLayer(layer, result, stale, layer.missing, age_secs))
        self._pts = view.pts
        self.shown = Shown(view.sample, view.pts, tuple(layers))
        self.view_changed.emit(self.shown)
        self.playback.shown(view.pts)

    def _in_order(self, layer: Layer, result: Any) -> Any:
        """`result` with what its place among the frames says, such as identities."""
        temporal, request = layer.instance.spec.temporal, layer.request
        if temporal is None or request is None or request.source.pts is None:
            return result
        media = layer.instance.canvas_media
        params = layer.instance.params()[-1]
        return self.followed.result(
            temporal, params, request, result, media.frame_rate if media else None, keep=self.playback.shows_frames
        )

    def chain(self) -> Chain | None:
        """The frames in which the current analysis was followed, on the medium that is open."""
        for shown in self.shown.layers:
            instance, request = shown.layer.instance, shown.layer.request
            if instance.id == self.session.state.current and request is not None and instance.spec.temporal:
                return self.followed.find(instance.spec.temporal, instance.params()[-1], request)
        return None

    def _complete(self, view: ViewState) -> bool:
        return view.sample is not None and all(
            layer.next_stage is None
            or layer.missing
            or self.pipeline.error_of(layer) is not None
            or any(slot.streamed for slot in layer.instance.spec.inputs)
            for layer in view.layers
            if layer.instance.visible
        )

    def _moved(self, position_secs: float) -> None:
        media = self.session.state.active_media
        if media is None or not media.moving:
            return
        if self.playback.shows_frames and self.shown.sample is not None:
            self.live.moved(media, position_secs)
        else:
            self.pipeline.request_sample(media, position_secs)

    def _playing_changed(self, playing: bool) -> None:
        self.live.clear()
        self.pipeline.forget_failures()
        if playing:
            self.pipeline.host.adopt()
        media = self.playback.media
        if not playing and media is not None and media.kind is MediaKind.CAMERA:
            self.pipeline.release(media)
        if not playing:
            # What was on its way is not shown any more, and a change of a slider is of the frame on screen.
            self.refresh()

    def set_smooth(self, smooth: bool) -> None:
        """Play at the video's own rate with the newest results that there are, or only frames with their results."""
        if smooth != self.live.smooth:
            self.live.smooth = smooth
            self.smooth_changed.emit(smooth)
            self.refresh()

    def show_frame(self, pts: float, tag: Hashable = None) -> None:
        """Go to the frame whose presentation time is `pts`, which is decoded; `tag` is that of the decoder's job."""
        if self.playback.shows_frames and self.shown.sample is not None:
            self.live.decoded(pts, tag)
        elif pts != self._pts:
            self._pts = pts
            self.refresh()

    def _job_event(self, event: Event) -> None:
        value = event.value
        if event.kind != "output":
            if event.kind == "cancelled":
                self.live.replaced(event.job.tag)
            elif event.kind == "failed" and event.job.owner == "sample" and self.playback.shows_frames:
                self.playback.pause()  # such as a camera that was unplugged: what is shown stays
            elif event.kind == "failed" and event.job.tag is None:
                self._failed(event.job.title, value)
            return
        if isinstance(value, SampleReady):
            state = self.session.state
            for bound in value.bindings.values():
                state = add_media(state, bound) if isinstance(bound, Media) else state
            state = with_sample(state, value.spec, value.bindings, self.session.next_id)
            self.session.change(translated(value.spec.action), state)
        elif hasattr(value, "pts") and event.job.owner == "sample":
            media = self.session.state.active_media
            if media is not None and self.pipeline.cache.get(sample_key(media, value.pts)) is not None:
                self.show_frame(value.pts, event.job.tag)

    def _failed(self, title: str, error: Exception) -> None:
        if isinstance(error, UserError):
            self.notice.emit("error", translated(str(error)))
        else:
            log.error("%s failed", title, exc_info=error)
            text = self.tr("{title} failed: {error}. The log has the details.")
            self.notice.emit("error", text.format(title=title or self.tr("A job"), error=str(error).rstrip(".")))

    def look(self) -> Look:
        """How results are drawn."""
        from cvstudio.draw import Look

        return from_mapping(Look, self.session.state.look)

    def current_result(self) -> Any:
        """The result of the current analysis that is on screen."""
        for layer in self.shown.layers:
            if layer.layer.instance.id == self.session.state.current:
                return layer.result
        return None

    def detections(self) -> Detections | None:
        result = self.current_result()
        return result if isinstance(result, Detections) else None

    def close(self) -> bool:
        """Stop playing and join every thread; False where one did not end in time."""
        self.measuring.close()
        self.playback.close()
        self.library.close()
        return self.pipeline.close()
