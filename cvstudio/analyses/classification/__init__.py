"""Analyses that name a whole picture."""
