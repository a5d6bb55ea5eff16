"""Frames on their way from the decoder to the screen while it plays: decoding, network and display overlap.

The decoder works on one frame while the network works on the one before and the screen shows the one before that.
By the clock, a newer frame takes the place of one that still waits for the network; where every frame is wanted, they
wait in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cvstudio.analyses.stages import stage_keys
from cvstudio.analyses.temporal import USUAL_RATE
from cvstudio.media import Media, MediaKind
from cvstudio.session.resolve import ViewState

if TYPE_CHECKING:
    from ui.control.pipeline import Pipeline
    from ui.control.playback import Playback

AHEAD = 6
"""Frames that are decoded and not shown yet, at most, where every frame is wanted; half of them are asked for again."""
REMEMBERED = 64
"""By the clock, frames that are on their way at most. Few are: what is replaced while it waits is dropped."""


@dataclass(eq=False)
class PendingFrame:
    """A decoded frame, and the stages that were asked for on it, by their keys."""

    pts: float
    asked: set[Hashable] = field(default_factory=set)


class FramesInFlight:
    """The decoded frames that are not shown yet, in the order in which they came. Main thread only."""

    def __init__(self) -> None:
        self._frames: deque[PendingFrame] = deque()
        self.every_frame = False
        self.newest: float | None = None

    def __len__(self) -> int:
        return len(self._frames)

    def clear(self) -> None:
        """Forget all: playing stopped, or goes on elsewhere."""
        self._frames.clear()
        self.newest = None

    def add(self, pts: float) -> bool:
        """A frame was decoded; False where it is on its way already."""
        if pts == self.newest or any(frame.pts == pts for frame in self._frames):
            return False
        self._frames.append(PendingFrame(pts))
        self.newest = pts
        while not self.every_frame and len(self._frames) > REMEMBERED:
            self._frames.popleft()
        return True

    def wanted(self, position_secs: float, frame_secs: float) -> int:
        """How many frames the decoder should give now: the next one when it is due, or several to be ahead."""
        if self.newest is None:
            return 1
        if self.every_frame:
            return AHEAD - len(self._frames) if len(self._frames) <= AHEAD // 2 else 0
        return int(position_secs >= self.newest + frame_secs)

    def to_show(self) -> Iterable[PendingFrame]:
        """Frames of which the first that is complete is to be shown."""
        if self.every_frame:
            return tuple(self._frames)[:1]
        return tuple(reversed(self._frames))

    def to_ask(self) -> Iterable[PendingFrame]:
        """Frames whose stages are to be asked for now, the latest wish last."""
        frames = tuple(self._frames)
        if self.every_frame:
            # The first may be half done; of the others those that wait need not be looked at again.
            return (*frames[:1], *(frame for frame in frames[1:] if not frame.asked))
        # What came out of the network half done is finished; of the others only the newest is worth beginning.
        return (*(frame for frame in frames[:-1] if frame.asked), *frames[-1:])

    def replaced(self, key: Hashable) -> None:
        """The stage `key` was given up for a newer frame's."""
        for frame in tuple(self._frames):
            if key in frame.asked:
                self._frames.remove(frame)

    def drop(self, frame: PendingFrame) -> None:
        """`frame` cannot be shown any more."""
        if frame in self._frames:
            self._frames.remove(frame)

    def shown(self, frame: PendingFrame) -> None:
        """`frame` is on screen: what is older never will be."""
        while self._frames and self._frames.popleft() is not frame:
            pass


