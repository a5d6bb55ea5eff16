"""Analyses of sound."""
