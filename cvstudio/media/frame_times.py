"""When the frames of a video begin: the number of a frame is its place among them, however uneven its rate is."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from cvstudio.foundation.cache import Cache
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.open import open_reader

_ROUNDING_SECS = 1e-6


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of a video.

    Parameters
    ----------
    starts : when each begins, in seconds from the first one, ascending; at least one
    """

    starts: tuple[float, ...]

    def number_at(self, pts: float) -> int:
        """Number of the frame that is shown at `pts` seconds, from 0; the first one before the beginning."""
        return max(0, bisect_right(self.starts, pts + _ROUNDING_SECS) - 1)

    def middle(self, number: int) -> float:
        """A time in seconds at which the frame `number` is shown, half of its duration from either neighbour; the last
        one's where the video has fewer frames."""
        number = min(number, len(self.starts) - 1)
        if number + 1 < len(self.starts):
            return (self.starts[number] + self.starts[number + 1]) / 2
        return self.starts[number]


def read_frame_times(media: Media, cache: Cache, progress: Progress | None = None) -> FrameTimes:
    """The times of the frames of a video, from `cache` or read and stored there: the whole file is read, and nothing
    decoded.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    Cancelled
    """
    key = ("frame-times", media.id)
    with cache.claimed(key, progress or Progress()):
        entry = cache.get(key)
        if entry is None:
            with open_reader(media) as reader:
                times = FrameTimes(tuple(reader.frame_times()) or (0.0,))
            cache.put(key, times)
            return times
        known: FrameTimes = entry.value
        return known
