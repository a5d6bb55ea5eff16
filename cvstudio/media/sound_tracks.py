"""Choice among the sound tracks of a file, and the channels of a video's sound: what is played, shown and exported."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from cvstudio.foundation.params import Choices, Doc, Field, fields_of
from cvstudio.media.base import Media, MediaKind
from cvstudio.media.sound_channels import channel_readings, chosen_part

_ALL = "all"


@dataclass(frozen=True)
class SoundSettings:
    """Number of the sound track in the file, as text, and which of its channels are read.

    The choices depend on the medium; the channels of a sound file are chosen by its reading.
    """

    sound_track: Annotated[
        str,
        Choices(),
        Doc("Sound track", "Which track is played, shown as a spectrogram and exported.", "Try 2."),
    ] = "1"
    sound_channels: Annotated[
        str,
        Choices(),
        Doc("Sound channels", "Which channels are played, shown as a spectrogram and exported.", "Try the left one."),
    ] = _ALL


def sound_settings(media: Media) -> tuple[Field, ...]:
    """The settings with the tracks and channels of `media` as choices, where there are at least two of them."""
    tracks = media.sound_tracks
    by_track, by_channel = fields_of(SoundSettings)
    fields = []
    if len(tracks) > 1:
        choices = Choices(tuple(str(track.number) for track in tracks), tuple(track.label for track in tracks))
        fields.append(dataclasses.replace(by_track, choices=choices))
    counts = {track.channels for track in tracks}
    # Of tracks that differ in it, a channel of one may be missing in another.
    readings = channel_readings(counts.pop()) if media.kind is MediaKind.VIDEO and len(counts) == 1 else ()
    if readings:
        choices = Choices(
            tuple(reading.part or _ALL for reading in readings), tuple(reading.title for reading in readings)
        )
        fields.append(dataclasses.replace(by_channel, choices=choices))
    return tuple(fields)


def chosen_track(media: Media) -> int:
    """The number of the chosen track, 1 for the first."""
    return int(media.settings.get("sound_track", "1"))


def with_track(media: Media) -> Media:
    """`media` with the sample rate and channels of the chosen track, or the one channel that is read of it."""
    track = next((track for track in media.sound_tracks if track.number == chosen_track(media)), None)
    if track is None:
        return media
    return dataclasses.replace(media, rate_hz=track.rate_hz, channels=1 if chosen_part(media) else track.channels)
