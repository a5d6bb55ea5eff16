r"""Live detection of 1080p video with masks, end to end: frames a second, the stages, and what each costs alone.

    .setup/with-display --virtual .venv/bin/python \
        tests/benchmarks/bench_live_detection.py [PRECISION [VIDEO [MODEL …]]]

MODEL are keys of detectors with masks, one after the other; by default the first that came with the program, and the
default one. PRECISION is "float32", "bfloat16" or "auto" (the default), which may take OpenVINO; what is compared
computes in the same way. VIDEO is `talk_1080p.mp4` of ../shared/data/video by default. "All frames" decodes, finds,
suppresses, selects and draws every frame at full size, as an export does before it encodes. "In the window" plays the
video: a frame is shown together with its result or not at all, so no more than the video's own rate can be reached.
"Every frame" plays it without a clock, each frame as soon as its result is there. The shares say which part of the
rate of the slower of decoding and network alone, one frame after another, is reached; at least .8 is wanted. On two
cores a network that takes little more than decoding and drawing cannot reach it, as alone it has both cores: the second
share is of the rate that decoding and network reach together on these cores, with nothing behind them. On a machine
that is busy otherwise set OMP_WAIT_POLICY=PASSIVE: threads of a network that spin while they wait for each other make
it many times slower.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtTest import QTest

from cvstudio.analyses.detection.detect import SelectParams, SuppressParams, select, suppress
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import View
from cvstudio.draw import Look, Renderer
from cvstudio.foundation.concurrency import map_ordered
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_media
from cvstudio.media.read_ahead import prefetch_frames
from cvstudio.media.reader_pool import Readers, iterate_frames
from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import cores_shared, cpu_streams, share_cores
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS, RequestedPrecision
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks
from cvstudio.running.runner import Runner, make_instance
from ui.app import make_application
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

MODEL_KEYS = ("pyramid-5", "pyramid-lite0")
VIDEO = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "talk_1080p.mp4"
FRAMES = 90
WARM_UP = 10
PLAY_SECS = 4.0
LIMIT = 20.0
SHARE = 0.8


def mean_ms(work: Callable[[], object], rounds: int = 30) -> float:
    work()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1e3 * float(np.mean(took))


def alone(media: Media, model: str, precision: RequestedPrecision) -> tuple[float, float]:
    """Milliseconds a frame for decoding and for the network; those of the other stages are printed."""
    with Readers() as readers:
        reader = readers.get(media)
        frame = reader.at(0.0)
        began = time.perf_counter()
        count = sum(1 for _ in itertools.islice(iterate_frames(media, readers), FRAMES))
        decode = 1e3 * (time.perf_counter() - began) / count
    network = Host("cpu", precision=precision).network(MODELS[model], None, Progress())
    found = network.predict(frame, NoParams(), Progress())
    defaults = MODELS[model].defaults
    suppressing, selecting = SuppressParams(iou=defaults["iou"]), SelectParams(score=defaults["score"])
    (kept,) = suppress(Inputs({}, found), suppressing, Progress())
    (shown,) = select(Inputs({}, kept), selecting, Progress())

    def draw() -> None:
        Renderer().render(frame, [(as_new(shown), Look())], View.whole(frame.size))

    predict = mean_ms(lambda: network.predict(frame, NoParams(), Progress()))
    print(f"{network.precision}; alone: decode {decode:.1f} ms, predict {predict:.1f} ms", end="")
    print(f", suppress {mean_ms(lambda: list(suppress(Inputs({}, found), suppressing, Progress()))):.1f} ms", end="")
    print(f", select {mean_ms(lambda: list(select(Inputs({}, kept), selecting, Progress()))):.1f} ms", end="")
    print(f", draw {mean_ms(draw):.1f} ms ({len(shown)} boxes)")
    return decode, predict


def together(media: Media, model: str, precision: RequestedPrecision) -> float:
    """Milliseconds a frame for decoding and network at once, as `Runner.frames` goes through them, and nothing else."""
    spec = MODELS[model]
    network, streams = Host("cpu", precision=precision).network(spec, None, Progress()), cpu_streams(spec)
    with prefetch_frames(media, start_secs=0.0, stop_secs=None) as frames, cores_shared():
        found = map_ordered(
            frames,
            lambda frame: network.predict(frame, NoParams(), Progress()),
            streams,
            begin=lambda: share_cores(streams),
        )
        for number, _ in enumerate(found):
            if number == WARM_UP:
                began = time.perf_counter()
            if number == WARM_UP + FRAMES:
                break
        took = 1e3 * (time.perf_counter() - began) / (number - WARM_UP)
        found.close()  # type: ignore[attr-defined]
    return took


def as_new(found: Detections) -> Detections:
    """The same as if it were found anew: masks that were drawn are remembered."""
    assert isinstance(found.masks, PrototypeMasks)
    return dataclasses.replace(found, masks=dataclasses.replace(found.masks, token=object()))


def all_frames(media: Media, model: str, precision: RequestedPrecision) -> float:
    """Milliseconds a frame, from file to picture."""
    instance = make_instance("detect", {"picture": media}, model=model)
    renderer, look = Renderer(), Look()
    with Runner(device="cpu", precision=precision) as runner:
        frames = runner.frames(instance, Progress())
        for number, (frame, found) in enumerate(frames):
            renderer.render(frame, [(found, look)], View.whole(frame.size))
            if number == WARM_UP:
                began = time.perf_counter()
            if number == WARM_UP + FRAMES:
                break
        took = 1e3 * (time.perf_counter() - began) / (number - WARM_UP)
        frames.close()
    return took


def in_the_window(path: Path, model: str, precision: RequestedPrecision) -> tuple[float, float]:
    """Frames a second that are shown with their result, by the clock and without one."""
    window = MainWindow()
    window.resize(1920, 1200)
    window.show()
    QTest.qWaitForWindowExposed(window)
    controller, playback = window.controller, window.controller.playback
    controller.pipeline.host.precision = precision
    playback.set_muted(True)
    controller.set_smooth(False)
    controller.open_paths([path])
    end = time.monotonic() + 60
    while controller.session.state.instance is None:
        assert time.monotonic() < end
        pause(10)
    controller.use_analysis("detect")
    controller.set_model(model)
    while controller.detections() is None or controller.pipeline.busy:
        assert time.monotonic() < end
        pause(10)
    playback.play()
    pause(1000)
    before, began = playback.frames_shown, time.perf_counter()
    pause(round(1000 * PLAY_SECS) - 1000)
    by_the_clock = (playback.frames_shown - before) / (time.perf_counter() - began)
    assert playback.playing, "the video is too short"
    playback.pause()
    # What was found a moment ago is found anew.
    controller.pipeline.cache.clear()
    playback.set_speed(0.0)
    playback.seek(0.0)
    playback.play()
    while playback.frames_shown < WARM_UP:
        pause(1)
    before, began = playback.frames_shown, time.perf_counter()
    while playback.frames_shown < before + FRAMES:
        pause(1)
    every = (playback.frames_shown - before) / (time.perf_counter() - began)
    window.close()
    return by_the_clock, every


if __name__ == "__main__":
    precision = next(
        wanted for wanted in REQUESTED_PRECISIONS if wanted == (sys.argv[1] if len(sys.argv) > 1 else "auto")
    )
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else VIDEO
    app = make_application()
    media = open_media(path)
    print(f"{media.name}, {media.size}, {media.frame_rate:.1f} frames a second")
    first_rates: dict[str, float] = {}
    for model in sys.argv[3:] or MODEL_KEYS:
        print(f"{MODELS[model].title} ({model})")
        slower = 1e3 / max(alone(media, model, precision))
        both = 1e3 / together(media, model, precision)
        print(f"decoding and network together: {both:.1f} a second, {both / slower:.2f} of the slower alone")
        rates = {"all frames": 1e3 / all_frames(media, model, precision)}
        rates["in the window, by the clock"], rates["in the window, every frame"] = in_the_window(
            path, model, precision
        )
        for what, rate in rates.items():
            share = f"{rate / slower:.2f} of the slower alone (limit {SHARE}), {rate / both:.2f} of both together"
            against = f", {rate / first_rates[what]:.2f} of the first model's" if first_rates else ""
            print(f"{what}: {rate:.1f} a second (limit {LIMIT:.0f}), {share}{against}")
        first_rates = first_rates or rates
