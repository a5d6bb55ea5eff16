"""Generic controls: they show values and emit the user's intents, without knowledge of what they control."""
