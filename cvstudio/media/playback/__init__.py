"""Playing: the clock, the sound card, and what feeds it."""
