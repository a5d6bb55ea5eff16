"""Playback: the clock, the sound card, and the player that feeds it."""
