"""View of cepstral coefficients: their duration and their resolution."""

from __future__ import annotations

from cvstudio.results.sound.cepstrum import Cepstrum
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.facts_label import FactsLabel


class CepstrumFacts(FactsLabel):
    """Label with duration, windows, coefficients and columns."""

    def show_result(self, result: Cepstrum, pointed: int | None) -> str:
        """Show `result`; the headline is empty, as the lines are complete."""
        rows, columns = result.coefficients.shape
        lines = (
            self.tr("Duration {secs} s").format(secs=f"{columns * result.hop / result.rate_hz:.2f}"),
            self.tr("Windows of {ms} ms, {samples} samples").format(
                ms=f"{result.window / result.rate_hz * 1000:.1f}", samples=f"{result.window:,}"
            ),
            self.tr("{rows} rows: {names}").format(rows=rows, names=", ".join(result.names)),
            self.tr("{columns} columns, one each {ms} ms").format(
                columns=f"{columns:,}", ms=f"{result.hop / result.rate_hz * 1000:.1f}"
            ),
        )
        self.setText("\n".join(lines))
        return ""


RESULT_VIEWS.register(ResultViewSpec(Cepstrum, CepstrumFacts))
