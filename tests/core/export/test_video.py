from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cvstudio.draw import Look, render
from cvstudio.errors import Cancelled, ExportError
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.progress import Progress
from cvstudio.readers import Readers, iterate_frames
from cvstudio.results import Detections
from cvstudio.types import Size, View

RATE_HZ = 16_000
UNEVEN_MS = [0, 40, 80, 90, 200, 240, 533, 566, 600, 1000]
COLOURS = [(200, 30, 30), (30, 160, 40), (40, 60, 210), (220, 220, 40), (128, 128, 128)]


def sound_of(secs: float) -> np.ndarray:
    """Silence with a click of a tone at half a second, float32 (1, n)."""
    time = np.arange(round(secs * RATE_HZ)) / RATE_HZ
    return (0.5 * np.sin(2 * np.pi * 1000 * time) * (np.abs(time - 0.5) < 0.02)).astype(np.float32)[None]


def make_clip(path: Path, times_ms=UNEVEN_MS, *, size=(64, 48), sound=None, start_ms=0) -> Media:
    """A video of plain colours; `sound` is the codec of a second of `sound_of`."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "1"})
        video.width, video.height, video.pix_fmt = *size, "yuv444p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream(sound, rate=RATE_HZ, layout="mono") if sound else None
        for number, time in enumerate(times_ms):
            pixels = np.full((size[1], size[0], 3), COLOURS[number % len(COLOURS)], np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time + start_ms, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = sound_of(1.0)
            step = audio.codec_context.frame_size or 1024
            for start in range(0, samples.shape[1], step):
                form = "s16" if "pcm" in sound else "fltp"
                block = samples[:, start : start + step]
                block = (block * 32767).astype(np.int16) if form == "s16" else np.ascontiguousarray(block)
                frame = av.AudioFrame.from_ndarray(block, format=form, layout="mono")
                frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
                frame.pts = start + start_ms * RATE_HZ // 1000
                container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return open_media(path)


def detections(size: Size) -> Detections:
    box = np.array([[4, 4, 40, 30]], np.float32)
    return Detections(box, np.array([0.9], np.float32), np.array([0]), ("person",), np.array([0]), size)


def frames_of(media: Media):
    with Readers() as readers:
        for frame in iterate_frames(media, readers):
            yield frame, detections(frame.size)


def write(media: Media, path: Path, frames=None, progress=None) -> Path:
    given = frames_of(media) if frames is None else frames
    export(EXPORTERS["mp4"], path, ExportItem(media, None, None, {}, {}, given), progress or Progress())
    return path


def times_of(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def samples_of(path: Path) -> tuple[np.ndarray, int]:
    """Samples from the first frame of the picture on, and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        blocks = [(float(frame.pts * frame.time_base), frame.to_ndarray()) for frame in container.decode(stream)]
        rate = stream.rate
    first = round(blocks[0][0] * rate)
    joined = np.concatenate([block for _, block in blocks], axis=1)[0]
    return (np.concatenate([np.zeros(first, joined.dtype), joined]) if first > 0 else joined[-first:]), rate


