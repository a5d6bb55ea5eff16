"""A whole folder through one analysis: resumable, overlapped, and no failure stops the others."""

from __future__ import annotations

from cvstudio.run.batch.plan import BatchPlan
from cvstudio.run.batch.queue import BatchError, Outcome, forget
from cvstudio.run.batch.run import REPORT, Batch, Summary

__all__ = ["REPORT", "Batch", "BatchError", "BatchPlan", "Outcome", "Summary", "forget"]
