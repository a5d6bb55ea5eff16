"""A whole folder through one analysis: resumable, overlapped, and no failure stops the others."""

from __future__ import annotations

from cvstudio.batch.plan import BatchPlan
from cvstudio.batch.queue import BatchError, Outcome, forget
from cvstudio.batch.run import REPORT, Batch, Summary

__all__ = ["REPORT", "Batch", "BatchError", "BatchPlan", "Outcome", "Summary", "forget"]
