"""Analyses that show hand-made features."""
