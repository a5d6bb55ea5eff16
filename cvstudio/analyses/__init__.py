"""Registry of analyses, and one file for each of them in the folders."""

from __future__ import annotations

from cvstudio.analyses.analysis import Analysis
from cvstudio.foundation.registry import Registry

ANALYSES: Registry[Analysis] = Registry("analysis", __name__, order=lambda analysis: analysis.order)

__all__ = ["ANALYSES", "Analysis"]
