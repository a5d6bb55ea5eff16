"""Painters of results of sound."""
