from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cvstudio.data.geometry import Size, View
from cvstudio.draw import Look, render
from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.exporters.export_all import export_all
from cvstudio.foundation.errors import Cancelled, ExportError, ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media
from cvstudio.media.reader_pool import Readers, iterate_frames
from cvstudio.results.detections import Detections

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


@pytest.fixture
def flash(tmp_path: Path) -> Media:
    """A second of black at 50 frames/s that is white from 0.5 to 0.54 s, where the click is, in AAC."""
    path = tmp_path / "flash.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=50)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number in range(50):
            pixels = np.full((48, 64, 3), 255 if number in (25, 26) else 0, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode())
        samples = sound_of(1.0)
        for start in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE_HZ, Fraction(1, RATE_HZ), start
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return open_media(path)


def write_part(media: Media, path: Path, start: float, stop: float | None, **options: Any) -> Path:
    def frames():
        with Readers() as readers:
            for frame in iterate_frames(media, readers, start_secs=start, stop_secs=stop):
                yield frame, detections(frame.size)

    item = ExportItem(media, None, None, {}, {}, frames(), options=options, start_secs=start, stop_secs=stop)
    export(EXPORTERS["mp4"], path, item, Progress())
    return path


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.8), (0.31, 0.905), (0.4, None), (0.25, 50.0), (0.3399, 0.7)])
def test_a_part_begins_with_a_frame_and_is_as_long_as_its_sound(start, stop, flash, tmp_path):
    made = write_part(flash, tmp_path / "part.mp4", start, stop)
    with av.open(str(made)) as container:
        shown = [
            (float(f.pts * f.time_base), float(f.duration * f.time_base), f.to_ndarray(format="gray").mean())
            for f in container.decode(video=0)
        ]
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    # Frames begin every 0.02 s: at 0.31 s the one of 0.3 s is shown, and at 0.905 s that of 0.9 s.
    first = int(start * 50 + 1e-9)
    last = min(int(np.ceil((stop or 1.0) * 50 - 1e-9)), 50) - 1
    assert [time for time, _, _ in shown] == pytest.approx([n / 50 for n in range(last - first + 1)], abs=1e-6)
    assert [duration for _, duration, _ in shown] == pytest.approx([0.02] * len(shown), abs=1e-6)
    white = [time for time, _, level in shown if level > 100]
    assert white == pytest.approx([0.5 - first / 50, 0.52 - first / 50], abs=0.001)
    samples, rate = samples_of(made)
    assert middle_of(samples, rate) == pytest.approx(0.5 - first / 50, abs=0.003)
    assert lengths == pytest.approx([(last - first + 1) / 50] * 2, abs=0.001)


def test_the_last_frame_of_a_part_stays_until_the_next_would_begin(tmp_path):
    media = make_clip(tmp_path / "uneven.mkv", sound="pcm_s16le")
    made = write_part(media, tmp_path / "part.mp4", 0.1, 0.5)
    with av.open(str(made)) as container:
        frames = [(f.pts * f.time_base, f.duration * f.time_base) for f in container.decode(video=0)]
        lengths = [float(stream.duration * stream.time_base) for stream in container.streams]
    # From the frame of 90 ms; that of 240 ms is on screen until 533 ms, which ends with a repetition of it.
    assert [float(time) for time, _ in frames] == pytest.approx([0, 0.11, 0.15, 0.37], abs=1e-6)
    assert float(frames[-1][1]) == pytest.approx(0.04, abs=1e-6)
    assert lengths == pytest.approx([0.41, 0.41], abs=0.001)


def test_no_frame_lies_behind_the_stated_end(tmp_path):
    """Frames that are decoded early, as later ones refer to them, made the length too short."""
    made = write(make_clip(tmp_path / "uneven.mkv", sound="pcm_s16le"), tmp_path / "o.mp4")
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        last = list(container.decode(stream))[-1]
        assert last.pts * last.time_base == pytest.approx(1.0, abs=1e-6)
        assert stream.duration == last.pts + last.duration


