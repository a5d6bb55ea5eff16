"""Training of the speech separator on mixtures of two speakers."""
