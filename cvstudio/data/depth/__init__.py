"""Arithmetic on pictures with depth."""
