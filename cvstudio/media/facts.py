"""Facts about a medium as (title, text) pairs, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cvstudio.media.base import Media, MediaKind
from cvstudio.media.formats import FORMATS

_KINDS = {
    MediaKind.IMAGE: "picture",
    MediaKind.VIDEO: "video",
    MediaKind.AUDIO: "sound",
    MediaKind.DEPTH: "depth map",
    MediaKind.GEOMETRY: "geometry",
    MediaKind.CAMERA: "camera",
}
_DETAILS = {
    "format": "Format",
    "codec": "Codec",
    "length": "Length",
    "bits": "Bits",
    "values": "Values",
    "channels": "Channels",
    "light": "Light",
    "profile": "Colour profile",
    "aspect": "Pixel aspect",
    "pages": "Pages",
    "parts": "Parts",
    "end": "End",
    "compression": "Compression",
    "scale": "Scale",
    "valid": "Measured",
    "missing": "Missing",
    "source": "Read",
    "left": "Not read",
}

OTHER_READINGS = "Or as"
"""Title of the fact as what else a file can be read."""
_LISTED_READINGS = 8


def quick_facts(media: Media) -> Iterator[tuple[str, str]]:
    """Facts known without reading the file, as (title, text)."""
    yield "Kind", _KINDS[media.kind]
    yield from _reading_fact(media)
    for key, title in _DETAILS.items():
        if media.details.get(key):
            yield title, media.details[key]
    if media.size is not None:
        pixels = media.size.width * media.size.height
        resolution = f"{pixels / 1e6:.3g} megapixels" if pixels >= 1e5 else f"{pixels:,} pixels"
        yield "Size", f"{media.size.width} × {media.size.height} ({resolution})"
    if media.duration_secs is not None:
        yield "Duration", duration(media.duration_secs)
    if media.frame_count:
        yield "Frames", f"{media.frame_count:,}"
    if media.rate_hz:
        channels = {1: "mono", 2: "stereo"}.get(media.channels, f"{media.channels} channels")
        yield "Sound", f"{media.rate_hz:,} Hz, {channels}"
        if media.channels > 1:
            yield "Mix", "a spectrogram shows the mean power of all channels, or that of the one you choose"
    for track in media.sound_tracks if len(media.sound_tracks) > 1 else ():
        yield f"Track {track.number}", track.label.removeprefix(f"{track.number} · ")
    yield from _other_readings_fact(media)


def _reading_fact(media: Media) -> Iterator[tuple[str, str]]:
    """As what it is read, and why."""
    reading = media.reading
    if reading is None or len(media.readings) < 2:
        return
    reason = f", as {reading.reason}" if reading.reason else ""
    yield "Read as", f"{reading.key}, as chosen" if media.reading_chosen else f"{reading.key}{reason}"


def _other_readings_fact(media: Media) -> Iterator[tuple[str, str]]:
    """As what else it can be read."""
    others = [reading for reading in media.readings if reading != media.reading]
    if media.reading is None or not others:
        return
    lines = [f"{reading.key}: {reading.summary}" for reading in others[:_LISTED_READINGS]]
    if len(others) > len(lines):
        lines.append(f"and {len(others) - len(lines)} more, up to {others[-1].key}")
    yield OTHER_READINGS, "\n".join(lines)


def slow_facts(media: Media, sample: Any = None) -> Iterator[tuple[str, str]]:
    """Facts for which the file is read, as (title, text).

    Parameters
    ----------
    sample : decoded sample, where there is one already

    Raises
    ------
    MediaError
        The file is damaged, or was removed.
    """
    if media.format:
        yield from FORMATS[media.format].facts(media, sample)
    if media.kind is MediaKind.CAMERA:
        return  # a camera is no file
    try:
        n_bytes = media.path.stat().st_size
    except OSError:
        n_bytes = 0
    if n_bytes:
        yield "File size", byte_size(n_bytes)
    yield "Folder", str(media.path.parent)


def facts(media: Media) -> tuple[tuple[str, str], ...]:
    """All facts, as (title, text). Raises MediaError."""
    return (*quick_facts(media), *slow_facts(media))


def duration(secs: float) -> str:
    """Duration as text: "0.790 s", "1:05.20" or "1:00:05.2"."""
    # Rounded first, or 119.999 s would be "1:60.00".
    if round(secs, 3) < 60:
        return f"{secs:.3f} s"
    if round(secs, 2) < 3600:
        minutes, rest = divmod(round(secs, 2), 60)
        return f"{minutes:.0f}:{rest:05.2f}"
    minutes, rest = divmod(round(secs, 1), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:.0f}:{minutes:02.0f}:{rest:04.1f}"


def byte_size(count: int) -> str:
    """Number of bytes as text in decimal units, as disks are sold and file managers show them."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        # In three digits, 999.6 would be "1e+03".
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{count:,} bytes" if unit == "bytes" else f"{size:.3g} {unit}"
