"""What a user does with a medium: one file for each analysis, registered here by its declaration."""

from __future__ import annotations

from cvstudio.analyses.analysis import Analysis
from cvstudio.foundation.registry import Registry

ANALYSES: Registry[Analysis] = Registry("analysis", __name__, order=lambda analysis: analysis.order)

__all__ = ["ANALYSES", "Analysis"]
