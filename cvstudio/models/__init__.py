"""The networks and classical models: one file for each family, registered here by their declaration."""

from __future__ import annotations

from cvstudio.models.base import ModelSpec
from cvstudio.registry import Registry

MODELS: Registry[ModelSpec] = Registry("model", __name__)

__all__ = ["MODELS", "ModelSpec"]
