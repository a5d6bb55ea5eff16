"""From state to screen: resolves, runs "main" stages, requests the others, and publishes the newest results."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from cvstudio.analyses.stages import stage_keys
from cvstudio.analyses.temporal import Chain, TemporalChains
from cvstudio.data.geometry import View
from cvstudio.foundation.lanes import Event
from cvstudio.media import MediaKind
from cvstudio.media.reader_pool import sample_key
from cvstudio.session.resolve import CanvasLayer, ViewState, resolve
from cvstudio.session.session import Session, State
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.live_playback import Live
from ui.control.pipeline import Pipeline
from ui.control.playback import Playback


class Presenter(QObject):
    """Reads the session, which the controller writes, and says what is on screen. Main thread only.

    `shown` is what is on screen, `live` shows it while it plays, `followed` knows the frames in their order.

    Signals
    -------
    view_changed : a new `FrameOnScreen` is to be painted
    smooth_changed : whether a video is played smoothly instead of exactly
    """

    view_changed = Signal(object)
    smooth_changed = Signal(bool)

    def __init__(self, session: Session, pipeline: Pipeline, playback: Playback, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pipeline = pipeline
        self._playback = playback
        self.shown: FrameOnScreen = FrameOnScreen(None, None, ())
        self.followed = TemporalChains()
        self._view: View | None = None
        self._pts: float | None = None
        self._last: dict[int, tuple[Any, Any]] = {}
        self._refresh_soon = QTimer(self, interval=0, singleShot=True)
        self._refresh_soon.timeout.connect(lambda: self.refresh(changed=False))
        soon = self._refresh_soon.start
        self.live = Live(pipeline, playback, self._resolve_at, self._complete, self._publish, soon)
        pipeline.changed.connect(soon)
        pipeline.job_event.connect(self._job_event)
        playback.moved.connect(self._moved)
        playback.sought.connect(self.live.clear)
        playback.playing_changed.connect(self._playing_changed)

    def follow(self, old: State, new: State) -> None:
        """Stop what runs for the state of before, and go to the medium of the new one; `refresh` shows it."""
        before = {item.id: item for item in old.instances}
        for instance in new.instances:
            previous = before.get(instance.id)
            if previous is not None and (
                previous.bindings != instance.bindings
                or previous.model != instance.model
                or previous.weights != instance.weights
            ):
                self._pipeline.cancel_instance(instance.id)
                self._pipeline.forget_failures()
        if new.active != old.active:
            self._pipeline.host.apply_tuned()
            self._pipeline.forget_failures()
            self._pts = None
            self._last.clear()
            self.live.clear()
            before_media = old.active_media
            # The same file read in another way goes on where it is.
            same = before_media and new.active_media and before_media.file_id == new.active_media.file_id
            self._playback.set_media(new.active_media, going_on=bool(same))

    def set_view(self, view: View) -> None:
        """What the canvas shows has changed."""
        self._view = view
        self.refresh()

    def _resolve_at(self, pts: float | None) -> ViewState:
        state = self._session.state
        networks = {item.id: self._pipeline.network_key(item) for item in state.instances}
        return resolve(state, self._pipeline.cache, pts=pts, view=self._view, network_of=networks)

    def refresh(self, *, changed: bool = True) -> None:
        """Resolve, run what may run here, ask for the rest, and show what there is.

        `changed` is off where only something new is in the cache.
        """
        media = self._session.state.active_media
        if media is not None and self._playback.shows_frames and self.shown.sample is not None:
            self.live.refresh(changed=changed)
            return
        view = self._resolve_at(self._pts)
        if media is not None and media.kind is MediaKind.CAMERA and view.sample is None and not self._playback.playing:
            return  # it is off: what it has shown stays
        if media is not None and media.kind is not MediaKind.AUDIO and view.sample is None:
            self._pipeline.request_sample(media, self._playback.position_secs if view.pts is None else view.pts)
            if media.moving and self._pts is None:
                return
        ran = [self._pipeline.run_inline(layer) for layer in view.layers]
        if any(ran):
            view = self._resolve_at(self._pts)
        self._pipeline.request_layers(view)
        self._publish(view, view)

    def _publish(self, view: ViewState, results: ViewState) -> None:
        """Show the frame of `view` with the results of `results`, which may be of an older frame."""
        layers = []
        age_secs = (view.pts or 0.0) - (results.pts or 0.0)
        for layer in results.layers:
            result = self._pipeline.partial_result(layer)
            error = self._pipeline.error_of(layer)
            # An old result may stay only on the very picture and of the very model that made it.
            origin = (layer.request.sources, layer.request.network) if layer.request else None
            if result is None and error is None and origin is not None:
                last_origin, last_result = self._last.get(layer.instance.id, (None, None))
                result = last_result if last_origin == origin else None
            elif result is not None and layer.next_stage is None:
                result = self._in_order(layer, result)
            if result is not None:
                self._last[layer.instance.id] = (origin, result)
            stale = layer.next_stage is not None and error is None and not layer.missing
            layers.append(LayerOnScreen(layer, result, stale, layer.missing, age_secs))
        self._pts = view.pts
        self.shown = FrameOnScreen(view.sample, view.pts, tuple(layers))
        self.view_changed.emit(self.shown)
        self._playback.shown(view.pts)

    def _in_order(self, layer: CanvasLayer, result: Any) -> Any:
        """`result` with what its place among the frames says, such as identities."""
        temporal, request = layer.instance.spec.temporal, layer.request
        if temporal is None or request is None or request.source.pts is None:
            return result
        media = layer.instance.canvas_media
        params = layer.instance.params()[-1]
        return self.followed.result(
            temporal, params, request, result, media.frame_rate if media else None, keep=self._playback.shows_frames
        )

    # What is on screen ------------------------------------------------------------------------------------------------

    def current_result(self) -> Any:
        """The result of the current analysis that is on screen."""
        for layer in self.shown.layers:
            if layer.layer.instance.id == self._session.state.current:
                return layer.result
        return None

    def first_output(self, number: int) -> Any:
        """What the first stage of the analysis with id `number` put out for the frame on screen; None without it."""
        for shown in self.shown.layers:
            request = shown.layer.request
            if shown.layer.instance.id == number and request is not None:
                entry = self._pipeline.cache.get(stage_keys(request)[0])
                return entry.value if entry else None
        return None

    def chain(self) -> Chain | None:
        """The frames in which the current analysis was followed, on the medium that is open."""
        for shown in self.shown.layers:
            instance, request = shown.layer.instance, shown.layer.request
            if instance.id == self._session.state.current and request is not None and instance.spec.temporal:
                return self.followed.find(instance.spec.temporal, instance.params()[-1], request)
        return None

    # While it plays ---------------------------------------------------------------------------------------------------

    def _complete(self, view: ViewState) -> bool:
        return view.sample is not None and all(
            layer.next_stage is None
            or layer.missing
            or self._pipeline.error_of(layer) is not None
            or any(slot.streamed for slot in layer.instance.spec.inputs)
            for layer in view.layers
            if layer.instance.visible
        )

    def _moved(self, position_secs: float) -> None:
        media = self._session.state.active_media
        if media is None or not media.moving:
            return
        if self._playback.shows_frames and self.shown.sample is not None:
            self.live.moved(media, position_secs)
        else:
            self._pipeline.request_sample(media, position_secs)

    def _playing_changed(self, playing: bool) -> None:
        self.live.clear()
        self._pipeline.forget_failures()
        if playing:
            self._pipeline.host.apply_tuned()
        media = self._playback.media
        if not playing and media is not None and media.kind is MediaKind.CAMERA:
            self._pipeline.release(media)
        if not playing:
            # What was on its way is not shown any more, and a change of a slider is of the frame on screen.
            self.refresh()

    def set_smooth(self, smooth: bool) -> None:
        """Play at the video's own rate with the newest results that there are, or only frames with their results."""
        if smooth != self.live.smooth:
            self.live.smooth = smooth
            self.smooth_changed.emit(smooth)
            self.refresh()

    def _show_frame(self, pts: float, tag: Hashable = None) -> None:
        """Go to the frame whose presentation time is `pts`, which is decoded; `tag` is that of the decoder's job."""
        if self._playback.shows_frames and self.shown.sample is not None:
            self.live.decoded(pts, tag)
        elif pts != self._pts:
            self._pts = pts
            self.refresh()

    def _job_event(self, event: Event) -> None:
        value = event.value
        if event.kind == "cancelled":
            self.live.replaced(event.job.tag)
        elif event.job.owner != "sample":
            return
        elif event.kind == "failed" and self._playback.shows_frames:
            self._playback.pause()  # such as a camera that was unplugged: what is shown stays
        elif event.kind == "output" and hasattr(value, "pts"):
            media = self._session.state.active_media
            if media is not None and self._pipeline.cache.get(sample_key(media, value.pts)) is not None:
                self._show_frame(value.pts, event.job.tag)
