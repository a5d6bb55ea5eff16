"""Results in space."""
