"""Painters of results in space."""