def middle_of(samples: np.ndarray, rate: int) -> float:
    """When the click is, in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.2 * np.abs(samples).max())
    return float(loud[0] + loud[-1]) / 2 / rate


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_every_frame_keeps_its_own_time(suffix, tmp_path):
    media = make_clip(tmp_path / f"uneven{suffix}")
    made = write(media, tmp_path / "결과 1.mp4")
    assert times_of(made) == pytest.approx([time / 1000 for time in UNEVEN_MS], abs=1e-6)
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert container.streams.audio == () or not container.streams.audio


def test_times_count_from_the_first_frame(tmp_path):
    media = make_clip(tmp_path / "late.mkv", start_ms=700, sound="pcm_s16le")
    made = write(media, tmp_path / "o.mp4")
    assert times_of(made) == pytest.approx([time / 1000 for time in UNEVEN_MS], abs=1e-6)
    assert middle_of(*samples_of(made)) == pytest.approx(0.5, abs=0.003)


def test_frames_look_as_on_screen(tmp_path):
    media = make_clip(tmp_path / "c.mp4")
    made = write(media, tmp_path / "o.mp4")
    with Readers() as readers, av.open(str(made)) as container:
        for frame, shown in zip(iterate_frames(media, readers), container.decode(video=0), strict=True):
            wanted = render(frame, [(detections(frame.size), Look())], View.whole(frame.size)).astype(int)
            found = shown.to_ndarray(format="rgb24").astype(int)
            # Plain areas keep their colour, so matrix and range are the declared ones; only edges are softened.
            assert np.abs(found[36:, 46:] - wanted[36:, 46:]).max() <= 6
            assert np.abs(found - wanted).mean() < 12
            assert np.abs(frame.pixels.astype(int) - wanted).mean() > 15


def test_odd_sides_are_made_even_without_losing_a_pixel(tmp_path):
    media = make_clip(tmp_path / "odd.mkv", size=(63, 47))
    assert media.size == (63, 47)
    with av.open(str(write(media, tmp_path / "o.mp4"))) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert shown.shape == (48, 64, 3)
    assert np.abs(shown[-1, 45:] - COLOURS[0]).max() <= 8
    assert np.abs(shown[36:, -1] - COLOURS[0]).max() <= 8


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mkv", "pcm_s16le"), (".mkv", "aac")])
def test_sound_is_there_and_in_step(suffix, codec, tmp_path):
    media = make_clip(tmp_path / f"s{suffix}", sound=codec)
    assert media.has_sound
    made = write(media, tmp_path / "o.mp4")
    samples, rate = samples_of(made)
    assert rate == RATE_HZ
    assert middle_of(samples, rate) == pytest.approx(0.5, abs=0.003)
    assert len(samples) / rate == pytest.approx(1.0, abs=0.1)
    with av.open(str(made)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    # The source really had it there.
    assert middle_of(*samples_of(media.path)) == pytest.approx(0.5, abs=0.003)


def test_sound_in_aac_is_not_encoded_again(tmp_path, data):
    source = data("video", "talk_1080p.mp4")
    media = open_media(source)

    def some():
        for number, pair in enumerate(frames_of(media)):
            if number == 5:
                return
            yield pair

    made = write(media, tmp_path / "o.mp4", some())
    np.testing.assert_array_equal(samples_of(made)[0], samples_of(source)[0])
    assert times_of(made) == pytest.approx(times_of(source)[:5], abs=1e-6)


def test_stopping_leaves_nothing_and_closes_the_frames(tmp_path):
    media = make_clip(tmp_path / "c.mp4", sound="aac")
    progress, closed, folder = Progress(), [], tmp_path / "out"
    folder.mkdir()

    def frames():
        try:
            for number, pair in enumerate(frames_of(media)):
                if number == 4:
                    progress.cancel()
                yield pair
        finally:
            closed.append(True)

    with pytest.raises(Cancelled):
        write(media, folder / "o.mp4", frames(), progress)
    assert closed
    assert list(folder.iterdir()) == []


def test_no_frames_is_one_sentence(tmp_path):
    media = make_clip(tmp_path / "c.mp4")
    with pytest.raises(ExportError, match="at least one frame"):
        write(media, tmp_path / "o.mp4", iter(()))
    assert not (tmp_path / "o.mp4").exists()


def test_a_missing_folder_is_one_sentence(tmp_path):
    media = make_clip(tmp_path / "c.mp4")
    with pytest.raises(ExportError, match="its folder is not there"):
        write(media, tmp_path / "gone" / "o.mp4")


def test_a_picture_is_no_video(tmp_path):
    media = Media("id", Path("p.png"), MediaKind.IMAGE, Size(4, 4))
    with pytest.raises(ExportError, match="expects a whole video"):
        export(EXPORTERS["mp4"], tmp_path / "o.mp4", ExportItem(media, None, None, {}, {}), Progress())