class Live:
    """Shows a moving picture while it plays.

    Exact playing shows the newest frame that has its results, together with them. Smooth playing shows the newest
    frame at once, and on it the newest results that are there, which tell how old they are.

    Parameters
    ----------
    pipeline, playback : of the controller
    resolve_at : callable (pts) -> ViewState of that frame
    complete : callable (ViewState) -> whether sample and results are there and final
    publish : callable (ViewState, results) that puts a frame on screen; `results` is the ViewState that the results
        are taken from, the same one or an older one
    again : callable () that has `refresh` called soon
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
        self._results: ViewState | None = None
        self._wanted: Hashable = None  # what the decoder was asked for last; anything else is of before
        self.smooth = False

    @property
    def in_flight(self) -> int:
        """Frames that are decoded and not shown yet."""
        return len(self._flight)

    def clear(self) -> None:
        """Playing stopped, or goes on elsewhere or with other media."""
        self._flight.clear()
        self._results = None
        self._wanted = None

    def moved(self, media: Media, position_secs: float) -> None:
        """The clock stands at `position_secs`: keep the decoder busy."""
        flight = self._flight
        flight.every_frame = self._playback.every_frame and media.kind is MediaKind.VIDEO
        frame_secs = 1.0 / (media.frame_rate or USUAL_RATE)
        if media.kind is MediaKind.CAMERA:
            if not self._pipeline.decoding:
                self._wanted = self._pipeline.request_sample(media, flight.newest or position_secs)
            return
        if flight.newest is not None and position_secs < flight.newest - frame_secs and not flight.every_frame:
            self.clear()  # the loop began again
        wanted = flight.wanted(position_secs, frame_secs)
        if self._pipeline.decoding or not wanted:
            return
        if flight.every_frame and flight.newest is not None:
            self._wanted = self._pipeline.request_next(media, flight.newest, wanted)
        else:
            self._wanted = self._pipeline.request_sample(media, position_secs)

    def decoded(self, pts: float, tag: Hashable) -> None:
        """The frame at `pts` is in the cache; `tag` is what the decoder was asked for."""
        if tag != self._wanted:
            return
        if self._flight.add(pts):
            self.refresh()
        elif self._flight.every_frame and not self._flight:
            self._playback.finish()  # nothing comes behind the last frame

    def replaced(self, key: Hashable) -> None:
        """The stage `key` gave way to a newer frame's while it waited."""
        self._flight.replaced(key)

    def refresh(self, *, changed: bool = False) -> None:
        """Show what is ready and ask for what is next.

        Where something else `changed`, such as a slider, what is on screen follows it without waiting for a frame.
        """
        done = self._find_complete()
        if done is not None:
            self._flight.shown(done[0])
            self._results = done[1]
        elif changed and self._results is not None and (pts := self._results.pts) is not None:
            view = self._inline(pts)
            if self._complete(view):
                self._results, done = view, (PendingFrame(pts), view)
        # The network goes on before anything is painted.
        for frame in self._flight.to_ask():
            self._ask(frame)
        newest = self._flight.newest
        if not self.smooth or self._flight.every_frame:
            if done is not None:
                self._publish(done[1], done[1])
                if self._flight.every_frame and len(self._flight):
                    # The next one may be complete, too: after a pause several are, and nothing else would tell.
                    self._again()
        elif newest is not None:
            view = self._resolve_at(newest)
            if view.sample is not None:
                self._publish(view, self._results or view)

    def _find_complete(self) -> tuple[PendingFrame, ViewState] | None:
        for frame in self._flight.to_show():
            view = self._inline(frame.pts)
            if view.sample is None:
                self._flight.drop(frame)  # it left the cache before its turn
            elif self._complete(view):
                return frame, view
        return None

    def _inline(self, pts: float) -> ViewState:
        """The frame at `pts` after everything that may run here has run."""
        view = self._resolve_at(pts)
        ran = [self._pipeline.run_inline(layer) for layer in view.layers]
        return self._resolve_at(pts) if any(ran) else view

    def _ask(self, frame: PendingFrame) -> None:
        for layer in (one for item in self._resolve_at(frame.pts).layers for one in item.to_run()):
            request, index = layer.request, layer.next_stage
            if request is None or index is None or request.stages[index].where == "main":
                continue
            key = stage_keys(request)[index]
            if key not in frame.asked:
                frame.asked.add(key)
                self._pipeline.request_stage(layer, queued=self._flight.every_frame, playing=True)
