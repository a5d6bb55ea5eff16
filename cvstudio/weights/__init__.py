"""Weights: sources, caches and downloads of checkpoints, and reading them without running their code."""
