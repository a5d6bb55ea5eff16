"""Separated sound as WAV and FLAC: the mix that is heard, or each stem in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import PartProgress, Progress
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.stem_mix import StemMix
from cvstudio.results.separation import RESIDUAL, Separation

if TYPE_CHECKING:
    from cvstudio.media.base import Media

BLOCK_SECS = 10.0
FORMATS = {"WAV": ("WAV", "FLOAT", ".wav"), "FLAC": ("FLAC", "PCM_24", ".flac")}
"""libsndfile's format and encoding, and the suffix. Floats keep stems that are louder than full scale."""


@dataclass(frozen=True)
class StemOptions:
    """Format of the files."""

    form: Annotated[
        str,
        Choices(tuple(FORMATS)),
        Doc("Format", "WAV holds 32-bit floats, FLAC 24-bit integers in half of the space.", "FLAC for an archive."),
    ] = "WAV"
    residual: Annotated[
        bool,
        Doc("With the residual", "Also writes what is in no stem; all files together add up to the sound."),
    ] = True


@contextmanager
def open_mix(item: ExportItem, gains: tuple[float, ...], pans: tuple[float, ...] = ()) -> Iterator[StemMix]:
    """The sound of `item` with other gains, open for reading. Raises ExportError where it has none."""
    separation: Separation = item.result
    media: Media | None = item.media
    if media is None:
        raise ExportError("Stems expect the sound that they are parts of, found none; open it and separate it again.")
    reader = AudioReader(media)
    try:
        yield StemMix(reader, separation.stems, separation.rate_hz, separation.channel, gains, pans, separation.mixture)
    finally:
        reader.close()


def _write(
    path: Path,
    form: str,
    item: ExportItem,
    gains: tuple[float, ...],
    progress: Progress,
    pans: tuple[float, ...] = (),
) -> None:
    """Write a mix at the rate and length of the sound."""
    import soundfile

    kind, encoding, _ = FORMATS[form]
    with open_mix(item, gains, pans) as mix:
        step = round(BLOCK_SECS * mix.rate_hz)
        try:
            with soundfile.SoundFile(path, "w", mix.rate_hz, mix.channels, encoding, format=kind) as file:
                for start in range(0, mix.n_samples, step):
                    progress(start / mix.n_samples, "writing")
                    file.write(_frames(mix, start, min(start + step, mix.n_samples), clip=kind == "FLAC"))
        except soundfile.LibsndfileError as error:
            raise ExportError(
                f"{form} at {mix.rate_hz:,} Hz cannot be written ({error.error_string}); choose the other format."
            ) from None


def _frames(mix: StemMix, start: int, stop: int, *, clip: bool) -> NDArray[np.float32]:
    samples = mix.read(start, stop).samples.T
    return np.clip(samples, -1, 1) if clip else samples


def _writer(form: str) -> Callable[[Path, ExportItem, Progress], None]:
    def write(path: Path, item: ExportItem, progress: Progress) -> None:
        _write(path, form, item, item.result.gains, progress, item.result.pans)

    return write


def _write_stems(folder: Path, item: ExportItem, progress: Progress) -> None:
    options = item.options_as(StemOptions)
    separation: Separation = item.result
    tracks = separation.tracks if options.residual else separation.labels
    suffix = FORMATS[options.form][2]
    for number, name in enumerate(tracks):
        gains = tuple(float(other == name) for other in separation.tracks)
        part = PartProgress(progress, (number / len(tracks), (number + 1) / len(tracks)))
        with atomic_path(folder / f"{item.file_stem} {name}{suffix}") as temporary:
            _write(temporary, options.form, item, gains, part)


for _form, (_, _, _suffix) in FORMATS.items():
    EXPORTERS.register(
        Exporter(
            _suffix[1:],
            f"{_form} sound",
            _suffix,
            of(Separation),
            _writer(_form),
            "The mix of the stems as it is heard, at the rate and length of the sound.",
            preferred=_form == "WAV",
            keywords=("mix", "audio", "mixdown", "믹스", "소리 내보내기"),
        )
    )

EXPORTERS.register(
    Exporter(
        "stems",
        "Stems",
        "",
        of(Separation),
        _write_stems,
        f"Each stem and the {RESIDUAL} in a file of its own, at the rate and length of the sound.",
        folder=True,
        params=StemOptions,
        keywords=("tracks", "voices", "multitrack", "audio", "스템", "분리된 소리"),
    )
)
