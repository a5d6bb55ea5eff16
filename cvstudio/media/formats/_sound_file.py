"""Decoder of sound files through libsndfile, addressed by sample index."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.closing import Closeable
from cvstudio.media.file_identity import decoding
from cvstudio.media.sound_lengths import CorrectedFile, FilePart, long_wav, padded_wav, stated_length, states_length

# Lossy codecs predict a block from earlier ones: decode this many samples ahead of the start. The largest
# Vorbis block has 8192 samples, an MPEG layer III frame with its reservoir refers back 10 x 1152.
_MPEG = ("MP3", "MPEG")
_ENDLESS = 1 << 48
_PREROLL = {"OGG": 16_384, "MP3": 16_384, "MPEG": 16_384}


class SoundFile(Closeable):
    """A sound file through libsndfile.

    Parameters
    ----------
    path : of the file
    part : open binary file of the part of it that is read, which is closed with this one; None reads all

    Attributes
    ----------
    length_is_guessed : whether `n_samples` may be far off, or reading ends before
    seeks : whether samples can be read by index; False also where a streamed FLAC states no number of samples

    Raises
    ------
    MediaError
        It is damaged, or of a codec that libsndfile does not know.
    """

    def __init__(self, path: Path, part: BinaryIO | None = None) -> None:
        import soundfile

        with decoding(path):
            correction, note, broken = stated_length(path) if part is None else (None, "", False)
            self._corrected: BinaryIO | io.FileIO | None = part
            if correction is not None:
                self._corrected = CorrectedFile(path, correction)
            raw: dict[str, Any] = {}
            if part is None and (padded := padded_wav(path)) is not None:
                part = io.BytesIO(padded)
            if part is None and (long := long_wav(path)) is not None:
                self._corrected = FilePart(path, long.start, long.n_bytes)
                raw = {"samplerate": long.rate_hz, "channels": long.channels, "subtype": long.subtype}
                raw |= {"format": "RAW", "endian": "LITTLE"}
                note = "more than a WAV can state; read to its end"
            try:
                self._file: Any = soundfile.SoundFile(part or self._corrected or str(path), **raw)
            except BaseException:
                self._close_corrected()
                raise
        self.rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.n_samples = int(self._file.frames)
        self.details = {"format": "WAV" if raw else str(self._file.format), "codec": str(self._file.subtype)}
        if note:
            self.details["length"] = note
        self._preroll = _PREROLL.get(self._file.format, 0)
        self.length_is_guessed = self._file.format in _MPEG and (broken or not states_length(path))
        self.seeks = bool(self._file.seekable()) and self.n_samples < _ENDLESS

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        if start != self._file.tell():
            before = max(0, start - self._preroll)
            self._file.seek(before)
            self._file.read(start - before, dtype="float32")
        samples = np.zeros((stop - start, self.channels), np.float32)
        # The length that an MP3 states may be off: what is missing at its end stays silent.
        self._file.read(out=samples)
        return samples.T

    def reaches_its_end(self) -> bool:
        """Whether there is sound at the end that the file states; an MP3's may be off by 2 %."""
        fraction = 0.98 if self._file.format in _MPEG else 1.0
        self._file.seek(max(0, int(self.n_samples * fraction) - 1))
        n_read = len(self._file.read(1, dtype="float32", always_2d=True))
        self._file.seek(0)
        return n_read == 1

    def close(self) -> None:
        self._file.close()
        self._close_corrected()

    def _close_corrected(self) -> None:
        if self._corrected is not None:
            self._corrected.close()
