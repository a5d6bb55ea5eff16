"""Analyses that show why a network decided as it did."""
