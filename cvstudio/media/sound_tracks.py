"""Choice among several sound tracks: the one that is played, shown and exported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from cvstudio.foundation.params import Choices, Doc, Field, fields_of
from cvstudio.media.base import Media


@dataclass(frozen=True)
class SoundSettings:
    """Number of the sound track in the file, as text; the choices depend on the medium."""

    sound_track: Annotated[
        str,
        Choices(),
        Doc("Sound track", "Which track is played, shown as a spectrogram and exported.", "Try 2."),
    ] = "1"


def sound_settings(media: Media) -> tuple[Field, ...]:
    """The setting with the tracks of `media` as choices; empty where it has fewer than two."""
    tracks = media.sound_tracks
    if len(tracks) < 2:
        return ()
    (field,) = fields_of(SoundSettings)
    choices = Choices(tuple(str(track.number) for track in tracks), tuple(track.label for track in tracks))
    return (dataclasses.replace(field, choices=choices),)


def chosen_track(media: Media) -> int:
    """The number of the chosen track, 1 for the first."""
    return int(media.settings.get("sound_track", "1"))


def with_track(media: Media) -> Media:
    """`media` with the sample rate and channels of the chosen track, or the one channel that is read of it."""
    track = next((track for track in media.sound_tracks if track.number == chosen_track(media)), None)
    if track is None:
        return media
    one = media.reading is not None and media.reading.part
    return dataclasses.replace(media, rate_hz=track.rate_hz, channels=1 if one else track.channels)
