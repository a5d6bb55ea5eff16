"""View of a spectrogram: its duration and its resolution."""

from __future__ import annotations

from cvstudio.results.spectrogram import Spectrogram
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.facts_label import FactsLabel


class SpectrogramFacts(FactsLabel):
    """Label with duration, sampling rate, bands and columns."""

    def show_result(self, result: Spectrogram, pointed: int | None) -> str:
        """Show `result`; the headline is empty, as the lines are complete."""
        rows = result.levels.shape[0]
        if result.band_limits_hz is None:
            resolution = result.rate_hz / result.window
            bands = self.tr("{bins} bands of {hz} Hz").format(bins=rows, hz=f"{resolution:.1f}")
        else:
            low, high = result.band_limits_hz
            words = self.tr("{bins} mel bands from {low} to {high} Hz")
            bands = words.format(bins=rows, low=f"{low:,.0f}", high=f"{high:,.0f}")
        lines = (
            self.tr("Duration {secs} s").format(secs=f"{result.sound_secs:.2f}"),
            self.tr("{rate} samples per second").format(rate=f"{result.rate_hz:,}"),
            self.tr("Windows of {ms} ms, {samples} samples").format(
                ms=f"{result.window / result.rate_hz * 1000:.1f}", samples=f"{result.window:,}"
            ),
            bands,
            self.tr("{columns} columns, one each {ms} ms").format(
                columns=f"{result.levels.shape[1]:,}", ms=f"{result.hop / result.rate_hz * 1000:.1f}"
            ),
        )
        self.setText("\n".join(lines))
        return ""


RESULT_VIEWS.register(ResultViewSpec(Spectrogram, SpectrogramFacts))
