"""Live playback: a pipeline of frames in which decoding, network and display overlap.

While the decoder reads one frame, the network processes the previous one and the screen shows the one before that.
When playback follows the clock, a newer frame replaces one that still waits for the network; at the speed "every
frame", all frames are processed in order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvstudio.analyses.stages import stage_keys
from cvstudio.analyses.temporal import USUAL_RATE
from cvstudio.media import Media, MediaKind
from cvstudio.media.camera_tap import recording_behind
from cvstudio.session.resolve import ViewState

if TYPE_CHECKING:
    from ui.control.pipeline import Pipeline
    from ui.control.playback import Playback

AHEAD = 6
"""Maximum number of decoded frames not shown yet, at the speed "every frame"; at half of it, more are decoded."""
LEAST_EVERY_SECS = 1.0
"""Seconds between results while a recording cannot keep up otherwise."""
LATE_SHARE = 0.25
"""How old a frame that waits for the network may grow before a newer one is decoded in its place, as a part of the time
from one result to the next: decoding frames that a slow network never sees takes the processor from it."""
REMEMBERED = 64
"""Maximum number of frames in flight when playback follows the clock; rarely reached, as replaced ones are dropped."""


@dataclass(eq=False)
class PendingFrame:
    """A decoded frame that is not shown yet.

    `pts` is its presentation time in seconds, `asked` the keys of its stages that were requested.
    """

    pts: float
    asked: set[Hashable] = field(default_factory=set)


class FramesInFlight:
    """Queue of the decoded frames that are not shown yet, in the order of decoding. Main thread only.

    `newest` is the presentation time in seconds of the frame added last; None when empty since `clear`.
    """

    def __init__(self) -> None:
        self._frames: deque[PendingFrame] = deque()
        self.every_frame = False
        self.newest: float | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def clear(self) -> None:
        """Remove all frames, when playback stops or jumps."""
        self._frames.clear()
        self.newest = None

    def add(self, pts: float) -> bool:
        """Add the decoded frame at `pts` seconds; False if it is in flight already."""
        if pts == self.newest or any(frame.pts == pts for frame in self._frames):
            return False
        self._frames.append(PendingFrame(pts))
        self.newest = pts
        while not self.every_frame and len(self._frames) > REMEMBERED:
            self._frames.popleft()
        return True

    def wanted(self, position_secs: float, frame_secs: float) -> int:
        """Number of frames to decode now: 0 or 1 by the clock, several at the speed "every frame"."""
        if self.newest is None:
            return 1
        if self.every_frame:
            return AHEAD - len(self._frames) if len(self._frames) <= AHEAD // 2 else 0
        return int(position_secs >= self.newest + frame_secs)

    def to_show(self) -> Iterable[PendingFrame]:
        """Candidates for display, best first: the first complete one is shown."""
        if self.every_frame:
            return tuple(self._frames)[:1]
        return tuple(reversed(self._frames))

    def to_ask(self) -> Iterable[PendingFrame]:
        """Frames whose missing stages to request now, the newest last."""
        frames = tuple(self._frames)
        if self.every_frame:
            # The first frame may need its next stage; others with a request wait for their turn.
            return (*frames[:1], *(frame for frame in frames[1:] if not frame.asked))
        # Frames that were started are finished; of the others, only the newest is worth starting.
        return (*(frame for frame in frames[:-1] if frame.asked), *frames[-1:])

    def replaced(self, key: Hashable) -> None:
        """Remove the frame whose stage `key` was cancelled in favour of a newer frame."""
        for frame in tuple(self._frames):
            if key in frame.asked:
                self._frames.remove(frame)

    def drop(self, frame: PendingFrame) -> None:
        """Remove `frame`, whose sample has left the cache; no effect if it is not in flight."""
        if frame in self._frames:
            self._frames.remove(frame)

    def shown(self, frame: PendingFrame) -> None:
        """Remove `frame`, which is on screen, and all older ones."""
        while self._frames and self._frames.popleft() is not frame:
            pass


class LivePlayback:
    """Displays a video or camera while it plays. Main thread only.

    Exact playing shows the newest frame whose results are complete, together with them. Smooth playing shows the newest
    decoded frame at once with the newest results, which state their age.

    Parameters
    ----------
    pipeline, playback : of the controller
    resolve_at : callable (presentation time in seconds) -> ViewState of that frame
    complete : callable (ViewState) -> bool, whether the sample and all final results are in the cache
    publish : callable (ViewState, results) that shows a frame; `results` is the ViewState of the results, the same one
        or an older one
    again : callable () that schedules a call of `refresh` on the event loop
    """

    def __init__(
        self,
        pipeline: Pipeline,
        playback: Playback,
        resolve_at: Callable[[float], ViewState],
        complete: Callable[[ViewState], bool],
        publish: Callable[[ViewState, ViewState], None],
        again: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._playback = playback
        self._resolve_at = resolve_at
        self._complete = complete
        self._publish = publish
        self._again = again
        self._flight = FramesInFlight()
        # Of the frames that one `refresh` has looked at, so that it resolves none of them twice.
        self._views: dict[float, ViewState] = {}
        self._results: ViewState | None = None
        self._wanted: Hashable = None  # tag of the last request to the decoder; frames of other tags are outdated
        self._started_secs = 0.0  # when a frame was last started
        self._completed_secs: float | None = None  # when a frame was last complete
        self._pace_secs = 0.0  # time from the result before the last one to the last one
        self.smooth = False

    @property
    def in_flight(self) -> int:
        """Number of frames that are decoded and not shown yet."""
        return len(self._flight)

    def clear(self) -> None:
        """Discard all frames in flight, when playback stops, jumps, or changes its medium."""
        self._flight.clear()
        self._results = None
        self._wanted = None
        self._completed_secs, self._pace_secs = None, 0.0

    def moved(self, media: Media, position_secs: float) -> None:
        """Request the next frames from the decoder for the clock position `position_secs`."""
        flight = self._flight
        flight.every_frame = self._playback.every_frame and media.kind is MediaKind.VIDEO
        frame_secs = 1.0 / (media.frame_rate or USUAL_RATE)
        if media.kind is MediaKind.CAMERA:
            if not self._pipeline.decoding:
                self._wanted = self._pipeline.request_sample(media, flight.newest or position_secs)
            return
        if flight.newest is not None and position_secs < flight.newest - frame_secs and not flight.every_frame:
            self.clear()  # the loop restarted
        frame_count = flight.wanted(position_secs, frame_secs)
        if self._pipeline.decoding or not frame_count or self._one_waits(position_secs):
            return
        if flight.every_frame and flight.newest is not None:
            self._wanted = self._pipeline.request_next(media, flight.newest, frame_count)
        else:
            self._wanted = self._pipeline.request_sample(media, position_secs)

    def _one_waits(self, position_secs: float) -> bool:
        """Whether a frame that is new enough waits while the network is at another, so that none is to be decoded."""
        newest = self._flight.newest
        by_the_clock = not (self.smooth or self._flight.every_frame)
        if newest is None or not by_the_clock or len(self._flight) < 2:
            return False
        return position_secs - newest < LATE_SHARE * self._pace_secs

    def decoded(self, pts: float, tag: Hashable) -> None:
        """Add the decoded frame at `pts` seconds, which is in the cache; `tag` is that of the decoder's job."""
        if tag != self._wanted:
            return
        if self._flight.add(pts):
            self.refresh()
        elif self._flight.every_frame and not self._flight:
            self._playback.finish()  # the decoder repeats the last frame at the end

    def replaced(self, key: Hashable) -> None:
        """Drop the frame whose waiting stage `key` was replaced by that of a newer frame."""
        self._flight.replaced(key)

    def refresh(self, *, changed: bool = False) -> None:
        """Show the next complete frame and request the missing stages of those in flight.

        With `changed`, such as after a slider, the frame on screen is updated without waiting for the next one.
        """
        self._views.clear()
        complete_frame = self._find_complete()
        if complete_frame is not None:
            self._flight.shown(complete_frame[0])
            self._results = complete_frame[1]
            now = time.monotonic()
            self._pace_secs = now - self._completed_secs if self._completed_secs is not None else 0.0
            self._completed_secs = now
        elif changed and self._results is not None and (pts := self._results.pts) is not None:
            view = self._inline(pts)
            if self._complete(view):
                self._results, complete_frame = view, (PendingFrame(pts), view)
        # Requested before painting, so that the network is not idle meanwhile.
        for frame in self._flight.to_ask():
            if frame.asked or self._may_start():
                self._ask(frame)
        newest = self._flight.newest
        if not self.smooth or self._flight.every_frame:
            if complete_frame is not None:
                self._publish(complete_frame[1], complete_frame[1])
                if self._flight.every_frame and len(self._flight):
                    # After a pause several frames may be complete, and no further event would show them.
                    self._again()
        elif newest is not None:
            view = self._resolve_at(newest)
            if view.sample is not None:
                self._publish(view, self._results or view)

    def _may_start(self) -> bool:
        """Whether to start another frame. A recording that is behind goes first: what it misses is lost, while a result
        can wait; one each `LEAST_EVERY_SECS` shows that it goes on."""
        media, now = self._playback.media, time.monotonic()
        recent = now - self._started_secs < LEAST_EVERY_SECS
        if recent and media is not None and media.kind is MediaKind.CAMERA and recording_behind(media.id):
            return False
        self._started_secs = now
        return True

    def _find_complete(self) -> tuple[PendingFrame, ViewState] | None:
        for frame in self._flight.to_show():
            view = self._inline(frame.pts)
            if view.sample is None:
                self._flight.drop(frame)  # its sample has left the cache
            elif self._complete(view):
                return frame, view
        return None

    def _inline(self, pts: float) -> ViewState:
        """View state of the frame at `pts` seconds after its "main" stages have run on this thread."""
        view = self._resolve_at(pts)
        ran = [self._pipeline.run_inline(layer) for layer in view.layers]
        if any(ran):
            view = self._resolve_at(pts)
        self._views[pts] = view
        return view

    def _ask(self, frame: PendingFrame) -> None:
        view = self._views.get(frame.pts) or self._resolve_at(frame.pts)
        for layer in (layer for top in view.layers for layer in top.to_run()):
            request, index = layer.request, layer.next_stage
            if request is None or index is None or request.stages[index].where == "main":
                continue
            key = stage_keys(request)[index]
            if key not in frame.asked:
                frame.asked.add(key)
                self._pipeline.request_stage(layer, queued=self._flight.every_frame, playing=True)
