"""A whole folder through one analysis: resumable, overlapped, and no failure stops the others."""

from __future__ import annotations

from cvstudio.running.batch.plan import BatchPlan
from cvstudio.running.batch.queue import BatchError, Outcome, forget
from cvstudio.running.batch.run import REPORT, Batch, Summary

__all__ = ["REPORT", "Batch", "BatchError", "BatchPlan", "Outcome", "Summary", "forget"]