def test_quality_and_sound_can_be_chosen(flash, tmp_path, data):
    quiet = write_part(flash, tmp_path / "q.mp4", 0.0, None, sound=False)
    with av.open(str(quiet)) as container:
        assert len(container.streams.audio) == 0
    talk = open_media(data("video", "talk_1080p.mp4"))
    sizes = [
        write_part(talk, tmp_path / f"{quality}.mp4", 1.0, 1.4, quality=quality, sound=False).stat().st_size
        for quality in ("high", "good", "small")
    ]
    assert sizes[0] > 1.5 * sizes[1] > 1.5 * 1.5 * sizes[2]
    with pytest.raises(ParamsError, match="expects one of high, good, small"):
        write_part(flash, tmp_path / "x.mp4", 0.0, None, quality="best")


def test_a_part_behind_the_end_is_one_sentence(flash, tmp_path):
    with pytest.raises(ExportError, match="at least one frame"):
        write_part(flash, tmp_path / "x.mp4", 0.5, 0.1)


def test_all_formats_come_from_one_pass(flash, tmp_path):
    made = 0

    def frames():
        nonlocal made
        for pair in frames_of(flash):
            made += 1
            yield pair

    keys = {"mp4": tmp_path / "v.mp4", "json": tmp_path / "v.json", "coco": tmp_path / "v.coco.json"}
    item = ExportItem(flash, None, None, {}, {"a": 1}, frames(), stop_secs=None)
    targets = [(EXPORTERS[key], path) for key, path in keys.items()]
    export_all(targets, item, {"mp4": {"quality": "small"}}, Progress())
    assert made == 50
    assert len(times_of(keys["mp4"])) == 50
    assert len(json.loads(keys["json"].read_text())["frames"]) == 50
    assert len(json.loads(keys["coco"].read_text())["images"]) == 50
    recipe = json.loads((tmp_path / "v.mp4.recipe.json").read_text())
    options = {"quality": "small", "sound": True, "scale": 1.0, "overlay_only": False}
    assert recipe == {"a": 1, "export": {"format": "mp4", "options": options}}


def test_stopping_all_formats_leaves_nothing(flash, tmp_path):
    progress, folder = Progress(), tmp_path / "out"
    folder.mkdir()

    def frames():
        for number, pair in enumerate(frames_of(flash)):
            if number == 20:
                progress.cancel()
            progress.check()
            yield pair

    item = ExportItem(flash, None, None, {}, {}, frames())
    with pytest.raises(Cancelled):
        export_all([(EXPORTERS["mp4"], folder / "v.mp4"), (EXPORTERS["csv"], folder / "v.csv")], item, {}, progress)
    assert list(folder.iterdir()) == []


def test_a_video_at_a_scale_and_its_overlay_alone(flash, tmp_path):
    made = write_part(flash, tmp_path / "half.mp4", 0.0, 0.1, scale=0.5)
    with av.open(str(made)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (32, 24)
    white = write_part(flash, tmp_path / "white.mp4", 0.5, 0.54)
    alone = write_part(flash, tmp_path / "alone.mp4", 0.5, 0.54, overlay_only=True)
    corners = []
    for path in (white, alone):
        with av.open(str(path)) as container:
            corners.append(next(container.decode(video=0)).to_ndarray(format="gray")[-4:, -4:].mean())
    assert corners[0] > 200
    assert corners[1] < 30


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [("sar.mp4", (320, 120), 50), ("rchange.ts", (160, 120), 73), ("edit.mp4", (160, 120), 36)],
)
def test_frames_are_exported_as_they_are_shown(tmp_path: Path, name: str, size: tuple[int, int], count: int) -> None:
    """Square pixels, one size, and only what an edit list shows; nothing is cut off."""
    media = open_media(Path(__file__).parent.parent / "media" / "cases" / name)
    with Readers() as readers:
        shown = [frame.pixels.astype(int) for frame in iterate_frames(media, readers)]
    path = write(media, tmp_path / "v.mp4")
    with av.open(str(path)) as container:
        written = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert len(written) == len(shown) == count
    assert {picture.shape[1::-1] for picture in (*shown, *written)} == {size}
    for before, after in zip(shown, written, strict=True):
        # The box and its label are drawn at the left.
        assert np.abs(before - after)[40:, size[0] // 2 :].mean() < 8
