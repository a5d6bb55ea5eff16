"""The mix of separated stems that is heard in place of the sound itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from ui.control.frame_on_screen import FrameOnScreen
from ui.control.playback import Playback

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cvstudio.media.formats.audio import AudioReader
    from cvstudio.media.stem_mix import StemTracks
    from cvstudio.results.separation import Separation


class HeardMix(QObject):
    """Makes the playback play the uppermost visible separation of the active medium. Main thread only."""

    def __init__(self, playback: Playback, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._playback = playback
        self._separation: Separation | None = None

    def follow(self, shown: FrameOnScreen) -> None:
        """Play what is on screen: the mix of a separation, with its gains, or else the sound itself."""
        from cvstudio.results.separation import Separation

        media = self._playback.media
        found = [
            layer.result
            for layer in shown.layers
            if isinstance(layer.result, Separation) and layer.layer.instance.visible
        ]
        heard = found[-1] if found and media is not None and found[-1].source.media_id == media.id else None
        before, self._separation = self._separation, heard
        if heard is None:
            if before is not None:
                self._playback.set_sound(None)
        elif before is None or before.spectra is not heard.spectra or not self._playback.has_sound_of_its_own:
            self._playback.set_sound(partial(self._open, heard))
        elif before.gains != heard.gains or before.pans != heard.pans:
            self._playback.set_mix(_matrix(heard))

    def _open(self, separation: Separation, reader: AudioReader) -> StemTracks:
        """Called in the player's thread, where what is heard may be another separation by now."""
        from cvstudio.media.stem_mix import StemTracks

        # As it is now: gains may have changed while the player opened.
        heard = self._separation
        newest = heard if heard is not None and heard.spectra is separation.spectra else separation
        stems, mixture = separation.stems, separation.mixture
        return StemTracks(reader, stems, separation.rate_hz, separation.channel, _matrix(newest), mixture)


def _matrix(separation: Separation) -> NDArray[np.float32]:
    from cvstudio.media.stem_mix import mix_matrix

    return mix_matrix(separation.gains, separation.pans)
