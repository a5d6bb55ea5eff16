"""Analyses that find key points."""
