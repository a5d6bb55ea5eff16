"""Import of foreign checkpoints: recognising and reading them without running their code."""

from __future__ import annotations

from cvstudio.weights.importing.kinds import Kind, is_checkpoint, recognise
from cvstudio.weights.importing.reading import Checkpoint, read_checkpoint

__all__ = ["Checkpoint", "Kind", "is_checkpoint", "read_checkpoint", "recognise"]
