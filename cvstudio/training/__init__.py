"""Training: augmentation, transfer, distillation, self-training, and the recipes that made the embedded models."""

from cvstudio.foundation.registry import Registry
from cvstudio.training.base import Settings, TrainingRecipe, TrainingSource, TrainingTask

RECIPES: Registry[TrainingRecipe] = Registry("training recipe", "cvstudio.training.recipes")

__all__ = ["RECIPES", "Settings", "TrainingRecipe", "TrainingSource", "TrainingTask"]
