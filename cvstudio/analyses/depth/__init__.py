"""Analyses of depth maps."""
