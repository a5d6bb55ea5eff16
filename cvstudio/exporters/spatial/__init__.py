"""Formats of things in space."""
