"""What is lost of a damaged video and its sound, found by reading all of it."""

from __future__ import annotations

from functools import partial

from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.container import decode_video, open_container, video_stream
from cvstudio.media.damage.gaps import find_gaps
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.picture_flaws import gif_flaw
from cvstudio.media.damage.sound_losses import find_silence
from cvstudio.media.file_identity import decoding
from cvstudio.media.formats.audio import AudioReader

_MOST_PIXELS = 250_000_000
"""Pixels of all frames up to which a video is decoded for its facts: a second of work."""
_USUAL_RATE = 25


def find_losses(media: Media, progress: Progress | None = None, *, most_pixels: int | None = None) -> None:
    """Find what cannot be decoded of the video `media`, and tell `LOSSES`; what is long is not decoded.

    Parameters
    ----------
    most_pixels : pixels of all frames up to which the video is decoded; None for what takes a second

    Raises
    ------
    MediaError
        The file is damaged, or was removed.
    """
    if LOSSES.searched(media):
        return
    find_undecoded(media, progress)
    if media.details.get("format") == "gif" and (flaw := gif_flaw(media.path)):
        LOSSES.add_content(media, flaw)
    size, secs = media.size, media.duration_secs or 0
    most_pixels = _MOST_PIXELS if most_pixels is None else most_pixels
    if size is None or size.width * size.height * secs * (media.frame_rate or _USUAL_RATE) > most_pixels:
        return
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        if stream is not None:
            stream.thread_type = "AUTO"
            for _ in decode_video(container, stream, partial(LOSSES.add_frames, media)):
                if progress is not None:
                    progress.check()
    LOSSES.add_searched(media)


def find_undecoded(media: Media, progress: Progress | None = None) -> None:
    """As `find_losses`, for what is missing between the packets, and for the chosen sound track: no frame is decoded.

    Raises
    ------
    MediaError
        The file is damaged, or was removed.
    """
    find_gaps(media)
    if media.has_sound:
        with AudioReader(media) as sound:
            find_silence(media, sound, progress)
