"""What an analysis returns: one file for each type."""
