"""Choice among the channels of a sound: all, one of them, their mean, or the difference of two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.base import Media, MediaKind, Reading

SOUND = Reading("sound", MediaKind.AUDIO, "All channels", "All channels, as they are in the file.")
_STEREO = ("left", "right")
_MIX, _DIFFERENCE = "mix", "difference"


def channel_readings(n_channels: int) -> tuple[Reading, ...]:
    """What a sound of `n_channels` may be read as; empty for mono."""
    if n_channels < 2:
        return ()
    stereo = n_channels == len(_STEREO)
    names = _STEREO if stereo else tuple(str(number) for number in range(1, n_channels + 1))
    readings = [SOUND]
    for name in names:
        title = f"{name.capitalize()} channel" if stereo else f"Channel {name}"
        readings.append(_reading(name, title, f"The {name} channel alone." if stereo else f"Channel {name} alone."))
    readings.append(_reading(_MIX, "Mix", "The mean of the channels, which is silent where they cancel out."))
    if stereo:
        summary = "Half of left minus right: what the two do not have in common."
        readings.append(_reading(_DIFFERENCE, "Difference", summary))
    return tuple(readings)


def _reading(part: str, title: str, summary: str) -> Reading:
    return Reading(f"{SOUND.key}={part}", MediaKind.AUDIO, title, summary)


def chosen_part(media: Media) -> str:
    """What is read of the channels: the part of a reading of a sound, or the setting of a video; "" for all."""
    if media.reading is not None:
        return media.reading.part
    return str(media.settings.get("sound_channels", ""))


def pick_channels(samples: NDArray[np.float32], part: str) -> NDArray[np.float32]:
    """The channels that `part` of a reading means of float32 (channels, n): all, or one (1, n)."""
    if not part:
        return samples
    if part == _MIX:
        return np.asarray(samples.mean(axis=0, keepdims=True, dtype=np.float32))
    if part == _DIFFERENCE:
        return (samples[:1] - samples[1:2]) / np.float32(2)
    channel = _STEREO.index(part) if part in _STEREO else int(part) - 1
    return samples[channel : channel + 1]
