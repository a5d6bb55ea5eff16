"""A video with the mix of its separated stems as its sound; the pictures are copied as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.exporters.sound.stems import open_mix
from cvstudio.exporters.video_sound import SoundWriter
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.container import first_frame, open_container, time_base, video_stream
from cvstudio.media.file_identity import decoding
from cvstudio.results.separation import Separation

if TYPE_CHECKING:
    from cvstudio.media.base import Media
    from cvstudio.media.stem_mix import StemMix


def _write_video(path: Path, item: ExportItem, progress: Progress) -> None:
    """Copy the packets of the pictures, and encode the mix as it is heard; of a sound without pictures the mix alone.

    Raises
    ------
    ExportError
        The pictures are in a form that MP4 does not hold.
    """
    import av

    media, separation = item.media, item.result
    with (
        open_mix(item, separation.gains, separation.pans) as mix,
        av.open(path, "w", format="mp4") as target,
    ):
        if media is not None and media.kind is MediaKind.VIDEO and separation.mixture is None:
            with open_container(media.path) as source:
                _copy(media, source, target, mix, progress)
        else:
            SoundWriter.encoding(target, mix).finish(None, progress)


def _copy(media: Media, source: Any, target: Any, mix: StemMix, progress: Progress) -> None:
    """Copy the pictures of `source`, interleaved with the sound."""
    import av

    picture = video_stream(source)
    assert picture is not None
    tick = time_base(picture)
    begin = first_frame(media.path, source, picture)[0]
    source.seek(0, backward=True)
    stream = target.add_stream_from_template(picture)
    sound = SoundWriter.encoding(target, mix)
    duration = media.duration_secs or 1.0
    try:
        with decoding(media.path):
            for packet in source.demux(picture):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts -= begin
                packet.dts -= begin
                secs = float(packet.pts * tick)
                progress(min(1.0, max(0.0, secs / duration)), "writing")
                packet.stream = stream
                target.mux(packet)
                sound.write(secs, progress)
        sound.finish(None, progress)
    except (av.error.InvalidDataError, av.error.ArgumentError) as error:
        raise ExportError(
            f"An MP4 expects pictures in H.264, HEVC, AV1, VP9 or MPEG-4, found {picture.codec_context.name} "
            f"({error.strerror}); convert the video first, or export WAV."
        ) from None


EXPORTERS.register(
    Exporter(
        "stem-video",
        "MP4 with the mix as its sound",
        ".mp4",
        of(Separation),
        _write_video,
        "The video with the mix of the stems, as it is heard, in place of its sound; the pictures stay as they are.",
        keywords=("dub", "replace the sound", "video", "denoised video", "동영상 소리", "소리 바꾸기"),
    )
)
