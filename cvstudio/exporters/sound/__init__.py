"""Formats of results of sound."""
