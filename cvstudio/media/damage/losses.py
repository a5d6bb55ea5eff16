"""What could not be decoded of damaged files that open nevertheless: known once it was tried, for facts and notices."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cvstudio.foundation.names import counted
from cvstudio.media.base import Media

_MOST_FILES = 1000
_FIRST = {
    "frames": "frames of it cannot be decoded, and the one before is shown instead",
    "sound": "parts of its sound cannot be decoded and are silent",
}
"""What is told while more may be lost yet."""


@dataclass
class _Known:
    """What is known of one file.

    Parameters
    ----------
    name : of the file, for display
    frames : times in ticks of the frames that could not be decoded
    absent : number of frames whose data are missing altogether
    n_frames : number of frames that there should be; 0 where it is not known
    sounds : seconds of each stretch of sound that could not be decoded, by track and time
    content : what could not be read of a file without a clock, as a clause
    searched : ids of the media of the file of which all was read to find what is lost
    """

    name: str
    frames: set[int] = field(default_factory=set)
    absent: int = 0
    n_frames: int = 0
    sounds: dict[tuple[int, int], float] = field(default_factory=dict)
    content: str = ""
    searched: set[str] = field(default_factory=set)

    @property
    def parts(self) -> tuple[str, ...]:
        """Keys of `_FIRST` for what was lost of a file with a clock."""
        lost = {"frames": bool(self.frames or self.absent), "sound": bool(self.sounds)}
        return tuple(part for part, is_lost in lost.items() if is_lost)

    def text(self) -> str:
        """As a clause such as "31 of 50 frames could not be decoded"; "" where nothing was lost."""
        clauses = [self.content] if self.content else []
        if count := len(self.frames) + self.absent:
            of = f"{count:,} of " if self.n_frames >= count else ""
            clauses.append(f"{of}{counted(self.n_frames if of else count, 'frame')} could not be decoded")
        if secs := sum(self.sounds.values()):
            clauses.append(f"{max(secs, 0.01):.2f} s of the sound could not be decoded and are silent")
        return ", and ".join(clauses)


class Losses:
    """What was lost of each file. May be used by every thread; the files that were told of last are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._listeners: list[Callable[[str], None]] = []

    def add_frames(self, media: Media, ticks: Iterable[int]) -> None:
        """The frames of the video `media` at `ticks` could not be decoded."""
        with self._changing(media) as known:
            known.frames.update(ticks)
            known.n_frames = known.n_frames or media.frame_count or 0

    def add_absent(self, media: Media, absent: int, n_frames: int) -> None:
        """`absent` of the `n_frames` that the video `media` should have are not in the file any more."""
        with self._changing(media) as known:
            known.absent, known.n_frames = absent, n_frames

    def add_sound(self, media: Media, track: int, ticks: int, secs: float) -> None:
        """`secs` of the sound `track` of `media` could not be decoded; they begin at `ticks`."""
        with self._changing(media) as known:
            known.sounds[track, ticks] = secs

    def add_content(self, media: Media, text: str) -> None:
        """Something could not be read of `media`, as a clause such as "it is damaged after row 20"."""
        with self._changing(media) as known:
            known.content = text

    def add_searched(self, media: Media) -> None:
        """All of `media` was read, so nothing more will be found."""
        with self._changing(media) as known:
            known.searched.add(media.id)

    def searched(self, media: Media) -> bool:
        """Whether all of `media` was read."""
        with self._lock:
            known = self._known.get(media.content_id)
            return known is not None and media.id in known.searched

    def text(self, media: Media) -> str:
        """What was lost of `media` so far, as a clause; "" for nothing."""
        with self._lock:
            known = self._known.get(media.content_id)
            return known.text() if known is not None else ""

    def sentences(self) -> list[str]:
        """What was lost of each file so far."""
        with self._lock:
            return [f"'{known.name}' is damaged: {known.text()}." for known in self._known.values() if known.text()]

    def listen(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener`, in the thread that reads, with a sentence as soon as a frame or sound is lost of a file
        with a clock; returns what ends it."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock, contextlib.suppress(ValueError):  # ended before
                self._listeners.remove(listener)

        return end

    def forget(self) -> None:
        """Forget what was lost: of a file that is told of again, it is known again once it was tried."""
        with self._lock:
            self._known.clear()

    @contextmanager
    def _changing(self, media: Media) -> Iterator[_Known]:
        with self._lock:
            known = self._known.setdefault(media.content_id, _Known(media.name))
            before = known.parts
            yield known
            first = [part for part in known.parts if part not in before]
            self._known.move_to_end(media.content_id)
            while len(self._known) > _MOST_FILES:
                self._known.popitem(last=False)
            listeners = tuple(self._listeners) if first else ()
        for listener in listeners:
            for part in first:
                listener(f"'{media.name}' is damaged: {_FIRST[part]}.")


LOSSES = Losses()
"""What was lost of the files that this process has read."""
