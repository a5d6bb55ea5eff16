"""Live detection of 1080p video with masks, end to end: frames a second, the stages, and what each costs alone.

    .setup/with-display --virtual .venv/bin/python tests/benchmarks/bench_live_detection.py [VIDEO]

VIDEO is `talk_1080p.mp4` of ../shared/data/video by default. "All frames" decodes, finds, suppresses, selects and draws
every frame at full size, as an export does before it encodes. "In the window" plays the video: a frame is shown
together with its result or not at all, so no more than the video's own rate can be reached. The ratios say how many
times as long a frame takes as the slower of decoding and network alone.
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

from cvstudio.analyses.detect import SelectParams, SuppressParams, select, suppress
from cvstudio.api import Runner, make_instance
from cvstudio.draw import Look, Renderer
from cvstudio.masks import PrototypeMasks
from cvstudio.media import Media, open_media
from cvstudio.models import MODELS
from cvstudio.progress import Progress
from cvstudio.readers import Readers, iterate_frames
from cvstudio.results import Detections
from cvstudio.stages import Inputs, NoParams
from cvstudio.types import View
from ui.app import make_application
from ui.driving import pause
from ui.main_window import MainWindow

VIDEO = Path(__file__).resolve().parents[3] / "shared" / "data" / "video" / "talk_1080p.mp4"
FRAMES = 90
WARM_UP = 10
PLAY_SECS = 4.0
LIMIT = 20.0


def mean_ms(work: Callable[[], object], rounds: int = 30) -> float:
    work()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return 1e3 * float(np.mean(took))


def alone(media: Media, model: str) -> tuple[float, float]:
    """Milliseconds a frame for decoding and for the network; those of the other stages are printed."""
    with Readers() as readers:
        reader = readers.get(media)
        frame = reader.at(0.0)
        began = time.perf_counter()
        count = sum(1 for _ in itertools.islice(iterate_frames(media, readers), FRAMES))
        decode = 1e3 * (time.perf_counter() - began) / count
    network = MODELS[model].load("cpu", None)
    found = network.predict(frame, NoParams(), Progress())
    defaults = MODELS[model].defaults
    suppressing, selecting = SuppressParams(iou=defaults["iou"]), SelectParams(score=defaults["score"])
    (kept,) = suppress(Inputs({}, found), suppressing, Progress())
    (shown,) = select(Inputs({}, kept), selecting, Progress())

    def draw() -> None:
        Renderer().render(frame, [(as_new(shown), Look())], View.whole(frame.size))

    predict = mean_ms(lambda: network.predict(frame, NoParams(), Progress()))
    print(f"alone: decode {decode:.1f} ms, predict {predict:.1f} ms", end="")
    print(f", suppress {mean_ms(lambda: list(suppress(Inputs({}, found), suppressing, Progress()))):.1f} ms", end="")
    print(f", select {mean_ms(lambda: list(select(Inputs({}, kept), selecting, Progress()))):.1f} ms", end="")
    print(f", draw {mean_ms(draw):.1f} ms ({len(shown)} boxes)")
    return decode, predict


def as_new(found: Detections) -> Detections:
    """The same as if it were found anew: masks that were drawn are remembered."""
    assert isinstance(found.masks, PrototypeMasks)
    return dataclasses.replace(found, masks=dataclasses.replace(found.masks, token=object()))


def all_frames(media: Media) -> float:
    """Milliseconds a frame, from file to picture."""
    instance = make_instance("detect", {"picture": media})
    renderer, look = Renderer(), Look()
    with Runner(device="cpu") as runner:
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


def in_the_window(path: Path) -> float:
    """Frames a second that are shown with their result."""
    window = MainWindow()
    window.resize(1920, 1200)
    window.show()
    QTest.qWaitForWindowExposed(window)
    controller, playback = window.controller, window.controller.playback
    playback.set_muted(True)
    controller.open_paths([path])
    end = time.monotonic() + 60
    while controller.detections() is None or controller.pipeline.busy:
        assert time.monotonic() < end
        pause(10)
    playback.play()
    pause(1000)
    before, began = playback.frames_shown, time.perf_counter()
    pause(round(1000 * PLAY_SECS))
    rate = (playback.frames_shown - before) / (time.perf_counter() - began)
    assert playback.playing, "the video is too short"
    playback.pause()
    window.close()
    return rate


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else VIDEO
    app = make_application()
    media = open_media(path)
    print(f"{media.name}, {media.size}, {media.frame_rate:.1f} frames a second")
    slower = max(alone(media, make_instance("detect", {"picture": media}).model))
    took = all_frames(media)
    print(
        f"all frames: {1e3 / took:.1f} a second (limit {LIMIT:.0f}), {took:.1f} ms, "
        f"{took / slower:.2f} times the slower"
    )
    rate = in_the_window(path)
    print(f"in the window: {rate:.1f} a second (limit {LIMIT:.0f}), {1e3 / rate / slower:.2f} times the slower")
