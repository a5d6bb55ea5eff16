"""Painters of what explains a network."""
