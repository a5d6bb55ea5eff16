"""The panes in which a sound is seen: its wave, its spectrogram, the spectrum of a stretch."""
