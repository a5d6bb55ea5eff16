"""Decoder of chained Ogg files: recordings of a stream, and files that were put one behind the other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import decoding, quoted
from cvstudio.media.formats._sound_file import SoundFile


class OggChain:
    """The links of a chain one after another. libsndfile alone ends with the first, FFmpeg's clock begins anew in each.

    Parameters
    ----------
    path : of the file
    links : offsets at which the links begin, then the length of the file

    Raises
    ------
    MediaError
        A link is damaged, or differs from the first in its sample rate or number of channels.
    """

    def __init__(self, path: Path, links: Sequence[int]) -> None:
        self._links: list[SoundFile] = []
        self._starts = [0]
        try:
            with decoding(path):
                content = path.read_bytes()
            for begin, end in pairwise(links):
                link = SoundFile(path, io.BytesIO(content[begin:end]))
                self._links.append(link)
                self._starts.append(self._starts[-1] + link.n_samples)
                first = self._links[0]
                if (link.rate_hz, link.channels) != (first.rate_hz, first.channels):
                    raise MediaError(
                        f"{quoted(path)} changes its sample rate or channels midway; convert it, e.g. to WAV."
                    )
        except MediaError:
            self.close()
            raise
        self.rate_hz, self.channels, self.n_samples = first.rate_hz, first.channels, self._starts[-1]
        self.details = {**first.details, "format": f"{first.details['format']}, {len(self._links)} links in a chain"}

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, float32 (channels, stop - start)."""
        pieces = []
        for link, (low, high) in zip(self._links, pairwise(self._starts), strict=True):
            if start < high and low < stop:
                pieces.append(link.read(max(start, low) - low, min(stop, high) - low))
        return np.concatenate(pieces, axis=1)

    def close(self) -> None:
        for link in self._links:
            link.close()
