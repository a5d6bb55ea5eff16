"""Views in the centre of the window: pictures, spectrograms, timelines and tables."""
