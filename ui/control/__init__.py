"""The state of the window and what follows from it; no widget."""
