"""Analyses that name every pixel."""
