"""Waveform of a sound, shown while it is read, with the levels of its channels."""

from __future__ import annotations

from collections.abc import Iterator

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.sound._spectrum import SoundSource
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.results.sound.wave_envelope import WaveEnvelope

FIRST_SAMPLES, BLOCK_SAMPLES = 1 << 17, 1 << 21
"""Samples of the first step, so that there is something to see at once, and of the longest."""


def grow(sound: SoundSource, progress: Progress) -> Iterator[WavePyramid]:
    """Read a whole sound from its beginning, and yield its pyramid, which grows, after each step. Raises MediaError."""
    pyramid = WavePyramid(sound.channels, sound.n_samples, sound.rate_hz)
    start, step = 0, FIRST_SAMPLES // sound.channels
    while start < sound.n_samples:
        progress(start / sound.n_samples)
        stop = min(start + step, sound.n_samples)
        samples = sound.read(start, stop).samples
        if not samples.shape[1]:
            # It ends before it said: the rest is silence.
            pyramid.n_samples = start
            return
        pyramid.append(samples)
        yield pyramid
        start, step = start + samples.shape[1], min(step * 2, BLOCK_SAMPLES // sound.channels)


def run_envelope(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[WaveEnvelope]:
    """Stage: open reader -> WaveEnvelope, yielded while it is read. Raises MediaError."""
    for pyramid in grow(inputs.samples["sound"], progress):
        yield WaveEnvelope.of(pyramid, inputs.source)


ANALYSES.register(
    Analysis(
        key="waveform",
        title="Waveform",
        summary="Shows the waveform of a sound, with the peak, level, offset and clipped samples of each channel.",
        action="Look at the wave of a sound",
        icon="activity",
        inputs=(Slot("sound", "Sound", frozenset({MediaKind.AUDIO, MediaKind.VIDEO}), streamed=True),),
        stages=(Stage("envelope", run_envelope),),
        result=WaveEnvelope,
        order=43,
        on_start_page=False,
        samples={"sound": "dialogue"},
        keywords=("wave", "envelope", "amplitude", "loudness", "clipping", "peak", "RMS", "파형", "진폭", "음량"),
    )
)
