"""Presenter: resolves the session's state, runs or requests the missing stages, and publishes the newest results."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.analyses.request import make_request
from cvstudio.analyses.stages import Request, stage_keys
from cvstudio.analyses.temporal import Chain, TemporalChains
from cvstudio.data.geometry import View
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event
from cvstudio.media import Media, MediaKind
from cvstudio.media.reader_pool import sample_key
from cvstudio.session.layers import belongs_to
from cvstudio.session.resolve import CanvasLayer, ViewState, resolve
from cvstudio.session.session import Session, State
from ui.control.frame_on_screen import FrameOnScreen, LayerOnScreen
from ui.control.live_playback import LivePlayback
from ui.control.pipeline import Pipeline
from ui.control.playback import Playback


class Presenter(QObject):
    """Reads the session, which the controller writes, and publishes the frame on screen. Main thread only.

    `shown` is the frame on screen, `live` displays a video while it plays, `followed` holds the chains of frames that
    temporal analyses, such as tracking, have processed.

    Signals
    -------
    view_changed : `FrameOnScreen` to paint
    smooth_changed : whether a video plays smoothly instead of exactly
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
        self._shown_file = ""  # `Media.file_id` of the frame on screen
        self._last: dict[int, tuple[Any, Any]] = {}
        self._stepping: Hashable = None  # tag of the decoder's job
        self._steps = 0  # frames to step when it has ended
        self._refresh_soon = QTimer(self, interval=0, singleShot=True)
        self._refresh_soon.timeout.connect(lambda: self.refresh(changed=False))
        soon = self._refresh_soon.start
        self.live = LivePlayback(pipeline, playback, self._resolve_at, self._complete, self._publish, soon)
        pipeline.changed.connect(soon)
        pipeline.job_event.connect(self._job_event)
        playback.moved.connect(self._moved)
        playback.sought.connect(self.live.clear)
        playback.sought.connect(self._end_stepping)
        playback.playing_changed.connect(self._playing_changed)

    def follow(self, old: State, new: State) -> None:
        """Cancel jobs made obsolete by the change from `old` to `new`, and switch to its medium; `refresh` shows it."""
        before = {item.id: item for item in old.instances}
        there = {item.id for item in new.instances}
        for number in _shown(old) - _shown(new):
            if number in there:
                self._pipeline.cancel_instance(number, yielding=False)
            else:
                self._pipeline.cancel_instance(number)
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
            self._end_stepping()
            self._last.clear()
            self.live.clear()
            before_media = old.active_media
            # A change of reading options, such as the sound track, keeps the position.
            same = before_media and new.active_media and before_media.file_id == new.active_media.file_id
            self._playback.set_media(new.active_media, going_on=bool(same))

    def set_view(self, view: View) -> None:
        """Set the part of the image that the canvas shows, and refresh."""
        self._view = view
        self.refresh()

    def _resolve_at(self, pts: float | None) -> ViewState:
        state = self._session.state
        networks = {item.id: self._pipeline.network_key(item) for item in state.instances}
        return resolve(state, self._pipeline.cache, pts=pts, view=self._view, network_of=networks)

    def refresh(self, *, changed: bool = True) -> None:
        """Resolve the state, run missing "main" stages here, request the others, and publish the results.

        `changed` is False where only the cache has new entries.
        """
        media = self._session.state.active_media
        if media is not None and self._playback.shows_frames and self.shown.sample is not None:
            self.live.refresh(changed=changed)
            return
        view = self._resolve_at(self._pts)
        if media is not None and media.kind is MediaKind.CAMERA and view.sample is None and not self._playback.playing:
            return  # the camera is off: its last frame stays on screen
        if media is not None and media.kind is not MediaKind.AUDIO and view.sample is None:
            self._pipeline.request_sample(media, self._playback.position_secs if view.pts is None else view.pts)
            if (media.moving and self._pts is None) or self._stands_in(media):
                return
        ran = [self._pipeline.run_inline(layer) for layer in view.layers]
        if any(ran):
            view = self._resolve_at(self._pts)
        self._pipeline.request_layers(view)
        self._publish(view, view)

    def _stands_in(self, media: Media) -> bool:
        """Whether what is on screen is the same file with other settings: it stays until `media` can be shown."""
        same = self._shown_file == media.file_id and self.shown.sample is not None
        return same and not self._pipeline.errors_of(media, ())

    def _publish(self, view: ViewState, results: ViewState) -> None:
        """Publish the frame of `view` with the results of `results`, which may belong to an older frame."""
        layers = []
        age_secs = (view.pts or 0.0) - (results.pts or 0.0)
        for layer in results.layers:
            result = self._pipeline.partial_result(layer)
            error = self._pipeline.error_of(layer)
            # An old result stays only on the same frame and of the same network; that of labels while they are edited.
            sources = tuple(map(_without_edits, layer.request.sources)) if layer.request else ()
            origin = (sources, layer.request.network) if layer.request else None
            if result is None and error is None and origin is not None:
                last_origin, last_result = self._last.get(layer.instance.id, (None, None))
                result = last_result if last_origin == origin else None
            elif result is not None and layer.next_stage is None:
                result = self._in_order(layer, result)
            if result is not None:
                self._last[layer.instance.id] = (origin, result)
            stopped = self._pipeline.stopped_stages.hold(layer)
            stale = layer.next_stage is not None and error is None and not layer.missing and not stopped
            layers.append(LayerOnScreen(layer, result, stale, layer.missing, age_secs, stopped))
        self._pts = view.pts
        media = self._session.state.active_media
        self._shown_file = media.file_id if media is not None else ""
        self.shown = FrameOnScreen(view.sample, view.pts, tuple(layers))
        self.view_changed.emit(self.shown)
        self._playback.shown(view.pts)

    def _in_order(self, layer: CanvasLayer, result: Any) -> Any:
        """`result` completed by the temporal part of the analysis, such as track ids."""
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
        """Result of the current analysis on screen; None without one."""
        for layer in self.shown.layers:
            if layer.layer.instance.id == self._session.state.current:
                return layer.result
        return None

    def current_is_stopped(self) -> bool:
        """Whether the user has stopped the current analysis on screen before its end."""
        current = self._session.state.current
        return any(layer.stopped for layer in self.shown.layers if layer.layer.instance.id == current)

    def first_output(self, number: int) -> Any:
        """Output of the first stage of the analysis with id `number` for the frame on screen, or for its own picture
        where that is not on the canvas; None if not cached."""
        requests = [item.layer.request for item in self.shown.layers if item.layer.instance.id == number]
        request = requests[0] if requests else self._request_off_canvas(number)
        entry = self._pipeline.cache.get(stage_keys(request)[0]) if request is not None else None
        return entry.value if entry else None

    def _request_off_canvas(self, number: int) -> Request | None:
        """Request of an analysis whose picture is not on the canvas, such as while its depth map is looked at."""
        state = self._session.state
        instance = next((item for item in state.instances if item.id == number), None)
        if instance is None or any(media.moving for media in instance.media):
            return None

        def network_of(item: AnalysisInstance) -> tuple[str, ...]:
            return self._pipeline.network_key(item)

        try:
            return make_request(
                state.linked(instance), pts=None, network=network_of(instance), view=None, network_of=network_of
            )
        except UserError:
            return None

    def chain(self) -> Chain | None:
        """Frames of the active medium that the current temporal analysis has processed; None if it is not temporal."""
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

    def step(self, frames: int) -> None:
        """Pause and step by `frames` frames, back if negative.

        Where a frame of a video is on screen, the decoder tells its neighbours: their distance may change from frame to
        frame. What else has a duration steps by its rate.
        """
        media = self._session.state.active_media
        if media is None or media.kind is not MediaKind.VIDEO or self._pts is None:
            self._playback.step(frames)
            return
        self._playback.pause()
        if self._stepping is None:
            self._stepping = self._pipeline.request_step(media, self._pts, frames)
        else:
            self._steps += frames

    def _end_stepping(self) -> None:
        self._stepping, self._steps = None, 0

    def _stepped(self, pts: float) -> None:
        """Show the frame to which was stepped, and go on where more steps were asked for meanwhile."""
        steps = self._steps
        self._playback.seek(pts)
        self._show_frame(pts)
        if steps:
            self.step(steps)

    def _playing_changed(self, playing: bool) -> None:
        self.live.clear()
        self._pipeline.forget_failures()
        if playing:
            self._pipeline.host.apply_tuned()
        media = self._playback.media
        if not playing and media is not None and media.kind is MediaKind.CAMERA:
            self._pipeline.release(media)
        if not playing:
            # Frames in flight were discarded: sliders now apply to the frame on screen.
            self.refresh()

    def set_smooth(self, smooth: bool) -> None:
        """Choose smooth playing (the video's own rate, with the newest results) or exact playing (frames with their own
        results only)."""
        if smooth != self.live.smooth:
            self.live.smooth = smooth
            self.smooth_changed.emit(smooth)
            self.refresh()

    def _show_frame(self, pts: float, tag: Hashable = None) -> None:
        """Show the decoded frame at `pts` seconds; `tag` is that of the decoder's job."""
        if self._playback.shows_frames and self.shown.sample is not None:
            self.live.decoded(pts, tag)
        elif pts != self._pts:
            self._pts = pts
            self.refresh()

    def _job_event(self, event: Event) -> None:
        value, stepping = event.value, self._stepping is not None and event.job.tag == self._stepping
        if stepping and event.kind in ("cancelled", "failed"):
            self._end_stepping()
        if event.kind == "cancelled":
            self.live.replaced(event.job.tag)
        elif event.job.owner != "sample":
            return
        elif event.kind == "failed" and self._playback.shows_frames:
            self._playback.pause()  # such as an unplugged camera: the last frame stays on screen
        elif event.kind == "output" and hasattr(value, "pts"):
            media = self._session.state.active_media
            if media is None or self._pipeline.cache.get(sample_key(media, value.pts)) is None:
                if stepping:
                    self._end_stepping()
                return
            if stepping:
                self._stepped(value.pts)
            else:
                self._show_frame(value.pts, event.job.tag)


def _shown(state: State) -> set[int]:
    """Ids of the analyses whose results are shown on the canvas, and of those that these wait for."""
    media = state.active_media
    layers = (item for item in state.instances if item.visible or item.id == state.current)
    return {part.id for item in layers if belongs_to(item, media) for part in state.linked(item).lineage}


def _without_edits(source: tuple[str, Hashable, float | None]) -> tuple[str, Hashable, float | None]:
    """A source as in `Request.sources`, of a labelled set as it is on disk."""
    slot, identity, pts = source
    if isinstance(identity, tuple) and identity[:1] == ("annotations",):
        identity = identity[:3]
    return slot, identity, pts
