"""View of a computed picture: the fraction of it that is in focus."""

from __future__ import annotations

from cvstudio.results.picture import Picture
from ui.views.results.registry import RESULT_VIEWS, ResultViewSpec
from ui.widgets.facts_label import FactsLabel


class PictureFacts(FactsLabel):
    """Label with one sentence."""

    def show_result(self, result: Picture, pointed: int | None) -> str:
        """Show `result`; the headline is empty, or the size of a picture that has no part in focus to tell of."""
        if result.mask is None:
            self.clear()
            return result.headline()
        sharp = f"{result.mask.mean():.0%}"
        self.setText(self.tr("{share} of the visible part is in focus.").format(share=sharp))
        return ""


RESULT_VIEWS.register(ResultViewSpec(Picture, PictureFacts))
