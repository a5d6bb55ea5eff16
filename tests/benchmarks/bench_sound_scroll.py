"""Scrolling through two hours of sound beside a bare repaint: `python tests/benchmarks/bench_sound_scroll.py`.

Wave and spectrogram of two hours at 16 kHz in a view of 1200 x 700, moved by a twentieth of what is visible at each
step, at several zooms. A bare repaint paints the same view again, unmoved. Wants a display.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtWidgets import QApplication

from cvstudio.data.sound.wave_pyramid import WavePyramid
from cvstudio.results.source import Source
from cvstudio.results.spectrogram import Spectrogram
from ui.app import make_application
from ui.views.spectrogram_view import SpectrogramView

RATE_HZ, SECS = 16_000, 7200
STEPS = 60
ZOOMS_SECS = (7200.0, 600.0, 60.0, 5.0)


def two_hours() -> tuple[WavePyramid, Spectrogram]:
    random = np.random.default_rng(0)
    block = random.normal(0, 0.2, (1, RATE_HZ * 60)).astype(np.float32)
    pyramid = WavePyramid(1, SECS * RATE_HZ, RATE_HZ)
    for minute in range(SECS // 60):
        pyramid.append(block * np.float32(0.2 + 0.8 * abs(np.sin(minute))))
    levels = np.tile(random.integers(0, 200, (257, 6_000), np.uint8), (1, SECS * 125 // 6_000))
    return pyramid, Spectrogram(levels, RATE_HZ, 128, 512, -120.0, 0.0, levels.shape[1], Source("a"))


def p95_ms(step: Callable[[int], None], view: SpectrogramView) -> float:
    app = QApplication.instance()
    assert app is not None
    took = []
    for number in range(STEPS):
        began = time.perf_counter()
        step(number)
        app.processEvents()
        app.processEvents()  # what the first round has scheduled
        took.append(1000 * (time.perf_counter() - began))
    return float(np.percentile(took, 95))


def main() -> None:
    _ = make_application()
    pyramid, spectrogram = two_hours()
    view = SpectrogramView()
    view.resize(1200, 700)
    view.show_result(spectrogram)
    view.show_pyramid(pyramid)
    view.show()
    plot = view.plot
    assert plot is not None
    for _step in range(20):
        QApplication.processEvents()

    def bare(number: int) -> None:
        view.update()
        plot.viewport().update()
        view.wave.viewport().update()

    for zoom in ZOOMS_SECS:
        begin = max(0.0, (SECS - zoom) / 2)

        def scroll(number: int, begin: float = begin, zoom: float = zoom) -> None:
            start = begin + number * zoom / 20 if zoom < SECS else 0.0
            plot.box.setXRange(start, min(SECS, start + zoom - number * 1e-3), padding=0)

        scroll(0)
        p95_ms(bare, view)
        repaint, scrolled = p95_ms(bare, view), p95_ms(scroll, view)
        words = f"bare repaint {repaint:.1f} ms, scrolled {scrolled:.1f} ms, {scrolled / repaint:.2f}x"
        print(f"{zoom:6.0f} s visible: {words}")
    used = sum(level.nbytes for level in pyramid.levels) / 1e6
    print(f"pyramid {used:.1f} MB for {SECS / 3600:.0f} hours")


if __name__ == "__main__":
    main()
