"""Driving the window for pictures of it."""
