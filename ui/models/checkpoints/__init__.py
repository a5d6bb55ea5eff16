"""Weights in the window: download of missing ones, and checkpoint files of the user."""
